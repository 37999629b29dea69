#include "config/text_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/url_text.h"
#include "config/proxy_url.h"
#include "config/toml_document.h"

namespace tapedeck {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

bool is_made_of(std::string_view text, std::string_view others) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return is_letter(c) || is_digit(c) || others.find(c) != others.npos;
    });
}

std::string must_be(std::string_view what, std::string_view text) {
    std::size_t end = std::min<std::size_t>(text.size(), 60);
    while (end > 0 && end < text.size() &&
           (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) {
        --end;  // no half of a character
    }
    return fmt::format("must be {}, not {}", what, toml_string(text.substr(0, end)));
}

std::string must_be_name(std::string_view text) {
    const bool fine = !text.empty() && text.size() <= 100 && is_made_of(text, "_-.") &&
                      (is_letter(text.front()) || is_digit(text.front()) || text.front() == '_');
    return fine ? std::string() : must_be("a name of letters, digits, '_', '-' and '.'", text);
}

std::string must_be_http_url(std::string_view text) {
    const bool scheme = text.starts_with("https://") || text.starts_with("http://");
    const bool fine = scheme && text.size() > 8 && text.size() < 4'096 &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c > ' '; });
    if (!secrets_in_url(text).empty() || (!fine && text.find('@') != text.npos)) {
        return "must hold no user, password or key: write a source file (docs/sources.md), whose "
               "headers and url take the {key} of a [secret]";
    }
    return fine ? std::string() : must_be("an address that begins with https:// or http://", text);
}

std::string must_be_one_line(std::string_view text) {
    const bool fine = !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    });
    return fine ? std::string() : must_be("one line of text", text);
}

std::string must_be_proxy(std::string_view text) {
    const auto proxy = parse_proxy(text);
    return proxy ? std::string() : proxy.error().what;
}

}  // namespace tapedeck
