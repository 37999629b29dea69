#include <algorithm>
#include <iterator>

#include "base/url_text.h"
#include "sources/rules.h"
#include "sources/source.h"
#include "sources/text.h"

namespace tapedeck {
namespace {

// What stands for a placeholder, and how it looks where secrets must not be seen.
struct Filled {
    std::string text;
    bool secret = false;
};

// Where a filled text goes: in a URL each value is percent-encoded, lest a key with '&' or '#' end
// before its end; a header takes its key as it is.
enum class Part { url, header };

Filled value_of(std::string_view word, const Source& source, std::span<const std::string> asked,
                const RequestValues& values, Part part, bool& known) {
    known = true;
    const auto symbol_of = [&](const std::string& instrument) -> std::string_view {
        const auto found = source.symbols.find(instrument);
        return found == source.symbols.end() ? std::string_view(instrument) : found->second;
    };
    std::string_view change;
    if (const std::size_t colon = word.find(':'); colon != std::string_view::npos) {
        change = word.substr(colon + 1);
        word = word.substr(0, colon);
    }
    const auto encoded = [&](std::string_view text) {
        if (change == "lower") return percent_encode(lower_ascii(text));
        if (change == "upper") return percent_encode(upper_ascii(text));
        return percent_encode(text);
    };
    if (word == "instrument" || word == "symbol") {
        return {encoded(word == "symbol" ? symbol_of(asked.front()) : asked.front())};
    }
    if (word == "instruments" || word == "symbols") {
        std::string list;
        for (const std::string& instrument : asked) {
            if (!list.empty()) list += ',';
            list += encoded(word == "symbols" ? symbol_of(instrument) : instrument);
        }
        return {list};
    }
    if (word == "crumb") return {percent_encode(values.crumb), true};
    if (word == "key") {
        const std::string& key = values.key.reveal();
        return {part == Part::url ? percent_encode(key) : key, true};
    }
    known = false;
    return {};
}

// `shown`, where given, gets the same text with *** for secrets.
std::string fill_template(std::string_view text, const Source& source,
                          std::span<const std::string> asked, const RequestValues& values,
                          Part part, std::string* shown) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t close = text[i] == '{' ? text.find('}', i) : std::string_view::npos;
        bool known = false;
        Filled filled;
        if (close != std::string_view::npos) {
            filled =
                value_of(text.substr(i + 1, close - i - 1), source, asked, values, part, known);
        }
        const std::string piece = known ? filled.text : std::string(1, text[i]);
        out += piece;
        if (shown != nullptr) *shown += known && filled.secret ? "***" : piece;
        i = known ? close + 1 : i + 1;
    }
    return out;
}

// RFC 4648 §4; reads until the first byte that is not of its alphabet.
std::string base64_decoded(std::string_view text) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    unsigned bits = 0;
    int held = 0;
    for (const char c : text) {
        const std::size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos) break;
        bits = (bits << 6U | static_cast<unsigned>(value)) & 0xFFFFU;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out += static_cast<char>(bits >> held & 0xFFU);
    }
    return out;
}

// What stands in a header that is named as secrets are; of "Bearer x" the x as well, and of
// "Basic x" the password in it.
void add_secrets_of_header(const Header& header, std::vector<Secret>& secrets) {
    if (!is_secret_name(header.name)) return;
    secrets.push_back(header.value);
    const std::string_view value = header.value.reveal();
    const std::size_t blank = value.find(' ');
    if (blank == std::string_view::npos) return;
    const std::string_view credentials = trim(value.substr(blank + 1));
    secrets.emplace_back(std::string(credentials));
    const std::string plain = base64_decoded(credentials);
    if (const std::size_t colon = plain.find(':'); colon != std::string::npos) {
        secrets.emplace_back(plain.substr(colon + 1));
    }
}

}  // namespace

void add_confidential(const Source& source, Request& request) {
    std::vector<Secret>& all = request.confidential;
    for (const Header& header : request.headers) add_secrets_of_header(header, all);
    std::ranges::copy(secrets_in_url(request.url), std::back_inserter(all));
    if (!source.proxy) return;
    std::ranges::copy(secrets_in_url(source.proxy->reveal()), std::back_inserter(all));
}

std::vector<PlannedRequest> plan_requests(const Source& source,
                                          std::span<const std::string> instruments,
                                          const RequestValues& values) {
    std::vector<PlannedRequest> plan;
    const auto most = static_cast<std::size_t>(std::max(source.max_instruments, 1));
    for (std::size_t from = 0; from < instruments.size(); from += most) {
        const auto asked = instruments.subspan(from, std::min(most, instruments.size() - from));
        PlannedRequest planned;
        Request& request = planned.request;
        request.url =
            fill_template(source.url, source, asked, values, Part::url, &planned.shown_url);
        planned.shown_url = shown_url(planned.shown_url);
        for (const Header& header : source.headers) {
            request.headers.push_back(
                {header.name, Secret(fill_template(header.value.reveal(), source, asked, values,
                                                   Part::header, nullptr))});
        }
        request.timeout = source.timeout;
        request.connect_timeout = std::min(source.timeout, request.connect_timeout);
        request.max_bytes = source.max_bytes;
        request.proxy = source.proxy;
        if (source.session) request.cookie_jar = source.name;
        if (!values.key.empty()) request.confidential.push_back(values.key);
        if (!values.crumb.empty()) request.confidential.emplace_back(values.crumb);
        add_confidential(source, request);
        planned.instruments.assign(asked.begin(), asked.end());
        plan.push_back(std::move(planned));
    }
    return plan;
}

}  // namespace tapedeck
