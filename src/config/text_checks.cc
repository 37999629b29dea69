#include "config/text_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/url_text.h"
#include "config/proxy_url.h"
#include "config/toml_document.h"
#include "market/price_table.h"

namespace tapedeck {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool made_of(std::string_view text, std::string_view others) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return is_letter(c) || is_digit(c) || others.find(c) != others.npos;
    });
}

}  // namespace

std::string must_be(std::string_view what, std::string_view text) {
    std::size_t end = std::min<std::size_t>(text.size(), 60);
    while (end > 0 && end < text.size() &&
           (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) {
        --end;  // no half of a character
    }
    return fmt::format("must be {}, not {}", what, toml_string(text.substr(0, end)));
}

std::string must_be_instrument(std::string_view text) {
    // Tickers hold all kinds of signs (BRK-B, ^GSPC, EURUSD=X, M&M.NS, XBT/USD); those that would
    // break a list, a URL template or a line of a log are not among them. Letters of other scripts
    // are not either: no site names what it sells by them in its addresses.
    constexpr std::string_view kExample = "an instrument such as bitcoin or AAPL";
    if (text.empty() || text.size() > 64) return must_be(kExample, text);
    for (const char c : text) {
        if (static_cast<unsigned char>(c) >= 0x80) {
            return must_be(fmt::format("{}, of letters, digits and signs of ASCII", kExample),
                           text);
        }
        if (c <= ' ' || c == 0x7F || std::string_view("\"'`\\<>{},").find(c) != text.npos) {
            return must_be(kExample, text);
        }
    }
    return {};
}

std::string must_be_topic(std::string_view text) {
    const bool fine = !text.empty() && text.size() <= 249 && made_of(text, "._-") && text != "." &&
                      text != ".." && text != "tapedeck_outcomes";
    return fine ? std::string() : must_be("a topic's name such as coin_topic", text);
}

std::string must_be_table(std::string_view text) {
    const std::string fault = table_name_fault(text);
    return fault.empty() ? fault : must_be(fault, text);
}

std::string must_be_name(std::string_view text) {
    const bool fine = !text.empty() && text.size() <= 100 && made_of(text, "_-.") &&
                      (is_letter(text.front()) || is_digit(text.front()) || text.front() == '_');
    return fine ? std::string() : must_be("a name of letters, digits, '_', '-' and '.'", text);
}

std::string must_be_currency(std::string_view text) {
    const bool fine = text.size() >= 3 && text.size() <= 10 && made_of(text, "");
    return fine ? std::string() : must_be("a currency such as USD", text);
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
