#include "net/retry.h"

#include <curl/curl.h>
#include <fmt/chrono.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

Timestamp at(const char* text) { return *parse_rfc3339(text); }

const Timestamp kNow = at("2026-11-24T00:05:00Z");

TEST(HttpDate, IsReadInItsThreeForms) {
    const Timestamp time = at("1994-11-06T08:49:37Z");
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), time);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), time);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994", kNow), time);
    EXPECT_EQ(parse_http_date("Wed Nov 16 08:49:37 1994", kNow), at("1994-11-16T08:49:37Z"));
}

TEST(HttpDate, PutsAYearOfTwoDigitsWithinFiftyYearsOfNow) {
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-76 08:49:37 GMT", kNow), at("2076-11-06T08:49:37Z"));
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-77 08:49:37 GMT", kNow), at("1977-11-06T08:49:37Z"));
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-01 08:49:37 GMT", at("2098-01-01T00:00:00Z")),
              at("2101-11-06T08:49:37Z"));
}

TEST(HttpDate, IsNothingElse) {
    for (const char* text :
         {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
          "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37 GMT x",
          "2026-11-24T00:05:00Z", "Sun, 06 Nov -994 08:49:37 GMT"}) {
        EXPECT_EQ(parse_http_date(text, kNow), std::nullopt) << text;
    }
}

// libcurl has a reader of its own: both must agree on every date that we take.
RC_GTEST_PROP(HttpDate, AgreesWithAnotherReader, ()) {
    const auto seconds = *rc::gen::inRange<std::int64_t>(0, 4'000'000'000);
    const std::time_t moment = static_cast<std::time_t>(seconds);
    const std::tm utc = fmt::gmtime(moment);
    const std::string text = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", utc);
    const auto read = parse_http_date(text, kNow);
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->time_since_epoch() == std::chrono::seconds(seconds));
    RC_ASSERT(curl_getdate(text.c_str(), nullptr) == moment);
    RC_ASSERT(parse_http_date(fmt::format("{:%a %b %e %H:%M:%S %Y}", utc), kNow) == read);
}

TEST(RetryAfter, IsSecondsOrADate) {
    EXPECT_EQ(parse_retry_after("120", kNow), 120s);
    EXPECT_EQ(parse_retry_after(" 0 ", kNow), 0s);
    EXPECT_EQ(parse_retry_after("Tue, 24 Nov 2026 00:06:30 GMT", kNow), 90s);
    EXPECT_EQ(parse_retry_after("Tue, 24 Nov 2026 00:06:30 GMT", kNow + 400us), 90s);
}

TEST(RetryAfter, IsNeverBelowZeroAndNeverAboveTheCap) {
    EXPECT_EQ(parse_retry_after("Tue, 24 Nov 2020 00:00:00 GMT", kNow), 0s);
    EXPECT_EQ(parse_retry_after("Tue, 24 Nov 2076 00:00:00 GMT", kNow), 1h);
    EXPECT_EQ(parse_retry_after("3601", kNow), 1h);
    EXPECT_EQ(parse_retry_after("99999999999999999999999999999999", kNow), 1h);
    EXPECT_EQ(parse_retry_after("120", kNow, 10s), 10s);
}

TEST(RetryAfter, IsNothingWhereItCannotBeRead) {
    for (const char* value : {"", "-1", "soon", "1.5", "12 s", "+5", "1e3", "0x10"}) {
        EXPECT_EQ(parse_retry_after(value, kNow), std::nullopt) << value;
    }
}

RC_GTEST_PROP(RetryAfter, TakesAnyBytesAndStaysWithinItsBounds, (const std::string& bytes)) {
    const auto wait = parse_retry_after(bytes, kNow);
    RC_ASSERT(!wait || (*wait >= 0ms && *wait <= 1h));
}

RC_GTEST_PROP(Backoff, StaysBelowTheDoubledBaseAndTheCap, ()) {
    const auto attempt = *rc::gen::inRange(0U, 100U);
    const auto base = milliseconds(*rc::gen::inRange(0, 10'000));
    const auto cap = milliseconds(*rc::gen::inRange(0, 10'000'000));
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    const milliseconds wait = backoff(attempt, base, cap, seed);
    RC_ASSERT(wait >= 0ms);
    RC_ASSERT(wait <= cap);
    if (attempt < 30) RC_ASSERT(wait <= base * (std::int64_t{1} << attempt));
    RC_ASSERT(wait == backoff(attempt, base, cap, seed));
}

TEST(Backoff, SpreadsOverItsWholeSpan) {
    std::set<std::int64_t> tenths;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        tenths.insert(backoff(3, 1s, 1min, seed) / 800ms);
    }
    for (std::int64_t tenth = 0; tenth < 10; ++tenth) EXPECT_TRUE(tenths.contains(tenth)) << tenth;
}

TEST(Backoff, DiffersFromTryToTry) {
    std::set<std::int64_t> waits;
    for (unsigned attempt = 20; attempt < 40; ++attempt) {
        waits.insert(backoff(attempt, 1s, 1h, 7).count());
    }
    EXPECT_GT(waits.size(), 15U);
}

TEST(Retry, AsksAgainButPostsNothingTwice) {
    Request request;
    Answer answer;
    const auto may = [&](Method method) {
        request.method = method;
        return may_ask_again(request, answer);
    };
    answer.status = 404;
    EXPECT_FALSE(may(Method::get));
    answer.status = 503;
    EXPECT_TRUE(may(Method::get));
    EXPECT_TRUE(may(Method::put));
    EXPECT_FALSE(may(Method::post)) << "what it did meanwhile is not known";
    answer.status = 0;
    answer.failure = Failure{Reason::timeout, ""};
    EXPECT_TRUE(may(Method::remove));
    EXPECT_FALSE(may(Method::post));
    answer.failure = Failure{Reason::refused, ""};
    EXPECT_TRUE(may(Method::post)) << "nothing was sent";
    answer.failure = Failure{Reason::timeout, ""};
    request.repeatable = true;
    EXPECT_TRUE(may(Method::post));
}

}  // namespace
}  // namespace tapedeck
