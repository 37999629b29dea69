#include "demo/demo_site.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "demo/coin_answers.h"
#include "demo/hash.h"
#include "demo/refusals.h"
#include "demo/stock_answers.h"

namespace tapedeck {
namespace {

constexpr std::string_view kCookieName = "A3=d=demo";

// The URL of another site of the demo, in the form in which this request came.
std::string other_site(const SiteRequest& request, std::string_view site, std::string_view target) {
    if (!request.prefix.empty()) return fmt::format("/{}{}", site, target);
    return fmt::format("http://{}.localhost{}{}{}", site, request.port.empty() ? "" : ":",
                       request.port, target);
}

// Another instrument than the one asked for, of the same kind.
SiteQuestion for_another(SiteQuestion question) {
    const bool stock = feed_of(question.page) == "stock";
    for (std::string& name : question.names) {
        if (stock) {
            name = name == "MSFT" ? "INTC" : "MSFT";
        } else {
            name = name == "litecoin" ? "stellar" : "litecoin";
        }
    }
    return question;
}

// The coins that a question asks for, each once, in its order.
std::vector<DemoInstrument> coins_of(const SiteQuestion& question) {
    std::vector<DemoInstrument> coins;
    for (const std::string& name : question.names) {
        std::optional<DemoInstrument> coin;
        switch (question.page) {
            case SitePage::coinmarketcap_page:
            case SitePage::coinmarketcap_list:
            case SitePage::coinmarketcap_listings:
            case SitePage::coinmarketcap_quotes:
                coin = coin_by_slug(name);
                break;
            case SitePage::coingecko_simple:
            case SitePage::coingecko_markets:
            case SitePage::coingecko_coin:
                coin = coin_by_gecko_id(name);
                break;
            default:
                coin = coin_by_pair(name);
                break;
        }
        if (!coin) continue;
        const bool twice = std::ranges::any_of(
            coins, [&](const DemoInstrument& other) { return other.id == coin->id; });
        if (!twice) coins.push_back(std::move(*coin));
    }
    return coins;
}

std::vector<DemoInstrument> stocks_of(const SiteQuestion& question) {
    std::vector<DemoInstrument> stocks;
    for (const std::string& name : question.names) {
        if (auto stock = stock_by_symbol(name)) stocks.push_back(std::move(*stock));
    }
    return stocks;
}

// The list's coins, and what was asked for beyond them.
std::vector<DemoInstrument> with_listed(std::vector<DemoInstrument> asked) {
    std::vector<DemoInstrument> coins;
    for (const std::string_view slug : listed_coins()) {
        auto coin = coin_by_slug(slug);
        TAPEDECK_ASSERT(coin);
        coins.push_back(std::move(*coin));
    }
    const auto count = static_cast<std::ptrdiff_t>(coins.size());
    for (DemoInstrument& coin : asked) {
        const bool there = std::any_of(coins.begin(), coins.begin() + count,
                                       [&](const auto& other) { return other.id == coin.id; });
        if (!there) coins.push_back(std::move(coin));
    }
    return coins;
}

bool is_formatted(const SiteQuestion& question) { return question.field("formatted") == "true"; }

}  // namespace

std::string crumb_of(std::string_view cookie) {
    const auto at = cookie.find(kCookieName);
    if (at == std::string_view::npos) return {};
    const std::string_view value = cookie.substr(at, cookie.find(';', at) - at);
    // Crumbs hold bytes that a URL must escape: "Qx.4/1b2"; a client that forgets is found out.
    const std::uint64_t hash = hash_of(value);
    return fmt::format("D{:04x}./{:05x}", hash & 0xFFFF, (hash >> 16) & 0xFFFFF);
}

DemoSite::DemoSite(const Clock& clock, Calendar stock_calendar, DemoSiteOptions options)
    : clock_(clock),
      options_(std::move(options)),
      walk_(options_.seed, std::move(stock_calendar)),
      filler_(options_.page_bytes),
      plan_(options_.seed, options_.rates) {}

CoinPageYear DemoSite::coin_year(const DemoInstrument& coin, Timestamp now) const {
    if (options_.coin_year) return *options_.coin_year;
    const auto bucket = now.time_since_epoch() / std::chrono::minutes(10);
    constexpr CoinPageYear kYears[] = {CoinPageYear::y2023, CoinPageYear::y2025,
                                       CoinPageYear::y2026};
    return kYears[mixed(hash_of(coin.id), static_cast<std::uint64_t>(bucket)) % 3];
}

StockPageYear DemoSite::stock_year(const DemoInstrument& stock, Timestamp now) const {
    if (options_.stock_year) return *options_.stock_year;
    const auto bucket = now.time_since_epoch() / std::chrono::minutes(10);
    constexpr StockPageYear kYears[] = {StockPageYear::y2020, StockPageYear::y2023,
                                        StockPageYear::y2024, StockPageYear::y2026};
    return kYears[mixed(hash_of(stock.id), static_cast<std::uint64_t>(bucket)) % 4];
}

std::vector<PriceView> DemoSite::views(const std::vector<DemoInstrument>& instruments,
                                       Timestamp now) const {
    std::vector<PriceView> views;
    views.reserve(instruments.size());
    for (const DemoInstrument& instrument : instruments) {
        views.push_back(walk_.view(instrument, now));
    }
    return views;
}

SiteAnswer DemoSite::answer(const SiteRequest& request) {
    const SiteQuestion question = understand(request);
    const bool chance = !source_of(question.page).empty();
    const auto kind = plan_.next(request.site, request.target, chance);
    return kind ? misbehaving(*kind, request, question) : well_answered(request, question);
}

SiteAnswer DemoSite::well_answered(const SiteRequest& request, const SiteQuestion& question) const {
    if (options_.folder && !source_of(question.page).empty()) {
        auto saved = options_.folder->answer(question);
        return saved ? std::move(*saved) : not_found_answer(question.page);
    }
    return simulated(request, question);
}

SiteAnswer DemoSite::simulated(const SiteRequest& request, const SiteQuestion& question) const {
    const Timestamp now = clock_.now();
    switch (question.page) {
        case SitePage::unknown_path:
            return not_found_answer(question.page);
        case SitePage::yahoo_consent:
            return consent_answer();
        case SitePage::yahoo_lookup:
            return lookup_answer(question.field("s"));
        case SitePage::yahoo_cookie:
        case SitePage::yahoo_crumb:
            return session_answer(request, question);
        case SitePage::coinmarketcap_listings:
        case SitePage::coinmarketcap_quotes:
            if (request.key.empty()) return missing_key_answer();
            return coin_answer(question, now);
        default:
            break;
    }
    return feed_of(question.page) == "stock" ? yahoo_answer(request, question, now)
                                             : coin_answer(question, now);
}

SiteAnswer DemoSite::coin_answer(const SiteQuestion& question, Timestamp now) const {
    if (question.page == SitePage::coinmarketcap_list) {
        return html_answer(coin_list_page(views(with_listed(coins_of(question)), now), filler_));
    }
    if (question.page == SitePage::coinmarketcap_listings) {
        return json_answer(coinmarketcap_answer(views(with_listed({}), now), false, false));
    }
    const std::vector<PriceView> coins = views(coins_of(question), now);
    if (coins.empty()) return not_found_answer(question.page);
    switch (question.page) {
        case SitePage::coinmarketcap_page:
            return html_answer(
                coin_page(coins.front(), coin_year(coins.front().instrument, now), filler_));
        case SitePage::coinmarketcap_quotes:
            return json_answer(coinmarketcap_answer(coins, true, false));
        case SitePage::coingecko_simple:
            return json_answer(coingecko_simple_answer(
                coins, question.field("include_last_updated_at") == "true"));
        case SitePage::coingecko_markets:
            return json_answer(coingecko_markets_answer(coins));
        case SitePage::coingecko_coin:
            return json_answer(coingecko_coin_answer(coins.front()));
        case SitePage::coinbase_spot:
            return json_answer(coinbase_spot_answer(coins.front()));
        case SitePage::coinbase_ticker:
            return json_answer(coinbase_ticker_answer(coins.front()));
        case SitePage::coinbase_product:
            return json_answer(coinbase_product_answer(coins.front()));
        case SitePage::coinbase_products:
            return json_answer(coinbase_products_answer(coins));
        case SitePage::coinbase_trades:
            return json_answer(coinbase_trades_answer(coins.front()));
        case SitePage::kraken_ticker:
            // One unknown pair spoils the whole answer, as on the real exchange.
            if (coins.size() < question.names.size()) return not_found_answer(question.page);
            return json_answer(kraken_answer(coins));
        case SitePage::binance_ticker: {
            if (coins.size() < question.names.size()) return not_found_answer(question.page);
            std::vector<std::pair<std::string, PriceView>> named;
            for (std::size_t i = 0; i < coins.size(); ++i) {
                named.emplace_back(question.names[i], coins[i]);
            }
            return json_answer(binance_answer(named, !question.field("symbols").empty()));
        }
        case SitePage::bitstamp_ticker:
            return json_answer(bitstamp_answer(coins.front()));
        default:
            return not_found_answer(question.page);
    }
}

SiteAnswer DemoSite::yahoo_answer(const SiteRequest& request, const SiteQuestion& question,
                                  Timestamp now) const {
    const bool needs_crumb =
        question.page == SitePage::yahoo_quote || question.page == SitePage::yahoo_summary;
    if (needs_crumb &&
        (crumb_of(request.cookie).empty() || question.field("crumb") != crumb_of(request.cookie))) {
        return invalid_crumb_answer();
    }
    const std::vector<PriceView> stocks = views(stocks_of(question), now);
    if (stocks.empty()) {
        if (question.page != SitePage::yahoo_page) return not_found_answer(question.page);
        return redirect_to(request.prefix + "/lookup?s=none");
    }
    switch (question.page) {
        case SitePage::yahoo_page: {
            std::vector<DemoInstrument> strip;
            for (const std::string_view symbol : {"^GSPC", "^DJI", "^IXIC", "^RUT", "BTC-USD"}) {
                if (auto other = stock_by_symbol(symbol)) strip.push_back(std::move(*other));
            }
            const PriceView& stock = stocks.front();
            return html_answer(
                stock_page(stock, views(strip, now), stock_year(stock.instrument, now), filler_));
        }
        case SitePage::yahoo_chart:
            return json_answer(chart_answer(stocks.front(), walk_));
        case SitePage::yahoo_quote:
            return json_answer(quote_answer(stocks, is_formatted(question)));
        case SitePage::yahoo_spark:
            return json_answer(spark_answer(stocks, walk_));
        case SitePage::yahoo_summary:
            return json_answer(summary_answer(stocks.front(), is_formatted(question)));
        default:
            return not_found_answer(question.page);
    }
}

SiteAnswer DemoSite::session_answer(const SiteRequest& request,
                                    const SiteQuestion& question) const {
    if (question.page == SitePage::yahoo_crumb) {
        const std::string crumb = crumb_of(request.cookie);
        if (crumb.empty()) return invalid_crumb_answer();
        SiteAnswer answer = html_answer(crumb);
        answer.content_type = "text/plain; charset=utf-8";
        return answer;
    }
    // The page itself is missing, and its cookie is what one comes for: as on the real site.
    SiteAnswer answer = not_found_answer(SitePage::unknown_path);
    const std::uint64_t id =
        mixed(options_.seed, static_cast<std::uint64_t>(clock_.now().time_since_epoch().count()));
    answer.headers.emplace_back(
        "Set-Cookie", fmt::format("{}{:x}; Path=/; Max-Age=31536000{}", kCookieName, id,
                                  request.prefix.empty() ? "; Domain=yahoo.com.localhost" : ""));
    return answer;
}

SiteAnswer DemoSite::misbehaving(Misbehaviour kind, const SiteRequest& request,
                                 const SiteQuestion& question) const {
    const MisbehaviourRates& rates = options_.rates;
    switch (kind) {
        case Misbehaviour::consent:
            if (!request.site.ends_with("yahoo.com")) return challenge_answer(request.site);
            return redirect_to(
                other_site(request, "consent.yahoo.com", "/v2/collectConsent?sessionId=demo"));
        case Misbehaviour::throttled:
            return throttled_answer(request.site, rates.retry_after);
        case Misbehaviour::server_error:
            return server_error_answer();
        case Misbehaviour::challenge:
            return challenge_answer(request.site);
        case Misbehaviour::empty:
            return html_answer("");
        case Misbehaviour::garbage:
            return garbage_answer();
        case Misbehaviour::redirects:
            return redirect_to(request.prefix + request.target);
        case Misbehaviour::other_page:
            return well_answered(request, for_another(question));
        case Misbehaviour::not_found:
            return not_found_answer(question.page);
        case Misbehaviour::slow:
        case Misbehaviour::cut:
        case Misbehaviour::drip:
        case Misbehaviour::hang:
            break;
    }
    SiteAnswer answer = well_answered(request, question);
    if (kind == Misbehaviour::slow) {
        answer.delay = rates.slow_by;
    } else if (kind == Misbehaviour::cut) {
        answer.delivery = Delivery::cut;
    } else if (kind == Misbehaviour::drip) {
        answer.delivery = Delivery::drip;
        answer.pause = rates.drip_pause;
    } else {
        answer.delivery = Delivery::hang;
        answer.pause = rates.hang_for;
    }
    return answer;
}

}  // namespace tapedeck
