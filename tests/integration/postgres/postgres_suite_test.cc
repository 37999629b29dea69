#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/conformance/store_suite.h"
#include "tests/conformance/temp_folder.h"
#include "tests/integration/postgres/database.h"

namespace tapedeck {
namespace {

struct PostgresFactory {
    static constexpr bool kDurable = true;
    PostgresFactory() { reopen(); }
    ManualClock& clock() { return clock_; }
    Store& store() { return *store_; }
    Store& other() { return *other_; }
    void reopen() {
        store_.reset();
        other_.reset();
        store_ = open_store(url_, clock_);
        other_ = open_store(url_, clock_);
    }
    std::string new_file() { return folder_.file("copy.dump"); }
    std::unique_ptr<Store> open_backup(const std::string& path) {
        return open_store(restored(path), clock_);
    }

    const PostgresUrl url_ = new_database();
    TempFolder folder_;
    ManualClock clock_{kTestStart};
    std::unique_ptr<PostgresStore> store_;
    std::unique_ptr<PostgresStore> other_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, StoreSuite, PostgresFactory);

}  // namespace
}  // namespace tapedeck
