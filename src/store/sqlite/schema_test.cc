#include "store/sqlite/schema.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "store/deployment.h"
#include "store/sqlite/sqlite_store.h"
#include "store/tape_label.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

constexpr Timestamp kNow{std::chrono::microseconds(1'764'000'000'000'000)};

// A store of the third version: dead letters that all have a time, and no word of tapes or
// deployments.
TEST(StoreSchema, BringsAnOlderStoreUpToDateAndKeepsWhatItHolds) {
    const TempFolder folder;
    const std::string path = folder.file("t.db");
    const ManualClock clock(kNow);
    SchemaPart older = store_part();
    older.steps = older.steps.first(3);
    {
        auto file = open_file(path, older, clock, {});
        ASSERT_TRUE(file) << file.error().what;
        ASSERT_TRUE((*file)->execute(
            "insert into offsets values ('coin_topic', 0, 7, 1764000000000000, 'ab');"
            "insert into dead_letters values (3, 'coin_topic', 0, 5, 1764000000000000, null, x'00',"
            " 'why', 1764000000000001);"
            "insert into config_history values (1, 0, 'digest', '')"));
        EXPECT_FALSE(
            (*file)->execute("insert into dead_letters values (4, 'coin_topic', 0, 6, null, null, "
                             "x'00', 'why', 0)"));
    }
    auto store = SqliteStore::open(path, clock);
    ASSERT_TRUE(store) << store.error().what;
    std::string letter;
    auto done = (*store)->query(
        {"select id, message_offset, timestamp, reason, recorded_at from dead_letters", {}, {}},
        [&](const RowView& row) -> Result<> {
            letter = std::to_string(row.integer(0)) + " " + std::to_string(row.integer(1)) + " " +
                     format_rfc3339(row.timestamp(2)) + " " + std::string(row.text(3));
            return {};
        });
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(letter, "3 5 2025-11-24T16:00:00Z why");
    // Its ledger becomes that of the first tape that it is opened with, and its old accounts are
    // its own.
    EXPECT_EQ(adopt_tape(**store, "a", "place", kNow).value_or(TapeLabel("@none")), TapeLabel());
    const auto owner = AccountOwner::read(**store);
    ASSERT_TRUE(owner) << owner.error().what;
    RunOutcomes run;
    run.config = "digest";
    EXPECT_TRUE(owner->is_own(run));
    EXPECT_EQ(deployment_id(**store).value_or({}).size(), 16U);
    // Nobody has settled its dead letter, and somebody may.
    const std::vector<Statement> end{
        {"insert into dead_letter_ends (letter, how, at, by_whom, why) select id, 'dropped', $1, "
         "'anna', 'why' from dead_letters d where not exists (select 1 from dead_letter_ends e "
         "where e.letter = d.id)",
         {kNow},
         1}};
    EXPECT_TRUE((*store)->transact(end));
    // Where its loading began is noted by who loads next.
    done = (*store)->query({"select count(*) from loading_starts", {}, {}},
                           [&](const RowView& row) -> Result<> {
                               EXPECT_EQ(row.integer(0), 0);
                               return {};
                           });
    EXPECT_TRUE(done) << done.error().what;
}

}  // namespace
}  // namespace tapedeck
