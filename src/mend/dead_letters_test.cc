#include "mend/dead_letters.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "coverage/coverage.h"
#include "store/patient_store.h"
#include "tests/parts/loading_fixture.h"

namespace tapedeck {
namespace {

using parts::kSlot;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A table that somebody has given a rule of their own; and as it is without.
constexpr const char* kWithRule =
    "drop view coin_prices; drop table coin_records;"
    "create table coin_records (id integer primary key, coin text, price text, date integer not"
    " null, instrument text, slot integer, source text, revision integer, recorded_at integer,"
    " capture text, currency text, check (price <> '13.50')) strict";
constexpr const char* kWithoutRule = "drop view coin_prices; drop table coin_records";

class DeadLettersTest : public parts::LoadingFixture {
protected:
    DeadLettersTest() : LoadingFixture({"bitcoin", "ethereum"}) {}

    // Then the table is as it must be again.
    void by_hand(const std::string& sql) {
        LoadingFixture::by_hand(sql);
        ASSERT_TRUE(store->ensure_table(feed.table));
    }

    void append(const std::string& value, const std::string& topic = "coin_topic") {
        LoadingFixture::append(value, topic, "bitcoin");
    }
    void load() {
        Loader loader(tape, *store, clock, log, parts::loading_of(feed));
        auto loaded = loader.run({}, true);
        ASSERT_TRUE(loaded) << loaded.error().what;
    }

    // A dead letter that another program has left.
    void leave(const std::string& value, const std::string& topic = "coin_topic") {
        const std::vector<Statement> insert{
            {"insert into dead_letters (topic, partition, message_offset, timestamp, value, reason,"
             " recorded_at) values ($1, 0, 7, $2, $3, 'it knew less', $2)",
             {topic, clock.now(), std::vector<std::uint8_t>(value.begin(), value.end())},
             1}};
        ASSERT_TRUE(store->transact(insert));
    }

    std::vector<StoredLetter> letters(const LetterFilter& filter = {}) {
        std::vector<StoredLetter> out;
        auto done = each_letter(*store, filter, 1000, [&](const StoredLetter& one) -> Result<> {
            out.push_back(one);
            return {};
        });
        EXPECT_TRUE(done) << done.error().what;
        return out;
    }
    StoredLetter letter(std::int64_t id) {
        auto found = find_letter(*store, id);
        EXPECT_TRUE(found && *found);
        return found && *found ? **found : StoredLetter{};
    }
    Result<RetryResult> retry(std::int64_t id) {
        LetterRetry retrying(*store, clock, feeds, "anna@desk");
        return retrying.retry(letter(id));
    }
    RetryResult retried(std::int64_t id) {
        auto result = retry(id);
        EXPECT_TRUE(result) << result.error().what;
        return result ? *result : RetryResult{RetryResult::Kind::stays, "?"};
    }

    std::vector<std::string> rows(
        const std::string& sql =
            "select coalesce(instrument, ''), price, date from coin_records order by id") {
        std::vector<std::string> out;
        auto done = store->query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
            out.push_back(std::string(row.text(0)) + " " + row.decimal(1).to_string() + " " +
                          format_rfc3339(row.timestamp(2)));
            return {};
        });
        EXPECT_TRUE(done) << done.error().what;
        return out;
    }
    std::int64_t count(const std::string& table) {
        std::int64_t out = -1;
        EXPECT_TRUE(store->query({"select count(*) from " + table, {}, {}},
                                 [&](const RowView& row) -> Result<> {
                                     out = row.integer(0);
                                     return {};
                                 }));
        return out;
    }

    Log log{-1, LogFormat::text, Severity::error, clock};
};

TEST_F(DeadLettersTest, OneThatCannotBeReadStillStaysWithItsNewReason) {
    leave("no JSON");
    EXPECT_EQ(letter(1).reason(), "it knew less");
    const RetryResult first = retried(1);
    EXPECT_EQ(first.kind, RetryResult::Kind::stays);
    EXPECT_THAT(first.reason, HasSubstr("no JSON object"));
    clock.advance(std::chrono::seconds(1));
    retried(1);
    const StoredLetter now = letter(1);
    EXPECT_EQ(now.state, LetterState::open);
    EXPECT_EQ(now.tries, 2);
    EXPECT_EQ(now.reason(), first.reason);
    EXPECT_EQ(now.letter.reason, "it knew less");
    EXPECT_EQ(now.letter.value, "no JSON");
    EXPECT_EQ(count("coin_records"), 0);
}

TEST_F(DeadLettersTest, WhatTheDatabaseRefusedIsLoadedOnceTheTableTakesIt) {
    by_hand(kWithRule);
    append(R"({"coin_name":"bitcoin","current_price":13.50})");
    load();
    ASSERT_EQ(letters().size(), 1U);
    EXPECT_THAT(letter(1).reason(), HasSubstr("refused by the store"));
    const RetryResult refused = retried(1);
    EXPECT_EQ(refused.kind, RetryResult::Kind::stays);
    EXPECT_THAT(refused.reason, ::testing::StartsWith("refused by the store: "));
    clock.advance(std::chrono::hours(1));
    by_hand(kWithoutRule);
    const RetryResult loaded = retried(1);
    EXPECT_EQ(loaded.kind, RetryResult::Kind::loaded);
    EXPECT_EQ(loaded.committed.rows, 1);
    // With its digits, and the time of its message.
    EXPECT_THAT(rows(), ElementsAre("bitcoin 13.50 " + format_rfc3339(kSlot)));
    EXPECT_EQ(letter(1).state, LetterState::retried);
    EXPECT_EQ(letter(1).ended_by, "anna@desk");
    EXPECT_EQ(letter(1).ended_at, clock.now());
}

TEST_F(DeadLettersTest, ARetryIsMadeOnceHoweverOftenItIsAskedFor) {
    leave(R"({"coin_name":"bitcoin","current_price":13.50})");
    const StoredLetter before = letter(1);
    EXPECT_EQ(retried(1).kind, RetryResult::Kind::loaded);
    EXPECT_EQ(retried(1).kind, RetryResult::Kind::already);
    // Somebody who has read it before it ended.
    LetterRetry late(*store, clock, feeds, "bert@desk");
    const auto result = late.retry(before);
    ASSERT_TRUE(result) << result.error().what;
    EXPECT_EQ(result->kind, RetryResult::Kind::already);
    const auto dropped = drop_letter(*store, before, "bert@desk", "why", clock.now());
    ASSERT_TRUE(dropped) << dropped.error().what;
    EXPECT_FALSE(*dropped);
    EXPECT_EQ(rows().size(), 1U);
    EXPECT_EQ(letter(1).ended_by, "anna@desk");
}

TEST_F(DeadLettersTest, TheLedgerStaysWhereItIs) {
    append("no JSON");
    append(R"({"coin_name":"ethereum","current_price":1})");
    load();
    leave(R"({"coin_name":"bitcoin","current_price":13.50})");
    const std::int64_t batches = count("batches");
    EXPECT_EQ(retried(2).kind, RetryResult::Kind::loaded);
    EXPECT_EQ(count("batches"), batches);
    append(R"({"coin_name":"bitcoin","current_price":14})");
    load();
    EXPECT_EQ(rows().size(), 3U);
    EXPECT_THAT(letters({.state = LetterState::open}), ::testing::SizeIs(1));
}

TEST_F(DeadLettersTest, WhatOfAnArrayCannotBeReadEvenNowIsADeadLetterOfItsOwn) {
    const std::string bad = R"({"coin_name":"ethereum","current_price":"N/A"})";
    leave(R"([{"coin_name":"bitcoin","current_price":13.50},)" + bad + "]");
    EXPECT_EQ(retried(1).kind, RetryResult::Kind::loaded);
    EXPECT_EQ(rows().size(), 1U);
    EXPECT_EQ(letter(1).state, LetterState::retried);
    ASSERT_EQ(letters({.state = LetterState::open}).size(), 1U);
    const StoredLetter part = letter(2);
    EXPECT_EQ(part.letter.value, bad);
    EXPECT_EQ(part.letter.offset, Offset(7));
    EXPECT_EQ(retried(2).kind, RetryResult::Kind::stays);
}

TEST_F(DeadLettersTest, OfTheAccountsOneIsLoadedAsAnAccount) {
    const Outcome sent{
        "bitcoin", Outcome::Sent{"coin_topic", Partition(0), Offset(3), "a", "r"}, {}, {}, {}};
    leave(encode_outcomes(parts::run_of(feed, kSlot, {sent})), std::string(kOutcomesTopic));
    EXPECT_EQ(retried(1).kind, RetryResult::Kind::loaded);
    EXPECT_EQ(count("outcomes"), 1);
}

TEST_F(DeadLettersTest, OfATopicThatNoFeedHasThatIsSaid) {
    leave("{}", "old_topic");
    const auto result = retry(1);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().what, "no feed has the topic old_topic");
    EXPECT_EQ(letter(1).tries, 0);
}

TEST_F(DeadLettersTest, WhereTheStoreTakesNothingAtAllNothingIsNoted) {
    leave(R"({"coin_name":"bitcoin","current_price":13.50})");
    by_hand(
        "create trigger somebodys before insert on coin_records begin select raise(abort, "
        "'not on my watch'); end");
    const auto result = retry(1);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(result.error().what, HasSubstr("not on my watch"));
    EXPECT_EQ(letter(1).tries, 0);
    EXPECT_EQ(letter(1).state, LetterState::open);
    by_hand("drop trigger somebodys");
    EXPECT_EQ(retried(1).kind, RetryResult::Kind::loaded);
}

TEST_F(DeadLettersTest, OneThatIsDroppedStaysWithWhoAndWhy) {
    leave("no JSON");
    const auto dropped =
        drop_letter(*store, letter(1), "anna@desk", "a test of the sender's", clock.now());
    ASSERT_TRUE(dropped) << dropped.error().what;
    EXPECT_TRUE(*dropped);
    EXPECT_EQ(retried(1).kind, RetryResult::Kind::already);
    const StoredLetter now = letter(1);
    EXPECT_EQ(now.state, LetterState::dropped);
    EXPECT_EQ(now.why, "a test of the sender's");
    EXPECT_EQ(now.letter.value, "no JSON");
}

TEST_F(DeadLettersTest, AreFoundByTopicReasonTimeAndState) {
    leave("a");
    clock.advance(std::chrono::minutes(1));
    leave("b", "stock_topic@two");
    clock.advance(std::chrono::minutes(1));
    leave("c");
    ASSERT_TRUE(drop_letter(*store, letter(3), "anna", "why", clock.now()));
    retried(1);
    const auto ids = [&](const LetterFilter& filter) {
        std::vector<std::int64_t> out;
        for (const StoredLetter& one : letters(filter)) out.push_back(one.id);
        return out;
    };
    EXPECT_THAT(ids({}), ElementsAre(1, 2, 3));
    EXPECT_THAT(ids({.topic = "stock_topic"}), ElementsAre(2));
    EXPECT_THAT(ids({.reason = "no JSON"}), ElementsAre(1));  // the reason of its retry
    EXPECT_THAT(ids({.reason = "knew less"}), ElementsAre(2, 3));
    EXPECT_THAT(ids({.state = LetterState::dropped}), ElementsAre(3));
    EXPECT_THAT(ids({.from = kSlot + std::chrono::minutes(1), .to = clock.now()}), ElementsAre(2));
    EXPECT_THAT(ids({.ids = {3, 1}}), ElementsAre(1, 3));
}

// Somebody retries a dead letter right after the rows were looked at.
class MeddledStore : public PatientStore {
public:
    MeddledStore(Store& store, std::function<void()> meddle)
        : PatientStore(store, {}), meddle_(std::move(meddle)) {}
    Result<> query(const Statement& statement, const RowSink& sink,
                   const Patience& patience = {}) override {
        auto done = PatientStore::query(statement, sink, patience);
        if (statement.sql.starts_with("select slot, instrument from coin_records") && meddle_) {
            std::exchange(meddle_, nullptr)();
        }
        return done;
    }

private:
    std::function<void()> meddle_;
};

TEST_F(DeadLettersTest, WhatARetryOpensWhileCoverageIsSettledStaysOpen) {
    by_hand(kWithRule);
    feed.instruments = {"bitcoin"};
    append(R"({"coin_name":"bitcoin","current_price":13.50,"currency":"USD","slot":)"
           R"("2026-11-24T00:05:00Z","observed_at":"2026-11-24T00:05:01Z","source":"alpha",)"
           R"("rule":"json","revision":0,"capture":""})");
    append(encode_outcomes(parts::run_of(
               feed, kSlot,
               {{"bitcoin",
                 Outcome::Sent{"coin_topic", Partition(0), Offset(0), "alpha", "json"},
                 {},
                 {},
                 {}}})),
           std::string(kOutcomesTopic));
    load();
    clock.advance(std::chrono::minutes(3));
    const std::vector<Expectation> expected{parts::expected_of(feed)};
    const auto state = [&] {
        std::string out;
        EXPECT_TRUE(store->query({"select state from coverage", {}, {}},
                                 [&](const RowView& row) -> Result<> {
                                     out = row.text(0);
                                     return {};
                                 }));
        return out;
    };
    ASSERT_TRUE(CoverageLedger(*store, tape, feeds).settle(expected, clock.now()));
    EXPECT_EQ(state(), "failed");
    ASSERT_TRUE(store->transact(std::vector<Statement>{
        {"update coverage set state = 'missed', what = 'to be looked at'", {}, 1}}));
    by_hand(kWithoutRule);
    MeddledStore meddled(*store, [&] { EXPECT_EQ(retried(1).kind, RetryResult::Kind::loaded); });
    CoverageLedger ledger(meddled, tape, feeds);
    ASSERT_TRUE(ledger.settle(expected, clock.now()));
    ASSERT_TRUE(ledger.settle(expected, clock.now()));
    EXPECT_EQ(state(), "recorded");
}

// The coverage says what rows and dead letters say, whoever reads it in between.
TEST_F(DeadLettersTest, TheCoverageFollowsARetryAndADrop) {
    by_hand(kWithRule);
    std::vector<Outcome> outcomes;
    for (const auto& instrument : feed.instruments) {
        append(fmt::format(R"({{"coin_name":"{}","current_price":13.50,"currency":"USD",)"
                           R"("slot":"2026-11-24T00:05:00Z","observed_at":"2026-11-24T00:05:01Z",)"
                           R"("source":"alpha","rule":"json","revision":0,"capture":""}})",
                           instrument));
        outcomes.push_back(
            {instrument,
             Outcome::Sent{"coin_topic", Partition(0),
                           Offset(static_cast<std::int64_t>(outcomes.size())), "alpha", "json"},
             {},
             {},
             {}});
    }
    append(encode_outcomes(parts::run_of(feed, kSlot, outcomes)), std::string(kOutcomesTopic));
    load();
    ASSERT_EQ(letters().size(), 2U);
    clock.advance(std::chrono::minutes(3));
    const std::vector<Expectation> expected{parts::expected_of(feed)};
    CoverageLedger ledger(*store, tape, feeds);
    const auto states = [&](Result<std::vector<CoverageRow>> found) {
        EXPECT_TRUE(found) << found.error().what;
        std::vector<std::string> out;
        for (const CoverageRow& row : *found) {
            out.push_back(fmt::format("{} {} {}", row.instrument, to_string(row.verdict.state),
                                      row.verdict.what));
        }
        return out;
    };
    const auto stored = [&] { return states(ledger.stored("coin", kSlot, clock.now())); };
    ASSERT_TRUE(ledger.settle(expected, clock.now()));
    EXPECT_THAT(stored(), ElementsAre("bitcoin failed a dead letter: coin_topic[0] offset 0",
                                      "ethereum failed a dead letter: coin_topic[0] offset 1"));
    by_hand(kWithoutRule);
    EXPECT_EQ(retried(1).kind, RetryResult::Kind::loaded);
    ASSERT_TRUE(drop_letter(*store, letter(2), "anna", "why", clock.now()));
    EXPECT_THAT(stored(), ElementsAre(HasSubstr("bitcoin pending"), HasSubstr("ethereum pending")));
    const auto truth =
        ElementsAre("bitcoin recorded ",
                    "ethereum failed a dead letter that was dropped: coin_topic[0] offset "
                    "1");
    EXPECT_THAT(states(parts::derived(ledger, expected, kSlot, clock.now(), clock.now())), truth);
    ASSERT_TRUE(ledger.settle(expected, clock.now()));
    EXPECT_THAT(stored(), truth);
}

}  // namespace
}  // namespace tapedeck
