#include "collect/collector.h"

#include <map>

#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using parts::feed_of;
using parts::job_of;
using parts::json_source;
using parts::kSlot;

// Two sites that answer JSON: alpha first, beta behind it.
class CollectorTest : public ::testing::Test {
protected:
    void SetUp() override {
        feed =
            feed_of({"bitcoin", "ethereum", "solana"}, {json_source("alpha"), json_source("beta")});
        ASSERT_TRUE(tape.ensure_topic(feed.topic, 1));
        ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
    }

    WebAnswer answer(const Request& request) {
        ++asked[request.url];
        asked_at[request.url].push_back(clock.now());
        const auto scripted = script.find(request.url);
        if (scripted != script.end() && !scripted->second.empty()) {
            WebAnswer next = scripted->second.front();
            if (scripted->second.size() > 1) scripted->second.erase(scripted->second.begin());
            return next;
        }
        return good(R"({"price": 12.50})");
    }
    static WebAnswer good(const std::string& body) {
        WebAnswer answer;
        answer.body = body;
        answer.latency = 100ms;
        return answer;
    }

    Result<RunOutcomes> collect(const CollectJob& job, std::stop_token stop = {}) {
        auto client = MemoryHttpClient::advancing(
            clock, [this](const Request& request) { return answer(request); });
        Collector collector({clock, tape, client, nullptr, states, secrets, log, "test:1"});
        return collector.collect(feed, job, stop);
    }

    static WebAnswer status(int code) {
        WebAnswer answer;
        answer.status = code;
        answer.body = "no";
        return answer;
    }
    static WebAnswer failing(Reason reason) {
        WebAnswer answer;
        answer.failure = Failure{reason, "scripted"};
        return answer;
    }

    std::int64_t messages(const std::string& topic) {
        const auto extent = tape.extent({topic, Partition(0)});
        return extent ? extent->end.value() : -1;
    }

    parts::SkippingClock clock{kSlot};
    Log log{2, LogFormat::text, Severity::error, clock};
    MemoryTape tape;
    SourceStates states{log};
    SecretLookup secrets = [](const std::string& name) -> Result<Secret> {
        return Error{ErrorKind::rejected, "no secret " + name};
    };
    Feed feed;
    std::map<std::string, std::vector<WebAnswer>> script;
    std::map<std::string, int> asked;
    std::map<std::string, std::vector<Timestamp>> asked_at;
};

// Issue 11: the original's Spark job takes a message's value for an array of records.
TEST_F(CollectorTest, AFeedOfArraysSendsOneMessageARun) {
    feed.sends_arrays = true;
    script["https://alpha.example/price/solana"] = {failing(Reason::timeout)};
    const auto run = collect(job_of(feed));
    ASSERT_TRUE(run) << run.error().what;
    EXPECT_EQ(messages(feed.topic), 1);
    for (const Outcome& outcome : run->outcomes) {
        ASSERT_TRUE(outcome.sent) << outcome.what;
        EXPECT_EQ(outcome.sent->offset, Offset(0));
    }
    EXPECT_EQ(run->outcomes[2].sent->source, "beta");
    const auto chunk = tape.read({feed.topic, Partition(0)}, Offset(0), 1);
    ASSERT_TRUE(chunk && chunk->messages.size() == 1);
    EXPECT_EQ(chunk->messages[0].key, "coin");
    RecordDecoder decoder;
    TextArena arena;
    std::vector<Record> records;
    ASSERT_EQ(chunk->messages[0].value.front(), '[');
    ASSERT_TRUE(decoder.decode(chunk->messages[0].value, RecordForm::coin, arena, records));
    ASSERT_EQ(records.size(), 3U);
    for (const Record& record : records) EXPECT_EQ(record.slot, kSlot);
    EXPECT_EQ(chunk->messages[0].timestamp->time_since_epoch() % 1ms, 0us);
    // Loaded, each is a row, and accounted for.
    const auto store = parts::store_in_memory(clock);
    ASSERT_TRUE(store->ensure_table(feed.table));
    Loader loader(tape, *store, clock, log, parts::loading_of(feed));
    const auto loaded = loader.run({}, true);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->rows, 3);
    const std::map<std::string, Feed> feeds{{"coin", feed}};
    CoverageLedger ledger(*store, tape, feeds);
    const std::vector<Expectation> expected{parts::expected_of(feed)};
    ASSERT_TRUE(ledger.settle(expected, kSlot + 4min));
    const auto rows = ledger.stored("coin", kSlot, kSlot + 1min);
    ASSERT_TRUE(rows && rows->size() == 3);
    for (const CoverageRow& row : *rows) EXPECT_EQ(to_string(row.verdict.state), "recorded");
}

TEST_F(CollectorTest, AnArrayIsNoLongerThanAMessageMayBe) {
    feed.sends_arrays = true;
    std::vector<Found> found;
    for (int i = 0; i < 10'000; ++i) {
        Found one{static_cast<std::size_t>(i), {}, "alpha", std::string(64, 'a'), kSlot};
        one.reading.instrument = "coin-" + std::to_string(i);
        one.reading.price = *Decimal::parse("1.50");
        found.push_back(std::move(one));
    }
    const auto parcels = parcels_of(feed, kSlot, found);
    EXPECT_GT(parcels.size(), 1U);
    std::size_t next = 0;
    for (const Parcel& parcel : parcels) {
        EXPECT_LT(parcel.message.value.size(), 1'000'000U);
        EXPECT_EQ(parcel.message.value.back(), ']');
        for (const Found& one : parcel.found) EXPECT_EQ(one.subject, next++);
    }
    EXPECT_EQ(next, 10'000U);
    feed.sends_arrays = false;
    EXPECT_EQ(parcels_of(feed, kSlot, found).size(), 10'000U);
}

TEST_F(CollectorTest, PutsEveryPriceOnTheTapeAndAccountsForIt) {
    auto run = collect(job_of(feed));
    ASSERT_TRUE(run) << run.error().what;
    ASSERT_EQ(run->outcomes.size(), 3U);
    for (const Outcome& outcome : run->outcomes) {
        ASSERT_TRUE(outcome.sent) << outcome.what;
        EXPECT_EQ(outcome.sent->source, "alpha");
        EXPECT_EQ(outcome.attempts.size(), 1U);
    }
    EXPECT_EQ(messages("coin_topic"), 3);
    EXPECT_EQ(messages("tapedeck_outcomes"), 1);
    const auto chunk = tape.read({"coin_topic", Partition(0)}, Offset(0), 1);
    ASSERT_TRUE(chunk);
    EXPECT_NE(chunk->messages[0].value.find(R"("current_price":12.50)"), std::string_view::npos);
    const auto account = tape.read({"tapedeck_outcomes", Partition(0)}, Offset(0), 1);
    ASSERT_TRUE(account);
    const auto decoded = decode_outcomes(account->messages[0].value);
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(decoded->outcomes, run->outcomes);
}

TEST_F(CollectorTest, OneBadSymbolCostsNoOtherItsPrice) {
    script["https://alpha.example/price/ethereum"] = {status(404)};
    script["https://beta.example/price/ethereum"] = {status(404)};
    auto run = collect(job_of(feed));
    ASSERT_TRUE(run) << run.error().what;
    EXPECT_TRUE(run->outcomes[0].sent);
    EXPECT_FALSE(run->outcomes[1].sent);
    EXPECT_EQ(run->outcomes[1].reason, Reason::not_found);
    EXPECT_TRUE(run->outcomes[2].sent);
}

TEST_F(CollectorTest, AsksTheNextSourceOfTheChainForWhatTheFirstDoesNotHave) {
    script["https://alpha.example/price/solana"] = {status(403)};
    auto run = collect(job_of(feed));
    ASSERT_TRUE(run) << run.error().what;
    ASSERT_TRUE(run->outcomes[2].sent);
    EXPECT_EQ(run->outcomes[2].sent->source, "beta");
    ASSERT_EQ(run->outcomes[2].attempts.size(), 2U);
    EXPECT_EQ(run->outcomes[2].attempts[0].reason, Reason::forbidden);
}

TEST_F(CollectorTest, AsksTheSameSourceOnceMoreAfterAPassingFault) {
    script["https://alpha.example/price/bitcoin"] = {failing(Reason::timeout),
                                                     good(R"({"price": 3})")};
    auto run = collect(job_of(feed));
    ASSERT_TRUE(run) << run.error().what;
    ASSERT_TRUE(run->outcomes[0].sent);
    EXPECT_EQ(run->outcomes[0].sent->source, "alpha");
    EXPECT_EQ(asked["https://alpha.example/price/bitcoin"], 2);
}

TEST_F(CollectorTest, AThrottlingHostIsLeftAloneForAsLongAsItAsks) {
    WebAnswer throttled = status(429);
    throttled.headers = {{"Retry-After", "60"}};
    script["https://alpha.example/price/bitcoin"] = {throttled};
    ASSERT_TRUE(collect(job_of(feed)));
    const Timestamp held = asked_at["https://alpha.example/price/bitcoin"].back() + 60s;
    clock.advance(10s);
    feed.instruments = {"dogecoin"};
    auto next = collect(job_of(feed));
    ASSERT_TRUE(next) << next.error().what;
    const auto asked_again = asked_at["https://alpha.example/price/dogecoin"];
    ASSERT_FALSE(asked_again.empty());
    EXPECT_GE(asked_again[0], held);
}

TEST_F(CollectorTest, ASourceThatKeepsFailingIsRestedAndThenTriedAgain) {
    feed.instruments = {"a", "b", "c", "d", "e", "f"};
    for (const std::string& name : feed.instruments) {
        script["https://alpha.example/price/" + name] = {failing(Reason::refused)};
    }
    ASSERT_TRUE(collect(job_of(feed)));
    const auto before = asked;
    auto resting = collect(job_of(feed, kSlot, 2));
    ASSERT_TRUE(resting);
    EXPECT_EQ(asked.at("https://alpha.example/price/a"),
              before.at("https://alpha.example/price/a"));
    EXPECT_EQ(resting->outcomes[0].attempts[0].reason, Reason::resting);
    EXPECT_TRUE(resting->outcomes[0].sent);
    clock.advance(2h);
    script.clear();
    auto back = collect(job_of(feed, kSlot + 2h));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->outcomes[0].sent->source, "alpha");
}

// Issue 10: `gaps` said "resting", which is what a failure led to.
TEST_F(CollectorTest, WhereEverySourceRestsTheFailureThatBroughtThemThereIsTold) {
    feed.sources = {feed.sources[0]};
    feed.instruments = {"a", "b", "c", "d", "e", "f"};
    for (const std::string& name : feed.instruments) {
        script["https://alpha.example/price/" + name] = {failing(Reason::refused)};
    }
    ASSERT_TRUE(collect(job_of(feed)));
    auto resting = collect(job_of(feed, kSlot, 2));
    ASSERT_TRUE(resting);
    ASSERT_EQ(resting->outcomes[0].attempts[0].reason, Reason::resting);
    EXPECT_EQ(resting->outcomes[0].reason, Reason::refused);
    EXPECT_TRUE(resting->outcomes[0].what.starts_with("alpha rests since 2026-11-24T00:05:"))
        << resting->outcomes[0].what;
    EXPECT_TRUE(resting->outcomes[0].what.ends_with(", after refused: scripted"))
        << resting->outcomes[0].what;
}

TEST_F(CollectorTest, ToldIsTheFirstRealFailureOfTheChain) {
    script["https://alpha.example/price/ethereum"] = {status(403)};
    script["https://beta.example/price/ethereum"] = {status(404)};
    auto run = collect(job_of(feed));
    ASSERT_TRUE(run) << run.error().what;
    ASSERT_EQ(run->outcomes[1].attempts.size(), 2U);
    EXPECT_EQ(run->outcomes[1].reason, Reason::forbidden);
    EXPECT_EQ(run->outcomes[1].what, "alpha: status 403");
}

TEST_F(CollectorTest, NothingIsAskedAfterTheDeadline) {
    CollectJob job = job_of(feed);
    job.deadline = clock.now() - 1s;
    auto run = collect(job);
    ASSERT_TRUE(run) << run.error().what;
    EXPECT_TRUE(asked.empty());
    EXPECT_EQ(run->outcomes[0].reason, Reason::out_of_time);
}

TEST_F(CollectorTest, AStopAccountsForWhatWasNotAskedYet) {
    for (const std::string& name : feed.instruments) {
        WebAnswer hanging;
        hanging.hangs = true;
        script["https://alpha.example/price/" + name] = {hanging};
    }
    std::stop_source stop;
    stop.request_stop();
    auto run = collect(job_of(feed), stop.get_token());
    ASSERT_TRUE(run) << run.error().what;
    for (const Outcome& outcome : run->outcomes) EXPECT_EQ(outcome.reason, Reason::interrupted);
    EXPECT_EQ(messages("tapedeck_outcomes"), 1);
}

TEST_F(CollectorTest, AnotherCurrencyThanTheFeedsIsNoPrice) {
    feed.currency = "EUR";
    auto run = collect(job_of(feed));
    ASSERT_TRUE(run) << run.error().what;
    EXPECT_EQ(run->outcomes[0].reason, Reason::wrong_currency);
    EXPECT_EQ(messages("coin_topic"), 0);
}

TEST_F(CollectorTest, ASessionIsOpenedOnceAndItsCrumbIsSent) {
    feed.sources = {json_source("alpha")};
    auto with_session = std::make_shared<Source>(*feed.sources[0]);
    with_session->url = "https://alpha.example/price/{instrument}?crumb={crumb}";
    with_session->session =
        SessionStep{"https://alpha.example/cookie", "https://alpha.example/crumb"};
    feed.sources = {with_session};
    script["https://alpha.example/crumb"] = {good("Xy.9")};
    auto run = collect(job_of(feed));
    ASSERT_TRUE(run) << run.error().what;
    EXPECT_TRUE(run->outcomes[0].sent) << run->outcomes[0].what;
    EXPECT_EQ(asked["https://alpha.example/cookie"], 1);
    EXPECT_EQ(asked["https://alpha.example/price/bitcoin?crumb=Xy.9"], 1);
}

// Issue 11: session = { cookie_url = "…" } alone.
TEST_F(CollectorTest, ASessionMayBeItsCookiesAlone) {
    feed.sources = {json_source("alpha")};
    auto with_session = std::make_shared<Source>(*feed.sources[0]);
    with_session->url = "https://alpha.example/price/{instrument}";
    with_session->session = SessionStep{"https://alpha.example/cookie", ""};
    feed.sources = {with_session};
    for (int slot = 1; slot <= 2; ++slot) {
        auto run = collect(job_of(feed));
        ASSERT_TRUE(run) << run.error().what;
        EXPECT_TRUE(run->outcomes[0].sent) << run->outcomes[0].what;
    }
    EXPECT_EQ(asked["https://alpha.example/price/bitcoin"], 2);
    EXPECT_LE(asked["https://alpha.example/cookie"], 2);  // the collector of each run has its own
    EXPECT_GE(asked["https://alpha.example/cookie"], 1);
}

}  // namespace
}  // namespace tapedeck
