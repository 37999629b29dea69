#include "spark/begin_loading.h"

#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using parts::kSlot;

class BeginLoadingTest : public ::testing::Test {
protected:
    BeginLoadingTest() {
        options.topics = {{"coin_topic", PriceTable{"coin_records", RecordForm::coin}}};
        EXPECT_TRUE(store->ensure_table(*options.topics[0].table));
    }

    static TapeFacts held(std::int64_t earliest, std::int64_t end) {
        TapeFacts facts;
        facts.partitions[{"coin_topic", Partition(0)}] = {
            {Offset(earliest), Offset(end)}, {}, {}, {}};
        return facts;
    }
    Result<Begun> begin(const TapeFacts& facts) {
        return begin_loading(*store, clock, log, options, "kafka:abc", facts);
    }
    void ledger_at(std::int64_t offset) {
        Batch batch;
        batch.advances.push_back(
            {{"coin_topic", Partition(0)}, Offset(0), Offset(offset), kSlot, sha256("last")});
        const std::vector<TopicPartition> partitions{batch.advances[0].at};
        ASSERT_TRUE(store->ledger(partitions));
        ASSERT_TRUE(store->commit(batch));
    }
    std::int64_t number(const std::string& sql) {
        std::int64_t out = -1;
        EXPECT_TRUE(store->query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
            out = row.integer(0);
            return {};
        }));
        return out;
    }

    parts::SkippingClock clock{kSlot};
    Log log{-1, LogFormat::text, Severity::error, clock};
    std::unique_ptr<Store> store = parts::store_in_memory(clock);
    RangeOptions options;
};

TEST_F(BeginLoadingTest, BeginsAtTheStartOfATopicThatIsNew) {
    const auto begun = begin(held(0, 10));
    ASSERT_TRUE(begun) << begun.error().what;
    ASSERT_EQ(begun->partitions.size(), 1U);
    EXPECT_EQ(begun->partitions[0].ledger, Offset(0));
    EXPECT_EQ(begun->partitions[0].start, Offset(0));
    EXPECT_EQ(begun->gaps, 0);
}

TEST_F(BeginLoadingTest, ReadsALittleBeforeTheLedgerButNothingThatIsGone) {
    ledger_at(100);
    EXPECT_EQ(begin(held(0, 200))->partitions[0].start, Offset(36));
    EXPECT_EQ(begin(held(99, 200))->partitions[0].start, Offset(99));
    EXPECT_EQ(begin(held(99, 200))->partitions[0].ledger, Offset(100));
}

// A message before the ledger may be one that who reads cannot hold.
TEST_F(BeginLoadingTest, ReadsNothingBeforeTheLedgerWhereTheLastMessageIsKnown) {
    ledger_at(100);
    TapeFacts facts = held(0, 200);
    auto& told = facts.partitions.begin()->second;
    told.ledger = Offset(100);
    told.last = {Offset(98), sha256("last")};
    EXPECT_EQ(begin(facts)->partitions[0].start, Offset(100));
    told.last->digest = sha256("another");
    const auto refused = begin(facts);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
    EXPECT_NE(refused.error().what.find("another message at offset 98"), std::string::npos)
        << refused.error().what;
    told.ledger = Offset(90);  // others have loaded since: it is the last one no longer
    EXPECT_EQ(begin(facts)->partitions[0].start, Offset(36));
}

TEST_F(BeginLoadingTest, WritesDownOnceWhatTheTapeNoLongerHas) {
    ledger_at(10);
    const auto begun = begin(held(25, 40));
    ASSERT_TRUE(begun) << begun.error().what;
    EXPECT_EQ(begun->gaps, 15);
    EXPECT_EQ(begun->partitions[0].ledger, Offset(25));
    EXPECT_EQ(begun->partitions[0].start, Offset(25));
    EXPECT_EQ(begin(held(25, 40))->gaps, 0);
    EXPECT_EQ(number("select count(*) from tape_gaps"), 1);
    EXPECT_EQ(number("select to_offset - from_offset from tape_gaps"), 15);
}

TEST_F(BeginLoadingTest, RefusesATopicThatEndsBelowTheLedger) {
    ledger_at(10);
    const auto refused = begin(held(0, 5));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
}

// The broker was asked, then another loader went on, then the ledger was read.
TEST_F(BeginLoadingTest, TakesNoTopicForANewOneThatAnotherLoaderIsLoading) {
    ledger_at(10);
    TapeFacts facts = held(0, 8);
    facts.partitions.begin()->second.ledger = Offset(7);
    const auto begun = begin(facts);
    ASSERT_TRUE(begun) << begun.error().what;
    EXPECT_EQ(begun->partitions[0].ledger, Offset(10));
    facts.partitions.begin()->second.ledger = Offset(9);
    EXPECT_FALSE(begin(facts));
}

TEST_F(BeginLoadingTest, AsksWhereToBeginInATableOfAnotherProgramsRows) {
    const std::vector<Statement> others{
        {"insert into coin_records (coin, price, date) values ('bitcoin', $1, $2)",
         {*Decimal::parse("1"), kSlot},
         {}}};
    ASSERT_TRUE(store->transact(others));
    const auto asked = begin(held(0, 5));
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().kind, ErrorKind::rejected);
    EXPECT_NE(asked.error().what.find("--from"), std::string::npos) << asked.error().what;
    TapeFacts chosen = held(0, 5);
    ASSERT_TRUE(add_start_choice("end", chosen.starts));
    const auto begun = begin(chosen);
    ASSERT_TRUE(begun) << begun.error().what;
    EXPECT_EQ(begun->partitions[0].ledger, Offset(5));
}

TEST_F(BeginLoadingTest, RefusesATopicThatIsLoadedIntoAnotherTable) {
    ASSERT_TRUE(begin(held(0, 5)));
    options.topics[0].table->name = "other_records";
    ASSERT_TRUE(store->ensure_table(*options.topics[0].table));
    const auto refused = begin(held(0, 5));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
}

}  // namespace
}  // namespace tapedeck
