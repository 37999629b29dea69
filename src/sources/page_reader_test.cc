#include <gtest/gtest.h>

#include "sources/source.h"

namespace tapedeck {
namespace {

Page page_of(std::string_view body, int status = 200) {
    Page page;
    page.body = body;
    page.status = status;
    return page;
}

Source source_of(const std::string& lines) {
    const auto source = parse_source(
        "[source]\nname = \"mine\"\nurl = \"https://example.com/{symbol}\"\n" + lines, "mine.toml");
    EXPECT_TRUE(source) << (source ? "" : source.error().what);
    return *source;
}

const std::string kPlain = "identity = \"url\"\n[[rule]]\nname = \"b\"\nprice = { css = \"b\" }\n";

std::string kind_of(const Source& source, const Page& page, std::string_view instrument = "x") {
    const auto result = PageReader(source, page).read(instrument);
    if (const auto* failure = std::get_if<Failure>(&result)) {
        return std::string(row_of(failure->reason).name);
    }
    return std::get<Reading>(result).price.to_string();
}

TEST(PageReader, NamesStatusesAndBodiesWithoutAPrice) {
    const Source source = source_of("max_bytes = \"1MiB\"\n" + kPlain);
    const auto kind = [&](std::string_view body, int status) {
        return kind_of(source, page_of(body, status));
    };
    EXPECT_EQ(kind("<b>12.5</b>", 200), "12.5");
    EXPECT_EQ(kind("<b>12.5</b>", 0), "12.5");
    EXPECT_EQ(kind("<p>no", 401), "unauthorized");
    EXPECT_EQ(kind("<p>no", 403), "forbidden");
    EXPECT_EQ(kind("<p>no", 451), "forbidden");
    EXPECT_EQ(kind("<p>no", 404), "not_found");
    EXPECT_EQ(kind("<p>no", 429), "throttled");
    EXPECT_EQ(kind("<p>no", 500), "server_error");
    EXPECT_EQ(kind("<p>no", 503), "server_error");
    EXPECT_EQ(kind("<title>Just a moment...</title>", 403), "challenge");
    EXPECT_EQ(kind("<p>no", 418), "malformed");
    EXPECT_EQ(kind("", 200), "empty");
    EXPECT_EQ(kind(" \r\n\t", 200), "empty");
    EXPECT_EQ(kind("<!doctype html><html><p>1.5 and then", 200), "truncated");
    EXPECT_EQ(kind("<!doctype html><html><b>1.5", 200), "truncated");
    EXPECT_EQ(kind("<!doctype html><html><p>1.5</html>", 200), "malformed");
    EXPECT_EQ(kind(std::string_view("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16), 200), "malformed");
    EXPECT_EQ(kind(std::string(2 * 1024 * 1024, 'x'), 200), "too_large");
    EXPECT_EQ(kind("Rate limit reached, slow down", 200), "throttled");
    EXPECT_EQ(kind("<html><b>soon</b></html>", 200), "malformed");
}

TEST(PageReader, KnowsARobotCheckInAnyLanguageByWhatItCarries) {
    const Source source = source_of(kPlain);
    const std::string page =
        "<html><title>Un instant\u2026</title><script>window._cf_chl_opt={};</script></html>";
    EXPECT_EQ(kind_of(source, page_of(page, 403)), "challenge");
    EXPECT_EQ(kind_of(source, page_of(page, 200)), "challenge");
    EXPECT_EQ(kind_of(source, page_of("\xEF\xBB\xBF", 200)), "empty");
}

TEST(PageReader, PassesOverARuleWhosePageIsNotThere) {
    const Source source = source_of(
        "identity = \"url\"\n"
        "[[rule]]\nname = \"english\"\nwhen = 'html[lang|=\"en\"]'\nprice = { css = \"b\" }\n"
        "[[rule]]\nname = \"number\"\nprice = { css = \"b\", attribute = \"value\" }\n");
    const auto page = [](const std::string& language, const std::string& value) {
        return "<html lang=\"" + language + "\"><body><b value=\"" + value +
               "\">1,172</b></body></html>";
    };
    EXPECT_EQ(kind_of(source, page_of(page("en-US", "1172.4"))), "1172");
    EXPECT_EQ(kind_of(source, page_of(page("fr", "1.172"))), "1.172");
}

TEST(PageReader, RefusesYenWhereTheRuleSaysDollars) {
    const Source source = source_of("currency = \"USD\"\n" + kPlain + "currency = \"USD\"\n");
    EXPECT_EQ(kind_of(source, page_of("<html><b>\u00A512,500</b></html>")), "wrong_currency");
    EXPECT_EQ(kind_of(source, page_of("<html><b>$12,500</b></html>")), "12500");
}

TEST(PageReader, APriceThatIsNoneGivesWayToTheNextRule) {
    const Source source = source_of(
        "identity = \"url\"\n[[rule]]\nname = \"shown\"\nprice = { css = \"b\" }\n"
        "[[rule]]\nname = \"json\"\nscript = \"#s\"\nprice = \"/p\"\n");
    for (const std::string shown : {"-5.00", "0.00", "$0"}) {
        const std::string page =
            "<html><b>" + shown + "</b><script id=s>{\"p\":0.00734}</script></html>";
        EXPECT_EQ(kind_of(source, page_of(page)), "0.00734") << shown;
        EXPECT_EQ(kind_of(source, page_of("<html><b>" + shown + "</b></html>")), "not_positive");
    }
}

// Issue 11: where a page holds a price twice and the two differ by more than rounding and time can
// explain, none of them that cannot be trusted wins.
TEST(PageReader, HoldsThePricesOfAPageAgainstOneAnother) {
    const Source source = source_of(
        "identity = \"url\"\n[[rule]]\nname = \"shown\"\nprice = { css = \"b\" }\n"
        "[[rule]]\nname = \"json\"\nscript = \"#s\"\nprice = \"/p\"\n");
    const auto read = [&](const std::string& shown, const std::string& json) {
        return kind_of(source, page_of("<html><b>" + shown + "</b><script id=s>{\"p\":" + json +
                                       "}</script></html>"));
    };
    EXPECT_EQ(read("$1,696.64", "1710.562274583691"), "1696.64");
    EXPECT_EQ(read("$0.01", "0.0073412"), "0.0073412");
    EXPECT_EQ(read("$12.34", "99.10"), "malformed");
}

TEST(PageReader, WhatTheAnswerOrTheUrlSaysOfTheCurrencyWins) {
    const auto with = [](const std::string& query, const std::string& rule) {
        const auto source = parse_source(
            "[source]\nname = \"mine\"\nidentity = \"url\"\n"
            "url = \"https://e.com/{symbol}" +
                query + "\"\n[[rule]]\nname = \"r\"\nprice = \"/p\"\n" + rule,
            "mine.toml");
        EXPECT_TRUE(source);
        return *source;
    };
    const auto currency = [](const Source& source, const std::string& body) {
        const auto result = PageReader(source, page_of(body)).read("x");
        if (const auto* reading = std::get_if<Reading>(&result)) return reading->currency;
        return std::string(row_of(std::get<Failure>(result).reason).name);
    };
    const std::string said = "currency = \"/c\"\n";
    EXPECT_EQ(currency(with("?vs_currency=eur", said), R"({"p":"5","c":"EUR"})"), "EUR");
    EXPECT_EQ(currency(with("?vs_currency=eur", said), R"({"p":"5","c":"USD"})"), "wrong_currency");
    EXPECT_EQ(currency(with("?vs_currency=eur", said), R"({"p":"5"})"), "EUR");
    EXPECT_EQ(currency(with("?vs_currency=eur", said), R"({"p":"$5"})"), "");  // of many countries
    EXPECT_EQ(currency(with("?vs_currency=eur", ""), R"({"p":"£5"})"), "wrong_currency");
    EXPECT_EQ(currency(with("?convert=gbp", said), R"({"p":"5","c":"GBp"})"), "wrong_currency");
    EXPECT_EQ(currency(with("", ""), R"({"p":"12 EUR"})"), "EUR");
    EXPECT_EQ(currency(with("", said), R"({"p":"12 EUR","c":"USD"})"), "wrong_currency");
    EXPECT_EQ(currency(with("", ""), R"({"p":"12"})"), "");
}

// Issue 3: a 20 MB page gives the named error, at once.
TEST(PageReader, RefusesAPageOfTwentyMegabytes) {
    std::string body = "<html><b>12.5</b>";
    body.resize(20'000'000, '<');
    EXPECT_EQ(kind_of(source_of(kPlain), page_of(body)), "too_large");
}

TEST(PageReader, ChecksSignCurrencyAndAge) {
    const std::string body =
        "{\"p\":\"1.5\",\"zero\":0,\"minus\":\"-2\",\"c\":\"EUR\",\"t\":1700000000}";
    const auto with = [](const std::string& head, const std::string& price) {
        return source_of("identity = \"url\"\n" + head + "[[rule]]\nname = \"r\"\nprice = \"/" +
                         price + "\"\ncurrency = \"/c\"\nas_of = \"/t\"\n");
    };
    Page page = page_of(body);
    EXPECT_EQ(kind_of(with("", "p"), page), "1.5");
    EXPECT_EQ(kind_of(with("", "zero"), page), "not_positive");
    EXPECT_EQ(kind_of(with("", "minus"), page), "not_positive");
    EXPECT_EQ(kind_of(with("currency = \"EUR\"\n", "p"), page), "1.5");
    EXPECT_EQ(kind_of(with("currency = \"USD\"\n", "p"), page), "wrong_currency");
    const Source fresh = with("max_age = \"1h\"\n", "p");
    EXPECT_EQ(kind_of(fresh, page), "1.5");  // when it was fetched is not known
    page.fetched_at = Timestamp(std::chrono::seconds(1'700'003'600));
    EXPECT_EQ(kind_of(fresh, page), "1.5");
    page.fetched_at += std::chrono::seconds(1);
    EXPECT_EQ(kind_of(fresh, page), "stale");
    const auto asked = [&](const Demands& demands) {
        const auto result = PageReader(fresh, page, demands).read("x");
        if (const auto* failure = std::get_if<Failure>(&result)) {
            return std::string(row_of(failure->reason).name);
        }
        return std::get<Reading>(result).price.to_string();
    };
    const std::chrono::milliseconds normal{0};
    EXPECT_EQ(asked({"", normal, true}), "1.5");  // a saved page is as old as it is
    EXPECT_EQ(asked({"", std::chrono::hours(2), false}), "1.5");
    EXPECT_EQ(asked({"USD", std::chrono::hours(2), false}), "wrong_currency");
    page.fetched_at = Timestamp(std::chrono::seconds(1'699'999'000));
    EXPECT_EQ(asked({"", normal, true}), "malformed") << "of a time that has not come yet";
    page.fetched_at = Timestamp(std::chrono::seconds(1'700'003'601));
    // A time that nobody can read does not switch the guard off.
    for (const std::string time : {"\"just now\"", "\"2020-01-01 05:00:00\"", "20261130", "null"}) {
        const std::string undated = "{\"p\":\"1.5\",\"c\":\"EUR\",\"t\":" + time + "}";
        page.body = undated;
        EXPECT_EQ(kind_of(fresh, page), "stale") << time;
        EXPECT_EQ(asked({"", normal, true}), "stale") << time;
        EXPECT_EQ(kind_of(with("", "p"), page), "1.5") << time;
    }
}

TEST(PageReader, RequiresThatThePageSaysWhoseItIs) {
    const Source silent = source_of("[[rule]]\nname = \"b\"\nprice = { css = \"b\" }\n");
    EXPECT_EQ(kind_of(silent, page_of("<b>1.5</b>")), "malformed");
    const Source page = source_of(
        "[page]\nsymbol = { title = true, after_last = \"(\", before = \")\" }\n"
        "[[rule]]\nname = \"b\"\nprice = { css = \"b\" }\n");
    EXPECT_EQ(
        kind_of(page, page_of("<title>X &amp; (Y) Co (AAPL) Quote</title><b>1.5</b>"), "AAPL"),
        "1.5");
    EXPECT_EQ(kind_of(page, page_of("<title>X (MSFT) Quote</title><b>1.5</b>"), "AAPL"),
              "wrong_instrument");
    const Source own =
        source_of("[[rule]]\nname = \"b\"\nprice = { css = 'b[data-symbol=\"{symbol}\"]' }\n");
    const Page strip =
        page_of("<b data-symbol='^GSPC'>4,138.21</b><b data-symbol='AAPL'>173.60</b>");
    EXPECT_EQ(kind_of(own, strip, "AAPL"), "173.60");
    EXPECT_EQ(kind_of(own, strip, "MSFT"), "malformed");
}

TEST(PageReader, ReadsTimesInEveryUnit) {
    const auto time = [](const std::string& value, const std::string& more = "") {
        const Source source = source_of(
            "identity = \"url\"\n[[rule]]\nname = \"r\"\nprice = \"/p\"\nas_of = { pointer = "
            "\"/t\"" +
            more + " }\n");
        const std::string body = "{\"p\":1,\"t\":" + value + "}";
        const auto result = PageReader(source, page_of(body)).read("x");
        const auto& as_of = std::get<Reading>(result).as_of;
        return as_of ? format_rfc3339(*as_of) : "none";
    };
    EXPECT_EQ(time("1700000000"), "2023-11-14T22:13:20Z");
    EXPECT_EQ(time("\"1700000000\""), "2023-11-14T22:13:20Z");
    EXPECT_EQ(time("1700000000123"), "2023-11-14T22:13:20.123Z");
    EXPECT_EQ(time("1700000000.9717445"), "2023-11-14T22:13:20.971744Z");
    EXPECT_EQ(time("1700000000123456789"), "2023-11-14T22:13:20.123456Z");
    EXPECT_EQ(time("1700000000040", ", whole_seconds = true"), "2023-11-14T22:13:20Z");
    EXPECT_EQ(time("60000", ", unit = \"ms\""), "1970-01-01T00:01:00Z");
    EXPECT_EQ(time("\"2023-11-14T23:13:20+01:00\""), "2023-11-14T22:13:20Z");
    EXPECT_EQ(time("-5"), "none");
    EXPECT_EQ(time("\"yesterday\""), "none");
    EXPECT_EQ(time("1e30"), "none");
}

TEST(PageReader, ReadsATimeInTheZoneThatTheRuleNames) {
    const Source source = source_of(
        "identity = \"url\"\n[[rule]]\nname = \"r\"\nprice = \"/p\"\nas_of = { pointer = \"/t\", "
        "zone = \"America/New_York\" }\n");
    const auto result =
        PageReader(source, page_of("{\"p\":1,\"t\":\"2026-11-30 05:00:00\"}")).read("x");
    EXPECT_EQ(format_rfc3339(*std::get<Reading>(result).as_of), "2026-11-30T10:00:00Z");
}

// Whatever a style sheet says: three and a half, and no 34.
TEST(PageReader, ReadsNoTextThatNobodySees) {
    const Source source = source_of(kPlain);
    for (const std::string hidden :
         {"<span hidden>4</span>", "<span HIDDEN='until-found'>4</span>",
          "<span style='color:red; DISPLAY : none !important'>4</span>", "<template>4</template>",
          "<noscript>4</noscript>", "<i hidden><u>4</u><u>5</u></i>"}) {
        EXPECT_EQ(kind_of(source, page_of("<b>3" + hidden + ".5</b>")), "3.5") << hidden;
    }
    for (const std::string seen :
         {"<span>4</span>", "<span style='display:inline'>4</span>",
          "<span style='display:none;display:block'>4</span>", "<span style='x:none'>4</span>"}) {
        EXPECT_EQ(kind_of(source, page_of("<b>3" + seen + ".5</b>")), "34.5") << seen;
    }
}

TEST(PageReader, FindsTheValueBesideALabel) {
    const Source source = source_of(
        "identity = \"url\"\n[[rule]]\nname = \"r\"\nprice = { label = \"Last Price\" }\n"
        "previous_close = { label = \"Previous Close\", decimal_mark = \",\" }\n");
    const std::string body =
        "<p>Last Price is what</p><table><tr><td><span>Previous Close</span></td><td>1.234,5</td>"
        "</tr></table><ul><li><span> Last  price </span> <b><i>7.25 </i></b></li></ul>";
    const auto result = PageReader(source, page_of(body)).read("x");
    EXPECT_EQ(std::get<Reading>(result).price.to_string(), "7.25");
    EXPECT_EQ(std::get<Reading>(result).previous_close->to_string(), "1234.5");
    EXPECT_EQ(
        body.substr(std::get<Reading>(result).evidence_at, std::get<Reading>(result).evidence_size),
        "7.25");
}

// React writes comments between the texts of one element.
TEST(PageReader, ReadsTextsThatCommentsPart) {
    for (const char* before : {"", "<table><tr><td>a</table>", "<pre></pre>"}) {
        const std::string page = std::string(before) +
                                 "<span>Previous<!-- --> Close</span><span>12.5</span>"
                                 "<b>$1<!-- -->,234<!-- -->.50</b>";
        const Source labelled = source_of(
            "identity = \"url\"\n[[rule]]\nname = \"r\"\n"
            "price = { label = \"Previous Close\" }\n");
        EXPECT_EQ(kind_of(labelled, page_of(page)), "12.5") << page;
        const auto result = PageReader(source_of(kPlain), page_of(page)).read("x");
        const auto* reading = std::get_if<Reading>(&result);
        ASSERT_NE(reading, nullptr) << page;
        EXPECT_EQ(reading->price.to_string(), "1234.50");
        EXPECT_EQ(page.substr(reading->evidence_at, reading->evidence_size),
                  "$1<!-- -->,234<!-- -->.50");
    }
}

TEST(PageReader, ServesManyInstrumentsOfOnePage) {
    std::string body = "[";
    for (int i = 0; i < 5000; ++i) {
        body += (i ? "," : "") + ("{\"id\":\"coin" + std::to_string(i)) +
                "\",\"price\":" + std::to_string(i + 1) + ".50}";
    }
    body += "]";
    const Source source = source_of(
        "[[rule]]\nname = \"r\"\nentries = \"/*\"\nmatch = \"/id\"\nprice = \"/price\"\n");
    PageReader reader(source, page_of(body));
    for (int i = 0; i < 5000; ++i) {
        const auto result = reader.read("coin" + std::to_string(i));
        ASSERT_EQ(std::get<Reading>(result).price.to_string(), std::to_string(i + 1) + ".50");
    }
    EXPECT_EQ(std::get<Failure>(reader.read("coin5000")).reason, Reason::not_found);
}

TEST(PageReader, CutsTextsAtTheirMarks) {
    const auto name = [](const std::string& cuts) {
        const Source source = source_of(
            "identity = \"url\"\n[[rule]]\nname = \"r\"\nprice = { css = \"b\" }\nfull_name = { "
            "css = "
            "\"i\"" +
            cuts + " }\n");
        const auto result =
            PageReader(source, page_of("<b>1</b><i>PT W (Persero) Tbk (WSKT.JK) Stock</i>"))
                .read("x");
        return std::get<Reading>(result).name;
    };
    EXPECT_EQ(name(", before_last = \" (\""), "PT W (Persero) Tbk");
    EXPECT_EQ(name(", after_last = \"(\", before = \")\""), "WSKT.JK");
    EXPECT_EQ(name(", after = \"PT \", before = \" (\""), "W");
    EXPECT_EQ(name(", after = \"missing\""), "");
}

// A page and a source made for each other: each rule by itself would take for ever.
TEST(PageReader, SpendsOneBudgetOnAPageWhateverItsRulesAndSaysSo) {
    std::string rules = "identity = \"url\"\n";
    for (int i = 0; i < 100; ++i) {
        rules += "[[rule]]\nname = \"r" + std::to_string(i) +
                 "\"\nprice = { css = \"u ~ i ~ i ~ i ~ i\" }\n";
    }
    const Source source = source_of(rules);
    std::string body = "<html>";
    for (int i = 0; i < 20'000; ++i) body += "<i></i>";
    body += "</html>";
    const Page page = page_of(body);
    PageReader reader(source, page);
    for (const char* instrument : {"x", "y", "z"}) {
        const auto result = reader.read(instrument);
        ASSERT_TRUE(std::holds_alternative<Failure>(result));
        EXPECT_NE(std::get<Failure>(result).what.find("takes too long to search"),
                  std::string::npos)
            << std::get<Failure>(result).what;
    }
}

// The members are looked through once for each instrument: 2,000 times a million would be hours.
TEST(PageReader, SpendsOneBudgetOnAnAnswerWhateverIsAskedOfIt) {
    const Source source =
        source_of("identity = \"url\"\n[[rule]]\nname = \"r\"\nprice = \"/{symbol}/price\"\n");
    std::string body = "{";
    for (int i = 0; i < 350'000; ++i) body += "\"m" + std::to_string(i) + "\":{\"price\":1},";
    body += "\"last\":{\"price\":\"7.5\"}}";
    const Page page = page_of(body);
    PageReader reader(source, page);
    const auto first = reader.read("last");
    ASSERT_TRUE(std::holds_alternative<Reading>(first)) << std::get<Failure>(first).what;
    EXPECT_EQ(std::get<Reading>(first).price.to_string(), "7.5");
    int read = 0;
    for (int i = 0; i < 2'000; ++i) {
        read += std::holds_alternative<Reading>(reader.read("last")) ? 1 : 0;
    }
    EXPECT_LT(read, 1'000);
    EXPECT_GT(read, 100);
}

TEST(PageReader, BoundsWhatAPageSaysOfItself) {
    const Source source = source_of(
        "[page]\nsymbol = { css = \"i\" }\n"
        "[[rule]]\nname = \"b\"\nprice = { css = \"b\" }\nfull_name = { css = \"h1\" }\n");
    const std::string name = "Caf\u00e9 " + std::string(2'000'000, 'n');
    const auto read = [&](const std::string& body) {
        return PageReader(source, page_of(body)).read("x");
    };
    const auto found = read("<i>x</i><b>1.5</b><h1>" + name + "</h1>");
    ASSERT_TRUE(std::holds_alternative<Reading>(found));
    EXPECT_EQ(std::get<Reading>(found).name, name.substr(0, 397) + "...");
    const auto other = read("<i>" + name + "</i><b>1.5</b>");
    ASSERT_TRUE(std::holds_alternative<Failure>(other));
    EXPECT_LT(std::get<Failure>(other).what.size(), 1'100U);
}

// Issue 11: pages in other character sets.
TEST(PageReader, ReadsAPageInItsOwnCharacterSet) {
    const Source source = source_of(
        "identity = \"url\"\n[[rule]]\nname = \"b\"\nprice = { css = \"b\" }\n"
        "full_name = { css = \"i\" }\n");
    const std::string page = "<meta charset=windows-1252><i>Soci\xE9t\xE9</i><b>\x80 12.50</b>";
    const auto read = [&](const Page& one) { return PageReader(source, one).read("x"); };
    auto result = read(page_of(page));
    ASSERT_TRUE(std::holds_alternative<Reading>(result)) << std::get<Failure>(result).what;
    const auto& reading = std::get<Reading>(result);
    EXPECT_EQ(reading.price.to_string(), "12.50");
    EXPECT_EQ(reading.currency, "EUR");
    EXPECT_EQ(reading.name, "Société");
    EXPECT_EQ(page.substr(reading.evidence_at, reading.evidence_size), "\x80 12.50");
    // The header's word comes before the page's.
    Page typed = page_of("<meta charset=koi8-r><b>12.50\xA0\xA4</b>");
    typed.content_type = "text/html; charset=ISO-8859-15";
    result = read(typed);
    ASSERT_TRUE(std::holds_alternative<Reading>(result)) << std::get<Failure>(result).what;
    EXPECT_EQ(std::get<Reading>(result).currency, "EUR");
    // With a byte-order mark, and twice as many bytes as characters.
    const std::string wide(
        "\xFF\xFE<\0b\0>\0\xAC\x20"
        "5\0<\0/\0b\0>\0",
        20);
    result = read(page_of(wide));
    ASSERT_TRUE(std::holds_alternative<Reading>(result)) << std::get<Failure>(result).what;
    EXPECT_EQ(std::get<Reading>(result).price.to_string(), "5");
    EXPECT_EQ(std::get<Reading>(result).evidence_at, 8u);
    EXPECT_EQ(std::get<Reading>(result).evidence_size, 4u);
}

TEST(PageReader, RefusesACharacterSetThatIsNotCarriedByName) {
    const Source source = source_of(kPlain);
    Page page = page_of("<b>12.50</b>");
    page.content_type = "text/html; charset=utf-7";
    const auto result = PageReader(source, page).read("x");
    ASSERT_TRUE(std::holds_alternative<Failure>(result));
    EXPECT_EQ(std::get<Failure>(result).what,
              "mine: the page is in the character set \"utf-7\", which is not carried");
    page.status = 404;  // what the status says is said all the same
    EXPECT_EQ(kind_of(source, page), "not_found");
}

TEST(PageReader, ReadsNothingThatNobodySees) {
    const Source source = source_of(kPlain);
    for (const std::string around :
         {"<div hidden>", "<div style='color:red;display: NONE'>", "<template>", "<noscript>"}) {
        const std::string end = "</" + around.substr(1, around.find_first_of(" >") - 1) + ">";
        EXPECT_EQ(kind_of(source, page_of(around + "<p><b>3</b></p>" + end + "<b>4</b>")), "4")
            << around;
        EXPECT_EQ(kind_of(source, page_of(around + "<b>3</b>" + end)), "malformed") << around;
    }
    // React streams what belongs further up, and a script puts it there.
    EXPECT_EQ(kind_of(source, page_of("<div hidden id=\"S:0\"><b>3</b></div>")), "3");
}

// Issue 11: a 200 whose body says 429.
TEST(PageReader, BelievesTheStatusThatAnAnswerSaysOfItself) {
    const Source source =
        source_of("identity = \"url\"\n[[rule]]\nname = \"r\"\nprice = \"/price\"\n");
    for (const auto& [body, reason] : std::initializer_list<std::pair<std::string, std::string>>{
             {R"({"code":429,"message":"slow down"})", "throttled"},
             {R"({"error":{"code":"429"}})", "throttled"},
             {R"({"chart":{"error":{"code":429}}})", "throttled"},
             {R"({"status":{"error_code":401}})", "unauthorized"},
             {R"({"statusCode":404})", "not_found"},
             {R"({"code":429,"price":"12.5"})", "12.5"},
             {R"({"code":4290})", "malformed"},
             {R"([{"code":"0429"}])", "malformed"}}) {
        EXPECT_EQ(kind_of(source, page_of(body)), reason) << body;
    }
}

}  // namespace
}  // namespace tapedeck
