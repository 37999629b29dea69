// A database that dies, moves, is full, is locked, or says no at the last moment.
#include <fmt/format.h>
#include <pwd.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/crash/cluster/cluster.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kLoading =
    "select count(*) from pg_stat_activity where datname = current_database() and "
    "query ilike 'copy%' and state = 'active'";
constexpr std::string_view kOurs =
    "pg_stat_activity where datname = current_database() and application_name like 'tapedeck%'";

class PostgresFault : public Cluster {
protected:
    // Whether a COPY was seen under way within some seconds.
    bool wait_for_copy() {
        return wait_until([&] { return database().number(std::string(kLoading)) > 0; }, 30s);
    }
    bool wait_for_words(const std::string& words) {
        return wait_until([&] { return said().find(words) != std::string::npos; }, 60s);
    }
};

TEST_F(PostgresFault, LosesAndDoublesNothingInAnImmediateShutdownWithinACopy) {
    prepare();
    producer().start(5ms);
    start_loaders(3);
    ASSERT_TRUE(wait_for_progress(200));
    for (int i = 0; i < (is_long() ? 20 : 3); ++i) {
        ASSERT_TRUE(wait_for_copy());
        servers().postgres().stop({"--mode", "immediate"});
        std::this_thread::sleep_for(moment(0, 1'500));
        servers().postgres().start();
        ASSERT_TRUE(wait_for_progress(200));
    }
    finish();
}

// A process of the server that is killed takes the memory of all with it. In a backlog the last
// commits may have been there alone.
TEST_F(PostgresFault, LoadsAgainWhatACrashedServerHadInItsMemoryAlone) {
    Plan plan;
    plan.batch_rows = 20;
    prepare(plan);
    database().run("alter system set wal_writer_delay = '10s'");
    database().run("select pg_reload_conf()");
    start_loader();
    const auto went_back = [&] { return said().find("ledger_went_back") != std::string::npos; };
    for (int tries = 0; tries < 30 && !went_back(); ++tries) {
        producer().send_slots(60);
        ASSERT_TRUE(wait_for_progress(100));
        const auto pid = static_cast<pid_t>(database().number("select pg_backend_pid()"));
        ASSERT_EQ(::kill(pid, SIGKILL), 0);
        ASSERT_TRUE(wait_for_progress(1));
    }
    EXPECT_TRUE(went_back());
    database().run("alter system reset wal_writer_delay");
    database().run("select pg_reload_conf()");
    finish();
}

// The same database comes back at the other address of the URL.
TEST_F(PostgresFault, FollowsTheDatabaseToItsOtherAddress) {
    prepare();
    const std::string store = url(servers().proxied_postgres());
    const auto colon = store.find("127.0.0.1:");
    std::string both = store;
    both.insert(store.find('/', colon),
                ",127.0.0.1:" + std::to_string(servers().second_postgres()));
    producer().start(20ms);
    start_loaders(3, both);
    ASSERT_TRUE(wait_for_progress(200));
    for (int i = 0; i < (is_long() ? 10 : 2); ++i) {
        const std::string from = i % 2 == 0 ? "postgres" : "second";
        const std::string to = i % 2 == 0 ? "second" : "postgres";
        servers().proxy("cut", from);
        servers().postgres().stop({"--mode", "immediate"});
        servers().postgres().start();
        servers().proxy("mend", to);
        ASSERT_TRUE(wait_for_progress(200));
    }
    finish();
    servers().proxy("mend", "postgres");
    servers().proxy("cut", "second");
}

// Each commit takes 50 ms at the server, which is most of what a batch takes: sessions that are at
// work and do not wait for their client are mostly within it.
TEST_F(PostgresFault, KnowsWhetherACommitWasMadeWhenItsConnectionIsCut) {
    prepare();
    const std::string name = database().value("select current_database()");
    database().run("alter database " + name + " set commit_delay = 50000");
    database().run("alter database " + name + " set commit_siblings = 0");
    producer().start(10ms);
    start_loaders(3, url(servers().proxied_postgres()));
    ASSERT_TRUE(wait_for_progress(200));
    const int rounds = is_long() ? 200 : 12;
    for (int i = 0; i < rounds; ++i) {
        std::this_thread::sleep_for(moment(0, 300));
        if (i % 4 == 3) {
            servers().proxy("cut", "postgres");
            servers().proxy("mend", "postgres");
        } else {
            EXPECT_TRUE(wait_until(
                [&] {
                    return 0 <
                           database().number(
                               "select count(*) filter (where pg_terminate_backend(pid)) from " +
                               std::string(kOurs) +
                               " and state = 'active' and query like '%commit' and "
                               "wait_event_type is distinct from 'Client'");
                },
                20s));
        }
        ASSERT_TRUE(wait_for_progress(50));
    }
    finish();
}

// A tablespace on a file system of 24 MiB, which is made larger once the loaders wait.
TEST_F(PostgresFault, WaitsWhileTheDiskIsFullAndGoesOnWhenThereIsRoom) {
    ASSERT_EQ(geteuid(), 0U) << "only root can mount a small disk";
    const TempFolder folder;
    const std::string disk = folder.file("disk");
    std::filesystem::create_directory(disk);
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    const passwd* owner = getpwnam("postgres");  // who the server runs as
    ASSERT_NE(owner, nullptr);
    const std::string mode = fmt::format("mode=0700,uid={},gid={}", owner->pw_uid, owner->pw_gid);
    ASSERT_EQ(mount("tmpfs", disk.c_str(), "tmpfs", 0, ("size=24m," + mode).c_str()), 0) << errno;
    ClusterDatabase admin(servers().postgres().text("url"));
    admin.run("create tablespace small location '" + disk + "'");
    Plan plan;
    plan.tablespace = "small";
    plan.shape.arrays = 100;
    prepare(plan);
    producer().start(5ms);
    start_loaders(3);
    EXPECT_TRUE(wait_for_words("No space left on device"));
    const std::int64_t stuck = loaded();
    EXPECT_FALSE(wait_until([&] { return loaded() > stuck + 20'000; }, 3s));
    ASSERT_EQ(mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, ("size=1g," + mode).c_str()), 0);
    EXPECT_TRUE(wait_for_progress(200));
    finish();
    drop_database();
    admin.run("drop tablespace small");
    EXPECT_EQ(umount2(disk.c_str(), MNT_DETACH), 0) << errno;
}

TEST_F(PostgresFault, WaitsForALockOfSomebodyElseAndNamesWhoHoldsIt) {
    prepare();
    producer().start(20ms);
    start_loaders(3);
    ASSERT_TRUE(wait_for_progress(200));
    ClusterDatabase other(url(servers().postgres().number("port")));
    other.run("begin; lock table coin_records in exclusive mode");
    const std::string holder = other.value("select pg_backend_pid()");
    EXPECT_TRUE(wait_for_words("accountant"));
    EXPECT_TRUE(wait_for_words(holder));
    EXPECT_EQ(other.value("select pg_backend_pid()"), holder) << "its session was ended";
    other.run("commit");
    EXPECT_TRUE(wait_for_progress(200));
    finish();
}

// A statement timeout and an administrator's cancellation are the same to a client: SQLSTATE 57014.
TEST_F(PostgresFault, TriesAgainWhatTheServerCancelled) {
    prepare();
    producer().start(5ms);
    start_loaders(3);
    ASSERT_TRUE(wait_for_progress(200));
    std::int64_t cancelled = 0;
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    const std::int64_t wanted = is_long() ? 300 : 15;
    while (cancelled < wanted && std::chrono::steady_clock::now() < deadline) {
        cancelled += database().number(
            "select coalesce(sum(case when state = 'active' and pg_cancel_backend(pid) then 1 "
            "else 0 end), 0) from " +
            std::string(kOurs));
    }
    EXPECT_GE(cancelled, wanted);
    EXPECT_TRUE(wait_for_progress(200));
    finish();
}

// Whoever touches the ledger's rows at the same time makes a serializable transaction fail.
TEST_F(PostgresFault, TriesAgainWhatCouldNotBeSerialized) {
    prepare();
    ClusterDatabase other(url(servers().postgres().number("port")));
    other.run("alter database " + other.value("select current_database()") +
              " set default_transaction_isolation = serializable");
    producer().start(20ms);
    start_loaders(3);
    ASSERT_TRUE(wait_for_progress(200));
    const auto end = std::chrono::steady_clock::now() + (is_long() ? 60s : 8s);
    while (std::chrono::steady_clock::now() < end) {
        other.try_run(
            "begin isolation level serializable; update offsets set next_offset = next_offset; "
            "select pg_sleep(0.02); commit");
        other.try_run("rollback");
        std::this_thread::sleep_for(moment(0, 100));
    }
    EXPECT_NE(said().find("could not serialize"), std::string::npos);
    EXPECT_TRUE(wait_for_progress(200));
    finish();
}

}  // namespace
}  // namespace tapedeck
