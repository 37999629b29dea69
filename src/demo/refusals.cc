#include "demo/refusals.h"

#include <fmt/format.h>

#include "base/json_writer.h"
#include "demo/hash.h"
#include "demo/page_text.h"

namespace tapedeck {
namespace {

std::string plain_page(std::string_view title, std::string_view body) {
    return fmt::format(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"/>{}<title>{}</title>"
        "</head><body>{}{}</body></html>\n",
        kDemoMeta, title, kDemoNote, body);
}

// {"chart":{"result":null,"error":{"code":…,"description":…}}}
std::string yahoo_error(std::string_view what, std::string_view code,
                        std::string_view description) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key(what).begin_object().key("result").null();
    json.key("error").begin_object().key("code").text(code);
    json.key("description").text(description).end_object().end_object().end_object();
    return out;
}

std::string one_field(std::string_view name, std::string_view text) {
    std::string out;
    JsonWriter(out).begin_object().key(name).text(text).end_object();
    return out;
}

std::string coinmarketcap_error(int code, std::string_view message) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("status").begin_object().key("error_code").number(code);
    json.key("error_message").text(message).end_object().end_object();
    return out;
}

}  // namespace

SiteAnswer json_answer(std::string body, int status) {
    SiteAnswer answer;
    answer.status = status;
    answer.content_type = "application/json; charset=utf-8";
    answer.body = std::move(body);
    return answer;
}

SiteAnswer html_answer(std::string body, int status) {
    SiteAnswer answer;
    answer.status = status;
    answer.body = std::move(body);
    return answer;
}

SiteAnswer consent_answer() {
    return html_answer(
        plain_page("Yahoo is part of the Yahoo family of brands",
                   "<form method=\"post\" class=\"consent-form\" action=\"\">"
                   "<p>The demo asks you to agree to nothing in particular.</p>"
                   "<button type=\"submit\" name=\"agree\" value=\"agree\">Accept all</button>"
                   "<button type=\"submit\" name=\"reject\" value=\"reject\">Reject all</button>"
                   "</form>"));
}

SiteAnswer challenge_answer(std::string_view site) {
    SiteAnswer answer = html_answer(
        plain_page("Just a moment...",
                   fmt::format("<h1 class=\"zone-name-title\">{}</h1><h2 "
                               "id=\"challenge-running\">The demo pretends to look for robots</h2>"
                               "<form id=\"challenge-form\" action=\"/cdn-cgi/demo\"></form>",
                               html_escaped(site))),
        403);
    answer.headers.emplace_back("cf-mitigated", "challenge");
    return answer;
}

SiteAnswer lookup_answer(std::string_view symbol) {
    return html_answer(
        plain_page("Symbol Lookup from Yahoo Finance",
                   fmt::format("<div id=\"lookup-page\" data-test=\"lookup-page\"><h2>Symbols "
                               "similar to &#x27;{}&#x27;</h2><p>There is none.</p></div>",
                               html_escaped(symbol))));
}

SiteAnswer throttled_answer(std::string_view site, std::chrono::seconds retry_after) {
    SiteAnswer answer;
    if (site == "api.coingecko.com") {
        answer = json_answer(coinmarketcap_error(429, "The demo's rate limit was exceeded."));
    } else {
        answer = html_answer("Too Many Requests\n");
        answer.content_type = "text/plain; charset=utf-8";
    }
    answer.status = 429;
    answer.headers.emplace_back("Retry-After", std::to_string(retry_after.count()));
    return answer;
}

SiteAnswer server_error_answer() {
    return html_answer(plain_page("503 Service Unavailable",
                                  "<h1>503 Service Unavailable</h1><p>The demo rests.</p>"),
                       503);
}

SiteAnswer garbage_answer() {
    SiteAnswer answer;
    for (std::uint64_t i = 0; i < 512; ++i) {
        const std::uint64_t bits = mixed(i);
        for (int byte = 0; byte < 8; ++byte) {
            answer.body += static_cast<char>((bits >> (8 * byte)) & 0xFF);
        }
    }
    return answer;
}

SiteAnswer redirect_to(std::string_view url) {
    SiteAnswer answer;
    answer.status = 302;
    answer.headers.emplace_back("Location", url);
    return answer;
}

SiteAnswer not_found_answer(SitePage page) {
    switch (page) {
        case SitePage::yahoo_chart:
            return json_answer(yahoo_error("chart", "Not Found", "No data found in the demo"), 404);
        case SitePage::yahoo_summary:
            return json_answer(
                yahoo_error("quoteSummary", "Not Found", "Quote not found in the demo"), 404);
        case SitePage::yahoo_spark:
            return json_answer(yahoo_error("spark", "Not Found", "No data found in the demo"), 404);
        case SitePage::yahoo_quote:
            return json_answer("{\"quoteResponse\":{\"result\":[],\"error\":null}}");
        case SitePage::coingecko_simple:
            return json_answer("{}");
        case SitePage::coingecko_markets:
            return json_answer("[]");
        case SitePage::coingecko_coin:
            return json_answer(one_field("error", "coin not found"), 404);
        case SitePage::coinbase_spot:
        case SitePage::coinbase_product:
        case SitePage::coinbase_products:
        case SitePage::coinbase_trades:
            return json_answer(one_field("error", "NOT_FOUND"), 404);
        case SitePage::coinbase_ticker:
            return json_answer(one_field("message", "NotFound"), 404);
        case SitePage::kraken_ticker:
            return json_answer("{\"error\":[\"EQuery:Unknown asset pair\"]}");
        case SitePage::binance_ticker:
            return json_answer("{\"code\":-1121,\"msg\":\"Invalid symbol.\"}", 400);
        case SitePage::bitstamp_ticker:
            return json_answer(one_field("code", "Not found"), 404);
        case SitePage::coinmarketcap_listings:
        case SitePage::coinmarketcap_quotes:
            return json_answer(coinmarketcap_error(400, "Invalid value for \"slug\""), 400);
        default:
            break;
    }
    return html_answer(
        plain_page("SitePage not found", "<h1>404</h1><p>The demo has no such page.</p>"), 404);
}

SiteAnswer invalid_crumb_answer() {
    return json_answer(yahoo_error("finance", "Unauthorized", "Invalid Crumb"), 401);
}

SiteAnswer missing_key_answer() {
    return json_answer(coinmarketcap_error(1002, "API key missing."), 401);
}

}  // namespace tapedeck
