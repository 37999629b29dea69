// Looking at the files of a recorder: from a folder that cannot be written, as another user, on a
// full disk, beside the recorder, after it was killed. Nothing is made, changed or deleted.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <map>

#include "captures/sqlite/sqlite_captures.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/spool/spool_file.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const SystemClock kLookClock;
constexpr uid_t kNobody = 65534;

// Every file of a folder with its bytes, its owner and its rights.
std::map<std::string, std::string> picture_of(const std::string& folder) {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        std::ifstream file(entry.path(), std::ios::binary);
        struct stat status {};
        ::stat(entry.path().c_str(), &status);
        out[entry.path().filename()] =
            fmt::format("{} {} {}", status.st_uid, status.st_mode, status.st_ino) +
            std::string(std::istreambuf_iterator<char>(file), {});
    }
    return out;
}

// A process of its own that runs `work`: SQLite's locks are a process's, and are not inherited.
pid_t start(const std::function<int()>& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    return child;
}

int ended(pid_t child) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<std::int64_t> count_of_table(Store& store, const std::string& table) {
    std::int64_t count = -1;
    auto done =
        store.query({"select count(*) from " + table, {}, {}}, [&](const RowView& row) -> Result<> {
            count = row.integer(0);
            return {};
        });
    if (!done) return done.error();
    return count;
}

Result<> add_variable(Store& store, const std::string& name) {
    const std::vector<Statement> insert{
        {"insert into variables (name, value, is_secret) values ($1, '', 0)", {name}, {}}};
    auto done = store.transact(insert);
    if (!done) return done.error();
    return {};
}

// How many variables one who looks sees; the exit code of its process. 100: it cannot look.
int variables_seen(const std::string& file) {
    auto store = SqliteStore::open_looking(file, kLookClock, {});
    if (!store) return 100;
    const auto seen = count_of_table(**store, "variables");
    return seen ? static_cast<int>(*seen) : 101;
}

class Looking : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
        ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    }

    // A recorder: opens the file, writes one variable, says so and waits to be killed.
    pid_t start_recorder(const std::string& name) {
        int pipe[2] = {};
        if (::pipe(pipe) != 0) return -1;
        const pid_t child = start([&] {
            auto store = SqliteStore::open(file, kLookClock);
            if (!store) return 1;
            auto tape = SqliteTape::open(file, kLookClock);
            if (!tape || !add_variable(**store, name)) return 2;
            if (::write(pipe[1], "!", 1) != 1) return 3;
            for (;;) ::pause();
        });
        ::close(pipe[1]);
        char ready = 0;
        EXPECT_EQ(::read(pipe[0], &ready, 1), 1) << "the recorder did not open the file";
        ::close(pipe[0]);
        return child;
    }

    void make_and_close() {
        ASSERT_EQ(ended(start([&] {
                      auto store = SqliteStore::open(file, kLookClock);
                      return store && add_variable(**store, "first") ? 0 : 1;
                  })),
                  0);
    }

    static int as_nobody(const std::function<int()>& work) {
        return ended(start([&] {
            if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return 120;
            return work();
        }));
    }

    TempFolder folder;
    const std::string file = folder.file("t.db");
};

TEST_F(Looking, AnotherUserReadsBesideTheRecorderAndChangesNothing) {
    const pid_t recorder = start_recorder("first");
    const auto before = picture_of(folder.path());
    EXPECT_EQ(as_nobody([&] { return variables_seen(file); }), 1);
    EXPECT_EQ(variables_seen(file), 1);
    EXPECT_EQ(picture_of(folder.path()), before);
    ASSERT_EQ(::kill(recorder, SIGKILL), 0);
    ended(recorder);
}

TEST_F(Looking, AnotherUserReadsWhatAKillHasLeftInTheWal) {
    const pid_t recorder = start_recorder("first");
    ASSERT_EQ(::kill(recorder, SIGKILL), 0);
    ended(recorder);
    ASSERT_GT(std::filesystem::file_size(file + "-wal"), 0U);
    const auto before = picture_of(folder.path());
    EXPECT_EQ(as_nobody([&] { return variables_seen(file); }), 1);
    EXPECT_EQ(ended(start([&] { return variables_seen(file); })), 1);
    EXPECT_EQ(picture_of(folder.path()), before);
}

TEST_F(Looking, AClosedFileIsReadByAnotherUserAndNothingIsMade) {
    make_and_close();
    ASSERT_TRUE(std::filesystem::exists(file + "-wal")) << "kept for those who cannot make it";
    ASSERT_EQ(::chmod(file.c_str(), 0444), 0);
    const auto before = picture_of(folder.path());
    EXPECT_EQ(as_nobody([&] { return variables_seen(file); }), 1);
    EXPECT_EQ(picture_of(folder.path()), before);
}

// SQLite keeps what belongs to a file beside the file, and not beside a link to it.
TEST_F(Looking, ALinkLeadsToTheFileAndToWhatIsBesideIt) {
    const pid_t recorder = start_recorder("first");
    TempFolder other;
    ASSERT_EQ(::chmod(other.path().c_str(), 0755), 0);
    const std::string link = other.file("link.db");
    std::filesystem::create_symlink(file, link);
    const auto before = picture_of(folder.path());
    EXPECT_EQ(as_nobody([&] { return variables_seen(link); }), 1);
    EXPECT_EQ(picture_of(folder.path()), before);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(other.path()), {}), 1);
    ASSERT_EQ(::kill(recorder, SIGKILL), 0);
    ended(recorder);
}

// As an sqlite3 shell leaves a file, or a copy of it.
TEST_F(Looking, WithoutItsWalTheFileIsReadAsOneThatNobodyChanges) {
    make_and_close();
    std::filesystem::remove(file + "-wal");
    std::filesystem::remove(file + "-shm");
    const auto before = picture_of(folder.path());
    EXPECT_EQ(as_nobody([&] {
                  auto store = SqliteStore::open_looking(file, kLookClock, {});
                  if (!store) return 100;
                  if (!(*store)->is_unchanging()) return 99;
                  const auto seen = count_of_table(**store, "variables");
                  return seen ? static_cast<int>(*seen) : 101;
              }),
              1);
    EXPECT_EQ(picture_of(folder.path()), before);
}

TEST_F(Looking, AFileThatIsInUseIsNotReadWithoutLocks) {
    make_and_close();
    std::filesystem::remove(file + "-wal");
    std::filesystem::remove(file + "-shm");
    EXPECT_EQ(as_nobody([&] {
                  LookOptions options;
                  options.in_use = [] { return Result<bool>(true); };
                  const auto store = SqliteStore::open_looking(file, kLookClock, options);
                  if (store) return 1;
                  if (store.error().kind != ErrorKind::unavailable) return 2;
                  return store.error().what.find("-wal") == std::string::npos ? 3 : 0;
              }),
              0);
}

// The index leads into a WAL that is no longer there.
TEST_F(Looking, AFileWhoseWalWasDeletedUnderItsRecorderIsNotOpened) {
    const pid_t recorder = start_recorder("first");
    std::filesystem::remove(file + "-wal");
    const auto before = picture_of(folder.path());
    LookOptions options;
    options.in_use = [] { return Result<bool>(true); };
    const auto store = SqliteStore::open_looking(file, kLookClock, options);
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().what.find("-wal was deleted"), std::string::npos) << store.error().what;
    EXPECT_EQ(picture_of(folder.path()), before);
    ASSERT_EQ(::kill(recorder, SIGKILL), 0);
    ended(recorder);
    options.in_use = [] { return Result<bool>(false); };
    EXPECT_TRUE(SqliteStore::open_looking(file, kLookClock, options)) << "nobody has it any more";
}

TEST_F(Looking, WhatIsReadWithoutLocksWhileSomebodyWritesIsRefused) {
    make_and_close();
    std::filesystem::remove(file + "-wal");
    std::filesystem::remove(file + "-shm");
    int opened[2] = {};
    int written[2] = {};
    ASSERT_EQ(::pipe(opened), 0);
    ASSERT_EQ(::pipe(written), 0);
    const pid_t reader = start([&] {
        if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return 120;
        auto store = SqliteStore::open_looking(file, kLookClock, {});
        char go = 0;
        if (!store || ::write(opened[1], "!", 1) != 1 || ::read(written[0], &go, 1) != 1) return 1;
        const auto seen = count_of_table(**store, "variables");
        if (seen) return 2;
        return seen.error().what.find("began to write") == std::string::npos ? 3 : 0;
    });
    char go = 0;
    ASSERT_EQ(::read(opened[0], &go, 1), 1);
    EXPECT_EQ(ended(start([&] {
                  auto store = SqliteStore::open(file, kLookClock);
                  return store && add_variable(**store, "second") ? 0 : 1;
              })),
              0);
    ASSERT_EQ(::write(written[1], "!", 1), 1);
    EXPECT_EQ(ended(reader), 0);
    for (const int fd : {opened[0], opened[1], written[0], written[1]}) ::close(fd);
}

TEST_F(Looking, ThereIsNothingToLookAtBeforeTheFirstRun) {
    const auto missing = SqliteStore::open_looking(file, kLookClock, {});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::rejected);
    EXPECT_TRUE(missing.error().what.find("there is no ") != std::string::npos);
    std::ofstream(file).flush();
    EXPECT_FALSE(SqliteStore::open_looking(file, kLookClock, {}));
    EXPECT_EQ(std::filesystem::file_size(file), 0U);
    EXPECT_FALSE(std::filesystem::exists(file + "-shm"));
}

TEST_F(Looking, WhoLooksWritesNothing) {
    make_and_close();
    auto store = SqliteStore::open_looking(file, kLookClock, {});
    ASSERT_TRUE(store) << store.error().what;
    EXPECT_FALSE(add_variable(**store, "second"));
    EXPECT_FALSE((*store)->acquire_lease("nobody"));
    EXPECT_FALSE(std::filesystem::exists(file + "-lease"));
    const std::vector<TopicPartition> at{{"coin_topic", Partition(0)}};
    EXPECT_FALSE((*store)->ledger(at));
}

// What this program's version has beside the file's reads as empty.
TEST_F(Looking, AnOlderFileIsReadAsItIs) {
    const std::array<std::string_view, 1> first{"create table things (name text)"};
    const std::array<std::string_view, 3> third{
        first[0], "alter table things add column price text default 'none'",
        "create table others (name text); create view named as select name from things"};
    {
        auto old = open_file(file, {"part", first}, kLookClock, {});
        ASSERT_TRUE(old) << old.error().what;
        ASSERT_TRUE((*old)->execute("insert into things values ('bitcoin')"));
    }
    const auto before = picture_of(folder.path());
    const auto how = look_at(file, {"part", third}, {});
    ASSERT_TRUE(how) << how.error().what;
    EXPECT_TRUE(how->older);
    const auto database = how->open();
    ASSERT_TRUE(database) << database.error().what;
    for (const auto& [sql, expected] :
         {std::pair("select count(*) from things where name = 'bitcoin' and price = 'none'", 1),
          std::pair("select count(*) from others", 0),
          std::pair("select count(*) from named", 1)}) {
        const auto seen = (*database)->integer(sql);
        ASSERT_TRUE(seen) << seen.error().what;
        EXPECT_EQ(seen->value_or(-1), expected) << sql;
    }
    EXPECT_EQ(picture_of(folder.path()), before);
    const auto newer = look_at(file, {"part", {}}, {});
    ASSERT_FALSE(newer);
    EXPECT_NE(newer.error().what.find("newer"), std::string::npos);
}

// A feed that was configured since the last run.
TEST_F(Looking, ATableThatIsNotThereYetReadsAsEmpty) {
    make_and_close();
    auto store = SqliteStore::open_looking(file, kLookClock, {});
    ASSERT_TRUE(store) << store.error().what;
    const PriceTable table{"gold_records", RecordForm::stock};
    ASSERT_TRUE((*store)->ensure_table(table));
    ASSERT_TRUE((*store)->ensure_table(table));
    for (int i = 0; i < 3; ++i) {
        const auto seen = count_of_table(**store, "gold_prices");
        ASSERT_TRUE(seen) << seen.error().what;
        EXPECT_EQ(*seen, 0);
    }
}

TEST_F(Looking, CapturesAndSpoolAreReadByAnotherUser) {
    const std::string captures = folder.file("t.captures.db");
    const std::string spool = folder.file("t.spool.db");
    ASSERT_EQ(
        ended(start([&] {
            auto opened = SqliteCaptures::open(captures, kLookClock);
            if (!opened) return 1;
            const std::vector<std::pair<std::string, std::string>> none;
            if (!(*opened)->put({"https://a", 200, none, "body", kLookClock.now()})) return 2;
            auto kept = SpoolFile::open(spool, kLookClock);
            const std::vector<OutgoingMessage> messages{{"t", "k", "v", kLookClock.now(), {}}};
            return kept && (*kept)->put(messages) ? 0 : 3;
        })),
        0);
    const auto before = picture_of(folder.path());
    EXPECT_EQ(as_nobody([&] {
                  auto looked = SqliteCaptures::open_looking(captures, kLookClock, {});
                  if (!looked) return 1;
                  const auto sizes = (*looked)->sizes();
                  if (!sizes || sizes->captures != 1) return 2;
                  auto waiting = SpoolFile::open_looking(spool, kLookClock, {});
                  if (!waiting) return 3;
                  const auto spooled = (*waiting)->sizes();
                  return spooled && spooled->messages == 1 ? 0 : 4;
              }),
              0);
    EXPECT_EQ(picture_of(folder.path()), before);
}

}  // namespace
}  // namespace tapedeck
