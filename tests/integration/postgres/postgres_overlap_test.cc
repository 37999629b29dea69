// Two batches of one partition that are written at the same time: where they want the same key,
// where one of them fails, and that of a swarm of duplicates nothing is lost, doubled or altered.
#include <gtest/gtest.h>

#include <future>
#include <random>
#include <thread>

#include "tests/conformance/early_order.h"
#include "tests/crash/faults.h"
#include "tests/integration/postgres/batches.h"
#include "tests/integration/postgres/database.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

class PostgresOverlap : public ::testing::Test {
protected:
    PostgresOverlap() { make_coins(*store_); }

    void wait_until_somebody_waits_for_a_lock() {
        while (outsider_.value("select count(*) from pg_stat_activity where wait_event_type ="
                               " 'Lock' and datname = current_database()") == "0") {
        }
    }
    std::string prices() {
        return outsider_.value("select string_agg(price::text, ',' order by id) from coin_records");
    }

    const PostgresUrl url_ = new_database();
    ManualClock clock_{kTestStart};
    const std::unique_ptr<PostgresStore> store_ = open_store(url_, clock_);
    Outsider outsider_{url_};
};

TEST_F(PostgresOverlap, TheBatchBeforeHasTheKeyThoughALaterOneWroteItFirst) {
    const auto first = batch_of(0, {coin("ethereum", "1"), coin("bitcoin", "2")});
    const auto second = batch_of(2, {coin("bitcoin", "3"), coin("solana", "4")});
    std::future<Result<Committed>> of_first;
    const CommitOrder gives_way = early_order([&] {
        of_first = std::async(std::launch::async, [&] { return store_->commit(first); });
        wait_until_somebody_waits_for_a_lock();
        return false;
    });
    EXPECT_FALSE(store_->commit(second, gives_way));
    const auto done = of_first.get();
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(done->rows, 2);
    EXPECT_EQ(committed(*store_, second).duplicates, 1);
    EXPECT_EQ(prices(), "1,2,4");
    EXPECT_EQ(outsider_.value("select kept_price || ' ' || other_price from duplicates"), "2 3");
}

TEST_F(PostgresOverlap, AnEarlyBatchDoesNotWaitForALock) {
    Outsider other(url_, "psql of a person");
    other.execute(
        "begin; insert into coin_records (coin, price, date, instrument, slot, source,"
        " revision) values ('bitcoin', 1, '2025-11-24 16:05:00Z', 'bitcoin',"
        " '2025-11-24 16:05:00Z', 'coinmarketcap', 0)");
    const CommitOrder at_once = early_order([] { return true; });
    const auto refused = store_->commit(batch_of(0, {coin("bitcoin", "2")}), at_once);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_NE(refused.error().what.find("55P03"), std::string::npos) << refused.error().what;
    other.execute("rollback");
    EXPECT_EQ(committed(*store_, batch_of(0, {coin("bitcoin", "2")})).rows, 1);
}

TEST_F(PostgresOverlap, SeesTheLedgerOfTheBatchBeforeWhereTransactionsAreSerializable) {
    outsider_.execute("alter database \"" + url_.database +
                      "\" set default_transaction_isolation = 'serializable'");
    const auto store = open_store(url_, clock_);
    const CommitOrder after_first = early_order([&] {
        committed(*store, batch_of(0, {coin("bitcoin", "1")}));
        return true;
    });
    const auto done = store->commit(batch_of(1, {coin("ethereum", "2")}), after_first);
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(next_offset(*store), 2);
}

TEST_F(PostgresOverlap, AnEarlyBatchIsGuardedByTheLedger) {
    const CommitOrder at_once = early_order([] { return true; });
    const auto refused = store_->commit(batch_of(1, {coin("ethereum", "2")}), at_once);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict) << refused.error().what;
    EXPECT_EQ(outsider_.value("select count(*) from coin_records"), "0");
}

// Counts the batches that are begun early.
class CountingEarly : public FaultyStore {
public:
    using FaultyStore::FaultyStore;
    Result<Committed> commit(const Batch& batch, const CommitOrder& order,
                             const Patience& patience) override {
        if (order.is_early) ++early_;
        return FaultyStore::commit(batch, order, patience);
    }
    int early() const { return early_; }

private:
    std::atomic<int> early_ = 0;
};

// Prices of slots and coins, of which one in a thousand comes again, the next moment or some
// batches later, half of them with another price.
class Swarm {
public:
    Swarm() { EXPECT_TRUE(tape.ensure_topic("coin_topic", 1)); }

    void append(int count) {
        std::vector<OutgoingMessage> out;
        for (const int end = messages + count; messages < end; ++messages) {
            const bool again = messages > 0 && random_() % 1000 == 0;
            const int back = again ? 1 + static_cast<int>(random_()) % std::min(messages, 4000) : 0;
            const int key = messages - back;
            const std::string price = std::to_string(key + (again ? 1 + random_() % 2 : 1));
            const auto [kept, is_new] = first.emplace(key, price);
            if (!is_new && kept->second != price) ++others;
            out.push_back(
                {"coin_topic",
                 "bitcoin",
                 fmt::format(
                     R"({{"coin_name":"bitcoin","current_price":{},"currency":"USD","slot":"{}",)"
                     R"("source":"alpha","rule":"json","revision":{}}})",
                     price, format_rfc3339(kSlot + (key % 5000) * 5min), key / 5000),
                 kSlot,
                 {}});
        }
        const auto done = tape.append(out);
        EXPECT_TRUE(done && done->back());
    }

    MemoryTape tape;
    int messages = 0;
    std::map<int, std::string> first;  // by key
    int others = 0;                    // with another price than the first of their key

private:
    std::minstd_rand random_{20261126};
};

void loads_a_swarm(bool is_cut) {
    Swarm swarm;
    const PostgresUrl url = new_database();
    parts::SkippingClock clock{kTestStart};
    ASSERT_TRUE(open_store(url, clock)->ensure_table(coin_table()));
    int early = 0;
    Log log{-1, LogFormat::text, Severity::error, clock};
    LoaderOptions options = parts::loading_of(parts::feed_of({}, {}));
    options.topics.resize(1);
    options.batch.rows = 1500;
    options.give_up_after = 0;
    Outsider outsider(url);
    int cuts = 0;
    // Where a batch met a duplicate, those after it keep to their turn; a new run begins anew.
    for (int run = 1; run <= 20; ++run) {
        swarm.append(6000);
        const auto store = open_store(url, clock);
        Calls calls;
        CountingEarly counting(*store, calls);
        Loader loader(swarm.tape, counting, clock, log, options);
        auto loading = std::async(std::launch::async, [&] { return loader.run({}, true); });
        while (is_cut && cuts < 2 * run && loading.wait_for(20ms) != std::future_status::ready) {
            cuts += std::stoi(outsider.value(
                "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity"
                " where datname = current_database() and application_name like 'tapedeck load%'"
                " and state <> 'idle' order by random() limit 1) as one"));
        }
        const auto loaded = loading.get();
        ASSERT_TRUE(loaded) << loaded.error().what;
        EXPECT_EQ(loaded->fenced, 0);
        early += counting.early();
    }
    EXPECT_GE(early, 10);
    if (is_cut) {
        EXPECT_GT(cuts, 5);
    }
    std::vector<std::string> expected;
    for (const auto& [key, price] : swarm.first) expected.push_back(price);
    EXPECT_EQ(outsider.rows("select price::text from coin_records order by revision, slot"),
              expected);
    EXPECT_EQ(outsider.value("select count(*) from duplicates"), std::to_string(swarm.others));
    EXPECT_EQ(outsider.value("select next_offset from offsets"), std::to_string(swarm.messages));
    EXPECT_EQ(outsider.value("select sum(to_offset - from_offset) from batches"),
              std::to_string(swarm.messages));
}

TEST(PostgresOverlapping, OfASwarmOfDuplicatesTheFirstIsKept) { loads_a_swarm(false); }
TEST(PostgresOverlapping, ConnectionsCutAtAnyMomentChangeNothing) { loads_a_swarm(true); }

}  // namespace
}  // namespace tapedeck
