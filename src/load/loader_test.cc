#include "load/loader.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "coverage/audit.h"
#include "store/deployment.h"
#include "store/tape_label.h"
#include "tests/crash/faults.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using parts::feed_of;
using parts::kSlot;
using parts::loading_of;

// A tape and a store in memory, and the coin feed between them.
class LoaderTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(store->ensure_table(feed.table));
        make_topics(tape);
    }

    void make_topics(Tape& on, int partitions = 1) const {
        ASSERT_TRUE(on.ensure_topic(feed.topic, partitions));
        ASSERT_TRUE(on.ensure_topic(std::string(kOutcomesTopic), 1));
    }

    static void append(Tape& to, const std::string& value, const std::string& key = "bitcoin") {
        const std::vector<OutgoingMessage> messages{{"coin_topic", key, value, kSlot, {}}};
        auto done = to.append(messages);
        ASSERT_TRUE(done && (*done)[0]);
    }

    static std::string price(const std::string& coin, const std::string& digits, int slot) {
        return fmt::format(
            R"({{"coin_name":"{}","current_price":{},"currency":"USD","slot":"2026-11-24T00:{:02}:00Z","observed_at":"2026-11-24T00:{:02}:00.5Z","source":"alpha","rule":"json","revision":0}})",
            coin, digits, slot, slot);
    }

    Result<LoadSummary> load(Tape& from, Store& into) {
        Loader loader(from, into, clock, log, loading_of(feed));
        return loader.run({}, true);
    }

    std::vector<std::string> rows() {
        std::vector<std::string> rows;
        auto done = store->query(
            {"select coin, price from coin_records order by id", {}, {}},
            [&](const RowView& row) -> Result<> {
                rows.push_back(std::string(row.text(0)) + " " + row.decimal(1).to_string());
                return {};
            });
        EXPECT_TRUE(done);
        return rows;
    }

    std::int64_t count(const std::string& table) {
        std::int64_t count = -1;
        auto done = store->query({"select count(*) from " + table, {}, {}},
                                 [&](const RowView& row) -> Result<> {
                                     count = row.integer(0);
                                     return {};
                                 });
        EXPECT_TRUE(done);
        return count;
    }

    parts::SkippingClock clock{kSlot};
    Log log{-1, LogFormat::text, Severity::error, clock};
    Feed feed = feed_of({"bitcoin", "ethereum"}, {});
    MemoryTape tape;
    std::unique_ptr<Store> store = parts::store_in_memory(clock);
};

TEST_F(LoaderTest, LoadsEveryMessageOnceWithItsExactDigits) {
    append(tape, price("bitcoin", "22470.50", 5));
    append(tape, price("ethereum", "0.000000000000000001", 5));
    auto first = load(tape, *store);
    ASSERT_TRUE(first) << first.error().what;
    EXPECT_EQ(first->rows, 2);
    auto second = load(tape, *store);
    ASSERT_TRUE(second) << second.error().what;
    EXPECT_EQ(second->rows, 0);
    EXPECT_EQ(second->messages, 0);
    EXPECT_EQ(rows(),
              (std::vector<std::string>{"bitcoin 22470.50", "ethereum 0.000000000000000001"}));
}

TEST_F(LoaderTest, GoesOnAfterAMessageThatCannotBeReadAndKeepsItsBytes) {
    append(tape, price("bitcoin", "1", 5));
    append(tape, "{\"coin_name\":\"bitcoin\",\"current_price\":\xff");
    append(tape, price("ethereum", "2", 5));
    auto loaded = load(tape, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->rows, 2);
    EXPECT_EQ(loaded->dead_letters, 1);
    EXPECT_EQ(count("dead_letters"), 1);
}

TEST_F(LoaderTest, ReadsTheArraysOfTheOriginalAsOneRowForEachObject) {
    append(tape, R"([{"coin_name":"bitcoin","current_price":22470.52},)"
                 R"({"coin_name":"ethereum","current_price":1640.1}])");
    auto loaded = load(tape, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(rows(), (std::vector<std::string>{"bitcoin 22470.52", "ethereum 1640.1"}));
}

TEST_F(LoaderTest, ARecordOfAnArrayThatCannotBeReadIsADeadLetterByItself) {
    const std::string letter = R"({"coin_name":"ethereum","current_price":"N/A"})";
    append(tape, R"([{"coin_name":"bitcoin","current_price":22470.52},)" + letter +
                     R"(,{"coin_name":"solana","current_price":21.5}])");
    auto loaded = load(tape, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(rows(), (std::vector<std::string>{"bitcoin 22470.52", "solana 21.5"}));
    EXPECT_EQ(loaded->dead_letters, 1);
    std::string kept;
    ASSERT_TRUE(store->query({"select value from dead_letters", {}, {}},
                             [&](const RowView& row) -> Result<> {
                                 kept.assign(row.bytes(0).begin(), row.bytes(0).end());
                                 return {};
                             }));
    EXPECT_EQ(kept, letter);
}

TEST_F(LoaderTest, TheSameSlotSentTwiceIsOneRowAndAnotherPriceIsKeptBeside) {
    append(tape, price("bitcoin", "10", 5));
    append(tape, price("bitcoin", "10", 5));
    append(tape, price("bitcoin", "11", 5));
    auto loaded = load(tape, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->rows, 1);
    EXPECT_EQ(count("duplicates"), 1);
    EXPECT_EQ(rows(), std::vector<std::string>{"bitcoin 10"});
}

TEST_F(LoaderTest, RefusesATopicThatEndsBelowTheLedger) {
    append(tape, price("bitcoin", "1", 5));
    append(tape, price("bitcoin", "2", 10));
    ASSERT_TRUE(load(tape, *store));
    MemoryTape anew;
    make_topics(anew);
    append(anew, price("bitcoin", "3", 15));
    auto loaded = load(anew, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->refused, 1);
    EXPECT_EQ(rows().size(), 2U);
}

TEST_F(LoaderTest, RefusesATopicWhoseLastLoadedMessageIsAnotherOne) {
    append(tape, price("bitcoin", "1", 5));
    ASSERT_TRUE(load(tape, *store));
    MemoryTape anew;
    make_topics(anew);
    append(anew, price("bitcoin", "9", 5));
    append(anew, price("bitcoin", "3", 15));
    auto loaded = load(anew, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->refused, 1);
    EXPECT_EQ(rows(), std::vector<std::string>{"bitcoin 1"});
}

TEST_F(LoaderTest, WritesDownWhatTheTapeNoLongerHas) {
    for (int slot = 0; slot < 5; ++slot) append(tape, price("bitcoin", "1", slot));
    ASSERT_TRUE(tape.discard({"coin_topic", Partition(0)}, Offset(3)));
    auto loaded = load(tape, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->gaps, 3);
    EXPECT_EQ(loaded->rows, 2);
    EXPECT_EQ(count("tape_gaps"), 1);
}

TEST_F(LoaderTest, WritesDownWhatRetentionTakesWhileItReads) {
    constexpr int kMessages = 50;
    for (int slot = 0; slot < kMessages; ++slot) {
        append(tape, price("bitcoin", std::to_string(slot + 1), slot));
    }
    LoaderOptions options = loading_of(feed);
    options.batch.bytes = 1;  // a message in each batch
    bool discarded = false;
    // On the commit thread: reading stands still meanwhile, a few messages further on.
    Loader loader(tape, *store, clock, log, options, [&](const Batch&, const Committed&) {
        if (std::exchange(discarded, true)) return;
        EXPECT_TRUE(tape.discard({"coin_topic", Partition(0)}, Offset(kMessages - 10)));
    });
    const auto loaded = loader.run({}, true);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_GE(loaded->gaps, 30);
    EXPECT_EQ(loaded->rows + loaded->gaps, kMessages);
    EXPECT_EQ(rows().back(), "bitcoin 50");
    EXPECT_EQ(count("tape_gaps"), 1);
}

TEST_F(LoaderTest, AFaultAtAnyCallLosesAndDoublesNothing) {
    for (int slot = 0; slot < 6; ++slot) {
        append(tape, price("bitcoin", std::to_string(100 + slot), slot));
        append(tape, R"([{"coin_name":"ethereum","current_price":7}])");
    }
    Calls counting;
    {
        FaultyTape counted_tape(tape, counting);
        FaultyStore counted_store(*store, counting);
        ASSERT_TRUE(load(counted_tape, counted_store));
    }
    const auto expected = rows();
    ASSERT_EQ(expected.size(), 12U);
    ASSERT_GT(counting.count(), 5U);
    for (std::uint64_t at = 1; at <= counting.count(); ++at) {
        for (const Fault fault : {Fault::fail_before, Fault::fail_after}) {
            store = parts::store_in_memory(clock);
            ASSERT_TRUE(store->ensure_table(feed.table));
            Calls calls(at, fault);
            FaultyTape faulty_tape(tape, calls);
            FaultyStore faulty_store(*store, calls);
            auto interrupted = load(faulty_tape, faulty_store);
            if (!interrupted) {
                EXPECT_EQ(interrupted.error().kind, ErrorKind::unavailable);
            }
            ASSERT_TRUE(load(tape, *store));
            EXPECT_EQ(rows(), expected) << "call " << at;
        }
    }
}

// A store in which somebody else moves the ledger by one message just before the first commit, as
// a partition's owner before us does whose last commit was under way when we read the ledger.
class RivalledStore : public FaultyStore {
public:
    RivalledStore(Store& inner, Calls& calls) : FaultyStore(inner, calls), store_(inner) {}

    Result<Committed> commit(const Batch& batch, const CommitOrder& order,
                             const Patience& patience) override {
        if (!std::exchange(was_beaten_, true)) {
            Batch first;
            first.advances = {{batch.advances[0].at, Offset(0), Offset(1), {}, {}}};
            if (auto done = store_.commit(first); !done) return done.error();
        }
        return FaultyStore::commit(batch, order, patience);
    }

private:
    Store& store_;
    bool was_beaten_ = false;
};

// Time passes by looking at it, so that nothing waits.
class HastyClock : public parts::SkippingClock {
public:
    using SkippingClock::SkippingClock;
    std::chrono::microseconds steady() const override {
        return ++looks_ * std::chrono::milliseconds(100);
    }

private:
    mutable std::atomic<std::int64_t> looks_ = 0;
};

TEST_F(LoaderTest, GoesOnFromTheLedgerWhereSomebodyElseWasFirst) {
    for (int slot = 0; slot < 3; ++slot) append(tape, price("bitcoin", "1", slot));
    Calls calls;
    RivalledStore rivalled(*store, calls);
    HastyClock hasty{kSlot};
    Loader loader(tape, rivalled, hasty, log, loading_of(feed));
    const auto loaded = loader.run({}, true);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->fenced, 1);
    EXPECT_EQ(loaded->rows, 2) << "all but what the other one loaded";
    const std::vector<TopicPartition> partitions{{"coin_topic", Partition(0)}};
    const auto ledger = store->ledger(partitions);
    ASSERT_TRUE(ledger) << ledger.error().what;
    EXPECT_EQ(ledger->front().next, Offset(3));
}

TEST_F(LoaderTest, RefusesToPutATopicIntoAnotherTableThanOthersDo) {
    append(tape, price("bitcoin", "1", 5));
    ASSERT_TRUE(load(tape, *store));
    append(tape, price("bitcoin", "2", 6));
    Feed other = feed;
    other.table = {"other_records", RecordForm::coin};
    ASSERT_TRUE(store->ensure_table(other.table));
    Loader second(tape, *store, clock, log, loading_of(other));
    const auto refused = second.run({}, true);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
    EXPECT_NE(refused.error().what.find("coin_topic is loaded into the table coin_records"),
              std::string::npos)
        << refused.error().what;
    EXPECT_EQ(count("other_records"), 0);
    ASSERT_TRUE(load(tape, *store));
    EXPECT_EQ(count("coin_records"), 2);
}

// Two deployments share the topic of accounts, and the ids of their runs collide.
TEST_F(LoaderTest, LeavesTheAccountsOfAnotherDeploymentAlone) {
    const std::string own = deployment_id(*store).value_or({});
    const auto send = [&](const std::string& deployment, Reason reason) {
        Outcome failed;
        failed.instrument = "bitcoin";
        failed.reason = reason;
        RunOutcomes run = parts::run_of(feed, kSlot, {failed});
        run.deployment = deployment;
        const std::vector<OutgoingMessage> account{
            {std::string(kOutcomesTopic), feed.name, encode_outcomes(run), kSlot, {}}};
        ASSERT_TRUE(tape.append(account));
    };
    send("0123456789abcdef", Reason::timeout);
    send(own, Reason::throttled);
    send("0123456789abcdef", Reason::malformed);
    const auto loaded = load(tape, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->messages, 3);
    EXPECT_EQ(loaded->outcomes, 1);
    EXPECT_EQ(loaded->dead_letters, 0);
    std::vector<std::string> reasons;
    auto done =
        store->query({"select reason from outcomes", {}, {}}, [&](const RowView& row) -> Result<> {
            reasons.emplace_back(row.text(0));
            return {};
        });
    ASSERT_TRUE(done);
    EXPECT_EQ(reasons, std::vector<std::string>{"throttled"});
    const std::map<std::string, Feed> feeds{{feed.name, feed}};
    const auto report = audit(*store, tape, feeds, {}, Timestamp(), Timestamp::max(),
                              kSlot + std::chrono::hours(1), {});
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->differences_found, 0);
}

// Another tape behind the same names.
class OtherTapeTest : public LoaderTest {
protected:
    void SetUp() override {
        LoaderTest::SetUp();
        make_topics(other);
    }

    // A price and the account of the run that sent it.
    void record(Tape& on, const std::string& digits, int slot) {
        const std::vector<OutgoingMessage> sent{
            {"coin_topic", "bitcoin", price("bitcoin", digits, slot), kSlot, {}}};
        auto done = on.append(sent);
        ASSERT_TRUE(done && (*done)[0]);
        const Position& position = *(*done)[0];
        Outcome outcome;
        outcome.instrument = "bitcoin";
        outcome.sent = {position.at.topic, position.at.partition, position.offset, "alpha", "json"};
        const Timestamp at = kSlot + std::chrono::minutes(slot - 5);
        const std::vector<OutgoingMessage> account{
            {std::string(kOutcomesTopic),
             feed.name,
             encode_outcomes(parts::run_of(feed, at, {outcome})),
             at,
             {}}};
        ASSERT_TRUE(on.append(account));
    }

    AuditReport audited(Tape& against) {
        const std::map<std::string, Feed> feeds{{feed.name, feed}};
        auto report = audit(*store, against, feeds, {}, Timestamp(), Timestamp::max(),
                            kSlot + std::chrono::hours(1), {});
        EXPECT_TRUE(report) << report.error().what;
        return report ? *std::move(report) : AuditReport{};
    }

    std::vector<std::string> ledger() {
        std::vector<std::string> entries;
        auto done =
            store->query({"select topic, next_offset from offsets order by topic", {}, {}},
                         [&](const RowView& row) -> Result<> {
                             entries.push_back(fmt::format("{} {}", row.text(0), row.integer(1)));
                             return {};
                         });
        EXPECT_TRUE(done);
        return entries;
    }

    MemoryTape other{"other"};
};

TEST_F(OtherTapeTest, HasEntriesOfItsOwnInTheLedger) {
    for (int slot = 1; slot < 4; ++slot) record(tape, std::to_string(slot), slot);
    ASSERT_TRUE(load(tape, *store));
    record(other, "10", 10);
    auto loaded = load(other, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->refused, 0);
    EXPECT_EQ(loaded->rows, 1);
    const TapeLabel label = label_of(*store, other).value_or({});
    EXPECT_FALSE(label.suffix().empty());
    EXPECT_EQ(label_of(*store, tape).value_or(label), TapeLabel());
    EXPECT_EQ(ledger(), (std::vector<std::string>{"coin_topic 3", label.topic("coin_topic") + " 1",
                                                  "tapedeck_outcomes 3",
                                                  label.topic("tapedeck_outcomes") + " 1"}));
    // The one before goes on where it was left.
    record(tape, "4", 4);
    loaded = load(tape, *store);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->messages, 2);
    EXPECT_EQ(rows(), (std::vector<std::string>{"bitcoin 1", "bitcoin 2", "bitcoin 3", "bitcoin 10",
                                                "bitcoin 4"}));
}

TEST_F(OtherTapeTest, IsAuditedWithoutADifferenceOfTheTapeBefore) {
    for (int slot = 1; slot < 4; ++slot) record(tape, std::to_string(slot), slot);
    append(tape, "no JSON");
    ASSERT_TRUE(load(tape, *store));
    record(other, "10", 10);
    record(other, "11", 11);
    ASSERT_TRUE(load(other, *store));
    const AuditReport report = audited(other);
    EXPECT_EQ(report.differences_found, 0)
        << report.differences.front().stored << " / " << report.differences.front().derived;
    EXPECT_FALSE(report.not_compared.messages_gone.empty());
    // And what is wrong with it is found all the same.
    const std::vector<Statement> change{
        {"update coin_records set price = $1 where price = $2",
         {Decimal::parse("12").value_or({}), Decimal::parse("11").value_or({})},
         1}};
    ASSERT_TRUE(store->transact(change));
    EXPECT_GT(audited(other).differences_found, 0);
}

TEST_F(OtherTapeTest, KnowsWhatIsLoadedByItsOwnLedgerAlone) {
    for (int slot = 1; slot < 4; ++slot) record(tape, std::to_string(slot), slot);
    ASSERT_TRUE(load(tape, *store));
    record(other, "10", 10);
    ASSERT_TRUE(load(other, *store));
    std::vector<std::string> places;
    auto done = store->query(
        {"select o.topic, o.message_offset, l.next_offset from outcomes o join offsets l on "
         "l.topic "
         "= o.topic and l.partition = o.partition where o.slot > $1",
         {kSlot},
         {}},
        [&](const RowView& row) -> Result<> {
            places.push_back(fmt::format("{} {} {}", row.text(0), row.integer(1), row.integer(2)));
            return {};
        });
    ASSERT_TRUE(done) << done.error().what;
    const TapeLabel label = label_of(*store, other).value_or({});
    EXPECT_EQ(places, std::vector<std::string>{label.topic("coin_topic") + " 0 1"});
}

// A store whose server crashes once, as it is about to commit a second batch, and has not brought
// the first to its disk, which was followed.
class ForgetfulStore : public FaultyStore {
public:
    ForgetfulStore(Store& inner, Calls& calls) : FaultyStore(inner, calls), store_(inner) {}

    Result<Committed> commit(const Batch& batch, const CommitOrder& order,
                             const Patience& patience) override {
        followed_.push_back(batch.advances[0].to);
        if (followed_.size() == 1) {
            run({"create table offsets_before as select * from offsets"});
            for (int looks = 0; !is_followed(order) && looks < 10'000; ++looks) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
        if (followed_.size() == 2) {
            run({"delete from coin_records", "delete from batches", "delete from offsets",
                 "insert into offsets select * from offsets_before"});
            return Error{ErrorKind::unavailable, "the server went away"};
        }
        if (!is_followed(order)) followed_.back() = Offset(-1);
        return FaultyStore::commit(batch, order, patience);
    }
    const std::vector<Offset>& followed() const { return followed_; }  // -1: was not

private:
    static bool is_followed(const CommitOrder& order) {
        return order.at(CommitStep::written) == CommitTurn::followed;
    }
    void run(const std::vector<std::string>& all) {
        std::vector<Statement> statements;
        for (const std::string& sql : all) statements.push_back({sql, {}, {}});
        const auto done = store_.transact(statements);
        EXPECT_TRUE(done) << done.error().what;
    }

    Store& store_;
    std::vector<Offset> followed_;
};

TEST_F(LoaderTest, LoadsAgainWhatTheStoresServerHadNotBroughtToItsDisk) {
    for (int slot = 1; slot < 6; ++slot) append(tape, price("bitcoin", std::to_string(slot), slot));
    Calls calls;
    ForgetfulStore forgetful(*store, calls);
    HastyClock hasty{kSlot};
    LoaderOptions options = loading_of(feed);
    options.batch.bytes = 1;  // each message is a batch
    Loader loader(tape, forgetful, hasty, log, options);
    const auto loaded = loader.run({}, true);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->taken_back, 1);
    EXPECT_EQ(loaded->fenced, 0);
    EXPECT_EQ(loaded->messages, 6) << "one of them twice";
    EXPECT_EQ(loaded->batches, 6);
    EXPECT_EQ(count("batches"), 5);
    EXPECT_EQ(rows(), (std::vector<std::string>{"bitcoin 1", "bitcoin 2", "bitcoin 3", "bitcoin 4",
                                                "bitcoin 5"}));
    EXPECT_EQ(forgetful.followed().front(), Offset(1));
    EXPECT_EQ(forgetful.followed().back(), Offset(-1)) << "nothing followed the last batch";
}

// Watches over the commits that are under way; the first waits for one of another partition.
class WatchedStore : public FaultyStore {
public:
    using FaultyStore::FaultyStore;

    Result<Committed> commit(const Batch& batch, const CommitOrder& order,
                             const Patience& patience) override {
        const TopicPartition at = batch.advances[0].at;
        {
            std::unique_lock lock(mutex_);
            EXPECT_TRUE(under_way_.insert(at).second) << "two of one partition at once";
            most_ = std::max(most_, under_way_.size());
            changed_.notify_all();
            changed_.wait_for(lock, std::chrono::seconds(10), [&] { return most_ > 1; });
        }
        auto done = FaultyStore::commit(batch, order, patience);
        const std::lock_guard lock(mutex_);
        under_way_.erase(at);
        return done;
    }
    int commits_at_once() const override { return 2; }
    std::size_t most() const { return most_; }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::set<TopicPartition> under_way_;
    std::size_t most_ = 0;
};

TEST_F(LoaderTest, CommitsToTwoPartitionsAtOnceAndToEachInOrder) {
    MemoryTape two;
    make_topics(two, 2);
    for (int slot = 0; slot < 20; ++slot) {
        for (const char* coin : {"bitcoin", "ethereum", "solana", "cardano", "xrp"}) {
            append(two, price(coin, std::to_string(slot + 1), slot), coin);
        }
    }
    LoaderOptions options = loading_of(feed);
    options.batch.bytes = 1;  // the partitions take turns
    Calls calls;
    WatchedStore watched(*store, calls);
    std::map<TopicPartition, Offset> told;
    Loader loader(two, watched, clock, log, options, [&](const Batch& batch, const Committed&) {
        const Batch::Advance& advance = batch.advances[0];
        EXPECT_EQ(told[advance.at], advance.from);
        told[advance.at] = advance.to;
    });
    const auto loaded = loader.run({}, true);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->rows, 100);
    EXPECT_EQ(loaded->fenced, 0);
    EXPECT_EQ(count("coin_records"), 100);
    EXPECT_EQ(watched.most(), 2U);
    EXPECT_EQ(told.size(), 2U);
}

// One partition's batches are refused for good, and the other's wait for a store that is away.
class HalfRefusingStore : public FaultyStore {
public:
    using FaultyStore::FaultyStore;
    Result<Committed> commit(const Batch& batch, const CommitOrder& /*order*/,
                             const Patience& /*patience*/) override {
        if (batch.advances[0].at.partition == Partition(0)) {
            return Error{ErrorKind::rejected, "no such table"};
        }
        return Error{ErrorKind::unavailable, "away"};
    }
    int commits_at_once() const override { return 2; }
};

TEST_F(LoaderTest, EndsOnAnErrorThoughAnotherPartitionsBatchIsTriedAgain) {
    MemoryTape two;
    make_topics(two, 2);
    for (const char* coin : {"bitcoin", "ethereum", "solana", "cardano", "xrp"}) {
        append(two, price(coin, "1", 5), coin);
    }
    LoaderOptions options = loading_of(feed);
    options.give_up_after = 0;
    Calls calls;
    HalfRefusingStore refusing(*store, calls);
    Loader loader(two, refusing, clock, log, options);
    const auto loaded = loader.run({}, false);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().kind, ErrorKind::rejected);
}

TEST_F(LoaderTest, KeepsToTheRowsOfOneTransactionAndAMessageWhole) {
    append(tape, price("bitcoin", "1", 5));
    append(tape, R"([{"coin_name":"bitcoin","current_price":2},)"
                 R"({"coin_name":"ethereum","current_price":3},)"
                 R"({"coin_name":"solana","current_price":4}])");
    append(tape, price("ethereum", "5", 5));
    LoaderOptions options = loading_of(feed);
    options.batch.rows = 2;
    Loader loader(tape, *store, clock, log, options);
    auto loaded = loader.run({}, true);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->rows, 5);
    EXPECT_EQ(loaded->batches, 2);  // one row is not two yet: the array comes on top
    EXPECT_EQ(count("batches"), 2);
    EXPECT_EQ(rows().size(), 5U);
}

TEST(BatchMaker, EndsAfterItsLastMessageWhereHolesFollow) {
    const std::vector<LoadedTopic> topics{
        {"coin_topic", PriceTable{"coin_records", RecordForm::coin}}};
    BatchMaker maker(topics);
    Chunk chunk{{"coin_topic", Partition(0)}, Offset(3), Offset(9), {}, nullptr};
    chunk.messages.push_back({Offset(5), kSlot, "", R"([{"coin_name":"x","current_price":1}])"});
    TextArena arena;
    const Batch batch = maker.make(chunk, arena);
    EXPECT_EQ(batch.advances[0].from, Offset(3));
    EXPECT_EQ(batch.advances[0].to, Offset(6));
    EXPECT_EQ(batch.advances[0].last_digest, sha256(chunk.messages[0].value));
}

}  // namespace
}  // namespace tapedeck
