#include "demo/stock_pages.h"

#include <fmt/format.h>

#include <iterator>

#include "base/json_writer.h"
#include "demo/stock_answers.h"

namespace tapedeck {
namespace {

using Out = std::back_insert_iterator<std::string>;

std::string_view exchange_of(const PriceView& view) {
    switch (view.instrument.kind) {
        case DemoInstrument::Kind::coin:
            return "CCC - CoinMarketCap";
        case DemoInstrument::Kind::index:
            return "SNP - Free Realtime Quote";
        case DemoInstrument::Kind::stock:
            break;
    }
    return "NasdaqGS - NasdaqGS Real Time Price";
}

std::string notice_of(const PriceView& view) {
    if (view.open) return "As of  " + clock_text(view) + ". Market open.";
    return "At close:  " + clock_text(view);
}

void write_stock_head(std::string& out, const PriceView& view, const Filler& filler) {
    const std::string name = html_escaped(view.instrument.name);
    const std::string symbol = html_escaped(view.instrument.symbol);
    fmt::format_to(Out(out),
                   "<!DOCTYPE html><html lang=\"en-US\"><head><meta charset=\"utf-8\"/>{0}"
                   "<title>{1} ({2}) Stock Price, News, Quote &amp; History - Yahoo Finance</title>"
                   "<meta name=\"keywords\" content=\"{2}, {1}, {2} stock chart, quotes\"/>"
                   "<link rel=\"canonical\" href=\"https://finance.yahoo.com/quote/{2}/\"/>"
                   "<style>{3}</style></head>",
                   kDemoMeta, name, symbol, filler.styles());
}

// The two columns of figures that stand below the price, years 2020 and 2023.
void write_table(std::string& out, const PriceView& view) {
    const auto row = [&](std::string_view label, std::string_view hook, std::string_view value) {
        fmt::format_to(Out(out),
                       "<tr class=\"Bxz(bb) H(36px) \"><td class=\"C($primaryColor) W(51%)\">"
                       "<span>{}</span></td><td class=\"Ta(end) Fw(600) Lh(14px)\" "
                       "data-test=\"{}-value\">{}</td></tr>",
                       label, hook, value);
    };
    out += "<div data-test=\"left-summary-table\"><table class=\"W(100%)\"><tbody>";
    row("Previous Close", "PREV_CLOSE", grouped(view.previous_close));
    row("Open", "OPEN", grouped(view.day_open));
    row("Day&#x27;s Range", "DAYS_RANGE", grouped(view.low) + " - " + grouped(view.high));
    row("Volume", "TD_VOLUME", volume_text(view));
    out += "</tbody></table></div>";
}

void write_strip_2023(std::string& out, std::span<const PriceView> strip) {
    out += "<ul class=\"Carousel-Slider\">";
    for (std::size_t i = 0; i < strip.size(); ++i) {
        const std::string symbol = html_escaped(strip[i].instrument.symbol);
        const std::string name = html_escaped(strip[i].instrument.name);
        const std::string change = change_text(strip[i].price, strip[i].previous_close);
        fmt::format_to(
            Out(out),
            "<li id=\"marketsummary-itm-{0}\" aria-label=\"{1}\"><h3><a title=\"{1}\">{1}</a>"
            "<fin-streamer class=\"Fz(s) Fw(b) D(ib)\" data-symbol=\"{2}\" "
            "data-field=\"regularMarketPrice\" data-trend=\"none\" value=\"{3}\" active=\"true\">"
            "{4}</fin-streamer><fin-streamer data-symbol=\"{2}\" "
            "data-field=\"regularMarketChange\" data-trend=\"txt\" value=\"{5}\">"
            "<span>{5}</span></fin-streamer></h3></li>",
            i, name, symbol, strip[i].price.to_string(), grouped(strip[i].price), change);
    }
    out += "</ul>";
}

void write_body_2020(std::string& out, const PriceView& view) {
    const std::string name = html_escaped(view.instrument.name);
    const std::string symbol = html_escaped(view.instrument.symbol);
    fmt::format_to(
        Out(out),
        "<div id=\"quote-header-info\" data-test=\"quote-header\" data-reactid=\"2\">"
        "<h1 class=\"D(ib) Fz(16px) Lh(18px)\" data-reactid=\"7\">{0} - {1}</h1>"
        "<div class=\"C($tertiaryColor) Fz(12px)\"><span>{2}. Currency in USD</span></div>"
        "<span class=\"Trsdu(0.3s) Trsdu(0.3s) Fw(b) Fz(36px) Mb(-4px) D(b)\" "
        "data-reactid=\"14\">{3}</span><span class=\"Trsdu(0.3s) Fw(500) Fz(14px)\">{4} ({5})"
        "</span><div id=\"quote-market-notice\"><span>{6}</span></div>",
        symbol, name, exchange_of(view), grouped(view.price),
        change_text(view.price, view.previous_close), percent_text(view.price, view.previous_close),
        notice_of(view));
    if (view.after_hours) {
        fmt::format_to(Out(out),
                       "<p class=\"D(ib) W(45%) Va(t)\"><span class=\"C($primaryColor) Fz(14px) "
                       "Fw(500)\">{}</span><span>After hours</span></p>",
                       grouped(*view.after_hours));
    }
    out += "</div>";
    write_table(out, view);
}

void write_stock_body_2023(std::string& out, const PriceView& view,
                           std::span<const PriceView> strip) {
    const std::string name = html_escaped(view.instrument.name);
    const std::string symbol = html_escaped(view.instrument.symbol);
    write_strip_2023(out, strip);
    const auto streamer = [&](std::string_view classes, std::string_view hook,
                              std::string_view field, const Price& price) {
        fmt::format_to(Out(out),
                       "<fin-streamer class=\"{}\" data-symbol=\"{}\" data-test=\"{}\" "
                       "data-field=\"{}\" data-trend=\"none\" data-pricehint=\"2\" value=\"{}\" "
                       "active=\"\">{}</fin-streamer>",
                       classes, symbol, hook, field, price.normalized().to_string(),
                       grouped(price));
    };
    fmt::format_to(Out(out),
                   "<div id=\"quote-header-info\" data-test=\"quote-header\">"
                   "<h1 class=\"D(ib) Fz(18px)\">{} ({})</h1>"
                   "<div class=\"C($tertiaryColor) Fz(12px)\"><span>{}. Currency in USD</span>"
                   "</div><div class=\"D(ib) Mend(20px)\">",
                   name, symbol, exchange_of(view));
    streamer("Fw(b) Fz(36px) Mb(-4px) D(ib)", "qsp-price", "regularMarketPrice", view.price);
    fmt::format_to(Out(out),
                   "<fin-streamer class=\"Fw(500) Fz(24px)\" data-symbol=\"{}\" "
                   "data-field=\"regularMarketChange\" value=\"{}\"><span>{}</span>"
                   "</fin-streamer><div id=\"quote-market-notice\"><span>{}</span></div></div>",
                   symbol, change_text(view.price, view.previous_close),
                   change_text(view.price, view.previous_close), notice_of(view));
    if (view.after_hours) {
        streamer("C($primaryColor) Fz(24px) Fw(b)", "qsp-post-price", "postMarketPrice",
                 *view.after_hours);
    }
    out += "</div>";
    write_table(out, view);
}

void write_script_2020(std::string& out, const PriceView& view) {
    out += "<script>\n(function (root) {\nroot.App || (root.App = {});\nroot.App.now = " +
           unix_seconds(view.now) + "000;\nroot.App.main = ";
    JsonWriter json(out);
    json.begin_object().key("context").begin_object().key("dispatcher").begin_object();
    json.key("stores").begin_object();
    json.key("PageStore").begin_object().key("currentPageName").text("quote");
    json.key("pageData").begin_object().key("symbol").text(view.instrument.symbol);
    json.end_object().end_object();
    json.key("StreamDataStore").begin_object().key("quoteData").begin_object();
    json.key(view.instrument.symbol);
    write_formatted_quote(json, view);
    json.end_object().end_object();
    json.key("QuoteSummaryStore").begin_object();
    json.key("symbol").text(view.instrument.symbol).key("price");
    write_formatted_quote(json, view);
    json.key("summaryDetail").begin_object().key("previousClose").begin_object();
    json.key("raw").raw(view.previous_close.normalized().to_string());
    json.key("fmt").text(grouped(view.previous_close)).end_object().end_object();
    json.end_object().end_object().end_object().end_object().end_object();
    out += ";\n}(this));\n</script>";
}

// In 2023 the stores were encrypted: bytes of no meaning stand for them.
void write_script_2023(std::string& out, const Filler& filler) {
    out +=
        "<script>\n(function (root) {\nroot.App || (root.App = {});\nroot.App.main = "
        "{\"context\":{\"dispatcher\":{\"stores\":\"";
    for (const char c : filler.dictionary()) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
    }
    out += "\"}}};\n}(this));\n</script>";
}

void write_fetched(std::string& out, std::string_view url, std::string_view body) {
    fmt::format_to(Out(out),
                   "<script type=\"application/json\" data-sveltekit-fetched data-url=\"{}\" "
                   "data-ttl=\"1\">",
                   html_escaped(url));
    JsonWriter json(out);
    json.begin_object().key("status").number(200).key("statusText").text("OK");
    json.key("headers").begin_object().end_object().key("body").text(body).end_object();
    out += "</script>\n";
}

// The end points' answers that pages of 2024 and later carry: those of others come first.
void write_scripts_2024(std::string& out, const PriceView& view, std::span<const PriceView> strip,
                        const Filler& filler) {
    write_fetched(out, "/xhr/i18n?pages=common,quote&lang=en-US",
                  "{\"common\":{" + filler.dictionary() + "}}");
    constexpr std::string_view kQuote =
        "https://query1.finance.yahoo.com/v7/finance/quote?formatted=true&symbols=";
    std::string symbols;
    for (const PriceView& other : strip) symbols += "%2C" + other.instrument.symbol;
    write_fetched(out,
                  std::string(kQuote) + symbols.substr(std::min<std::size_t>(3, symbols.size())),
                  quote_answer(strip, true));
    write_fetched(out, std::string(kQuote) + view.instrument.symbol,
                  quote_answer(std::span(&view, 1), true));
}

void write_strip_2024(std::string& out, std::span<const PriceView> strip) {
    out += "<section data-testid=\"header-summary\"><ul class=\"carousel\">";
    for (const PriceView& other : strip) {
        fmt::format_to(Out(out),
                       "<li><a title=\"{0}\">{0}</a><fin-streamer class=\"last-price\" "
                       "data-symbol=\"{1}\" data-field=\"regularMarketPrice\" data-trend=\"none\" "
                       "data-pricehint=\"2\" data-value=\"{2}\" active>{3}</fin-streamer></li>",
                       html_escaped(other.instrument.name), html_escaped(other.instrument.symbol),
                       other.price.normalized().to_string(), grouped(other.price));
    }
    out += "</ul></section>";
}

void write_body_2024(std::string& out, const PriceView& view, std::span<const PriceView> strip) {
    const std::string name = html_escaped(view.instrument.name);
    const std::string symbol = html_escaped(view.instrument.symbol);
    const auto streamer = [&](std::string_view classes, std::string_view field,
                              std::string_view hook, const Price& price) {
        fmt::format_to(Out(out),
                       "\n  <fin-streamer active=\"\" class=\"{}\" data-field=\"{}\" "
                       "data-pricehint=\"2\" data-symbol=\"{}\" {}data-trend=\"none\" "
                       "data-value=\"{}\">\n   <span>\n    {}\n   </span>\n  </fin-streamer>",
                       classes, field, symbol, hook, price.normalized().to_string(),
                       grouped(price));
    };
    fmt::format_to(Out(out),
                   "<section data-testid=\"quote-hdr\">\n <span class=\"exchange\">\n  <span>\n   "
                   "{}\n  </span>\n  <span>\n   USD\n  </span>\n </span>\n <h1>\n  {} ({})\n </h1>"
                   "\n <div class=\"container\">",
                   exchange_of(view), name, symbol);
    streamer("livePrice", "regularMarketPrice", "data-testid=\"qsp-price\" ", view.price);
    if (view.after_hours) {
        streamer("price", "postMarketPrice", "data-testid=\"qsp-post-price\" ", *view.after_hours);
    }
    fmt::format_to(Out(out),
                   "\n </div>\n <div slot=\"marketTimeNotice\">\n  <span>\n   {}\n  </span>\n "
                   "</div>\n</section>\n<div data-testid=\"quote-statistics\">\n <ul>\n  <li>\n "
                   "  <span class=\"label\">\n    Previous Close\n   </span>\n   "
                   "<span class=\"value\">",
                   notice_of(view));
    streamer("", "regularMarketPreviousClose", "", view.previous_close);
    out += "\n   </span>\n  </li>\n </ul>\n</div>\n";
    write_strip_2024(out, strip);
}

void write_body_2026(std::string& out, const PriceView& view, std::span<const PriceView> strip) {
    const std::string name = html_escaped(view.instrument.name);
    const std::string symbol = html_escaped(view.instrument.symbol);
    write_strip_2024(out, strip);
    const auto statistic = [&](std::string_view rank, std::string_view hook, const Price& price) {
        fmt::format_to(Out(out),
                       "<section data-testid=\"price-statistic\" class=\"{}\">"
                       "<span class=\"price base\" data-testid=\"{}\">{} </span> "
                       "<span class=\"priceChange base\" data-testid=\"{}-change\">{} </span>"
                       "</section>",
                       rank, hook, grouped(price), hook, change_text(price, view.previous_close));
    };
    fmt::format_to(Out(out),
                   "<section data-testid=\"quote-hdr\"><span class=\"exchange\"><span>{}</span> "
                   "<span aria-hidden=\"true\">•</span> <span>USD</span></span>"
                   "<section data-testid=\"quote-title\"><h1 class=\"heading\">{} ({})</h1>"
                   "</section><section data-testid=\"quote-price\">",
                   exchange_of(view), name, symbol);
    statistic("primary", "qsp-price", view.price);
    fmt::format_to(Out(out), "<div slot=\"marketTimeNotice\"><span>{}</span></div>",
                   notice_of(view));
    if (view.after_hours) statistic("secondary", "qsp-post-price", *view.after_hours);
    out += "</section></section><div data-testid=\"quote-statistics\"><ul>";
    const auto figure = [&](std::string_view label, std::string_view field, const Price& price) {
        fmt::format_to(Out(out),
                       "<li><span class=\"label\" title=\"{0}\">{0} </span> <span class=\"value\">"
                       "<fin-streamer data-value=\"{1}\" data-trend=\"none\" active "
                       "data-field=\"{2}\">{3} </fin-streamer></span></li>",
                       label, price.to_string(), field, grouped(price));
    };
    figure("Previous Close", "regularMarketPreviousClose", view.previous_close);
    figure("Open", "regularMarketOpen", view.day_open);
    out += "</ul></div>";
}

}  // namespace

std::string stock_page(const PriceView& view, std::span<const PriceView> strip, StockPageYear year,
                       const Filler& filler) {
    std::string out;
    out.reserve(16 * 1024 + 4 * filler.styles().size());
    write_stock_head(out, view, filler);
    fmt::format_to(Out(out), "<body><div id=\"app\">{}", kDemoNote);
    switch (year) {
        case StockPageYear::y2020:
            write_body_2020(out, view);
            break;
        case StockPageYear::y2023:
            write_stock_body_2023(out, view, strip);
            break;
        case StockPageYear::y2024:
            write_body_2024(out, view, strip);
            break;
        case StockPageYear::y2026:
            write_body_2026(out, view, strip);
            break;
    }
    fmt::format_to(Out(out), "<section class=\"stories\">{}</section></div>\n", filler.articles());
    switch (year) {
        case StockPageYear::y2020:
            write_script_2020(out, view);
            break;
        case StockPageYear::y2023:
            write_script_2023(out, filler);
            break;
        case StockPageYear::y2024:
        case StockPageYear::y2026:
            write_scripts_2024(out, view, strip, filler);
            break;
    }
    out += "</body></html>\n";
    return out;
}

}  // namespace tapedeck
