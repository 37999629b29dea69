#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "store/sqlite/sqlite_store.h"
#include "tests/conformance/store_suite.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

constexpr Timestamp kStart{std::chrono::microseconds(1'764'000'000'000'000)};

struct FileFactory {
    static constexpr bool kDurable = true;
    FileFactory() { reopen(); }
    ManualClock& clock() { return clock_; }
    Store& store() { return *store_; }
    Store& other() { return *other_; }
    void reopen() {
        store_.reset();
        other_.reset();
        store_ = open_backup(folder_.file("tapedeck.db"));
        other_ = open_backup(folder_.file("tapedeck.db"));
    }
    std::string new_file() { return folder_.file("copy.db"); }
    std::unique_ptr<Store> open_backup(const std::string& path) {
        auto opened = SqliteStore::open(path, clock_);
        EXPECT_TRUE(opened) << opened.error().what;
        return opened ? *std::move(opened) : nullptr;
    }

    TempFolder folder_;
    ManualClock clock_{kStart};
    std::unique_ptr<Store> store_;
    std::unique_ptr<Store> other_;
};

struct MemoryFactory {
    static constexpr bool kDurable = false;
    MemoryFactory() : store_(open_backup(":memory:")) {}
    ManualClock& clock() { return clock_; }
    Store& store() { return *store_; }
    Store& other() { return *store_; }
    void reopen() {}
    std::string new_file() { return folder_.file("copy.db"); }
    std::unique_ptr<Store> open_backup(const std::string& path) {
        auto opened = SqliteStore::open(path, clock_);
        EXPECT_TRUE(opened) << opened.error().what;
        return opened ? *std::move(opened) : nullptr;
    }

    TempFolder folder_;
    ManualClock clock_{kStart};
    std::unique_ptr<Store> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(SqliteFile, StoreSuite, FileFactory);
INSTANTIATE_TYPED_TEST_SUITE_P(SqliteMemory, StoreSuite, MemoryFactory);

}  // namespace
}  // namespace tapedeck
