#include "sources/url_currency.h"

#include <algorithm>
#include <array>

#include "sources/text.h"

namespace tapedeck {
namespace {

// CoinGecko, CoinMarketCap, CryptoCompare, exchanges.
constexpr auto kParameters = std::to_array<std::string_view>(
    {"vs_currency", "vs_currencies", "convert", "currency", "quote_currency", "tsyms", "fiat"});

bool is_code(std::string_view text) {
    return text.size() >= 2 && text.size() <= 10 && std::ranges::all_of(text, [](char c) {
               return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
           });
}

}  // namespace

std::vector<std::string> currencies_of_query(std::string_view url) {
    std::vector<std::string> currencies;
    const std::size_t mark = url.find('?');
    if (mark == url.npos) return currencies;
    std::string_view query = url.substr(mark + 1);
    query = query.substr(0, query.find('#'));
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view one = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const std::size_t equals = std::min(one.find('='), one.size());
        if (std::ranges::find(kParameters, lower_ascii(one.substr(0, equals))) ==
            kParameters.end()) {
            continue;
        }
        std::string values = upper_ascii(one.substr(std::min(equals + 1, one.size())));
        for (std::size_t at = 0; at <= values.size();) {
            const std::size_t comma = std::min(values.find(',', at), values.size());
            const std::string code = values.substr(at, comma - at);
            if (!is_code(code)) return {};  // a placeholder, or something else altogether
            currencies.push_back(code);
            at = comma + 1;
        }
    }
    return currencies;
}

}  // namespace tapedeck
