#include "demo/coin_answers.h"

#include <fmt/format.h>

#include <array>

#include "base/ascii.h"
#include "base/assert.h"
#include "base/json_writer.h"
#include "demo/hash.h"
#include "demo/page_text.h"

namespace tapedeck {
namespace {

std::string with_digits(const Price& price, int more) {
    const auto longer = price.rounded(price.scale() + more, Rounding::down);
    TAPEDECK_ASSERT(longer);
    return longer->to_string();
}

std::int64_t number_of(const DemoInstrument& coin) {
    return static_cast<std::int64_t>(1 + hash_of(coin.id) % 30'000);
}

std::string dollar_pair(const PriceView& view) { return view.instrument.symbol + "-USD"; }

void write_product(JsonWriter& json, const PriceView& view) {
    json.begin_object().key("product_id").text(dollar_pair(view));
    json.key("price").text(view.price.to_string());
    json.key("base_name").text(view.instrument.name).key("quote_name").text("US Dollar");
    json.key("status").text("online").key("product_type").text("SPOT");
    json.key("quote_currency_id").text("USD").key("base_currency_id").text(view.instrument.symbol);
    json.key("base_display_symbol").text(view.instrument.symbol);
    json.key("quote_display_symbol").text("USD").key("display_name").text(dollar_pair(view));
    json.end_object();
}

void write_listing(JsonWriter& json, const PriceView& view) {
    const DemoInstrument& coin = view.instrument;
    const std::string time = iso_milliseconds(std::chrono::floor<std::chrono::minutes>(view.as_of));
    json.begin_object().key("id").number(number_of(coin)).key("name").text(coin.name);
    json.key("symbol").text(coin.symbol).key("slug").text(coin.id);
    json.key("cmc_rank").number(1).key("last_updated").text(time);
    json.key("quote").begin_object().key("USD").begin_object();
    json.key("price").raw(view.price.to_string());
    json.key("volume_24h").raw("1234567.25").key("last_updated").text(time);
    json.end_object().end_object().end_object();
}

}  // namespace

std::string coinmarketcap_answer(std::span<const PriceView> views, bool by_id, bool in_arrays) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("status").begin_object();
    json.key("timestamp").text(iso_milliseconds(views.empty() ? Timestamp() : views.front().now));
    json.key("error_code").number(0).key("error_message").null().key("elapsed").number(4);
    json.key("credit_count").number(1).end_object().key("data");
    by_id ? json.begin_object() : json.begin_array();
    for (const PriceView& view : views) {
        if (by_id) json.key(std::to_string(number_of(view.instrument)));
        if (by_id && in_arrays) json.begin_array();
        write_listing(json, view);
        if (by_id && in_arrays) json.end_array();
    }
    by_id ? json.end_object() : json.end_array();
    json.end_object();
    return out;
}

std::string coingecko_simple_answer(std::span<const PriceView> views, bool with_time) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    for (const PriceView& view : views) {
        json.key(view.instrument.gecko_id).begin_object();
        json.key("usd").raw(view.price.normalized().to_string());
        if (with_time) json.key("last_updated_at").raw(unix_seconds(view.as_of));
        json.end_object();
    }
    json.end_object();
    return out;
}

std::string coingecko_markets_answer(std::span<const PriceView> views) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    for (const PriceView& view : views) {
        json.begin_object().key("id").text(view.instrument.gecko_id);
        json.key("symbol").text(lower_ascii(view.instrument.symbol));
        json.key("name").text(view.instrument.name);
        json.key("current_price").raw(view.price.normalized().to_string());
        json.key("market_cap_rank").number(1);
        json.key("high_24h").raw(view.high.normalized().to_string());
        json.key("low_24h").raw(view.low.normalized().to_string());
        json.key("roi").null();
        json.key("last_updated").text(iso_milliseconds(view.as_of)).end_object();
    }
    json.end_array();
    return out;
}

std::string coingecko_coin_answer(const PriceView& view) {
    std::string out;
    JsonWriter json(out);
    const std::string time = iso_milliseconds(view.as_of);
    json.begin_object().key("id").text(view.instrument.gecko_id);
    json.key("symbol").text(lower_ascii(view.instrument.symbol));
    json.key("name").text(view.instrument.name).key("market_data").begin_object();
    json.key("current_price").begin_object();
    json.key("usd").raw(view.price.normalized().to_string()).end_object();
    json.key("last_updated").text(time).end_object();
    json.key("last_updated").text(time).end_object();
    return out;
}

std::string coinbase_spot_answer(const PriceView& view) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("data").begin_object();
    json.key("amount").text(view.price.to_string()).key("base").text(view.instrument.symbol);
    json.key("currency").text("USD").end_object().end_object();
    return out;
}

std::string coinbase_ticker_answer(const PriceView& view) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("trade_id").raw(unix_seconds(view.as_of));
    json.key("price").text(with_digits(view.price, 6)).key("size").text("0.05950000");
    json.key("bid").text(view.low.to_string()).key("ask").text(view.high.to_string());
    json.key("volume").text("4661.70407704").key("time").text(format_rfc3339(view.as_of));
    json.end_object();
    return out;
}

std::string coinbase_trades_answer(const PriceView& view) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("trades").begin_array();
    json.begin_object().key("trade_id").text(unix_seconds(view.as_of));
    json.key("product_id").text(dollar_pair(view)).key("price").text(view.price.to_string());
    json.key("size").text("0.00064").key("time").text(format_rfc3339(view.as_of));
    json.key("side").text("SELL").end_object().end_array();
    json.key("best_bid").text(view.low.to_string()).key("best_ask").text(view.high.to_string());
    json.end_object();
    return out;
}

std::string coinbase_product_answer(const PriceView& view) {
    std::string out;
    JsonWriter json(out);
    write_product(json, view);
    return out;
}

std::string coinbase_products_answer(std::span<const PriceView> views) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("products").begin_array();
    for (const PriceView& view : views) write_product(json, view);
    json.end_array().key("num_products").number(static_cast<std::int64_t>(views.size()));
    json.end_object();
    return out;
}

std::string kraken_pair(const DemoInstrument& coin) {
    // Coins that Kraken listed first have names of four letters (support.kraken.com, "asset
    // codes").
    constexpr auto kOld = std::to_array<std::string_view>(
        {"XBT", "ETH", "XRP", "LTC", "XLM", "XMR", "ETC", "ZEC", "REP", "MLN"});
    const std::string code = coin.symbol == "BTC"    ? "XBT"
                             : coin.symbol == "DOGE" ? "XDG"
                                                     : coin.symbol;
    if (code == "XDG") return "XDGUSD";
    if (code == "USDT") return "USDTZUSD";
    for (const std::string_view old : kOld) {
        if (code == old) return "X" + code + "ZUSD";
    }
    return code + "USD";
}

std::string kraken_answer(std::span<const PriceView> views) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("error").begin_array().end_array().key("result").begin_object();
    for (const PriceView& view : views) {
        const auto pair = [&](std::string_view name, const Price& first, std::string_view second) {
            json.key(name).begin_array().text(with_digits(first, 3)).text(second).end_array();
        };
        json.key(kraken_pair(view.instrument)).begin_object();
        pair("a", view.high, "1");
        pair("b", view.low, "1");
        pair("c", view.price, "0.00067643");
        json.key("v").begin_array().text("4083.67001100").text("4412.73601799").end_array();
        pair("l", view.low, with_digits(view.low, 3));
        pair("h", view.high, with_digits(view.high, 3));
        json.key("o").text(with_digits(view.day_open, 3)).end_object();
    }
    json.end_object().end_object();
    return out;
}

std::string binance_answer(std::span<const std::pair<std::string, PriceView>> views, bool many) {
    std::string out;
    JsonWriter json(out);
    if (many) json.begin_array();
    for (const auto& [symbol, view] : views) {
        const auto milliseconds = [](Timestamp time) {
            return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
        };
        const auto digits = [](const Price& price) {
            return with_digits(price, std::max(0, 8 - price.scale()));
        };
        json.begin_object().key("symbol").text(symbol);
        json.key("prevClosePrice").text(digits(view.previous_close));
        json.key("lastPrice").text(digits(view.price)).key("lastQty").text("200.00000000");
        json.key("bidPrice").text(digits(view.low)).key("askPrice").text(digits(view.high));
        json.key("openPrice").text(digits(view.day_open));
        json.key("highPrice").text(digits(view.high)).key("lowPrice").text(digits(view.low));
        json.key("openTime").number(milliseconds(view.session_open));
        json.key("closeTime").number(milliseconds(view.as_of)).key("count").number(76);
        json.end_object();
    }
    if (many) json.end_array();
    return out;
}

std::string bitstamp_answer(const PriceView& view) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("timestamp").text(unix_seconds(view.as_of));
    json.key("open").text(view.day_open.to_string()).key("high").text(view.high.to_string());
    json.key("low").text(view.low.to_string()).key("last").text(view.price.to_string());
    json.key("volume").text("1982.44926674").key("bid").text(view.low.to_string());
    json.key("ask").text(view.high.to_string()).key("side").text("0");
    json.key("pair").text(view.instrument.symbol + "/USD").end_object();
    return out;
}

}  // namespace tapedeck
