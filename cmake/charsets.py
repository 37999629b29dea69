"""Writes the tables of the character sets of the WHATWG's Encoding Standard (encoding.spec.whatwg.org)
that are not computed: charsets.py OUTPUT.

They come from Python's own codecs, which know the same sets under other names; where the standard
departs from them, its code points stand below. The test Charset.TablesAreTheStandards holds the result
against the standard's own indexes."""
import sys

# The standard's name, Python's, and what the standard maps otherwise or besides: byte -> code point.
SINGLE = [
    ("IBM866", "cp866", {}),
    ("ISO-8859-2", "iso8859-2", {}),
    ("ISO-8859-3", "iso8859-3", {}),
    ("ISO-8859-4", "iso8859-4", {}),
    ("ISO-8859-5", "iso8859-5", {}),
    ("ISO-8859-6", "iso8859-6", {}),
    ("ISO-8859-7", "iso8859-7", {}),
    ("ISO-8859-8", "iso8859-8", {}),
    ("ISO-8859-10", "iso8859-10", {}),
    ("ISO-8859-13", "iso8859-13", {}),
    ("ISO-8859-14", "iso8859-14", {}),
    ("ISO-8859-15", "iso8859-15", {}),
    ("ISO-8859-16", "iso8859-16", {}),
    ("KOI8-R", "koi8-r", {}),
    ("KOI8-U", "koi8-u", {0xAE: 0x045E, 0xBE: 0x040E}),
    ("macintosh", "mac-roman", {}),
    ("windows-874", "cp874", {}),
    ("windows-1250", "cp1250", {}),
    ("windows-1251", "cp1251", {}),
    ("windows-1252", "cp1252", {}),
    ("windows-1253", "cp1253", {}),
    ("windows-1254", "cp1254", {}),
    ("windows-1255", "cp1255", {0xCA: 0x05BA}),
    ("windows-1256", "cp1256", {}),
    ("windows-1257", "cp1257", {}),
    ("windows-1258", "cp1258", {}),
    ("x-mac-cyrillic", "mac-cyrillic", {0xA2: 0x0490, 0xB6: 0x0491, 0xFF: 0x20AC}),
]
# Windows gives its unused bytes 0x80 to 0x9F the control characters of the same number.
CONTROLS = {"windows-874", "windows-1250", "windows-1251", "windows-1252", "windows-1253",
            "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258"}

# Python's gb18030 is that of 2000: what the standard has since, and where it departs.
GB18030_BESIDES = {
    6555: "\u3000", 7182: "\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16", 7201: "\ufe17\ufe18",
    7208: "\ufe19", 7533: "\u1e3f", 23775: "\u9fb4", 23783: "\u9fb5", 23788: "\u9fb6\u9fb7",
    23795: "\u9fb8", 23812: "\u9fb9", 23829: "\u9fba", 23845: "\u9fbb",
}
JIS0212_BESIDES = {116: "\uff5e"}
# Python's big5hkscs is Hong Kong's set of 2004: what came in 2008, what Big5 itself has, and the
# signs that the standard takes from Windows.
BIG5_BESIDES = {
    1000: "㡵𡵓𣚞𦀡㻬𥣞㫵竼龗𤅡𨤍𣇪𠪊𣉞䌊蒄龖鐯䤰蘓", 1020: "墖靊鈘秐稲晠権袝瑌篅枂稬剏遆㓦珄𥶹瓆鿇垳", 1040: "䤯呌䄱𣚎堘穲𧭥讏䚮𦺈䆁𥶙箮𢒼鿈𢓁𢓉𢓌鿉蔄",
    1060: "𣖻䂴鿊䓡𪷿拁灮鿋", 2082: "箸", 2088: "簆", 2103: "糎", 2114: "緒", 2123: "縝", 2148: "者",
    2151: "耨", 2221: "菁", 2239: "蒨", 2244: "萏", 2303: "覦覩", 2354: "起", 2400: "都", 2413: "銹",
    2477: "靜", 2498: "響", 2605: "鼖", 2673: "蔃", 2746: "兙兛兝兞", 2771: "鍮", 2780: "瑹", 2990: "浧",
    3087: "禛", 3259: "邗", 3301: "靝", 3436: "瀞", 3451: "嬨", 4136: "爁", 4138: "矗", 4141: "纇",
    4182: "駖", 4206: "釔", 4220: "惞", 4230: "澶", 4241: "輶", 4258: "侻", 4273: "營", 4279: "鄄",
    4282: "鷰", 4294: "菏", 4329: "尐秣", 4349: "婧", 4419: "輋", 4422: "筑", 4494: "拐", 4624: "恢",
    4694: "痹", 4708: "汊", 4742: "鬮", 4748: "鼗", 4815: "僭", 4828: "弌", 4902: "蠏", 4922: "拎",
    4982: "瑨", 4992: "煢", 4997: "牐", 5029: "‧", 5038: "﹑", 5120: "¯", 5153: "～", 5168: "⊕⊙",
    5182: "∕﹨", 5185: "￥", 5187: "￠￡", 5432: "␀␁␂␃␄␅␆␇␈␉␊␋␌␍␎␏␐␑␒␓", 5452: "␔␕␖␗␘␙␚␛␜␝␞␟␡€",
    10942: "廴", 10946: "无", 10948: "癶", 10950: "隶", 10957: "〃仝", 19028: "倩", 19035: "偽",
    19088: "包", 19096: "卄", 19112: "卿", 19162: "嘅", 19240: "婷", 19299: "幵", 19305: "廐",
    19326: "彘", 19355: "悤", 19398: "撐", 19439: "晴", 19454: "杞", 19553: "沜渝", 19557: "港",
    19611: "煮", 19643: "猪", 19672: "瑜", 19697: "瓩", 19748: "砉",
}


def decoded(data, codec):
    """The code points of `data`, or none where it is nothing in `codec`."""
    try:
        return [ord(c) for c in data.decode(codec)]
    except UnicodeDecodeError:
        return []


def single(name, codec, changes):
    table = []
    for byte in range(0x80, 0x100):
        points = decoded(bytes([byte]), codec)
        if not points and name in CONTROLS and byte < 0xA0:
            points = [byte]
        table.append(changes.get(byte, points[0] if points else 0))
    return table


def pairs(count, bytes_of, codec, besides=None):
    """The table of `count` pointers; 0 where there is nothing, or more than one code point."""
    table = []
    for pointer in range(count):
        points = decoded(bytes_of(pointer), codec)
        table.append(points[0] if len(points) == 1 else 0)
    for pointer, text in (besides or {}).items():
        table[pointer:pointer + len(text)] = map(ord, text)
    return table


def jis0208():
    def shift_jis(pointer):
        lead, trail = divmod(pointer, 188)
        return bytes([lead + (0x81 if lead < 0x1F else 0xC1), trail + (0x40 if trail < 0x3F else 0x41)])

    table = pairs(11280, shift_jis, "cp932")
    return [0 if 8836 <= p <= 10715 else point for p, point in enumerate(table)]  # users' own: computed


def jis0212():
    return pairs(8836, lambda p: bytes([0x8F, p // 94 + 0xA1, p % 94 + 0xA1]), "euc_jp",
                 JIS0212_BESIDES)


def euc_kr():
    return pairs(23940, lambda p: bytes([p // 190 + 0x81, p % 190 + 0x41]), "cp949")


def gb18030():
    def two(pointer):
        lead, trail = divmod(pointer, 190)
        return bytes([lead + 0x81, trail + (0x40 if trail < 0x3F else 0x41)])

    return pairs(23940, two, "gb18030", GB18030_BESIDES)


def gb18030_ranges():
    """(pointer, code point) where a run of four-byte characters begins."""
    runs = []
    for pointer in range(39420):
        four = bytes([pointer // 12600 + 0x81, pointer // 1260 % 10 + 0x30,
                      pointer // 10 % 126 + 0x81, pointer % 10 + 0x30])
        points = decoded(four, "gb18030")
        if points and (not runs or points[0] - pointer != runs[-1][1] - runs[-1][0]):
            runs.append((pointer, points[0]))
    return [*runs, (189000, 0x10000)]


def big5():
    def two(pointer):
        lead, trail = divmod(pointer, 157)
        return bytes([lead + 0x81, trail + (0x40 if trail < 0x3F else 0x62)])

    return pairs(19782, two, "big5hkscs", BIG5_BESIDES)


def written(kind, name, values):
    lines = [f"constexpr {kind} {name}[]{{"]
    for at in range(0, len(values), 24):
        lines.append(",".join(str(value) for value in values[at:at + 24]) + ",")
    return "\n".join([*lines, "};", ""])


def main():
    tables = {"kJis0208": jis0208(), "kJis0212": jis0212(), "kEucKr": euc_kr(), "kGb18030": gb18030()}
    out = ['#include "sources/charset_tables.h"', "", "namespace tapedeck {", "namespace {", ""]
    out += [written("char16_t", name, values) for name, values in tables.items()]
    out.append(written("char32_t", "kBig5", big5()))
    runs = gb18030_ranges()
    out.append("constexpr Gb18030Run kRuns[]{" + ",".join(f"{{{p},{c}}}" for p, c in runs) + "};\n")
    for i, row in enumerate(SINGLE):
        out.append(written("char16_t", f"kSingle{i}", single(*row)))
    out.append("constexpr SingleByteTable kSingles[]{" + ",".join(
        f'{{"{name}",kSingle{i}}}' for i, (name, _, _) in enumerate(SINGLE)) + "};\n")
    out += ["}  // namespace", "",
            "const CharsetTables& charset_tables() {",
            "    static constexpr CharsetTables tables{kJis0208, kJis0212, kEucKr, kGb18030, kBig5, kRuns,",
            "                                          kSingles};",
            "    return tables;", "}", "", "}  // namespace tapedeck", ""]
    with open(sys.argv[1], "w", encoding="ascii") as file:
        file.write("\n".join(out))


if __name__ == "__main__":
    main()
