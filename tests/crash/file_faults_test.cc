// Files that are not what they should be: damaged, cut short, of another program, newer, older,
// read-only, locked. What is refused is left exactly as it was.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "captures/sqlite/sqlite_captures.h"
#include "store/journal/statement_journal.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/spool/spool_file.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const SystemClock kClock;
const PriceTable kTable{"coin_records", RecordForm::coin};

std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void change(const std::string& path, std::size_t at, std::string_view bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file << bytes;
    ASSERT_TRUE(file.flush());
}

Result<> execute(const std::string& path, const std::string& sql) {
    auto database = Database::open(path, {false, 1s});
    if (!database) return database.error();
    return (*database)->execute(sql);
}

Result<std::int64_t> count(Store& store, const std::string& sql) {
    std::int64_t count = -1;
    auto done = store.query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
        count = row.integer(0);
        return {};
    });
    if (!done) return done.error();
    return count;
}

// Whether SQLite's lock of this process on the file can be seen by another one: as long as it can,
// no other program takes itself for the file's last user, and deletes its WAL.
bool locked_for_others(const std::string& path) {
    const pid_t child = ::fork();
    if (child == 0) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        lock.l_start =
            0x40000002;  // the shared bytes: sqlite.org/fileformat2.html, "lock-byte page"
        lock.l_len = 510;
        if (fd < 0 || ::fcntl(fd, F_GETLK, &lock) != 0) ::_exit(2);
        ::_exit(lock.l_type == F_UNLCK ? 1 : 0);
    }
    int status = 0;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class FileFaults : public ::testing::Test {
protected:
    // A store and a tape with something in them, closed.
    void SetUp() override {
        auto store = SqliteStore::open(file, kClock);
        ASSERT_TRUE(store) << store.error().what;
        ASSERT_TRUE((*store)->ensure_table(kTable));
        auto tape = SqliteTape::open(file, kClock);
        ASSERT_TRUE(tape) << tape.error().what;
        ASSERT_TRUE((*tape)->ensure_topic("coin_topic", 1));
        std::vector<OutgoingMessage> messages;
        for (int i = 0; i < 400; ++i) {
            messages.push_back({"coin_topic", "bitcoin", std::string(100, 'x'), kClock.now(), {}});
        }
        ASSERT_TRUE((*tape)->append(messages));
        std::vector<Statement> statements;
        for (int i = 0; i < 200; ++i) {
            statements.push_back(
                {"insert into variables (name, value, is_secret) values ($1, $2, 0)",
                 {fmt::format("name{}", i), std::string(100, 'y')},
                 {}});
        }
        ASSERT_TRUE((*store)->transact(statements));
    }

    // Neither store nor tape opens it, and not a byte of it changes.
    void expect_refused(ErrorKind kind, std::string_view why) {
        const std::string before = bytes_of(file);
        const auto store = SqliteStore::open(file, kClock);
        ASSERT_FALSE(store);
        EXPECT_EQ(store.error().kind, kind) << store.error().what;
        EXPECT_NE(store.error().what.find(why), std::string::npos) << store.error().what;
        EXPECT_NE(store.error().what.find(file), std::string::npos) << store.error().what;
        const auto tape = SqliteTape::open(file, kClock);
        ASSERT_FALSE(tape);
        EXPECT_EQ(tape.error().kind, kind) << tape.error().what;
        EXPECT_TRUE(bytes_of(file) == before) << "the file was written to";
    }

    TempFolder folder;
    const std::string file = folder.file("t.db");
};

TEST_F(FileFaults, AFileWhoseFirstBytesAreDamagedIsRefusedAndLeftAsItIs) {
    change(file, 0, "not a database");
    expect_refused(ErrorKind::corrupt, "left as it is");
}

TEST_F(FileFaults, AFileThatIsCutShortIsRefusedAndLeftAsItIs) {
    const auto size = std::filesystem::file_size(file);
    ASSERT_EQ(::truncate(file.c_str(), static_cast<off_t>(size / 2)), 0);
    expect_refused(ErrorKind::corrupt, "cut short");
}

TEST_F(FileFaults, ADamagedPageInTheMiddleIsRefusedAndLeftAsItIs) {
    const auto size = std::filesystem::file_size(file);
    // Every fourth page but the first: at least one of them is in use, whatever the layout.
    for (std::size_t page = 4'096 * 3; page + 4'096 <= size; page += 4'096 * 4) {
        change(file, page, std::string(64, '\xff'));
    }
    expect_refused(ErrorKind::corrupt, "");
}

TEST_F(FileFaults, AnotherProgramsDatabaseIsRefusedAndLeftAsItIs) {
    std::filesystem::remove(file);
    ASSERT_TRUE(execute(file, "create table notes (text)"));
    expect_refused(ErrorKind::rejected, "another program");
}

TEST_F(FileFaults, AFileOfANewerVersionIsRefusedAndLeftAsItIs) {
    ASSERT_TRUE(execute(file,
                        "insert into schema_version values ('store', 1000, 0); "
                        "insert into schema_version values ('tape', 1000, 0)"));
    expect_refused(ErrorKind::rejected, "newer");
}

TEST_F(FileFaults, AnEmptyFileBesideAFullWalIsRefusedAndBothAreLeftAsTheyAre) {
    std::filesystem::remove(file);
    std::ofstream(file + "-wal") << "somebody else's frames";
    std::ofstream(file).flush();
    expect_refused(ErrorKind::corrupt, "empty");
    EXPECT_EQ(bytes_of(file + "-wal"), "somebody else's frames");
}

TEST_F(FileFaults, AMissingFileBesideAFullWalIsNotMadeAnew) {
    std::filesystem::remove(file);
    std::ofstream(file + "-wal") << "somebody else's frames";
    const auto store = SqliteStore::open(file, kClock);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().kind, ErrorKind::corrupt) << store.error().what;
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_EQ(bytes_of(file + "-wal"), "somebody else's frames");
}

// Store and tape share a file, so it is opened while this process has it open already.
TEST_F(FileFaults, AFileStaysLockedHoweverOftenItsProcessOpensIt) {
    const auto store = SqliteStore::open(file, kClock);
    ASSERT_TRUE(store) << store.error().what;
    EXPECT_TRUE(locked_for_others(file));
    const auto tape = SqliteTape::open(file, kClock);
    ASSERT_TRUE(tape) << tape.error().what;
    EXPECT_TRUE(locked_for_others(file)) << "the tape's opening let go of the store's locks";
    ASSERT_TRUE(SqliteStore::open(file, kClock));
    EXPECT_TRUE(locked_for_others(file)) << "a second store's closing let go of the first's locks";
    ASSERT_TRUE(count(**store, "select count(*) from variables"));
    ASSERT_TRUE((*store)->backup(folder.file("copy.db"), [](int) {}));
    EXPECT_TRUE(locked_for_others(file));

    const std::string captures_file = folder.file("t.captures.db");
    const auto captures = SqliteCaptures::open(captures_file, kClock);
    ASSERT_TRUE(captures);
    ASSERT_TRUE(SqliteCaptures::open(captures_file, kClock));
    EXPECT_TRUE(locked_for_others(captures_file));
    const std::string journal_file = folder.file("t.journal.db");
    const auto journal = StatementJournal::open(journal_file, kClock);
    ASSERT_TRUE(journal);
    ASSERT_TRUE(StatementJournal::open(journal_file, kClock));
    EXPECT_TRUE(locked_for_others(journal_file));
    const std::string spool_file = folder.file("t.spool.db");
    const auto spool = SpoolFile::open(spool_file, kClock);
    ASSERT_TRUE(spool);
    const std::vector<OutgoingMessage> one{{"t", "k", "v", kClock.now(), {}}};
    ASSERT_TRUE((*spool)->put(one));  // which makes it
    ASSERT_TRUE(SpoolFile::open(spool_file, kClock));
    EXPECT_TRUE(locked_for_others(spool_file));
}

// What was refused is closed again, and was locked by somebody in this process perhaps.
TEST_F(FileFaults, ARefusalLetsGoOfNobodysLocks) {
    const auto store = SqliteStore::open(file, kClock);
    ASSERT_TRUE(store);
    ASSERT_TRUE(execute(file, "insert into schema_version values ('tape', 1000, 0)"));
    ASSERT_FALSE(SqliteTape::open(file, kClock));
    ASSERT_FALSE(open_file(file, {"store", {}}, kClock, {}));
    EXPECT_TRUE(locked_for_others(file));
}

TEST_F(FileFaults, CapturesThatAreDamagedAreRefusedAndLeftAsTheyAre) {
    const std::string captures = folder.file("t.captures.db");
    ASSERT_TRUE(SqliteCaptures::open(captures, kClock));
    change(captures, 0, "not a database");
    const std::string before = bytes_of(captures);
    const auto opened = SqliteCaptures::open(captures, kClock);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
    EXPECT_TRUE(bytes_of(captures) == before);
}

TEST(OlderFiles, AreBroughtToTheNewVersionInOneTransactionAndKeepTheirRows) {
    const TempFolder folder;
    const std::string file = folder.file("t.db");
    const std::array<std::string_view, 1> first{"create table things (name text)"};
    const std::array<std::string_view, 2> second{first[0],
                                                 "alter table things add column price text"};
    const std::array<std::string_view, 3> broken{second[0], second[1], "create table things (x)"};
    {
        auto old = open_file(file, {"part", first}, kClock, {});
        ASSERT_TRUE(old) << old.error().what;
        ASSERT_TRUE((*old)->execute("insert into things values ('bitcoin')"));
    }
    // A step that cannot be done leaves the old version, whole.
    EXPECT_FALSE(open_file(file, {"part", broken}, kClock, {}));
    {
        auto same = open_file(file, {"part", first}, kClock, {});
        ASSERT_TRUE(same) << same.error().what;
        EXPECT_FALSE((*same)->execute("select price from things"));
    }
    {
        auto newer = open_file(file, {"part", second}, kClock, {});
        ASSERT_TRUE(newer) << newer.error().what;
        const auto kept = (*newer)->integer(
            "select count(*) from things where name = 'bitcoin' and price is null");
        ASSERT_TRUE(kept);
        EXPECT_EQ(kept->value_or(0), 1);
    }
    const auto older = open_file(file, {"part", first}, kClock, {});
    ASSERT_FALSE(older);
    EXPECT_EQ(older.error().kind, ErrorKind::rejected);
}

TEST_F(FileFaults, AFileThatCanOnlyBeReadIsSaidToBeSo) {
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(file.c_str(), 0444), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        // Root may write everywhere: the child is nobody.
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(10);
        const auto store = SqliteStore::open(file, kClock);
        if (store) ::_exit(11);
        if (store.error().kind != ErrorKind::unavailable) ::_exit(12);
        const bool said = store.error().what.find("only be read") != std::string::npos;
        ::_exit(said ? 0 : 13);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(FileFaults, ALockedFileFailsACommitWholeAndKeepsNoReaderWaiting) {
    SqliteStoreOptions options;
    options.busy_timeout = 20ms;
    auto store = SqliteStore::open(file, kClock, options);
    ASSERT_TRUE(store) << store.error().what;
    auto other = Database::open(file, {false, 1s});
    ASSERT_TRUE(other) << other.error().what;
    ASSERT_TRUE((*other)->execute("begin immediate"));
    const std::vector<Statement> insert{
        {"insert into variables (name, value, is_secret) values ('late', '', 0)", {}, {}}};
    const auto refused = (*store)->transact(insert);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    auto seen = count(**store, "select count(*) from variables");
    ASSERT_TRUE(seen) << seen.error().what;
    EXPECT_EQ(*seen, 200);
    ASSERT_TRUE((*other)->execute("rollback"));
    ASSERT_TRUE((*store)->transact(insert));
    seen = count(**store, "select count(*) from variables");
    ASSERT_TRUE(seen);
    EXPECT_EQ(*seen, 201);
}

}  // namespace
}  // namespace tapedeck
