#include "sources/charset_decoders.h"

#include <algorithm>
#include <optional>

#include "base/assert.h"
#include "sources/charset_tables.h"

namespace tapedeck {
namespace {

constexpr char32_t kNothing = 0xFFFD;

// One character: how many bytes it takes, and its code points, one or two.
struct Step {
    std::size_t size = 1;
    char32_t code = kNothing;
    char32_t second = 0;
};

class Bytes {
public:
    explicit Bytes(std::string_view text) : text_(text) {}
    std::size_t size() const { return text_.size(); }
    // 0 behind the end, which no decoder takes for a trail.
    unsigned operator[](std::size_t at) const {
        return at < text_.size() ? static_cast<unsigned char>(text_[at]) : 0U;
    }

private:
    std::string_view text_;
};

bool within(unsigned byte, unsigned low, unsigned high) { return byte >= low && byte <= high; }

template <class Table>
char32_t entry(const Table& table, std::size_t pointer) {
    return pointer < table.size() ? static_cast<char32_t>(table[pointer]) : 0;
}

// A pair of bytes of `code`. What is no pair gives back its second byte where that is ASCII, so
// that a cut character does not swallow the tag behind it.
Step pair(const Bytes& bytes, std::size_t at, char32_t code, char32_t second = 0) {
    if (code != 0) return {2, code, second};
    const bool whole = at + 1 < bytes.size() && bytes[at + 1] >= 0x80;
    return {whole ? std::size_t{2} : std::size_t{1}, kNothing, 0};
}

// §10.2.1. GBK is decoded by the same.
Step gb18030(const Bytes& bytes, std::size_t at) {
    const unsigned lead = bytes[at];
    if (lead < 0x80) return {1, lead};
    if (lead == 0x80) return {1, 0x20AC};
    if (lead == 0xFF) return {};
    const unsigned second = bytes[at + 1];
    if (within(second, 0x30, 0x39)) {
        const unsigned third = bytes[at + 2];
        const unsigned fourth = bytes[at + 3];
        if (!within(third, 0x81, 0xFE) || !within(fourth, 0x30, 0x39)) return {};
        const std::uint32_t pointer =
            ((lead - 0x81) * 10 + second - 0x30) * 1260 + (third - 0x81) * 10 + fourth - 0x30;
        if ((pointer > 39419 && pointer < 189000) || pointer > 1237575) return {4, kNothing};
        if (pointer == 7457) return {4, 0xE7C7};
        const auto runs = charset_tables().runs;
        const auto after = std::ranges::upper_bound(runs, pointer, {}, &Gb18030Run::pointer);
        TAPEDECK_ASSERT(after != runs.begin());
        const Gb18030Run& run = *(after - 1);
        return {4, run.code + (pointer - run.pointer)};
    }
    char32_t code = 0;
    if (within(second, 0x40, 0x7E) || within(second, 0x80, 0xFE)) {
        code = entry(charset_tables().gb18030,
                     (lead - 0x81) * 190 + second - (second < 0x7F ? 0x40 : 0x41));
    }
    return pair(bytes, at, code);
}

// §12.1.1
Step big5(const Bytes& bytes, std::size_t at) {
    const unsigned lead = bytes[at];
    if (lead < 0x80) return {1, lead};
    if (!within(lead, 0x81, 0xFE)) return {};
    const unsigned trail = bytes[at + 1];
    if (!within(trail, 0x40, 0x7E) && !within(trail, 0xA1, 0xFE)) return pair(bytes, at, 0);
    const std::size_t pointer = (lead - 0x81) * 157 + trail - (trail < 0x7F ? 0x40 : 0x62);
    switch (pointer) {
        case 1133:
            return {2, 0x00CA, 0x0304};
        case 1135:
            return {2, 0x00CA, 0x030C};
        case 1164:
            return {2, 0x00EA, 0x0304};
        case 1166:
            return {2, 0x00EA, 0x030C};
        default:
            return pair(bytes, at, entry(charset_tables().big5, pointer));
    }
}

// §13.1.1
Step euc_jp(const Bytes& bytes, std::size_t at) {
    const unsigned lead = bytes[at];
    if (lead < 0x80) return {1, lead};
    const unsigned second = bytes[at + 1];
    if (lead == 0x8E && within(second, 0xA1, 0xDF)) return {2, 0xFF61 - 0xA1 + second};
    if (lead == 0x8F && within(second, 0xA1, 0xFE)) {
        const unsigned third = bytes[at + 2];
        if (!within(third, 0xA1, 0xFE)) return {third >= 0x80 ? std::size_t{3} : 2, kNothing};
        const char32_t code = entry(charset_tables().jis0212, (second - 0xA1) * 94 + third - 0xA1);
        return {3, code != 0 ? code : kNothing};
    }
    if (!within(lead, 0xA1, 0xFE) && lead != 0x8E && lead != 0x8F) return {};
    char32_t code = 0;
    if (within(lead, 0xA1, 0xFE) && within(second, 0xA1, 0xFE)) {
        code = entry(charset_tables().jis0208, (lead - 0xA1) * 94 + second - 0xA1);
    }
    return pair(bytes, at, code);
}

// §13.3.1
Step shift_jis(const Bytes& bytes, std::size_t at) {
    const unsigned lead = bytes[at];
    if (lead <= 0x80) return {1, lead};
    if (within(lead, 0xA1, 0xDF)) return {1, 0xFF61 - 0xA1 + lead};
    if (!within(lead, 0x81, 0x9F) && !within(lead, 0xE0, 0xFC)) return {};
    const unsigned trail = bytes[at + 1];
    if (!within(trail, 0x40, 0x7E) && !within(trail, 0x80, 0xFC)) return pair(bytes, at, 0);
    const std::size_t pointer =
        (lead - (lead < 0xA0 ? 0x81 : 0xC1)) * 188 + trail - (trail < 0x7F ? 0x40 : 0x41);
    if (pointer >= 8836 && pointer <= 10715) {
        return {2, static_cast<char32_t>(0xE000 - 8836 + pointer)};
    }
    return pair(bytes, at, entry(charset_tables().jis0208, pointer));
}

// §14.1.1
Step euc_kr(const Bytes& bytes, std::size_t at) {
    const unsigned lead = bytes[at];
    if (lead < 0x80) return {1, lead};
    if (!within(lead, 0x81, 0xFE)) return {};
    const unsigned trail = bytes[at + 1];
    if (!within(trail, 0x41, 0xFE)) return pair(bytes, at, 0);
    return pair(bytes, at, entry(charset_tables().euc_kr, (lead - 0x81) * 190 + trail - 0x41));
}

// §14.3.1, by units of two bytes.
Step utf16(const Bytes& bytes, std::size_t at, bool big) {
    const auto unit = [&](std::size_t from) {
        return big ? bytes[from] << 8U | bytes[from + 1] : bytes[from + 1] << 8U | bytes[from];
    };
    if (at + 1 >= bytes.size()) return {};
    const unsigned first = unit(at);
    if (!within(first, 0xD800, 0xDFFF)) return {2, first};
    if (first >= 0xDC00 || at + 3 >= bytes.size()) return {2, kNothing};
    const unsigned second = unit(at + 2);
    if (!within(second, 0xDC00, 0xDFFF)) return {2, kNothing};
    return {4, 0x10000 + ((first - 0xD800) << 10U) + (second - 0xDC00)};
}

// §13.2.1: sets that escape sequences switch between.
void iso_2022_jp(const Bytes& bytes, const CodePoints& take) {
    enum class State { ascii, roman, katakana, pairs } state = State::ascii;
    bool switched = false;  // and nothing written since: a second switch hides something
    for (std::size_t at = 0; at < bytes.size();) {
        const unsigned byte = bytes[at];
        if (byte == 0x1B) {
            const unsigned second = bytes[at + 1];
            const unsigned third = bytes[at + 2];
            std::optional<State> next;
            if (second == 0x28 && third == 0x42) next = State::ascii;
            if (second == 0x28 && third == 0x4A) next = State::roman;
            if (second == 0x28 && third == 0x49) next = State::katakana;
            if (second == 0x24 && (third == 0x40 || third == 0x42)) next = State::pairs;
            if (next) state = *next;
            if ((!next || switched) && !take(at, kNothing)) return;
            switched = next.has_value();
            at += next ? 3 : 1;
            continue;
        }
        switched = false;
        Step step;
        if (state == State::ascii || state == State::roman) {
            if (byte < 0x80 && byte != 0x0E && byte != 0x0F) step.code = byte;
            if (state == State::roman && byte == 0x5C) step.code = 0x00A5;
            if (state == State::roman && byte == 0x7E) step.code = 0x203E;
        } else if (state == State::katakana) {
            if (within(byte, 0x21, 0x5F)) step.code = 0xFF61 - 0x21 + byte;
        } else if (within(byte, 0x21, 0x7E) && at + 1 < bytes.size() && bytes[at + 1] != 0x1B) {
            const bool whole = within(bytes[at + 1], 0x21, 0x7E);
            const std::size_t pointer = (byte - 0x21) * 94 + bytes[at + 1] - 0x21;
            const char32_t code = whole ? entry(charset_tables().jis0208, pointer) : 0;
            step = {2, code != 0 ? code : kNothing};
        }
        if (!take(at, step.code)) return;
        at += step.size;
    }
}

template <class Decoder>
void each(const Bytes& bytes, const CodePoints& take, Decoder decoder) {
    for (std::size_t at = 0; at < bytes.size();) {
        const Step step = decoder(bytes, at);
        if (!take(at, step.code)) return;
        if (step.second != 0 && !take(at, step.second)) return;
        at += step.size;
    }
}

void single_byte(std::string_view name, const Bytes& bytes, const CodePoints& take) {
    const auto singles = charset_tables().singles;
    const auto table = std::ranges::find(singles, name, &SingleByteTable::name);
    TAPEDECK_ASSERT(table != singles.end());
    each(bytes, take, [&](const Bytes& all, std::size_t at) {
        const unsigned byte = all[at];
        if (byte < 0x80) return Step{1, byte};
        const char32_t code = table->upper[byte - 0x80];
        return Step{1, code != 0 ? code : kNothing};
    });
}

}  // namespace

void decode(Decoding decoding, std::string_view name, std::string_view text,
            const CodePoints& take) {
    const Bytes bytes(text);
    switch (decoding) {
        case Decoding::single_byte:
            return single_byte(name == "ISO-8859-8-I" ? "ISO-8859-8" : name, bytes, take);
        case Decoding::gb18030:
            return each(bytes, take, gb18030);
        case Decoding::big5:
            return each(bytes, take, big5);
        case Decoding::euc_jp:
            return each(bytes, take, euc_jp);
        case Decoding::iso_2022_jp:
            return iso_2022_jp(bytes, take);
        case Decoding::shift_jis:
            return each(bytes, take, shift_jis);
        case Decoding::euc_kr:
            return each(bytes, take, euc_kr);
        case Decoding::utf16be:
        case Decoding::utf16le:
            return each(bytes, take, [&](const Bytes& all, std::size_t at) {
                return utf16(all, at, decoding == Decoding::utf16be);
            });
        case Decoding::user_defined:
            return each(bytes, take, [](const Bytes& all, std::size_t at) {
                return Step{1, all[at] < 0x80 ? all[at] : 0xF780 + all[at] - 0x80};
            });
        case Decoding::utf8:
        case Decoding::replacement:
            break;
    }
    TAPEDECK_ASSERT(false);
}

}  // namespace tapedeck
