// Before a word is said: who is refused, has no connection left, or is not answered, waits no
// longer than it was told to, ends with a stop, and comes in as soon as it may.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <thread>

#include "tests/integration/postgres/batches.h"
#include "tests/integration/postgres/database.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

// Takes connections into its backlog and never says anything: a host that is stopped.
class Silent {
public:
    Silent() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(socket_, any, size), 0);
        EXPECT_EQ(::listen(socket_, 8), 0);
        EXPECT_EQ(::getsockname(socket_, any, &size), 0);
        port_ = ntohs(address.sin_port);
    }
    ~Silent() { ::close(socket_); }
    Silent(const Silent&) = delete;
    Silent& operator=(const Silent&) = delete;
    std::uint16_t port() const { return port_; }

private:
    const int socket_;
    std::uint16_t port_ = 0;
};

PostgresUrl through(std::uint16_t port, PostgresUrl url) {
    url.hosts = {{"127.0.0.1", port}};
    return url;
}

class Pooler {
public:
    explicit Pooler(const std::vector<std::string>& settings)
        : server_("pgbouncer.py", arguments(settings)) {}
    std::uint16_t port() const { return static_cast<std::uint16_t>(server_.number("port")); }

private:
    static std::vector<std::string> arguments(const std::vector<std::string>& settings) {
        std::vector<std::string> out{"--to", std::to_string(postgres().number("port"))};
        for (const std::string& one : settings) {
            out.push_back("--set");
            out.push_back(one);
        }
        return out;
    }
    Server server_;
};

Result<> count(Store& store, const Patience& patience = {}) {
    return store.query(
        {"select count(*) from variables", {}, {}}, [](const RowView&) -> Result<> { return {}; },
        patience);
}

class PostgresConnectTest : public ::testing::Test {
protected:
    const PostgresUrl url_ = new_database();
    ManualClock clock_{kTestStart};
};

TEST_F(PostgresConnectTest, GoesOnToTheNextHostWhereTheFirstIsSilent) {
    const Silent silent;
    PostgresUrl url = url_;
    url.hosts.insert(url.hosts.begin(), {"127.0.0.1", silent.port()});
    PostgresStoreOptions options;
    options.connect_timeout = 200ms;
    const auto store = open_store(url, clock_, options);
    ASSERT_TRUE(store);
    EXPECT_TRUE(count(*store));
}

TEST_F(PostgresConnectTest, AStopEndsTheWaitForASilentHost) {
    const Silent silent;
    std::stop_source stop;
    stop.request_stop();
    PostgresStoreOptions options;
    options.connect_timeout = 24h;
    options.stop = stop.get_token();
    const auto refused = PostgresStore::open(through(silent.port(), url_), clock_, options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_NE(refused.error().what.find("asked to stop"), std::string::npos)
        << refused.error().what;
    EXPECT_NE(refused.error().what.find(std::to_string(silent.port())), std::string::npos)
        << refused.error().what;
}

TEST_F(PostgresConnectTest, AStopStillLetsTheNextHostBeAsked) {
    std::stop_source stop;
    stop.request_stop();
    PostgresUrl url = url_;
    url.hosts.insert(url.hosts.begin(), {"127.0.0.1", 1});
    PostgresStoreOptions options;
    options.stop = stop.get_token();
    const auto opened = PostgresStore::open(url, clock_, options);
    EXPECT_TRUE(opened) << opened.error().what;  // the last writes of one that ends
}

// Held by whoever makes the tables: a migration may take an hour.
TEST_F(PostgresConnectTest, AStopEndsTheWaitForWhoeverMakesTheTables) {
    Outsider other(url_);
    other.execute("select pg_advisory_lock(8385524741126153067)");
    std::stop_source stop;
    stop.request_stop();
    PostgresStoreOptions options;
    options.stop = stop.get_token();
    const auto refused = PostgresStore::open(url_, clock_, options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_NE(refused.error().what.find("asked to stop"), std::string::npos)
        << refused.error().what;
}

TEST_F(PostgresConnectTest, FindsTheServerByAName) {
    PostgresUrl url = url_;
    url.hosts.front().host = "localhost";  // ::1 refuses where the system has it
    EXPECT_TRUE(open_store(url, clock_));
}

TEST_F(PostgresConnectTest, PrefersAStandbyAndTakesWhatThereIs) {
    PostgresUrl url = url_;
    url.hosts.insert(url.hosts.begin(), {"127.0.0.1", 1});
    url.options["target_session_attrs"] = "prefer-standby";
    EXPECT_TRUE(open_store(url, clock_));
    url.options["target_session_attrs"] = "standby";
    const auto refused = PostgresStore::open(url, clock_);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("standby"), std::string::npos) << refused.error().what;
}

// A server that asks the role `tape` for what it is told to ask for.
class Guarded : public PostgresConnectTest {
protected:
    Guarded() {
        outsider_.execute("create role tape login password 'first' superuser");
        let_in("scram-sha-256");
        password_ = "wrong";
        while (PostgresStore::open(url_, clock_, options())) std::this_thread::sleep_for(10ms);
        password_ = "first";
        store_ = open_store(url_, clock_, options());
        make_coins(*store_);
    }

    void let_in(const std::string& how) {
        std::ofstream(server_.text("socket") + "/data/pg_hba.conf")
            << "host all tape 127.0.0.1/32 " << how
            << "\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n";
        outsider_.execute("select pg_reload_conf()");
    }
    void cut() {
        outsider_.value(
            "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity"
            " where usename = 'tape'");
    }
    Result<> write() {
        const std::vector<Statement> insert{
            {"insert into variables (name, value) values ('a', 'b') on conflict do nothing",
             {},
             {}}};
        auto done = store_->transact(insert);  // asks the lease, where there is one
        return done ? Result<>() : Result<>(done.error());
    }
    Result<> load() {
        auto done = store_->commit(batch_of(0, {coin("a", "1.50")}));
        return done ? Result<>() : Result<>(done.error());
    }
    // Every way to the store waits for it, in these words and without the password.
    void expect_waiting(const std::string& words) {
        cut();
        while (count(*store_)) {  // until the server has read its files again
            cut();
            std::this_thread::sleep_for(10ms);
        }
        for (const auto& done : {count(*store_), write(), load()}) {
            ASSERT_FALSE(done);
            EXPECT_EQ(done.error().kind, ErrorKind::unavailable) << done.error().what;
            EXPECT_NE(done.error().what.find(words), std::string::npos) << done.error().what;
            EXPECT_EQ(done.error().what.find(password_), std::string::npos) << done.error().what;
        }
    }
    void expect_recovered() {
        auto done = write();
        while (!done && done.error().kind == ErrorKind::unavailable) done = write();
        EXPECT_TRUE(done) << done.error().what;
        EXPECT_TRUE(load());
        EXPECT_TRUE(count(*store_));
    }
    PostgresStoreOptions options() {
        PostgresStoreOptions out;
        out.password = [this]() -> Result<Secret> { return Secret(password_); };
        return out;
    }

    Server server_{"postgres.py", {"--set", "fsync=off"}};
    Outsider outsider_{url_of(server_, "market")};
    const PostgresUrl url_ = url_of(server_, "market", "tape");
    std::string password_;
    std::unique_ptr<PostgresStore> store_;
};

TEST_F(Guarded, WaitsForThePasswordThatWasRotatedAndReadsItBeforeEachConnection) {
    const auto lease = store_->acquire_lease("recorder:1");
    ASSERT_TRUE(lease) << lease.error().what;
    outsider_.execute("alter role tape password 's3cond'");
    expect_waiting("password authentication failed");
    password_ = "s3cond";
    expect_recovered();
}

TEST_F(Guarded, WaitsWhileTheServersRulesKeepItOut) {
    let_in("reject");
    expect_waiting("pg_hba.conf rejects connection");
    let_in("scram-sha-256");
    expect_recovered();
}

TEST_F(Guarded, WaitsForADatabaseThatHasAnotherNameForAWhile) {
    Outsider admin(url_of(server_, "postgres"));
    outsider_ = Outsider(url_of(server_, "postgres"));
    cut();
    while (!admin.connection().execute("alter database market rename to market_once")) cut();
    expect_waiting("database \"market\" does not exist");
    admin.execute("alter database market_once rename to market");
    expect_recovered();
}

TEST_F(Guarded, WaitsForARoleThatMayNotLogIn) {
    outsider_.execute("alter role tape nologin");
    expect_waiting("is not permitted to log in");
    outsider_.execute("alter role tape login");
    expect_recovered();
}

TEST_F(Guarded, WaitsForAConnectionThatIsFree) {
    outsider_.execute("alter role tape nosuperuser connection limit 0");
    expect_waiting("too many connections");
    outsider_.execute("alter role tape superuser connection limit -1");
    expect_recovered();
}

// Poolers.

TEST_F(PostgresConnectTest, WorksThroughAPoolerThatLendsSessions) {
    const Pooler pooler({"pool_mode=session", "default_pool_size=20"});
    const auto store = open_store(through(pooler.port(), url_), clock_);
    ASSERT_TRUE(store);
    make_coins(*store);
    const auto lease = store->acquire_lease("recorder:1");
    ASSERT_TRUE(lease) << lease.error().what;
    EXPECT_EQ(committed(*store, batch_of(0, {coin("a", "1.50")})).rows, 1);
    EXPECT_TRUE(count(*store));
    // It numbers sessions its own way, and a stalled loader is found by the server's.
    Outsider stalled(through(pooler.port(), url_), "tapedeck load: stalled:1");
    stalled.execute("begin; update offsets set next_offset = 9 where partition = 0");
    EXPECT_EQ(committed(*store, batch_of(1, {coin("b", "2")})).rows, 1);
}

TEST_F(PostgresConnectTest, SaysThatAPoolerLendsByTheTransaction) {
    for (const char* mode : {"pool_mode=transaction", "pool_mode=statement"}) {
        const Pooler pooler({mode, "default_pool_size=5"});
        Outsider before(url_);
        const auto refused = PostgresStore::open(through(pooler.port(), url_), clock_);
        ASSERT_FALSE(refused) << mode;
        EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);  // somebody may set it right
        EXPECT_NE(refused.error().what.find("pool_mode = session"), std::string::npos)
            << refused.error().what;
        // Settings of ours would be everybody's from then on.
        Outsider next(through(pooler.port(), url_));
        EXPECT_EQ(next.value("select to_regclass('offsets') is null"), "t");
    }
}

TEST_F(PostgresConnectTest, TellsAndEndsItsWaitForAPoolersConnection) {
    const Pooler pooler({"pool_mode=session", "default_pool_size=2"});
    PostgresStoreOptions options;
    options.connect_timeout = 300ms;
    const auto store = open_store(through(pooler.port(), url_), clock_, options);
    ASSERT_TRUE(store);
    make_coins(*store);  // its connection stays
    const auto lease = store->acquire_lease("recorder:1");
    ASSERT_TRUE(lease) << lease.error().what;
    const auto refused = count(*store);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_NE(refused.error().what.find("no connection free"), std::string::npos)
        << refused.error().what;
    std::stop_source stop;
    stop.request_stop();
    const auto stopped = count(*store, {24h, stop.get_token()});
    ASSERT_FALSE(stopped);
}

}  // namespace
}  // namespace tapedeck
