// Somebody's trigger on a table of prices: what it refuses or ignores is waited for, not lost.
#include <gtest/gtest.h>

#include "store/sqlite/sqlite_store.h"
#include "tests/conformance/temp_folder.h"
#include "tests/integration/postgres/batches.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const SystemClock kWallClock;

std::int64_t count_rows(Store& store, const std::string& sql) {
    std::int64_t count = -1;
    const auto done = store.query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
        count = row.integer(0);
        return {};
    });
    EXPECT_TRUE(done) << done.error().what;
    return count;
}

class ForeignTrigger : public ::testing::TestWithParam<const char*> {};

TEST_P(ForeignTrigger, IsWaitedForAndCostsNoMessage) {
    const TempFolder folder;
    const std::string path = (folder.path() / "tapedeck.db").string();
    const auto store = SqliteStore::open(path, kWallClock);
    ASSERT_TRUE(store) << store.error().what;
    make_coins(**store);
    const auto execute = [&](const std::string& sql) {
        auto database = Database::open(path, {false, 1s});
        ASSERT_TRUE(database) << database.error().what;
        const auto done = (*database)->execute(sql);
        ASSERT_TRUE(done) << done.error().what;
    };
    execute(std::string("create trigger somebodys before insert on coin_records begin select ") +
            GetParam() + "; end");
    for (const std::optional<Timestamp> slot : {std::optional(kSlot), std::optional<Timestamp>()}) {
        const auto refused = (*store)->commit(batch_of(0, {coin("bitcoin", "22470.52", slot)}));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::unavailable) << refused.error().what;
        for (const char* named : {"coin_records", "its triggers: somebodys"}) {
            EXPECT_NE(refused.error().what.find(named), std::string::npos) << refused.error().what;
        }
    }
    EXPECT_EQ(next_offset(**store), 0);
    EXPECT_EQ(count_rows(**store, "select count(*) from dead_letters"), 0);
    execute("drop trigger somebodys");
    const auto done = (*store)->commit(batch_of(0, {coin("bitcoin", "22470.52")}));
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(count_rows(**store, "select count(*) from coin_records"), 1);
}

INSTANTIATE_TEST_SUITE_P(ThatIgnoresOrRefuses, ForeignTrigger,
                         ::testing::Values("raise(ignore)", "raise(abort, 'not on my watch')"));

}  // namespace
}  // namespace tapedeck
