#include "demo/stock_answers.h"

#include <algorithm>

#include "demo/hash.h"
#include "demo/page_text.h"

namespace tapedeck {
namespace {

std::string number(const Price& price) { return price.normalized().to_string(); }

std::string_view kind_of(const PriceView& view) {
    switch (view.instrument.kind) {
        case DemoInstrument::Kind::coin:
            return "CRYPTOCURRENCY";
        case DemoInstrument::Kind::index:
            return "INDEX";
        case DemoInstrument::Kind::stock:
            break;
    }
    return "EQUITY";
}

std::string_view state_of(const PriceView& view) { return view.open ? "REGULAR" : "POST"; }

std::int64_t volume_of(const PriceView& view) {
    return static_cast<std::int64_t>(1'000'000 + hash_of(view.instrument.id) % 90'000'000);
}

// `price`'s text and number under one name, in either form.
void write_price(JsonWriter& json, std::string_view name, const Price& price, bool formatted) {
    json.key(name);
    if (!formatted) {
        json.raw(number(price));
        return;
    }
    json.begin_object().key("raw").raw(number(price));
    json.key("fmt").text(grouped(price)).end_object();
}

void write_time(JsonWriter& json, std::string_view name, const PriceView& view, Timestamp time,
                bool formatted) {
    json.key(name);
    if (!formatted) {
        json.raw(unix_seconds(time));
        return;
    }
    json.begin_object().key("raw").raw(unix_seconds(time));
    json.key("fmt").text(clock_text(view)).end_object();
}

void write_quote_fields(JsonWriter& json, const PriceView& view, bool formatted) {
    const DemoInstrument& instrument = view.instrument;
    json.key("language").text("en-US").key("region").text("US");
    json.key("quoteType").text(kind_of(view)).key("quoteSourceName").text("Simulated by tapedeck");
    json.key("currency").text("USD");
    json.key("shortName").text(instrument.name).key("longName").text(instrument.name);
    json.key("marketState").text(state_of(view)).key("priceHint").number(2);
    write_time(json, "regularMarketTime", view, view.as_of, formatted);
    if (view.after_hours) {
        write_price(json, "postMarketPrice", *view.after_hours, formatted);
        write_time(json, "postMarketTime", view, view.after_hours_at, formatted);
    }
    write_price(json, "regularMarketPrice", view.price, formatted);
    write_price(json, "regularMarketDayHigh", view.high, formatted);
    write_price(json, "regularMarketDayLow", view.low, formatted);
    write_price(json, "regularMarketPreviousClose", view.previous_close, formatted);
    write_price(json, "regularMarketOpen", view.day_open, formatted);
    json.key("exchange").text("NMS").key("fullExchangeName").text("NasdaqGS");
    json.key("exchangeTimezoneName").text("America/New_York");
    json.key("exchangeTimezoneShortName").text(zone_text(view));
    json.key("symbol").text(instrument.symbol);
}

void write_period(JsonWriter& json, const PriceView& view, Timestamp from, Timestamp to) {
    json.begin_object().key("timezone").text(zone_text(view));
    json.key("start").raw(unix_seconds(from)).key("end").raw(unix_seconds(to));
    json.key("gmtoffset").number(view.utc_offset.count()).end_object();
}

void write_meta(JsonWriter& json, const PriceView& view) {
    const DemoInstrument& instrument = view.instrument;
    json.begin_object();
    json.key("currency").text("USD").key("symbol").text(instrument.symbol);
    json.key("exchangeName").text("NMS").key("fullExchangeName").text("NasdaqGS");
    json.key("instrumentType").text(kind_of(view));
    json.key("regularMarketTime").raw(unix_seconds(view.as_of));
    json.key("hasPrePostMarketData").boolean(true);
    json.key("gmtoffset").number(view.utc_offset.count());
    json.key("timezone").text(zone_text(view));
    json.key("exchangeTimezoneName").text("America/New_York");
    json.key("regularMarketPrice").raw(number(view.price));
    json.key("regularMarketDayHigh").raw(number(view.high));
    json.key("regularMarketDayLow").raw(number(view.low));
    json.key("regularMarketVolume").number(volume_of(view));
    json.key("longName").text(instrument.name).key("shortName").text(instrument.name);
    json.key("chartPreviousClose").raw(number(view.previous_close));
    json.key("previousClose").raw(number(view.previous_close));
    json.key("scale").number(3).key("priceHint").number(2);
    json.key("currentTradingPeriod").begin_object().key("regular");
    write_period(json, view, view.session_open, view.session_close);
    json.end_object();
    json.key("dataGranularity").text("5m").key("range").text("1d");
    json.end_object();
}

// The bars' times and closes. At most 300 of them.
void write_bars(JsonWriter& json, const PriceView& view, const PriceWalk& walk) {
    std::vector<Timestamp> bars;
    for (Timestamp at = view.session_open; at <= view.as_of && bars.size() < 300;
         at += std::chrono::minutes(5)) {
        bars.push_back(at);
    }
    json.key("timestamp").begin_array();
    for (const Timestamp at : bars) json.raw(unix_seconds(at));
    json.end_array();
    json.key("indicators").begin_object().key("quote").begin_array().begin_object();
    json.key("close").begin_array();
    for (const Timestamp at : bars) {
        const Timestamp end = std::min(at + std::chrono::minutes(5), view.as_of);
        json.raw(number(walk.shown(view.instrument, end)));
    }
    json.end_array().end_object().end_array().end_object();
}

}  // namespace

std::string volume_text(const PriceView& view) {
    const auto volume = Decimal::from_parts(volume_of(view), 0);
    TAPEDECK_ASSERT(volume);
    return grouped(*volume);
}

void write_formatted_quote(JsonWriter& json, const PriceView& view) {
    json.begin_object();
    write_quote_fields(json, view, true);
    json.end_object();
}

std::string quote_answer(std::span<const PriceView> views, bool formatted) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("quoteResponse").begin_object().key("result").begin_array();
    for (const PriceView& view : views) {
        json.begin_object();
        write_quote_fields(json, view, formatted);
        json.end_object();
    }
    json.end_array().key("error").null().end_object().end_object();
    return out;
}

std::string chart_answer(const PriceView& view, const PriceWalk& walk) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("chart").begin_object().key("result").begin_array().begin_object();
    json.key("meta");
    write_meta(json, view);
    write_bars(json, view, walk);
    json.end_object().end_array().key("error").null().end_object().end_object();
    return out;
}

std::string spark_answer(std::span<const PriceView> views, const PriceWalk& walk) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("spark").begin_object().key("result").begin_array();
    for (const PriceView& view : views) {
        json.begin_object().key("symbol").text(view.instrument.symbol);
        json.key("response").begin_array().begin_object().key("meta");
        write_meta(json, view);
        write_bars(json, view, walk);
        json.end_object().end_array().end_object();
    }
    json.end_array().key("error").null().end_object().end_object();
    return out;
}

std::string summary_answer(const PriceView& view, bool formatted) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("quoteSummary").begin_object().key("result").begin_array();
    json.begin_object().key("price").begin_object().key("maxAge").number(1);
    write_quote_fields(json, view, formatted);
    json.key("currencySymbol").text("$").end_object();
    json.key("summaryDetail").begin_object().key("maxAge").number(1);
    write_price(json, "previousClose", view.previous_close, formatted);
    write_price(json, "open", view.day_open, formatted);
    write_price(json, "dayLow", view.low, formatted);
    write_price(json, "dayHigh", view.high, formatted);
    json.key("currency").text("USD").end_object();
    json.end_object().end_array().key("error").null().end_object().end_object();
    return out;
}

}  // namespace tapedeck
