// Files that are deleted, moved or replaced under their recorder: nothing is reported that went
// into them, what they held is kept, and nobody else starts in the meantime.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>

#include "base/sha256.h"
#include "captures/sqlite/capture_file.h"
#include "captures/sqlite/sqlite_captures.h"
#include "store/journal/statement_journal.h"
#include "store/sqlite/file_lease.h"
#include "store/sqlite/replaced_note.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/spool/spool_file.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const SystemClock kFileClock;
const std::vector<Statement> kInsert{
    {"insert into variables (name, value, is_secret) select 'n' || count(*), '', 0 from variables",
     {},
     {}}};

std::vector<OutgoingMessage> message() {
    return {{"coin_topic", "bitcoin", "22470.52", kFileClock.now(), {}}};
}

std::string read_bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::int64_t count_in(const std::string& path, const std::string& table) {
    const auto database = Database::open(path, {true, 1s});
    if (!database) return -1;
    const auto count = (*database)->integer("select count(*) from " + table);
    return count ? count->value_or(-1) : -1;
}

// What somebody does with the file while it is written.
struct Deed {
    std::string name;
    std::function<void(const std::string& file)> act;
};
std::ostream& operator<<(std::ostream& out, const Deed& deed) { return out << deed.name; }

class Replaced : public ::testing::TestWithParam<Deed> {
protected:
    void SetUp() override {
        auto store_opened = SqliteStore::open(file, kFileClock);
        ASSERT_TRUE(store_opened) << store_opened.error().what;
        store = *std::move(store_opened);
        auto tape_opened = SqliteTape::open(file, kFileClock, {1s, store->gate()});
        ASSERT_TRUE(tape_opened) << tape_opened.error().what;
        tape = *std::move(tape_opened);
        ASSERT_TRUE(tape->ensure_topic("coin_topic", 1));
        ASSERT_TRUE(tape->append(message()));
        ASSERT_TRUE(store->transact(kInsert));
    }

    TempFolder folder;
    const std::string file = folder.file("t.db");
    std::unique_ptr<SqliteStore> store;
    std::unique_ptr<SqliteTape> tape;
};

TEST_P(Replaced, NothingIsReportedOfWhatWentIntoTheFileAndEverythingIsKept) {
    ASSERT_TRUE(store->check_files());
    GetParam().act(file);
    EXPECT_FALSE(store->check_files());
    EXPECT_FALSE(tape->check_files());
    const std::string left = read_bytes(file);
    const bool has_wal = std::filesystem::exists(file + "-wal");
    const auto appended = tape->append(message());
    ASSERT_FALSE(appended) << "a message was reported that nobody will find";
    EXPECT_EQ(appended.error().kind, ErrorKind::corrupt) << appended.error().what;
    EXPECT_NE(appended.error().what.find("while it was written"), std::string::npos)
        << appended.error().what;
    const auto changed = store->transact(kInsert);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().kind, ErrorKind::corrupt) << changed.error().what;
    EXPECT_FALSE(store->query({"select count(*) from variables", {}, {}},
                              [](const RowView&) -> Result<> { return {}; }))
        << "another file may have been read";

    const auto rescued = store->rescue();
    ASSERT_TRUE(rescued);
    ASSERT_FALSE(rescued->path.empty()) << rescued->what;
    EXPECT_TRUE(rescued->path.starts_with(file + ".rescued-")) << rescued->path;
    EXPECT_EQ(count_in(rescued->path, "messages"), 2) << "the one in hand is kept too";
    EXPECT_EQ(count_in(rescued->path, "variables"), 2);
    tape.reset();
    store.reset();
    EXPECT_TRUE(read_bytes(file) == left) << "what is in the file's place was written to";
    EXPECT_EQ(std::filesystem::exists(file + "-wal"), has_wal) << "a WAL was deleted";
    // And it is a file to go on with.
    ASSERT_TRUE(SqliteStore::open(rescued->path, kFileClock));
    ASSERT_TRUE(SqliteTape::open(rescued->path, kFileClock));
}

INSTANTIATE_TEST_SUITE_P(
    Deeds, Replaced,
    ::testing::Values(
        Deed{"Deleted", [](const std::string& file) { std::filesystem::remove(file); }},
        Deed{"Moved",
             [](const std::string& file) { std::filesystem::rename(file, file + ".old"); }},
        Deed{"ReplacedByACopy",
             [](const std::string& file) {
                 std::filesystem::copy_file(file, file + ".copy");
                 std::filesystem::rename(file + ".copy", file);
             }},
        Deed{"WalDeleted", [](const std::string& file) { std::filesystem::remove(file + "-wal"); }},
        Deed{"IndexOfTheWalDeleted",
             [](const std::string& file) { std::filesystem::remove(file + "-shm"); }}),
    [](const auto& one) { return one.param.name; });

TEST_F(Replaced, WhatIsAsItWasNeedsNoRescue) {
    EXPECT_FALSE(store->rescue());
    EXPECT_FALSE(tape->rescue(kFileClock.now()));
}

TEST(ReplacedLink, AFileThatWasOpenedByALinkIsWatchedWhereItIs) {
    const TempFolder folder;
    const std::string file = folder.file("t.db");
    ASSERT_TRUE(SqliteStore::open(file, kFileClock));
    const std::string link = folder.file("link.db");
    std::filesystem::create_symlink(file, link);
    const auto store = SqliteStore::open(link, kFileClock);
    ASSERT_TRUE(store) << store.error().what;
    ASSERT_TRUE((*store)->transact(kInsert));
    std::filesystem::remove(file + "-wal");
    EXPECT_FALSE((*store)->transact(kInsert));
}

// Somebody looked for room on the disk, and put the file back.
TEST_F(Replaced, AFileThatIsBackIsWrittenOn) {
    std::filesystem::rename(file, file + ".old");
    EXPECT_FALSE(tape->append(message()));
    std::filesystem::rename(file + ".old", file);
    EXPECT_TRUE(tape->append(message()));
    EXPECT_FALSE(store->rescue());
}

TEST_F(Replaced, AHolderWhoseLeaseIsDeletedWritesNoMore) {
    const auto lease = store->acquire_lease("the first");
    ASSERT_TRUE(lease) << lease.error().what;
    ASSERT_TRUE(store->transact(kInsert));
    std::filesystem::remove(file + "-lease");
    const auto changed = store->transact(kInsert);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().kind, ErrorKind::corrupt) << changed.error().what;
    EXPECT_NE(changed.error().what.find("-lease"), std::string::npos) << changed.error().what;
}

TEST(ReplacedJournal, NothingIsReportedOfWhatWentIntoADeletedFile) {
    const TempFolder folder;
    const std::string file = folder.file("t.journal.db");
    const auto journal = StatementJournal::open(file, kFileClock);
    ASSERT_TRUE(journal);
    ASSERT_TRUE((*journal)->append(kInsert));
    std::filesystem::remove(file);
    const auto kept = (*journal)->append(kInsert);
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().kind, ErrorKind::corrupt);
}

TEST(ReplacedSpool, NothingIsReportedOfWhatWentIntoADeletedFile) {
    const TempFolder folder;
    const std::string file = folder.file("t.spool.db");
    const auto spool = SpoolFile::open(file, kFileClock);
    ASSERT_TRUE(spool);
    ASSERT_TRUE((*spool)->put(message()));
    std::filesystem::remove(file);
    const auto kept = (*spool)->put(message());
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().kind, ErrorKind::corrupt);
}

// No price hangs on them: they are told of once, and kept in a file of the same name again.
TEST(ReplacedCaptures, AreKeptInAFreshFileAfterwards) {
    for (const char* suffix : {"", "-wal"}) {
        const TempFolder folder;
        const std::string file = folder.file("t.captures.db");
        const auto captures = SqliteCaptures::open(file, kFileClock);
        ASSERT_TRUE(captures);
        const std::vector<std::pair<std::string, std::string>> none;
        ASSERT_TRUE((*captures)->put({"https://a", 200, none, "first", kFileClock.now()}));
        std::filesystem::remove(file + suffix);
        EXPECT_FALSE((*captures)->put({"https://a", 200, none, "second", kFileClock.now()}));
        const auto third = (*captures)->put({"https://a", 200, none, "third", kFileClock.now()});
        ASSERT_TRUE(third) << third.error().what;
        const auto kept = (*captures)->get(*third);
        ASSERT_TRUE(kept && *kept && (*kept)->body);
        EXPECT_EQ(count_in(file, "captures where url = 'https://a'"), *suffix == '\0' ? 1 : 2);
        const auto whole = Database::open(file, {true, 1s});
        ASSERT_TRUE(whole);
        EXPECT_TRUE((*whole)
                        ->integer("select 1 / (quick_check = 'ok') from pragma_quick_check(1)")
                        ->has_value())
            << "the new file is damaged";
    }
}

const std::vector<std::pair<std::string, std::string>> kNoHeaders;

CapturedAnswer answer_of(std::string_view body) {
    return {"https://a", 200, kNoHeaders, body, kFileClock.now()};
}

// What `record` does in a process that ends as by kill -9: nothing is closed.
void in_a_killed_process(const std::function<bool()>& record) {
    const int child = ::fork();
    if (child == 0) ::_exit(record() ? 0 : 1);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 0);
}

// A WAL belongs to its file by name alone: the one made meanwhile is not the old file's.
TEST(ReplacedCaptures, ThatWereMovedComeBackWholeThoughTheRecorderWasKilled) {
    const TempFolder folder;
    const std::string file = folder.file("t.captures.db");
    std::string first;
    in_a_killed_process([&] {
        auto captures = SqliteCaptures::open(file, kFileClock);
        if (!captures || !(*captures)->put(answer_of("first"))) return false;
        std::filesystem::rename(file, file + ".moved");
        if ((*captures)->put(answer_of("second"))) return false;
        for (int i = 0; i < 200; ++i) {
            if (!(*captures)->put(answer_of(std::string(3000, 'x') + std::to_string(i)))) {
                return false;
            }
        }
        std::filesystem::rename(file + ".moved", file);
        captures->release();  // never closed
        return true;
    });
    std::vector<std::string> told;
    const auto captures = SqliteCaptures::open_for_recording(
        file, kFileClock, [&](const Error& error) { told.push_back(error.what); });
    EXPECT_TRUE(told.empty()) << told.front();
    for (const char* body : {"first", "second"}) {
        const auto kept = captures->get(hex(sha256(body)));
        ASSERT_TRUE(kept) << kept.error().what;
        EXPECT_TRUE(*kept && (*kept)->body) << body;
    }
    EXPECT_TRUE(captures->put(answer_of("later")));
    const auto whole = Database::open(file, {true, 1s});
    ASSERT_TRUE(whole);
    EXPECT_TRUE((*whole)
                    ->integer("select 1 / (quick_check = 'ok') from pragma_quick_check(1)")
                    ->has_value());
}

// With a recorder that lives and finds them back.
TEST(ReplacedCaptures, ThatComeBackAreWrittenOn) {
    const TempFolder folder;
    const std::string file = folder.file("t.captures.db");
    const auto captures = SqliteCaptures::open(file, kFileClock);
    ASSERT_TRUE(captures && (*captures)->put(answer_of("first")));
    std::filesystem::rename(file, file + ".moved");
    EXPECT_FALSE((*captures)->put(answer_of("second")));
    ASSERT_TRUE((*captures)->put(answer_of("third")));
    std::filesystem::rename(file + ".moved", file);
    EXPECT_FALSE((*captures)->put(answer_of("fourth")));
    ASSERT_TRUE((*captures)->put(answer_of("fifth")));
    for (const char* body : {"first", "second", "fifth"}) {
        const auto kept = (*captures)->get(hex(sha256(body)));
        ASSERT_TRUE(kept) << kept.error().what;
        EXPECT_TRUE(*kept && (*kept)->body) << body;
    }
}

TEST(DamagedCaptures, AreSetAsideAsTheyAreAndANewFileIsBegun) {
    const TempFolder folder;
    const std::string file = folder.file("t.captures.db");
    {
        const auto captures = SqliteCaptures::open(file, kFileClock);
        ASSERT_TRUE(captures && (*captures)->put(answer_of("first")));
    }
    std::filesystem::resize_file(file, 5000);
    for (const int size : {5000, 50}) {
        std::vector<std::string> told;
        EXPECT_FALSE(SqliteCaptures::open(file, kFileClock)) << "it is whole";
        const auto captures = SqliteCaptures::open_for_recording(
            file, kFileClock, [&](const Error& error) { told.push_back(error.what); });
        ASSERT_EQ(told.size(), 1U);
        const auto aside = files_set_aside(file);
        ASSERT_EQ(aside.size(), size == 5000 ? 1U : 2U);
        EXPECT_NE(told.front().find(aside.back()), std::string::npos) << told.front();
        EXPECT_EQ(std::filesystem::file_size(aside.back()), static_cast<std::size_t>(size));
        const auto kept = captures->put(answer_of("second"));
        EXPECT_TRUE(kept) << kept.error().what;
        std::filesystem::resize_file(file, 50);
    }
}

TEST(DamagedCaptures, ThatAreAnotherProgramsAreLeftAndTriedAgain) {
    const TempFolder folder;
    const std::string file = folder.file("t.captures.db");
    std::filesystem::create_directory(file);
    std::vector<std::string> told;
    const auto captures = SqliteCaptures::open_for_recording(
        file, kFileClock, [&](const Error& error) { told.push_back(error.what); });
    EXPECT_EQ(told.size(), 1U);
    EXPECT_FALSE(captures->put(answer_of("first")));
    EXPECT_FALSE(captures->sizes());
    std::filesystem::remove(file);
    const auto kept = captures->put(answer_of("second"));
    EXPECT_TRUE(kept) << kept.error().what;
}

class Holder : public ::testing::Test {
protected:
    // Another process that holds the lease until it is killed.
    void SetUp() override {
        int pipe[2] = {};
        ASSERT_EQ(::pipe(pipe), 0);
        holder = ::fork();
        if (holder == 0) {
            const auto store = SqliteStore::open(file, kFileClock);
            const auto lease = store ? (*store)->acquire_lease("the first")
                                     : Result<std::unique_ptr<Lease>>(store.error());
            if (lease && ::write(pipe[1], "!", 1) == 1) {
                for (;;) ::pause();
            }
            ::_exit(1);
        }
        ::close(pipe[1]);
        char ready = 0;
        EXPECT_EQ(::read(pipe[0], &ready, 1), 1);
        ::close(pipe[0]);
    }
    void TearDown() override { end(); }

    void end() {
        if (holder <= 0) return;
        ::kill(holder, SIGKILL);
        ::waitpid(holder, nullptr, 0);
        holder = -1;
    }

    TempFolder folder;
    const std::string file = folder.file("t.db");
    pid_t holder = -1;
};

TEST_F(Holder, IsNamedInTheDatabaseTooAndKeepsOthersAwayWithoutTheFileOfTheLease) {
    std::filesystem::remove(file + "-lease");
    {
        const auto store = SqliteStore::open(file, kFileClock);
        ASSERT_TRUE(store) << store.error().what;
        const auto second = (*store)->acquire_lease("the second");
        ASSERT_FALSE(second) << "two recorders at one file";
        EXPECT_EQ(second.error().kind, ErrorKind::conflict) << second.error().what;
        EXPECT_NE(second.error().what.find("the first"), std::string::npos) << second.error().what;
    }
    end();
    const auto store = SqliteStore::open(file, kFileClock);
    ASSERT_TRUE(store) << store.error().what;
    const auto third = (*store)->acquire_lease("the third");
    EXPECT_TRUE(third) << "a dead holder is none: " << third.error().what;
}

// As in a container whose first process takes its time to take note of the dead, or never does.
TEST_F(Holder, HoldsNothingOnceItIsDeadThoughItsParentHasNotTakenNoteOfIt) {
    ASSERT_EQ(::kill(holder, SIGKILL), 0);
    siginfo_t died{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(holder), &died, WEXITED | WNOWAIT), 0);
    const auto store = SqliteStore::open(file, kFileClock);
    ASSERT_TRUE(store) << store.error().what;
    const auto next = (*store)->acquire_lease("the next");
    EXPECT_TRUE(next) << next.error().what;
}

TEST_F(Holder, DoesNotHoldACopyOfTheFile) {
    const std::string copy = folder.file("copy.db");
    {
        const auto store = SqliteStore::open(file, kFileClock);
        ASSERT_TRUE(store) << store.error().what;
        ASSERT_TRUE((*store)->backup(copy, [](int) {}));
    }
    const auto store = SqliteStore::open(copy, kFileClock);
    ASSERT_TRUE(store) << store.error().what;
    EXPECT_TRUE((*store)->acquire_lease("of the copy"));
}

TEST_F(Holder, IsSeenWithoutTakingTheLease) {
    auto seen = find_lease_holder(file);
    ASSERT_TRUE(seen) << seen.error().what;
    ASSERT_TRUE(*seen);
    EXPECT_NE((*seen)->find("the first"), std::string::npos) << **seen;
    end();
    seen = find_lease_holder(file);
    ASSERT_TRUE(seen);
    EXPECT_FALSE(*seen);
    EXPECT_FALSE(*find_lease_holder(folder.file("other.db")));
}

TEST(ReplacedNote, IsTakenIntoTheTableByTheNextHolderOfTheLease) {
    const TempFolder folder;
    const std::string file = folder.file("t.db");
    const auto since = parse_rfc3339("2026-11-24T10:00:00Z");
    const auto noticed = parse_rfc3339("2026-11-24T11:00:00Z");
    ASSERT_TRUE(since && noticed);
    ASSERT_TRUE(
        keep_replaced_note(file, {*since, *noticed, "t.db: was\tdeleted", "t.db.rescued-1"}));
    std::ofstream(file + "-replaced", std::ios::app) << "2026-11-24T10:00";  // cut short
    const auto store = SqliteStore::open(file, kFileClock);
    ASSERT_TRUE(store) << store.error().what;
    {
        const auto lease = (*store)->acquire_lease("the next");
        ASSERT_TRUE(lease) << lease.error().what;
    }
    int notes = 0;
    ASSERT_TRUE(
        (*store)->query({"select since, noticed_at, what, rescued from replacements", {}, {}},
                        [&](const RowView& row) -> Result<> {
                            ++notes;
                            EXPECT_EQ(row.timestamp(0), *since);
                            EXPECT_EQ(row.timestamp(1), *noticed);
                            EXPECT_EQ(row.text(2), "t.db: was deleted");
                            EXPECT_EQ(row.text(3), "t.db.rescued-1");
                            return {};
                        }));
    EXPECT_EQ(notes, 1);
    EXPECT_FALSE(std::filesystem::exists(file + "-replaced"));
}

}  // namespace
}  // namespace tapedeck
