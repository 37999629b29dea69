#include "run/loading_side.h"

#include <atomic>

#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

class LoadingSideTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(store->ensure_table(feed.table));
        ASSERT_TRUE(tape.ensure_topic(feed.topic, 1));
        ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
        const std::vector<OutgoingMessage> prices{{feed.topic,
                                                   "bitcoin",
                                                   R"({"coin_name":"bitcoin","current_price":1.5})",
                                                   parts::kSlot,
                                                   {}}};
        ASSERT_TRUE(tape.append(prices));
    }

    // Until it has told of so many commits, its own or possibly others'.
    std::int64_t rows_after(int commits, bool others_load) {
        std::atomic<int> told = 0;
        LoadingSide side({clock,
                          *store,
                          tape,
                          log,
                          {},
                          [&] {
                              ++told;
                              told.notify_all();
                          },
                          [] {}},
                         parts::loading_of(feed), others_load);
        side.start();
        for (int seen = told; seen < commits; seen = told) told.wait(seen);
        side.finish();
        EXPECT_TRUE(side.failed());
        std::int64_t rows = -1;
        EXPECT_TRUE(store->query({"select count(*) from coin_records", {}, {}},
                                 [&](const RowView& row) -> Result<> {
                                     rows = row.integer(0);
                                     return {};
                                 }));
        return rows;
    }

    parts::SkippingClock clock{parts::kSlot};
    Log log{-1, LogFormat::text, Severity::error, clock};
    Feed feed = parts::feed_of({"bitcoin"}, {});
    MemoryTape tape;
    std::unique_ptr<Store> store = parts::store_in_memory(clock);
};

TEST_F(LoadingSideTest, LeavesTheTapeToOthersAndTellsAgainAndAgainThatTheyMayHaveLoaded) {
    EXPECT_EQ(rows_after(3, true), 0);
    EXPECT_EQ(rows_after(1, false), 1);
}

}  // namespace
}  // namespace tapedeck
