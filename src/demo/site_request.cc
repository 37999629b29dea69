#include "demo/site_request.h"

#include <algorithm>
#include <optional>

namespace tapedeck {
namespace {

constexpr std::size_t kMostNames = 1000;

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Percent-decoding (RFC 3986 2.1); what is no escape stays as it is.
std::string decoded(std::string_view text, bool plus_is_blank) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit_of(text[i + 1]) >= 0 &&
            digit_of(text[i + 2]) >= 0) {
            result += static_cast<char>(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
            i += 2;
        } else {
            result += plus_is_blank && text[i] == '+' ? ' ' : text[i];
        }
    }
    return result;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (!text.empty() && parts.size() < kMostNames) {
        const auto end = std::min(text.find(at), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

using Segments = std::vector<std::string>;

// The value at the first "{}" of `pattern` where the segments match it; "**" matches the rest.
std::optional<std::string> match(const Segments& path, std::string_view pattern) {
    const auto wanted = split(pattern, '/');
    std::optional<std::string> value = std::string();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i] == "**") return value;
        if (i >= path.size()) return std::nullopt;
        if (wanted[i] == "{}") {
            value = path[i];
        } else if (wanted[i] != path[i]) {
            return std::nullopt;
        }
    }
    return path.size() == wanted.size() ? value : std::nullopt;
}

struct Route {
    std::string_view site;
    std::string_view pattern;
    Page page;
    std::string_view list = {};  // the query field that names what is asked for
};

constexpr Route kRoutes[] = {
    {"coinmarketcap.com", "/", Page::coinmarketcap_list},
    {"coinmarketcap.com", "/all/views/all", Page::coinmarketcap_list},
    {"coinmarketcap.com", "/currencies/{}", Page::coinmarketcap_page},
    {"pro-api.coinmarketcap.com", "/v1/cryptocurrency/listings/latest",
     Page::coinmarketcap_listings},
    {"pro-api.coinmarketcap.com", "/v1/cryptocurrency/quotes/latest", Page::coinmarketcap_quotes,
     "slug"},
    {"pro-api.coinmarketcap.com", "/v2/cryptocurrency/quotes/latest", Page::coinmarketcap_quotes,
     "slug"},
    {"fc.yahoo.com", "/**", Page::yahoo_cookie},
    {"consent.yahoo.com", "/**", Page::yahoo_consent},
    {"guce.yahoo.com", "/**", Page::yahoo_consent},
    {"finance.yahoo.com", "/", Page::yahoo_cookie},
    {"finance.yahoo.com", "/lookup", Page::yahoo_lookup},
    {"finance.yahoo.com", "/quote/{}/**", Page::yahoo_page},
    {"query1.finance.yahoo.com", "/v1/test/getcrumb", Page::yahoo_crumb},
    {"query1.finance.yahoo.com", "/v8/finance/chart/{}", Page::yahoo_chart},
    {"query1.finance.yahoo.com", "/v7/finance/quote", Page::yahoo_quote, "symbols"},
    {"query1.finance.yahoo.com", "/v7/finance/spark", Page::yahoo_spark, "symbols"},
    {"query1.finance.yahoo.com", "/v10/finance/quoteSummary/{}", Page::yahoo_summary},
    {"api.coingecko.com", "/api/v3/simple/price", Page::coingecko_simple, "ids"},
    {"api.coingecko.com", "/api/v3/coins/markets", Page::coingecko_markets, "ids"},
    {"api.coingecko.com", "/api/v3/coins/{}", Page::coingecko_coin},
    {"api.coinbase.com", "/v2/prices/{}/spot", Page::coinbase_spot},
    {"api.coinbase.com", "/api/v3/brokerage/market/products", Page::coinbase_products,
     "product_ids"},
    {"api.coinbase.com", "/api/v3/brokerage/market/products/{}", Page::coinbase_product},
    {"api.coinbase.com", "/api/v3/brokerage/market/products/{}/ticker", Page::coinbase_trades},
    {"api.exchange.coinbase.com", "/products/{}/ticker", Page::coinbase_ticker},
    {"api.kraken.com", "/0/public/Ticker", Page::kraken_ticker, "pair"},
    {"api.binance.com", "/api/v3/ticker/24hr", Page::binance_ticker, "symbol"},
    {"www.bitstamp.net", "/api/v2/ticker/{}", Page::bitstamp_ticker},
    {"www.bitstamp.net", "/api/ticker", Page::bitstamp_ticker},
};

// The site under the name that the routes have.
std::string_view route_name(std::string_view site) {
    if (site == "www.coinmarketcap.com") return "coinmarketcap.com";
    if (site == "query2.finance.yahoo.com") return "query1.finance.yahoo.com";
    if (site == "pro-api.coingecko.com") return "api.coingecko.com";
    if (site == "api-pub.binance.com" || site == "api.binance.us" ||
        site == "data-api.binance.vision")
        return "api.binance.com";
    if (site == "api.pro.coinbase.com") return "api.exchange.coinbase.com";
    if (site == "bitstamp.net") return "www.bitstamp.net";
    return site;
}

}  // namespace

std::string_view SiteQuestion::field(std::string_view name) const {
    const auto found = std::ranges::find(query, name, [](const auto& f) { return f.first; });
    return found == query.end() ? std::string_view() : std::string_view(found->second);
}

SiteRequest site_request(std::string_view target, std::string_view host_header) {
    SiteRequest request;
    if (const auto scheme = target.find("://"); scheme != std::string_view::npos && scheme < 6) {
        target.remove_prefix(std::min(target.find('/', scheme + 3), target.size()));
    }
    const std::string host = lower(host_header.substr(0, host_header.rfind(':')));
    constexpr std::string_view kSuffix = ".localhost";
    if (host.ends_with(kSuffix)) {
        request.site = host.substr(0, host.size() - kSuffix.size());
        request.target = target.empty() ? "/" : target;
        return request;
    }
    if (target.starts_with('/')) target.remove_prefix(1);
    const auto end = std::min(target.find_first_of("/?"), target.size());
    request.site = lower(target.substr(0, end));
    request.prefix = "/" + std::string(target.substr(0, end));
    request.target = target.substr(end);
    if (!request.target.starts_with('/')) request.target.insert(0, 1, '/');
    return request;
}

SiteQuestion understand(const SiteRequest& request) {
    SiteQuestion question;
    const std::string_view target = request.target;
    const auto mark = std::min(target.find('?'), target.size());
    for (const auto part : split(target.substr(std::min(mark + 1, target.size())), '&')) {
        const auto equals = std::min(part.find('='), part.size());
        question.query.emplace_back(decoded(part.substr(0, equals), true),
                                    decoded(part.substr(std::min(equals + 1, part.size())), true));
    }
    Segments path;
    for (const auto segment : split(target.substr(0, mark), '/')) {
        path.push_back(decoded(segment, false));
    }
    for (const Route& route : kRoutes) {
        if (route.site != route_name(request.site)) continue;
        const auto value = match(path, route.pattern);
        if (!value) continue;
        question.page = route.page;
        if (!value->empty()) question.names.push_back(*value);
        // A list is "a,b", or binance's ["a","b"] in the field's plural.
        for (const std::string& name : {std::string(route.list), std::string(route.list) + "s"}) {
            if (route.list.empty()) break;
            std::string text(question.field(name));
            std::erase_if(text, [](char c) { return c == '[' || c == ']' || c == '"'; });
            for (const auto part : split(text, ',')) question.names.emplace_back(part);
        }
        break;
    }
    if (question.names.size() > kMostNames) question.names.resize(kMostNames);
    return question;
}

std::string_view source_of(Page page) {
    switch (page) {
        case Page::coinmarketcap_page:
            return "coinmarketcap";
        case Page::coinmarketcap_list:
            return "coinmarketcap-list";
        case Page::coinmarketcap_listings:
        case Page::coinmarketcap_quotes:
            return "coinmarketcap-api";
        case Page::yahoo_page:
            return "yahoo";
        case Page::yahoo_chart:
            return "yahoo-chart";
        case Page::yahoo_quote:
            return "yahoo-quote";
        case Page::yahoo_spark:
            return "yahoo-spark";
        case Page::yahoo_summary:
            return "yahoo-summary";
        case Page::coingecko_simple:
        case Page::coingecko_markets:
        case Page::coingecko_coin:
            return "coingecko";
        case Page::coinbase_spot:
        case Page::coinbase_ticker:
        case Page::coinbase_product:
        case Page::coinbase_products:
        case Page::coinbase_trades:
            return "coinbase";
        case Page::kraken_ticker:
            return "kraken";
        case Page::binance_ticker:
            return "binance";
        case Page::bitstamp_ticker:
            return "bitstamp";
        case Page::yahoo_consent:
        case Page::yahoo_lookup:
        case Page::yahoo_cookie:
        case Page::yahoo_crumb:
        case Page::unknown_path:
            break;
    }
    return {};
}

std::string_view feed_of(Page page) {
    return source_of(page).starts_with("yahoo") ? "stock" : "coin";
}

}  // namespace tapedeck
