// What goes wrong around a database: stalled loaders, locks, a server that dies, lines that are
// cut.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "tests/integration/postgres/batches.h"
#include "tests/integration/postgres/database.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

class PostgresFault : public ::testing::Test {
protected:
    PostgresFault() { make_coins(*store_); }

    // Open on the server, in the state of a loader that was stopped inside its COPY: the ledger's
    // row is locked, a row has come, and the server waits for more.
    std::unique_ptr<Outsider> stalled_loader() {
        auto stalled = std::make_unique<Outsider>(url_, "tapedeck load: stalled:1");
        PostgresConnection& connection = stalled->connection();
        EXPECT_TRUE(connection.send(
            "begin; update offsets set next_offset = 9 where topic = 'coin_topic' and partition ="
            " 0; copy coin_records (coin, price, date, instrument, slot, source, revision) from"
            " stdin"));
        for (auto result = connection.next(); result && *result; result = connection.next()) {
            if (PQresultStatus(result->get()) == PGRES_COPY_IN) break;
        }
        EXPECT_TRUE(connection.copy(
            "bitcoin\t1\t2025-11-24 16:05:00Z\tbitcoin\t2025-11-24 16:05:00Z\tcoinmarketcap\t0\n"));
        return stalled;
    }

    static PostgresStoreOptions impatient() {
        PostgresStoreOptions options;
        options.lock_timeout = 200ms;
        return options;
    }

    const PostgresUrl url_ = new_database();
    ManualClock clock_{kTestStart};
    const std::unique_ptr<PostgresStore> store_ = open_store(url_, clock_, impatient());
    Outsider outsider_{url_};
};

TEST_F(PostgresFault, AStalledLoaderDoesNotHoldUpItsSuccessor) {
    const auto stalled = stalled_loader();
    EXPECT_EQ(committed(*store_, batch_of(0, {coin("bitcoin", "2")})).rows, 1);
    EXPECT_EQ(next_offset(*store_), 1);
    // When it wakes, it finds that its transaction is gone.
    auto ended = stalled->connection().end_copy();
    if (ended) ended = stalled->connection().drain();
    EXPECT_FALSE(ended);
    EXPECT_EQ(outsider_.value("select string_agg(price::text, ',') from coin_records"), "2");
}

TEST_F(PostgresFault, AStalledLoaderOfAnotherPartitionDoesNotHoldAKey) {
    const auto stalled = stalled_loader();
    // Its COPY must have reached the table: the key is taken then, and nobody knows for good.
    ASSERT_TRUE(stalled->connection().end_copy());
    ASSERT_TRUE(stalled->connection().drain());
    EXPECT_EQ(committed(*store_, batch_of(0, {coin("bitcoin", "3")}, coin_topic(1))).rows, 1);
    EXPECT_EQ(outsider_.value("select string_agg(price::text, ',') from coin_records"), "3");
}

TEST_F(PostgresFault, ALockOfSomebodyElseIsWaitedForAndNamed) {
    Outsider other(url_, "psql of a person");
    other.execute("begin; update offsets set next_offset = next_offset where partition = 0");
    // Who holds it is asked by a second connection, which a busy machine may be too slow for.
    std::string said;
    for (int tries = 0; tries < 10 && said.find("psql of a person") == std::string::npos; ++tries) {
        const auto refused = store_->commit(batch_of(0, {coin("bitcoin", "1")}));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
        said = refused.error().what;
    }
    EXPECT_NE(said.find("psql of a person"), std::string::npos) << said;
    other.execute("commit");
    EXPECT_EQ(committed(*store_, batch_of(0, {coin("bitcoin", "1")})).rows, 1);
}

TEST_F(PostgresFault, AStatementThatTakesTooLongIsUnavailable) {
    PostgresStoreOptions options;
    options.statement_timeout = 200ms;
    options.lock_timeout = 30s;
    const auto hasty = open_store(url_, clock_, options);
    Outsider other(url_);
    other.execute("begin; lock table coin_records in share mode");
    const auto refused = hasty->commit(batch_of(0, {coin("bitcoin", "1")}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable) << refused.error().what;
    other.execute("rollback");
    EXPECT_EQ(committed(*hasty, batch_of(0, {coin("bitcoin", "1")})).rows, 1);
}

TEST_F(PostgresFault, AConnectionThatWasCutIsMadeAnewByTheNextCall) {
    const auto cut = [&] {
        outsider_.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
            " and datname = current_database()");
        // The lines are seen to be cut once the server's processes are gone.
        while (outsider_.value("select count(*) from pg_stat_activity where pid <>"
                               " pg_backend_pid() and datname = current_database()") != "0") {
        }
    };
    committed(*store_, batch_of(0, {coin("bitcoin", "1")}));
    cut();
    EXPECT_EQ(committed(*store_, batch_of(1, {coin("ethereum", "2")})).rows, 1);
    cut();
    const std::vector<Statement> insert{
        {"insert into variables (name, value) values ('a', 'b')", {}, 1}};
    EXPECT_TRUE(store_->transact(insert));
    cut();
    EXPECT_TRUE(store_->query({"select 1", {}, {}}, [](const RowView&) -> Result<> { return {}; }));
    cut();
    EXPECT_EQ(next_offset(*store_), 2);
}

// Commits messages one by one from the ledger's place on, as the Loader does: after an error that
// may pass, the ledger says whether the batch was made.
class Committing {
public:
    Committing(Store& store, std::int64_t messages) : store_(store), messages_(messages) {}

    void run() {
        std::int64_t at = 0;
        while (at < messages_) {
            const std::vector<TopicPartition> partitions{coin_topic()};
            const auto ledger = store_.ledger(partitions);
            if (!ledger) {
                check(ledger.error());
                continue;
            }
            at = ledger->front().next.value();
            while (at < messages_) {
                // Without a slot: nothing but the ledger keeps the row once.
                const auto done = store_.commit(batch_of(at, {coin("bitcoin", "1", {})}));
                if (!done) {
                    check(done.error());
                    break;
                }
                made_ = ++at;
            }
        }
    }
    std::int64_t made() const { return made_; }
    int failures() const { return failures_; }

private:
    void check(const Error& error) {
        ++failures_;
        ASSERT_EQ(error.kind, ErrorKind::unavailable) << error.what;
    }
    Store& store_;
    const std::int64_t messages_;
    std::atomic<std::int64_t> made_ = 0;
    std::atomic<int> failures_ = 0;
};

TEST_F(PostgresFault, CutAtAnyMomentTheLedgerKnowsWhatWasMade) {
    constexpr std::int64_t kMessages = 200;
    Committing committing(*store_, kMessages);
    std::jthread loading([&] { committing.run(); });
    // At every distance from the beginning of a connection, and now and then far enough for a
    // commit.
    for (int cut = 0; committing.made() < kMessages - 50; ++cut) {
        outsider_.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like"
            " 'tapedeck load%' and datname = current_database()");
        std::this_thread::sleep_for(std::chrono::milliseconds(cut % 40));
    }
    loading.join();
    EXPECT_GT(committing.failures(), 0);
    EXPECT_EQ(outsider_.value("select count(*) from coin_records"), std::to_string(kMessages));
    EXPECT_EQ(outsider_.value("select sum(rows) from batches"), std::to_string(kMessages));
}

TEST(PostgresServer, MayDieAtOnceAndComeBackBetweenCommits) {
    Server server("postgres.py");  // syncs: what it confirmed must be there
    const PostgresUrl url = new_database(server);
    ManualClock clock(kTestStart);
    const auto store = open_store(url, clock);
    make_coins(*store);
    constexpr std::int64_t kMessages = 600;
    Committing committing(*store, kMessages);
    std::jthread loading([&] { committing.run(); });
    for (int i = 1; i <= 3; ++i) {
        while (committing.made() < i * kMessages / 5) std::this_thread::yield();
        server.stop({"--mode", i == 2 ? "kill" : "immediate"});
        server.start();
    }
    loading.join();
    EXPECT_GT(committing.failures(), 0);
    Outsider outsider(url);
    EXPECT_EQ(outsider.value("select count(*) from coin_records"), std::to_string(kMessages));
    EXPECT_EQ(outsider.value("select next_offset from offsets where partition = 0"),
              std::to_string(kMessages));
}

// A server process that dies takes all of the server's memory with it, at once; then the server
// comes back by itself from what its disk has.
void crash(const PostgresUrl& url, PostgresStore& store) {
    ASSERT_EQ(::kill(std::stoi(Outsider(url).value("select pg_backend_pid()")), SIGKILL), 0);
    const std::vector<TopicPartition> partitions{coin_topic()};
    while (store.ledger(partitions)) std::this_thread::yield();  // until the others are gone, too
    while (!store.ledger(partitions)) std::this_thread::sleep_for(10ms);
}

// The place of a batch that is followed by another, or is not.
CommitOrder order_of(bool is_followed) {
    return {false, [is_followed](CommitStep) {
                return is_followed ? CommitTurn::followed : CommitTurn::last;
            }};
}

TEST(PostgresServer, ACrashTakesBackAFollowedBatchWithItsLedgerAndNoOther) {
    Server server("postgres.py", {"--set", "wal_writer_delay=10s"});
    const PostgresUrl url = new_database(server);
    ManualClock clock(kTestStart);
    const auto store = open_store(url, clock);
    make_coins(*store);
    const auto append = [&](std::int64_t at, bool is_followed) {
        return store->commit(batch_of(at, {coin("bitcoin", "1", {})}), order_of(is_followed));
    };
    std::int64_t at = 0;
    int taken_back = 0;
    for (int i = 0; i < 20 && taken_back == 0; ++i) {
        ASSERT_TRUE(append(at, true));
        ASSERT_TRUE(append(at + 1, false)) << "brings the one before to the disk as well";
        ASSERT_TRUE(append(at + 2, true));
        crash(url, *store);
        const std::int64_t next = next_offset(*store);
        ASSERT_TRUE(next == at + 2 || next == at + 3) << next - at;
        EXPECT_EQ(Outsider(url).value("select count(*) from coin_records"), std::to_string(next));
        if (next == at + 2) ++taken_back;
        at = next;
    }
    EXPECT_EQ(taken_back, 1);
    EXPECT_TRUE(append(at, false));
}

// A line to the database that loses what the server says from its n-th byte on.
class BreakingLine {
public:
    explicit BreakingLine(PostgresUrl to) : url_(std::move(to)) {
        const std::string port =
            proxy_.run("proxy", {"--name", "db", "--to", postgres().address()});
        url_.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(json_number(port, "port"))}};
    }
    const PostgresUrl& url() const { return url_; }

    void break_after(int bytes) {
        proxy_.run("toxic", {"--name", "db", "--type", "limit_data", "--set",
                             "bytes=" + std::to_string(bytes)});
    }
    void mend() { proxy_.run("heal", {"--name", "db"}); }

private:
    Server proxy_{"toxiproxy.py"};
    PostgresUrl url_;
};

// Broken at one place after the other, while a batch meets a key that is there, and goes again by
// way of staging.
TEST_F(PostgresFault, ALineThatBreaksBesideADuplicateIsNoConflict) {
    BreakingLine line(url_);
    committed(*store_, batch_of(0, {coin("bitcoin", "1")}));
    int broken = 0;
    bool was_made = false;
    for (int bytes = 1; bytes < 3000 && !was_made; bytes += 23) {
        const auto store = open_store(line.url(), clock_);  // which has met no duplicate
        const std::int64_t at = next_offset(*store_);
        committed(*store, batch_of(at, {coin("ethereum", "2", {})}));
        line.break_after(bytes);
        const auto done = store->commit(batch_of(at + 1, {coin("bitcoin", "1")}));
        line.mend();
        was_made = done.has_value();
        if (was_made) continue;
        ++broken;
        EXPECT_EQ(done.error().kind, ErrorKind::unavailable) << bytes << ": " << done.error().what;
    }
    EXPECT_GT(broken, 20);
    EXPECT_TRUE(was_made);
    EXPECT_EQ(outsider_.value("select count(*) from coin_records where coin = 'bitcoin'"), "1");
}

// Broken at one place after the other: sooner or later it is the answer to the commit alone that is
// lost.
TEST_F(PostgresFault, ALostAnswerToACommitIsFoundInTheLedger) {
    BreakingLine line(url_);
    const auto store = open_store(line.url(), clock_);
    std::int64_t at = 0;
    int found_made = 0;
    for (int bytes = 1; bytes < 300 && found_made == 0; bytes += 9) {
        committed(*store, batch_of(at, {coin("bitcoin", "1", {})}));
        ++at;
        line.break_after(bytes);
        const auto done = store->commit(batch_of(at, {coin("bitcoin", "1", {})}));
        line.mend();
        const std::int64_t next = next_offset(*store_);
        if (done) {
            EXPECT_EQ(next, at + 1);
        } else {
            EXPECT_EQ(done.error().kind, ErrorKind::unavailable) << done.error().what;
            if (next == at + 1) ++found_made;
        }
        at = next;
    }
    EXPECT_EQ(found_made, 1);
    EXPECT_EQ(outsider_.value("select count(*) from coin_records"), std::to_string(at));
}

}  // namespace
}  // namespace tapedeck
