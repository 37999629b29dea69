#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tapedeck {

// One request as the demo's server got it. `site` is the host of the site that is asked for, from
// the first part of the path or from the Host header; `target` is what follows it: path and query.
struct SiteRequest {
    std::string site;    // "finance.yahoo.com", lower case
    std::string target;  // "/quote/AAPL?p=AAPL"
    std::string prefix;  // what stood before `target` in the path: "/finance.yahoo.com" or ""
    std::string port;    // of the Host header: "8123"; empty where it has none
    std::string cookie;  // the Cookie header
    std::string key;     // the X-CMC_PRO_API_KEY header
};

// Splits a request target and its Host header: SITE.localhost names the site, else the path does.
SiteRequest site_request(std::string_view target, std::string_view host_header);

// How an answer goes over the wire.
enum class Delivery {
    whole,
    cut,   // the promised length, but only half of the bytes, then the connection ends
    drip,  // one byte every `pause`
    hang,  // nothing at all until the caller goes away, at most `pause`
};

struct SiteAnswer {
    int status = 200;
    std::string content_type = "text/html; charset=utf-8";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    Delivery delivery = Delivery::whole;
    std::chrono::milliseconds delay{0};  // before the first byte; on the machine's clock
    std::chrono::milliseconds pause{0};
};

// What a request asks of a site that the demo knows.
enum class SitePage {
    unknown_path,
    coinmarketcap_page,
    coinmarketcap_list,
    coinmarketcap_listings,  // pro-api, /v1/cryptocurrency/listings/latest
    coinmarketcap_quotes,    // pro-api, /v1 or /v2 /cryptocurrency/quotes/latest
    yahoo_page,
    yahoo_consent,
    yahoo_lookup,
    yahoo_cookie,
    yahoo_crumb,
    yahoo_chart,
    yahoo_quote,
    yahoo_spark,
    yahoo_summary,
    coingecko_simple,
    coingecko_markets,
    coingecko_coin,
    coinbase_spot,      // /v2/prices/BTC-USD/spot
    coinbase_ticker,    // api.exchange.coinbase.com /products/BTC-USD/ticker
    coinbase_product,   // /api/v3/brokerage/market/products/BTC-USD
    coinbase_products,  // /api/v3/brokerage/market/products?product_ids=…
    coinbase_trades,    // /api/v3/brokerage/market/products/BTC-USD/ticker
    kraken_ticker,
    binance_ticker,
    bitstamp_ticker,
};

struct SiteQuestion {
    SitePage page = SitePage::unknown_path;
    std::vector<std::string> names;  // what is asked for, decoded, as the site names it
    std::vector<std::pair<std::string, std::string>> query;  // decoded

    // The value of a query's field; empty where there is none.
    std::string_view field(std::string_view name) const;
};

// Pure. Any bytes; what cannot be understood is `unknown_path`. At most 1000 names.
SiteQuestion understand(const SiteRequest& request);

// The shipped source that asks for such a page: "yahoo-chart"; empty for pages of no source.
std::string_view source_of(SitePage page);

// "coin" or "stock".
std::string_view feed_of(SitePage page);

}  // namespace tapedeck
