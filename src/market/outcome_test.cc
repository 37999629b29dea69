#include "market/outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tapedeck {
namespace {

using std::chrono::microseconds;
using testing::HasSubstr;

Timestamp time_at(std::string_view text) { return *parse_rfc3339(text); }

RunOutcomes example() {
    RunOutcomes run;
    run.run_id = "coin/2026-11-24T00:05:00Z/1";
    run.feed = "coin";
    run.slot = time_at("2026-11-24T00:05:00Z");
    run.started = time_at("2026-11-24T00:05:00.001Z");
    run.ended = time_at("2026-11-24T00:05:02.5Z");
    Outcome sent;
    sent.instrument = "bitcoin";
    sent.sent = {"coin_topic", Partition(0), Offset(0), "coingecko", "simple"};
    Attempt throttled;
    throttled.source = "coinmarketcap";
    throttled.url = "https://coinmarketcap.com/currencies/bitcoin/";
    throttled.started = run.started;
    throttled.took = std::chrono::milliseconds(120);
    throttled.status = 429;
    throttled.reason = Reason::throttled;
    throttled.what = "status 429";
    sent.attempts.push_back(throttled);
    Outcome failed;
    failed.instrument = "solana";
    failed.reason = Reason::timeout;
    run.outcomes = {sent, failed};
    return run;
}

std::string refusal_of_outcomes(std::string_view value) {
    const auto run = decode_outcomes(value);
    if (run) return "(it was read)";
    EXPECT_EQ(run.error().kind, ErrorKind::malformed);
    return run.error().what;
}

// The example message with one text in it changed.
std::string refusal_with(std::string_view from, std::string_view to) {
    std::string value = encode_outcomes(example());
    const std::size_t found = value.find(from);
    EXPECT_NE(found, std::string::npos) << from;
    return refusal_of_outcomes(value.replace(found, from.size(), to));
}

TEST(Outcomes, AreTheDocumentedMessage) {
    EXPECT_EQ(
        encode_outcomes(example()),
        R"({"run_id":"coin/2026-11-24T00:05:00Z/1","feed":"coin","slot":"2026-11-24T00:05:00Z",)"
        R"("try":1,"started":"2026-11-24T00:05:00.001Z","ended":"2026-11-24T00:05:02.5Z",)"
        R"("outcomes":[{"instrument":"bitcoin","sent":{"topic":"coin_topic","partition":0,)"
        R"("offset":0,"source":"coingecko","rule":"simple"},"attempts":[{"source":"coinmarketcap",)"
        R"("url":"https://coinmarketcap.com/currencies/bitcoin/",)"
        R"("started":"2026-11-24T00:05:00.001Z","took_ms":120,"status":429,"reason":"throttled",)"
        R"("what":"status 429"}]},{"instrument":"solana","reason":"timeout"}]})");
}

TEST(Outcomes, SayWhoseRunItWas) {
    RunOutcomes run = example();
    run.deployment = "1f2e3d4c5b6a7988";
    const std::string value = encode_outcomes(run);
    EXPECT_THAT(value, HasSubstr(R"("deployment":"1f2e3d4c5b6a7988")"));
    EXPECT_EQ(decode_outcomes(value).value_or({}), run);
}

TEST(Outcomes, HoldNothingThatATableCannot) {
    const std::string longest(512, 'k');
    EXPECT_TRUE(decode_outcomes([&] {
        RunOutcomes run = example();
        run.run_id = run.outcomes[0].instrument = run.outcomes[0].attempts[0].source = longest;
        return encode_outcomes(run);
    }()));
    for (const std::string_view name : {"run_id", "feed", "instrument", "topic", "source"}) {
        const std::string field = "\"" + std::string(name) + "\":\"";
        EXPECT_THAT(refusal_with(field, field + longest),
                    HasSubstr(std::string(name) + " is longer"));
    }
    EXPECT_THAT(refusal_with("\"slot\":\"2026", "\"slot\":\"0000"),
                HasSubstr("slot is not a time"));
    EXPECT_THAT(refusal_with("\"offset\":0", "\"offset\":9223372036854775807"),
                HasSubstr("offset is no"));
    EXPECT_THAT(refusal_with("\"took_ms\":120", "\"took_ms\":9223372036854775807"),
                HasSubstr("took_ms is no"));
    EXPECT_THAT(refusal_with("\"try\":1", "\"try\":2147483647"), HasSubstr("try is no"));
}

TEST(Outcomes, AForeignTextDoesNotCostTheRunItsAccount) {
    RunOutcomes run = example();
    run.outcomes[1].what = std::string("bad \0 \xFF", 7);
    const auto read = decode_outcomes(encode_outcomes(run));
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(read->outcomes[1].what, "bad  \uFFFD");
}

TEST(Outcomes, UnknownFieldsAreSkippedAndNullIsAbsent) {
    const auto run = decode_outcomes(
        R"({"later":{"x":1},"run_id":"r","feed":"f","slot":"2026-11-24","started":"2026-11-24",)"
        R"("ended":"2026-11-24","config":null,"outcomes":[{"instrument":"a","sent":null,"n":[]}]})");
    ASSERT_TRUE(run) << run.error().what;
    EXPECT_EQ(run->try_number, 1);
    EXPECT_EQ(run->outcomes.at(0).sent, std::nullopt);
}

TEST(Outcomes, NameTheFieldAndTheValueThatIsWrong) {
    EXPECT_THAT(refusal_with(R"("run_id")", R"("run")"), HasSubstr("run_id is missing"));
    EXPECT_THAT(refusal_with(R"("feed":"coin")", R"("feed":"")"), HasSubstr("feed is missing"));
    EXPECT_THAT(refusal_with(R"("slot")", R"("when")"), HasSubstr("slot is missing"));
    EXPECT_THAT(refusal_with(R"("try":1)", R"("try":0)"),
                HasSubstr("try is no whole number from 1"));
    EXPECT_THAT(refusal_with(R"("try":1)", R"("try":1.5)"), HasSubstr("try is no whole number"));
    EXPECT_THAT(refusal_with(R"("partition":0)", R"("partition":-1)"),
                HasSubstr("partition is no"));
    EXPECT_THAT(refusal_with(R"("partition":0)", R"("partition":2147483648)"),
                HasSubstr("'2147483648'"));
    EXPECT_THAT(refusal_with(R"("offset":0,)", ""), HasSubstr("sent has no topic, partition or"));
    EXPECT_THAT(refusal_with(R"("status":429)", R"("status":"429")"),
                HasSubstr("status is no whole"));
    EXPECT_THAT(refusal_with(R"("reason":"throttled")", R"("reason":"tired")"),
                HasSubstr("'tired'"));
    EXPECT_THAT(refusal_with(R"("instrument":"solana")", R"("x":1)"),
                HasSubstr("instrument is missing"));
    EXPECT_THAT(refusal_with(R"("instrument":"solana")", R"("instrument":"\u0000")"),
                HasSubstr("NUL"));
    EXPECT_THAT(refusal_with(R"("attempts":[{)", R"("attempts":[1,{)"),
                HasSubstr("attempts is no array of"));
}

TEST(Outcomes, RefuseWhatIsNoJsonObject) {
    EXPECT_EQ(refusal_of_outcomes(std::string_view()),
              "outcomes: the message is empty");  // a fuzzer's finding
    for (const std::string_view value :
         {"", "[]", "1", "null", "{", "{}x", "\xFF", "{\"run_id\":\"\\ud800\"}"}) {
        EXPECT_THAT(refusal_of_outcomes(value), HasSubstr("outcomes: ")) << value;
    }
    EXPECT_NE(refusal_of_outcomes(std::string(1'000'000, '[')), "(it was read)");
}

rc::Gen<std::string> outcome_texts() {
    return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                            "a", "\"", "\\", "\n", "\x01", "é", "😀", " ", "https://x/?a=b&c")),
                        [](const std::vector<std::string>& parts) {
                            std::string out;
                            for (const std::string& part : parts) out += part;
                            return out;
                        });
}

Timestamp any_time() {
    return Timestamp(microseconds(*rc::gen::inRange<std::int64_t>(0, 253'402'300'800'000'000)));
}

std::optional<Reason> any_reason() {
    const auto table = reason_table();
    const auto drawn = *rc::gen::inRange<std::size_t>(0, table.size() + 1);
    return drawn == table.size() ? std::nullopt : std::optional(table[drawn].reason);
}

Attempt any_attempt() {
    Attempt attempt;
    attempt.source = *outcome_texts();
    attempt.url = *outcome_texts();
    attempt.started = any_time();
    attempt.took = std::chrono::milliseconds(*rc::gen::inRange(0, 100'000));
    attempt.status = *rc::gen::inRange(0, 1000);
    attempt.bytes = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 40U);
    attempt.capture = *outcome_texts();
    attempt.reason = any_reason();
    attempt.what = *outcome_texts();
    return attempt;
}

Outcome any_outcome() {
    Outcome outcome;
    outcome.instrument = "i" + *outcome_texts();
    if (*rc::gen::arbitrary<bool>()) {
        outcome.sent = {"t" + *outcome_texts(), Partition(*rc::gen::inRange(0, INT32_MAX)),
                        Offset(*rc::gen::inRange<std::int64_t>(0, INT64_MAX / 2)), *outcome_texts(),
                        *outcome_texts()};
    }
    outcome.reason = any_reason();
    outcome.what = *outcome_texts();
    for (int left = *rc::gen::inRange(0, 3); left > 0; --left) {
        outcome.attempts.push_back(any_attempt());
    }
    return outcome;
}

RC_GTEST_PROP(OutcomesProperty, DecodingWhatWasEncodedGivesTheSameRun, ()) {
    RunOutcomes run;
    run.run_id = "r" + *outcome_texts();
    run.feed = "f" + *outcome_texts();
    run.slot = any_time();
    run.try_number = *rc::gen::inRange(1, 1'000'000);
    run.started = any_time();
    run.ended = any_time();
    run.config = *outcome_texts();
    run.collector = *outcome_texts();
    for (int left = *rc::gen::inRange(0, 4); left > 0; --left) {
        run.outcomes.push_back(any_outcome());
    }
    const auto read = decode_outcomes(encode_outcomes(run));
    if (!read) RC_FAIL(read.error().what);
    RC_ASSERT(*read == run);
}

}  // namespace
}  // namespace tapedeck
