#include "sources/charset.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/utf8.h"
#include "base/words.h"
#include "sources/charset_decoders.h"
#include "sources/html_scan.h"
#include "sources/text.h"

namespace tapedeck {
namespace {

constexpr std::size_t kPrescan = 16 * 1024;  // where a page declares what it is written in
constexpr std::size_t kLongestLabel = 100;

struct Row {
    std::string_view name;
    Decoding decoding;
    std::string_view labels;  // parted by blanks, in lower case
};

// §4.2 of the standard, with all its labels.
constexpr std::array kRows{
    Row{"UTF-8", Decoding::utf8,
        "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8"},
    Row{"IBM866", Decoding::single_byte, "866 cp866 csibm866 ibm866"},
    Row{"ISO-8859-2", Decoding::single_byte,
        "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 "
        "l2 latin2"},
    Row{"ISO-8859-3", Decoding::single_byte,
        "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 "
        "l3 latin3"},
    Row{"ISO-8859-4", Decoding::single_byte,
        "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 "
        "l4 latin4"},
    Row{"ISO-8859-5", Decoding::single_byte,
        "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 "
        "iso_8859-5:1988"},
    Row{"ISO-8859-6", Decoding::single_byte,
        "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 "
        "iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 "
        "iso_8859-6:1987"},
    Row{"ISO-8859-7", Decoding::single_byte,
        "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 "
        "iso88597 iso_8859-7 iso_8859-7:1987 sun_eu_greek"},
    Row{"ISO-8859-8", Decoding::single_byte,
        "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 "
        "iso88598 iso_8859-8 iso_8859-8:1988 visual"},
    Row{"ISO-8859-8-I", Decoding::single_byte, "csiso88598i iso-8859-8-i logical"},
    Row{"ISO-8859-10", Decoding::single_byte,
        "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6"},
    Row{"ISO-8859-13", Decoding::single_byte, "iso-8859-13 iso8859-13 iso885913"},
    Row{"ISO-8859-14", Decoding::single_byte, "iso-8859-14 iso8859-14 iso885914"},
    Row{"ISO-8859-15", Decoding::single_byte,
        "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9"},
    Row{"ISO-8859-16", Decoding::single_byte, "iso-8859-16"},
    Row{"KOI8-R", Decoding::single_byte, "cskoi8r koi koi8 koi8-r koi8_r"},
    Row{"KOI8-U", Decoding::single_byte, "koi8-ru koi8-u"},
    Row{"macintosh", Decoding::single_byte, "csmacintosh mac macintosh x-mac-roman"},
    Row{"windows-874", Decoding::single_byte,
        "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874"},
    Row{"windows-1250", Decoding::single_byte, "cp1250 windows-1250 x-cp1250"},
    Row{"windows-1251", Decoding::single_byte, "cp1251 windows-1251 x-cp1251"},
    Row{"windows-1252", Decoding::single_byte,
        "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 "
        "iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 "
        "x-cp1252"},
    Row{"windows-1253", Decoding::single_byte, "cp1253 windows-1253 x-cp1253"},
    Row{"windows-1254", Decoding::single_byte,
        "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 "
        "iso_8859-9:1989 l5 latin5 windows-1254 x-cp1254"},
    Row{"windows-1255", Decoding::single_byte, "cp1255 windows-1255 x-cp1255"},
    Row{"windows-1256", Decoding::single_byte, "cp1256 windows-1256 x-cp1256"},
    Row{"windows-1257", Decoding::single_byte, "cp1257 windows-1257 x-cp1257"},
    Row{"windows-1258", Decoding::single_byte, "cp1258 windows-1258 x-cp1258"},
    Row{"x-mac-cyrillic", Decoding::single_byte, "x-mac-cyrillic x-mac-ukrainian"},
    Row{"GBK", Decoding::gb18030,
        "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk"},
    Row{"gb18030", Decoding::gb18030, "gb18030"},
    Row{"Big5", Decoding::big5, "big5 big5-hkscs cn-big5 csbig5 x-x-big5"},
    Row{"EUC-JP", Decoding::euc_jp, "cseucpkdfmtjapanese euc-jp x-euc-jp"},
    Row{"ISO-2022-JP", Decoding::iso_2022_jp, "csiso2022jp iso-2022-jp"},
    Row{"Shift_JIS", Decoding::shift_jis,
        "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis"},
    Row{"EUC-KR", Decoding::euc_kr,
        "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 "
        "ksc5601 ksc_5601 windows-949"},
    Row{"replacement", Decoding::replacement,
        "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement"},
    Row{"UTF-16BE", Decoding::utf16be, "unicodefffe utf-16be"},
    Row{"UTF-16LE", Decoding::utf16le,
        "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le"},
    Row{"x-user-defined", Decoding::user_defined, "x-user-defined"},
};

constexpr std::size_t row_named(std::string_view name) {
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        if (kRows[i].name == name) return i;
    }
    return kRows.size();
}
constexpr std::size_t kUtf8 = row_named("UTF-8");
static_assert(kUtf8 < kRows.size() && row_named("windows-1252") < kRows.size());

// The value behind "charset" and '=' (HTML, "extracting a character encoding from a meta element").
std::string_view charset_in(std::string_view text) {
    const std::string lower = lower_ascii(text);
    for (std::size_t at = 0; (at = lower.find("charset", at)) != lower.npos;) {
        at += 7;
        std::string_view rest = trim(text.substr(at));
        if (!rest.starts_with('=')) continue;
        rest = trim(rest.substr(1));
        if (rest.empty()) return {};
        if (rest[0] == '"' || rest[0] == '\'') {
            const std::size_t close = rest.find(rest[0], 1);
            return close == rest.npos ? std::string_view() : trim(rest.substr(1, close - 1));
        }
        return rest.substr(0, rest.find_first_of("; \t\r\n\f,"));
    }
    return {};
}

// The end of the tag that begins at `at`: its '>' outside quotes.
std::size_t tag_end(std::string_view head, std::size_t at) {
    char quote = 0;
    for (; at < head.size(); ++at) {
        const char c = head[at];
        if (quote != 0) {
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            break;
        }
    }
    return at;
}

// What a <meta> says; empty where it says nothing of that.
std::string label_of_meta(std::string_view attributes) {
    std::string value;
    if (raw_attribute(attributes, "charset", value)) return std::string(trim(value));
    std::string equivalent;
    const bool of_type = raw_attribute(attributes, "http-equiv", equivalent) &&
                         equal_folded(trim(equivalent), "content-type");
    if (of_type && raw_attribute(attributes, "content", value)) {
        return std::string(charset_in(value));
    }
    return {};
}

std::string xml_label(std::string_view head) {
    if (!head.starts_with("<?xml")) return {};
    std::string label;
    raw_attribute(head.substr(5, head.find("?>") - 5), "encoding", label);
    return label;
}

// What the beginning of a page declares (HTML 13.2.3.2); empty where it declares nothing.
std::string declared_label(std::string_view body) {
    const std::string_view head = body.substr(0, kPrescan);
    for (std::size_t at = 0; (at = head.find('<', at)) != head.npos;) {
        if (head.substr(at, 4) == "<!--") {
            at = std::min(head.find("-->", at + 2), head.size());
            continue;
        }
        const bool meta = equal_folded(head.substr(at + 1, 4), "meta") && at + 5 < head.size() &&
                          std::string_view(" \t\r\n\f/").find(head[at + 5]) != head.npos;
        if (!meta) {
            ++at;
            continue;
        }
        const std::size_t end = tag_end(head, at);
        if (std::string label = label_of_meta(head.substr(at + 5, end - at - 5)); !label.empty()) {
            // What could be read so far is no UTF-16, whatever it says.
            const auto charset = Charset::labelled(label);
            if (charset && charset->name().starts_with("UTF-16")) return "utf-8";
            if (charset && charset->name() == "x-user-defined") return "windows-1252";
            return label;
        }
        at = end;
    }
    return xml_label(head);
}

// Whether some bytes are no UTF-8, and none beyond ASCII is.
bool is_no_utf8(std::string_view bytes) {
    bool other = false;
    while (!bytes.empty()) {
        const std::size_t ascii = static_cast<std::size_t>(
            std::ranges::find_if(bytes, [](char c) { return (c & 0x80) != 0; }) - bytes.begin());
        bytes.remove_prefix(ascii);
        if (bytes.empty()) break;
        if (utf8_length(bytes) > 1) return false;
        other = true;
        bytes.remove_prefix(1);
    }
    return other;
}

PageCharset labelled_page(std::string_view label) {
    PageCharset page{Charset::labelled(label), {}, 0};
    if (!page.charset) page.label = shortened(label, kLongestLabel);
    return page;
}

}  // namespace

Charset Charset::utf8() { return Charset(kUtf8); }

std::optional<Charset> Charset::labelled(std::string_view label) {
    const std::string wanted = lower_ascii(trim(label));
    if (wanted.empty() || wanted.find(' ') != wanted.npos) return std::nullopt;
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        if (!is_among(kRows[i].labels, wanted)) continue;
        if (kRows[i].decoding == Decoding::replacement) return std::nullopt;
        return Charset(i);
    }
    return std::nullopt;
}

std::string_view Charset::name() const { return kRows[row_].name; }
bool Charset::is_utf8() const { return row_ == kUtf8; }

std::string Charset::to_utf8(std::string_view bytes) const {
    if (is_utf8()) return std::string(bytes);
    std::string out;
    out.reserve(bytes.size() + bytes.size() / 8);
    decode(kRows[row_].decoding, name(), bytes, [&](std::size_t, char32_t code) {
        append_utf8(out, code);
        return true;
    });
    return out;
}

std::size_t Charset::source_of(std::string_view bytes, std::size_t at) const {
    if (is_utf8()) return std::min(at, bytes.size());
    std::string one;
    std::size_t written = 0;
    std::size_t found = bytes.size();
    decode(kRows[row_].decoding, name(), bytes, [&](std::size_t begin, char32_t code) {
        one.clear();
        append_utf8(one, code);
        written += one.size();
        if (written <= at) return true;
        found = begin;
        return false;
    });
    return found;
}

PageCharset charset_of(std::string_view body, std::string_view content_type, bool html) {
    const auto marked = [](std::string_view label, std::size_t size) {
        return PageCharset{Charset::labelled(label), {}, size};
    };
    // A mark of UTF-8 is passed over by those who read it: where a price stands counts from the
    // page's begin.
    if (body.starts_with("\xEF\xBB\xBF")) return marked("utf-8", 0);
    if (body.starts_with("\xFE\xFF")) return marked("utf-16be", 2);
    if (body.starts_with("\xFF\xFE")) return marked("utf-16le", 2);
    if (const std::string_view label = charset_in(content_type); !label.empty()) {
        return labelled_page(label);
    }
    if (!html) return {Charset::utf8(), {}, 0};
    if (const std::string label = declared_label(body); !label.empty()) {
        return labelled_page(label);
    }
    return {is_no_utf8(body) ? Charset::labelled("windows-1252") : Charset::utf8(), {}, 0};
}

}  // namespace tapedeck
