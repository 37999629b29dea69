#include "base/url_text.h"
#include "base/ascii.h"

#include <algorithm>
#include <array>

namespace tapedeck {
namespace {

// Without percent encoding; what is none of it stays.
std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        plain += low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
        if (low >= 0) i += 2;
    }
    return plain;
}

constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_letter_or_digit(char c) {
    return is_upper(c) || is_lower(c) || (c >= '0' && c <= '9');
}

// "keyword" and "author" are none.
bool is_secret_word(std::string_view word) {
    constexpr std::array<std::string_view, 14> kWords{
        "key", "auth", "authorization", "sig",    "signature", "pass", "pw",
        "pwd", "sid",  "session",       "cookie", "crumb",     "jwt",  "bearer"};
    constexpr std::array<std::string_view, 10> kEnds{
        "apikey",   "accesskey", "authkey",    "token",      "secret",
        "password", "passwd",    "passphrase", "credential", "sessionid"};
    return std::ranges::find(kWords, word) != kWords.end() ||
           std::ranges::any_of(kEnds, [&](std::string_view end) { return word.ends_with(end); });
}

struct Span {
    std::size_t from;
    std::size_t size;
};

// Where secrets stand in the text of a URL: the user's part first, then values of the query.
std::vector<Span> secret_spans(std::string_view url) {
    std::vector<Span> spans;
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return spans;
    const std::size_t from = scheme + 3;
    const std::size_t end = std::min(url.find_first_of("/?#", from), url.size());
    const std::size_t at = url.substr(from, end - from).rfind('@');
    if (at != std::string_view::npos && at > 0) spans.push_back({from, at});
    std::size_t place = url.find('?', end);
    while (place != std::string_view::npos && place < url.size() && url[place] != '#') {
        const std::size_t name = place + 1;
        place = std::min(url.find_first_of("&;#", name), url.size());
        const std::size_t equals = url.substr(name, place - name).find('=');
        if (equals == std::string_view::npos) continue;
        const std::size_t value = name + equals + 1;
        const bool filled_in = url.substr(value).starts_with('{') && url[place - 1] == '}';
        if (filled_in || value == place) continue;
        if (is_secret_name(decoded(url.substr(name, equals))))
            spans.push_back({value, place - value});
    }
    return spans;
}

}  // namespace

bool is_secret_name(std::string_view name) {
    std::string word;
    for (std::size_t i = 0; i <= name.size(); ++i) {
        const char c = i < name.size() ? name[i] : '-';
        const bool starts = is_upper(c) && i > 0 && is_lower(name[i - 1]);  // "accessToken"
        if (is_letter_or_digit(c) && !starts) {
            word += c;
            continue;
        }
        if (is_secret_word(lower_ascii(word))) return true;
        word = starts ? std::string(1, c) : std::string();
    }
    return false;
}

std::string shown_url(std::string_view url) {
    std::string shown;
    std::size_t kept = 0;
    for (const Span& span : secret_spans(url)) {
        shown.append(url.substr(kept, span.from - kept)).append("***");
        kept = span.from + span.size;
    }
    return shown.append(url.substr(kept));
}

std::vector<Secret> secrets_in_url(std::string_view url) {
    std::vector<Secret> secrets;
    const std::size_t host = url.find("://");
    for (const Span& span : secret_spans(url)) {
        std::string_view text = url.substr(span.from, span.size);
        if (span.from == host + 3) {
            const std::size_t colon = text.find(':');
            // A site's only word is a token; a database's or a broker's is a name.
            if (colon == std::string_view::npos && !url.starts_with("http")) continue;
            if (colon != std::string_view::npos) text.remove_prefix(colon + 1);
        }
        if (!text.empty()) secrets.emplace_back(decoded(text));
    }
    return secrets;
}

}  // namespace tapedeck
