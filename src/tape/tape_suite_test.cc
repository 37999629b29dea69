#include <gtest/gtest.h>

#include <memory>

#include "base/clock.h"
#include "tape/memory_tape.h"
#include "tape/spool/spool_tape.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/tape_suite.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

struct MemoryFactory {
    static constexpr bool kDurable = false;
    Tape& tape() { return tape_; }
    void reopen() {}
    std::string topic(const std::string& name) { return name; }

    MemoryTape tape_;
};

struct SqliteFactory {
    static constexpr bool kDurable = true;
    SqliteFactory() { reopen(); }
    Tape& tape() { return *tape_; }
    void reopen() {
        tape_.reset();
        auto opened = SqliteTape::open(folder_.file("tape.db"), clock_);
        ASSERT_TRUE(opened) << opened.error().what;
        tape_ = *std::move(opened);
    }
    std::string topic(const std::string& name) { return name; }

    TempFolder folder_;
    SystemClock clock_;
    std::unique_ptr<SqliteTape> tape_;
};

struct SpoolFactory {
    static constexpr bool kDurable = true;
    SpoolFactory() { reopen(); }
    Tape& tape() { return *tape_; }
    void reopen() {
        tape_.reset();
        auto behind = SqliteTape::open(folder_.file("tape.db"), clock_);
        ASSERT_TRUE(behind) << behind.error().what;
        SpoolOptions options;
        options.path = folder_.file("spool.db");
        auto opened = SpoolTape::open(*std::move(behind), clock_, log_, std::move(options));
        ASSERT_TRUE(opened) << opened.error().what;
        tape_ = *std::move(opened);
    }
    std::string topic(const std::string& name) { return name; }

    TempFolder folder_;
    SystemClock clock_;
    Log log_{-1, LogFormat::text, Severity::error, clock_};
    std::unique_ptr<SpoolTape> tape_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, TapeSuite, MemoryFactory);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, TapeSuite, SqliteFactory);
INSTANTIATE_TYPED_TEST_SUITE_P(Spool, TapeSuite, SpoolFactory);

}  // namespace
}  // namespace tapedeck
