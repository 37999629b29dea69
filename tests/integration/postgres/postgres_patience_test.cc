// Whoever asks the store says how long it waits: locks, stopped server processes and lines that are
// silent end with that, and nothing is left behind on the server.
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "tests/integration/postgres/batches.h"
#include "tests/integration/postgres/database.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Patience kShort{200ms, {}};

class PostgresPatience : public ::testing::Test {
protected:
    PostgresPatience() { make_coins(*store_); }

    Result<> count(const Patience& patience) {
        return store_->query(
            {"select count(*) from coin_records", {}, {}},
            [](const RowView&) -> Result<> { return {}; }, patience);
    }
    Result<> write(const Patience& patience = {}) {
        const std::vector<Statement> insert{
            {"insert into variables (name, value) values ('a', 'b') on conflict (name) do update "
             "set value = excluded.value",
             {},
             1}};
        auto done = store_->transact(insert, patience);
        return done ? Result<>() : Result<>(done.error());
    }
    // The server process of a connection of the store's: "read", "write" or "lease".
    pid_t backend(const std::string& purpose) {
        return static_cast<pid_t>(std::stoi(
            outsider_.value("select pid from pg_stat_activity where datname = current_database() "
                            "and application_name like 'tapedeck " +
                            purpose + ":%'")));
    }
    void expect_gone(pid_t pid) {
        while (outsider_.value("select count(*) from pg_stat_activity where pid = " +
                               std::to_string(pid)) != "0") {
            std::this_thread::sleep_for(1ms);
        }
    }

    const PostgresUrl url_ = new_database();
    ManualClock clock_{kTestStart};
    const std::unique_ptr<PostgresStore> store_ = open_store(url_, clock_);
    Outsider outsider_{url_};
};

// Stops a server process, as a debugger or an overcommitted host does.
class Stopped {
public:
    explicit Stopped(pid_t pid) : pid_(pid) { EXPECT_EQ(::kill(pid_, SIGSTOP), 0); }
    ~Stopped() { ::kill(pid_, SIGCONT); }
    Stopped(const Stopped&) = delete;
    Stopped& operator=(const Stopped&) = delete;

private:
    const pid_t pid_;
};

TEST_F(PostgresPatience, AReaderOfALockedTableEndsWithItsPatienceAndNamesTheHolder) {
    ASSERT_TRUE(count({}));
    const pid_t reader = backend("read");
    Outsider person(url_, "psql of a person");
    person.execute("begin; lock table coin_records in access exclusive mode");
    const auto refused = count(kShort);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    for (const char* part : {"no answer within 200ms", "psql of a person"}) {
        EXPECT_NE(refused.error().what.find(part), std::string::npos) << refused.error().what;
    }
    // Else a lock of an hour would gather hundreds of them, until nobody gets a connection.
    expect_gone(reader);
    person.execute("rollback");
    EXPECT_TRUE(count(kShort));
}

TEST_F(PostgresPatience, AStoppedServerProcessIsNotWaitedFor) {
    ASSERT_TRUE(count({}));
    {
        const Stopped reader(backend("read"));
        const auto refused = count(kShort);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
        EXPECT_TRUE(count({10s, {}}));  // by another connection
    }
    ASSERT_TRUE(write());
    const Stopped writer(backend("write"));
    const auto refused = write(kShort);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_TRUE(write({10s, {}}));
}

TEST_F(PostgresPatience, AStopEndsEveryWait) {
    Outsider person(url_);
    person.execute("begin; lock table coin_records in access exclusive mode");
    std::stop_source stop;
    stop.request_stop();
    const auto refused = count({24h, stop.get_token()});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_NE(refused.error().what.find("asked to stop"), std::string::npos)
        << refused.error().what;
    std::stop_source later;
    std::jthread stopping([&] {
        std::this_thread::sleep_for(50ms);  // most often it waits by then
        later.request_stop();
    });
    EXPECT_FALSE(count({24h, later.get_token()}));
}

TEST_F(PostgresPatience, RowsAreASignOfLife) {
    std::int64_t rows = 0;
    auto done = store_->query(
        {"select pg_sleep(0.1)::text || repeat('x', 20000) from generate_series(1, 5)", {}, {}},
        [&](const RowView&) -> Result<> {
            ++rows;
            return {};
        },
        {400ms, {}});
    // Each fills the server's buffer and comes by itself; all together take longer than the limit.
    EXPECT_TRUE(done) << done.error().what;
    EXPECT_EQ(rows, 5);
}

// The line is cut while the server's end of it knows nothing, as with a host that drops packets.
TEST_F(PostgresPatience, ALeaseThatOurOwnFormerSessionHoldsIsTakenBack) {
    Server proxy("toxiproxy.py");
    PostgresUrl through = url_;
    const std::string to = "127.0.0.1:" + std::to_string(url_.hosts.front().port);
    const auto port = json_number(proxy.run("proxy", {"--name", "db", "--to", to}), "port");
    through.hosts.front().port = static_cast<std::uint16_t>(port);
    const auto store = open_store(through, clock_);
    const auto lease = store->acquire_lease("recorder:1");
    ASSERT_TRUE(lease) << lease.error().what;
    const std::vector<Statement> insert{
        {"insert into variables (name, value) values ('c', 'd') on conflict do nothing", {}, {}}};
    ASSERT_TRUE(store->transact(insert));
    {
        const Stopped holder(backend("lease"));
        proxy.run("cut", {"--name", "db"});
        proxy.run("mend", {"--name", "db"});
        const auto refused = store->transact(insert);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::unavailable) << refused.error().what;
    }
    auto done = store->transact(insert);
    while (!done && done.error().kind == ErrorKind::unavailable) done = store->transact(insert);
    EXPECT_TRUE(done) << done.error().what;
}

}  // namespace
}  // namespace tapedeck
