#include "demo/site_request.h"
#include "base/ascii.h"

#include <algorithm>
#include <optional>

namespace tapedeck {
namespace {

constexpr std::size_t kMostNames = 1000;

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
    SitePage page;
    std::string_view list = {};  // the query field that names what is asked for
};

constexpr Route kRoutes[] = {
    {"coinmarketcap.com", "/", SitePage::coinmarketcap_list, "asked"},
    {"coinmarketcap.com", "/all/views/all", SitePage::coinmarketcap_list, "asked"},
    {"coinmarketcap.com", "/currencies/{}", SitePage::coinmarketcap_page},
    {"pro-api.coinmarketcap.com", "/v1/cryptocurrency/listings/latest",
     SitePage::coinmarketcap_listings},
    {"pro-api.coinmarketcap.com", "/v1/cryptocurrency/quotes/latest",
     SitePage::coinmarketcap_quotes, "slug"},
    {"pro-api.coinmarketcap.com", "/v2/cryptocurrency/quotes/latest",
     SitePage::coinmarketcap_quotes, "slug"},
    {"fc.yahoo.com", "/**", SitePage::yahoo_cookie},
    {"consent.yahoo.com", "/**", SitePage::yahoo_consent},
    {"guce.yahoo.com", "/**", SitePage::yahoo_consent},
    {"finance.yahoo.com", "/", SitePage::yahoo_cookie},
    {"finance.yahoo.com", "/lookup", SitePage::yahoo_lookup},
    {"finance.yahoo.com", "/quote/{}/**", SitePage::yahoo_page},
    {"query1.finance.yahoo.com", "/v1/test/getcrumb", SitePage::yahoo_crumb},
    {"query1.finance.yahoo.com", "/v8/finance/chart/{}", SitePage::yahoo_chart},
    {"query1.finance.yahoo.com", "/v7/finance/quote", SitePage::yahoo_quote, "symbols"},
    {"query1.finance.yahoo.com", "/v7/finance/spark", SitePage::yahoo_spark, "symbols"},
    {"query1.finance.yahoo.com", "/v10/finance/quoteSummary/{}", SitePage::yahoo_summary},
    {"api.coingecko.com", "/api/v3/simple/price", SitePage::coingecko_simple, "ids"},
    {"api.coingecko.com", "/api/v3/coins/markets", SitePage::coingecko_markets, "ids"},
    {"api.coingecko.com", "/api/v3/coins/{}", SitePage::coingecko_coin},
    {"api.coinbase.com", "/v2/prices/{}/spot", SitePage::coinbase_spot},
    {"api.coinbase.com", "/api/v3/brokerage/market/products", SitePage::coinbase_products,
     "product_ids"},
    {"api.coinbase.com", "/api/v3/brokerage/market/products/{}", SitePage::coinbase_product},
    {"api.coinbase.com", "/api/v3/brokerage/market/products/{}/ticker", SitePage::coinbase_trades},
    {"api.exchange.coinbase.com", "/products/{}/ticker", SitePage::coinbase_ticker},
    {"api.kraken.com", "/0/public/Ticker", SitePage::kraken_ticker, "pair"},
    {"api.binance.com", "/api/v3/ticker/24hr", SitePage::binance_ticker, "symbol"},
    {"www.bitstamp.net", "/api/v2/ticker/{}", SitePage::bitstamp_ticker},
    {"www.bitstamp.net", "/api/ticker", SitePage::bitstamp_ticker},
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
    const auto colon = std::min(host_header.rfind(':'), host_header.size());
    const std::string host = lower_ascii(host_header.substr(0, colon));
    request.port = host_header.substr(std::min(colon + 1, host_header.size()));
    constexpr std::string_view kSuffix = ".localhost";
    if (host.ends_with(kSuffix)) {
        request.site = host.substr(0, host.size() - kSuffix.size());
        request.target = target.empty() ? "/" : target;
        return request;
    }
    if (target.starts_with('/')) target.remove_prefix(1);
    const auto end = std::min(target.find_first_of("/?"), target.size());
    request.site = lower_ascii(target.substr(0, end));
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

std::string_view source_of(SitePage page) {
    switch (page) {
        case SitePage::coinmarketcap_page:
            return "coinmarketcap";
        case SitePage::coinmarketcap_list:
            return "coinmarketcap-list";
        case SitePage::coinmarketcap_listings:
        case SitePage::coinmarketcap_quotes:
            return "coinmarketcap-api";
        case SitePage::yahoo_page:
            return "yahoo";
        case SitePage::yahoo_chart:
            return "yahoo-chart";
        case SitePage::yahoo_quote:
            return "yahoo-quote";
        case SitePage::yahoo_spark:
            return "yahoo-spark";
        case SitePage::yahoo_summary:
            return "yahoo-summary";
        case SitePage::coingecko_simple:
        case SitePage::coingecko_markets:
        case SitePage::coingecko_coin:
            return "coingecko";
        case SitePage::coinbase_spot:
        case SitePage::coinbase_ticker:
        case SitePage::coinbase_product:
        case SitePage::coinbase_products:
        case SitePage::coinbase_trades:
            return "coinbase";
        case SitePage::kraken_ticker:
            return "kraken";
        case SitePage::binance_ticker:
            return "binance";
        case SitePage::bitstamp_ticker:
            return "bitstamp";
        case SitePage::yahoo_consent:
        case SitePage::yahoo_lookup:
        case SitePage::yahoo_cookie:
        case SitePage::yahoo_crumb:
        case SitePage::unknown_path:
            break;
    }
    return {};
}

std::string_view feed_of(SitePage page) {
    return source_of(page).starts_with("yahoo") ? "stock" : "coin";
}

}  // namespace tapedeck
