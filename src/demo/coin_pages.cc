#include "demo/coin_pages.h"

#include <fmt/format.h>

#include <iterator>

#include "base/json_writer.h"
#include "demo/hash.h"

namespace tapedeck {
namespace {

using Out = std::back_insert_iterator<std::string>;

// A generated class name, as style libraries make them: other ones every year.
std::string made_class(CoinPageYear year, std::string_view role) {
    const std::uint64_t hash = mixed(hash_of(role), static_cast<std::uint64_t>(year));
    return fmt::format("dk-{:06x}-0", hash & 0xFFFFFF);
}

std::string supply_of(const PriceView& view) {
    return std::to_string(10'000'000 + hash_of(view.instrument.id) % 900'000'000);
}

// The statistics of the JSON inside a page; the price comes first, as on the real site.
void write_statistics(JsonWriter& json, const PriceView& view) {
    json.begin_object();
    json.key("price").raw(view.embedded.to_string());
    json.key("priceChangePercentage24h").raw(percent_digits(view.embedded, view.previous_close));
    json.key("low24h").raw(view.low.to_string());
    json.key("high24h").raw(view.high.to_string());
    json.key("closeYesterday").raw(view.previous_close.to_string());
    json.key("circulatingSupply").raw(supply_of(view));
    json.key("rank").number(static_cast<std::int64_t>(1 + hash_of(view.instrument.id) % 200));
    json.key("status").text("");
    json.end_object();
}

void write_detail(JsonWriter& json, const PriceView& view) {
    const DemoInstrument& coin = view.instrument;
    json.begin_object();
    json.key("id").number(static_cast<std::int64_t>(1 + hash_of(coin.id) % 30'000));
    json.key("name").text(coin.name).key("symbol").text(coin.symbol).key("slug").text(coin.id);
    json.key("category").text("coin").key("status").text("active");
    // The site stamps its prices with whole minutes.
    const Timestamp minute = std::chrono::floor<std::chrono::minutes>(view.as_of);
    json.key("latestUpdateTime").text(iso_milliseconds(minute));
    json.key("tags").begin_array().end_array();
    json.key("volume").raw(supply_of(view) + ".25");
    json.key("statistics");
    write_statistics(json, view);
    json.end_object();
}

void write_next_data(std::string& out, const PriceView& view, CoinPageYear year,
                     const Filler& filler) {
    out += "<script id=\"__NEXT_DATA__\" type=\"application/json\"";
    if (year != CoinPageYear::y2023) out += " crossorigin=\"anonymous\"";
    out += '>';
    JsonWriter json(out);
    json.begin_object().key("props").begin_object();
    json.key("initialI18nStore").raw("{\"en\":{\"demo\":{" + filler.dictionary() + "}}}");
    json.key("initialLanguage").text("en");
    json.key("pageProps").begin_object();
    if (year == CoinPageYear::y2023) {
        json.key("info");
        write_detail(json, view);
    } else {
        json.key("detailRes").begin_object().key("detail");
        write_detail(json, view);
        json.end_object();
    }
    json.key("slug").text(view.instrument.id).key("appCurrency").text("usd");
    json.end_object().end_object();
    json.key("page").text("/currencies/[...cryptocurrencySlug]");
    json.key("query").begin_object().key("cryptocurrencySlug").begin_array();
    json.text(view.instrument.id).end_array().end_object();
    json.key("buildId").text("tapedeck-demo").end_object();
    out += "</script>";
}

void write_coin_head(std::string& out, const PriceView& view, CoinPageYear year,
                     const Filler& filler) {
    const DemoInstrument& coin = view.instrument;
    fmt::format_to(
        Out(out),
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"/>{0}"
        "<meta property=\"og:url\" content=\"https://coinmarketcap.com/currencies/{1}/\"/>"
        "<link rel=\"canonical\" href=\"https://coinmarketcap.com/currencies/{1}/\"/>"
        "<title>{2} price today, {3} to USD live{4}, marketcap and chart | "
        "CoinMarketCap</title>",
        kDemoMeta, html_escaped(coin.id), html_escaped(coin.name), html_escaped(coin.symbol),
        year == CoinPageYear::y2023 ? "" : " price");
    if (year != CoinPageYear::y2023) {
        fmt::format_to(Out(out),
                       "<meta name=\"description\" content=\"The live {} price today is ${} USD, "
                       "as simulated by the tapedeck demo.\"/>",
                       html_escaped(coin.name), grouped(to_digits(view.embedded, coin.digits)));
    }
    // Rules that look for class names in the text must not meet them here only.
    fmt::format_to(Out(out), "<style>.priceValue{{white-space:nowrap}}\n{}</style></head>",
                   filler.styles());
}

void write_coin_body_2023(std::string& out, const PriceView& view) {
    const DemoInstrument& coin = view.instrument;
    const auto role = [](std::string_view name) { return made_class(CoinPageYear::y2023, name); };
    fmt::format_to(
        Out(out),
        "<div class=\"{0} nameSection\"><div class=\"{1} nameHeader\"><h2 class=\"{2} h1\">"
        "<span class=\"tooltip\" data-text=\"{3}\"><span>{3}</span></span>"
        "<small class=\"nameSymbol\">{4}</small></h2></div></div>"
        "<div class=\"{0} priceSection\"><h1 class=\"priceHeading\">{3} Price<!-- --> "
        "<small>(<!-- -->{4}<!-- -->)</small></h1>"
        "<div class=\"{0} priceTitle\"><div class=\"priceValue \"><span>${5}</span></div>"
        "<span class=\"{1}\"><span class=\"icon-Caret-{6}\"></span>{7}%</span></div></div>",
        role("section"), role("header"), role("title"), html_escaped(coin.name),
        html_escaped(coin.symbol), grouped(view.price),
        view.price < view.previous_close ? "down" : "up",
        percent_digits(view.price, view.previous_close));
    fmt::format_to(Out(out),
                   "<div class=\"statsBlock\"><div class=\"statsLabel\">24h Low / 24h High</div>"
                   "<div class=\"statsValue\">${} / ${}</div></div>"
                   "<div class=\"statsBlock\"><div class=\"statsLabel\">24h Volume / Market Cap"
                   "</div><div class=\"priceValue\">0.0709</div></div>",
                   grouped(view.low), grouped(view.high));
}

void write_body_2025(std::string& out, const PriceView& view, CoinPageYear year) {
    const DemoInstrument& coin = view.instrument;
    const auto role = [&](std::string_view name) { return made_class(year, name); };
    const std::string shown =
        (year == CoinPageYear::y2026 ? "$<!-- -->" : "$") + grouped(view.price);
    fmt::format_to(Out(out),
                   "<div data-module-name=\"Coin-stats\" class=\"{0} coin-stats\" "
                   "data-test=\"section-coin-stats\"><div class=\"{1} coin-stats-header\" "
                   "id=\"section-coin-overview\"><h1 class=\"{2}\">"
                   "<span data-role=\"coin-name\" title=\"{3}\" class=\"{2}\">{3}"
                   "<span class=\"{1} coin-name-mobile\"> price</span></span>"
                   "<div class=\"{1} coin-symbol-wrapper\"><span class=\"{2} base-text\" "
                   "data-role=\"coin-symbol\">{4}</span></div></h1>"
                   "<div class=\"{0} flexStart alignBaseline\" data-role=\"el\">"
                   "<span class=\"{2} base-text\" data-test=\"text-cdp-price-display\">{5}</span>"
                   "&nbsp;&nbsp;<div data-role=\"percentage-value\"><p class=\"change-text\" "
                   "data-change=\"{6}\">{7}% (1d)</p></div></div></div>",
                   role("stats"), role("header"), role("text"), html_escaped(coin.name),
                   html_escaped(coin.symbol), shown,
                   view.price < view.previous_close ? "down" : "up",
                   percent_digits(view.price, view.previous_close));
    fmt::format_to(Out(out),
                   "<dl class=\"coin-metrics\"><dt>24h low</dt><dd class=\"{0}\">${1}</dd>"
                   "<dt>24h high</dt><dd class=\"{0}\">${2}</dd></dl></div>",
                   role("metric"), grouped(view.low), grouped(view.high));
}

void write_list_row(std::string& out, const PriceView& view, std::size_t rank) {
    const DemoInstrument& coin = view.instrument;
    const auto cell = [&](std::string_view name, std::string_view inside) {
        fmt::format_to(Out(out),
                       "<td class=\"cmc-table__cell cmc-table__cell--sort-by__{}\">{}</td>", name,
                       inside);
    };
    out += "<tr class=\"cmc-table-row\" style=\"display:table-row\">";
    cell("rank", fmt::format("<div>{}</div>", rank));
    cell("name",
         fmt::format("<div class=\"cmc-table__column-name\">"
                     "<a href=\"/currencies/{0}/\" title=\"{1}\" "
                     "class=\"cmc-table__column-name--symbol cmc-link\">{2}</a>"
                     "<a href=\"/currencies/{0}/\" title=\"{1}\" "
                     "class=\"cmc-table__column-name--name cmc-link\">{1}</a></div>",
                     html_escaped(coin.id), html_escaped(coin.name), html_escaped(coin.symbol)));
    cell("symbol", fmt::format("<div>{}</div>", html_escaped(coin.symbol)));
    cell("market-cap", fmt::format("<p><span>${},000</span></p>", supply_of(view)));
    cell("price", fmt::format("<div><a href=\"/currencies/{}/#markets\" class=\"cmc-link\">"
                              "<span>${}</span></a></div>",
                              html_escaped(coin.id), grouped(view.price)));
    cell("circulating-supply", fmt::format("<div>{} {}</div>", supply_of(view), coin.symbol));
    cell("percent-change-24-h",
         fmt::format("<div>{}</div>", percent_text(view.price, view.previous_close)));
    out += "</tr>";
}

void write_list_entry(JsonWriter& json, const PriceView& view, std::size_t rank) {
    const DemoInstrument& coin = view.instrument;
    const std::string time = iso_milliseconds(std::chrono::floor<std::chrono::seconds>(view.as_of));
    json.begin_object();
    json.key("id").number(static_cast<std::int64_t>(1 + hash_of(coin.id) % 30'000));
    json.key("name").text(coin.name).key("symbol").text(coin.symbol).key("slug").text(coin.id);
    json.key("last_updated").text(time).key("quote").begin_object().key("USD").begin_object();
    json.key("price").raw(view.embedded.to_string()).key("last_updated").text(time);
    json.end_object().end_object().key("rank").number(static_cast<std::int64_t>(rank));
    json.end_object();
}

}  // namespace

std::string coin_page(const PriceView& view, CoinPageYear year, const Filler& filler) {
    std::string out;
    out.reserve(16 * 1024 + 4 * filler.styles().size());
    write_coin_head(out, view, year, filler);
    fmt::format_to(Out(out), "<body><div id=\"__next\">{}", kDemoNote);
    if (year == CoinPageYear::y2023) {
        write_coin_body_2023(out, view);
    } else {
        write_body_2025(out, view, year);
    }
    fmt::format_to(Out(out), "<section class=\"stories\">{}</section></div>", filler.articles());
    write_next_data(out, view, year, filler);
    out += "</body></html>\n";
    return out;
}

std::string coin_list_page(std::span<const PriceView> views, const Filler& filler) {
    std::string out;
    fmt::format_to(Out(out),
                   "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"/>{}"
                   "<title>All Cryptocurrencies | CoinMarketCap</title>"
                   "<link rel=\"canonical\" href=\"https://coinmarketcap.com/all/views/all/\"/>"
                   "<style>{}</style></head><body><div id=\"__next\">{}"
                   "<table><thead><tr><th>Rank</th><th>Name</th><th>Symbol</th>"
                   "<th>Market Cap</th><th>Price</th><th>Circulating Supply</th><th>% 24h</th>"
                   "</tr></thead><tbody>",
                   kDemoMeta, filler.styles(), kDemoNote);
    for (std::size_t i = 0; i < views.size(); ++i) write_list_row(out, views[i], i + 1);
    out += "</tbody></table></div><script id=\"__NEXT_DATA__\" type=\"application/json\">";
    JsonWriter json(out);
    json.begin_object().key("props").begin_object();
    json.key("initialState").begin_object().key("cryptocurrency").begin_object();
    json.key("listingLatest").begin_object().key("page").number(1).key("data").begin_array();
    for (std::size_t i = 0; i < views.size(); ++i) write_list_entry(json, views[i], i + 1);
    json.end_array().end_object().end_object().end_object().end_object();
    json.key("page").text("/all/views/all").end_object();
    out += "</script></body></html>\n";
    return out;
}

}  // namespace tapedeck
