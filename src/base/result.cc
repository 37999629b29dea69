#include "base/result.h"

#include "base/utf8.h"

namespace tapedeck {
namespace {

void append_printable(std::string& out, std::string_view text) {
    static constexpr char kDigits[] = "0123456789abcdef";
    while (!text.empty()) {
        const auto byte = static_cast<unsigned char>(text.front());
        std::size_t length = utf8_length(text);
        if (length == 0 || byte < 0x20 || byte == 0x7F) {
            length = 1;
            out += "\\x";
            out += kDigits[byte >> 4U];
            out += kDigits[byte & 15U];
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
}

}  // namespace

std::string_view to_string(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::unavailable:
            return "unavailable";
        case ErrorKind::malformed:
            return "malformed";
        case ErrorKind::rejected:
            return "rejected";
        case ErrorKind::conflict:
            return "conflict";
        case ErrorKind::corrupt:
            return "corrupt";
    }
    TAPEDECK_ASSERT(false);
}

std::string in_quotes(std::string_view value) {
    constexpr std::size_t kShown = 80;
    std::string out = "'";
    if (value.size() <= kShown) {
        append_printable(out, value);
    } else {
        append_printable(out, value.substr(0, kShown / 2));
        out += "…";
        append_printable(out, value.substr(value.size() - kShown / 2));
    }
    out += '\'';
    if (value.size() > kShown) out += " (" + std::to_string(value.size()) + " bytes)";
    return out;
}

Error in_context(std::string_view place, const Error& error) {
    return {error.kind, std::string(place) + ": " + error.what};
}

}  // namespace tapedeck
