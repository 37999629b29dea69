#include "load/loading_start.h"

#include <gmock/gmock.h>

#include "coverage/audit.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using parts::feed_of;
using parts::kSlot;
using parts::loading_of;

// A table that another program has filled from the tape's messages, as the original's job does:
// rows without a slot and without the time of recording.
class LoadingStartTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(store->ensure_table(feed.table));
        ASSERT_TRUE(tape.ensure_topic(feed.topic, 2));
        ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
    }

    static Timestamp minute(int number) { return kSlot + std::chrono::minutes(number); }

    // Keys of which the murmur2 hash gives partition 0 and 1 of two.
    static std::string key_of(int partition) {
        for (int i = 0;; ++i) {
            std::string key = fmt::format("k{}", i);
            if (partition_of(key, 2) == Partition(partition)) return key;
        }
    }

    void append(int number, int partition = 0, const std::string& coin = "bitcoin") {
        const std::vector<OutgoingMessage> messages{
            {feed.topic,
             key_of(partition),
             fmt::format(R"([{{"coin_name":"{}","current_price":{}.5}}])", coin, 100 + number),
             minute(number),
             {}}};
        auto done = tape.append(messages);
        ASSERT_TRUE(done && (*done)[0]);
    }

    // What the other program makes of the message of that minute.
    void other_row(int number) {
        const std::vector<Statement> statements{
            {"insert into coin_records (coin, price, date) values ('bitcoin', $1, $2)",
             {*Decimal::parse(fmt::format("{}.5", 100 + number)), minute(number)},
             {}}};
        ASSERT_TRUE(store->transact(statements));
    }

    Result<LoadSummary> load(const StartChoices& starts = {}) {
        LoaderOptions options = loading_of(feed);
        options.starts = starts;
        Loader loader(tape, *store, clock, log, options);
        return loader.run({}, true);
    }

    static StartChoices chosen(const std::string& text) {
        StartChoices choices;
        EXPECT_TRUE(add_start_choice(text, choices));
        return choices;
    }

    // Minutes of all rows, in order: one that stands twice was doubled.
    std::vector<int> minutes() {
        std::vector<int> all;
        auto done = store->query({"select date from coin_records order by date", {}, {}},
                                 [&](const RowView& row) -> Result<> {
                                     all.push_back(static_cast<int>((row.timestamp(0) - kSlot) /
                                                                    std::chrono::minutes(1)));
                                     return {};
                                 });
        EXPECT_TRUE(done);
        return all;
    }

    AuditReport audited() {
        const std::map<std::string, Feed> feeds{{feed.name, feed}};
        auto report =
            audit(*store, tape, feeds, {}, Timestamp(), minute(10'000), minute(9'999), {});
        EXPECT_TRUE(report) << report.error().what;
        return report ? *std::move(report) : AuditReport();
    }

    parts::SkippingClock clock{kSlot};
    std::vector<std::string> told;
    Log log{[this](std::string_view event, std::string_view) { told.emplace_back(event); },
            LogFormat::text, Severity::info, clock};
    Feed feed = feed_of({"bitcoin", "ethereum"}, {});
    MemoryTape tape;
    std::unique_ptr<Store> store = parts::store_in_memory(clock);
};

TEST_F(LoadingStartTest, ATableWithRowsOfOthersIsLoadedIntoOnlyOnceAPersonSaysFromWhere) {
    for (const int i : {1, 2, 3}) {
        append(i);
        other_row(i);
    }
    append(4);
    const auto refused = load();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
    EXPECT_NE(refused.error().what.find("coin_records holds 3 rows"), std::string::npos)
        << refused.error().what;
    EXPECT_NE(refused.error().what.find("--from coin_topic=2026-11-24T00:08:00.001Z"),
              std::string::npos)
        << refused.error().what;
    EXPECT_EQ(minutes(), (std::vector{1, 2, 3}));

    auto loaded = load(chosen("coin_topic=2026-11-24T00:08:00.001Z"));
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->rows, 1);
    EXPECT_EQ(minutes(), (std::vector{1, 2, 3, 4}));
    const AuditReport report = audited();
    EXPECT_EQ(report.differences_found, 0);
    EXPECT_EQ(report.not_compared.messages_before_start.at({"coin_topic", Partition(0)}), 3);
    EXPECT_TRUE(report.not_compared.messages_gone.empty());
    EXPECT_EQ(report.not_compared.rows_of_others.at("coin_records"), 3);
    EXPECT_EQ(report.prices, 1);
}

TEST_F(LoadingStartTest, WhatIsChosenIsKeptWhateverIsSaidLater) {
    append(1);
    other_row(1);
    ASSERT_TRUE(load(chosen("end")));
    append(2);
    ASSERT_TRUE(load(chosen("start")));
    append(3);
    ASSERT_TRUE(load());
    EXPECT_EQ(minutes(), (std::vector{1, 2, 3}));
    EXPECT_EQ(audited().differences_found, 0);
}

// A tape's whole content is loaded at each start of whoever has left it: nobody has chosen that.
TEST_F(LoadingStartTest, WhatNobodyHasAskedForIsNotTold) {
    append(1);
    StartChoices all = chosen("start");
    ASSERT_TRUE(load(all));
    append(2);
    ASSERT_TRUE(load(all));
    EXPECT_THAT(told, ::testing::Contains("loading_start_is_kept"));
    told.clear();
    all.is_asked = false;
    append(3);
    ASSERT_TRUE(load(all));
    EXPECT_THAT(told, ::testing::Not(::testing::Contains("loading_start_is_kept")));
    EXPECT_EQ(minutes(), (std::vector{1, 2, 3}));
}

// It is decided before the loader begins, which is not told that somebody has chosen again.
TEST_F(LoadingStartTest, WhatIsDecidedIsNotLeftToTheLoader) {
    append(1);
    other_row(1);
    const std::vector<LoadedTopic> topics{{feed.topic, feed.table}, {"later_topic", feed.table}};
    LoadingStarts starts(tape, *store, log, chosen("end"));
    ASSERT_TRUE(starts.begin(topics, {}, kSlot, {}));
    const StartChoices left = starts.left(topics, {});
    EXPECT_EQ(left.of("coin_topic"), nullptr);
    ASSERT_NE(left.of("later_topic"), nullptr);
    EXPECT_EQ(left.of("later_topic")->where, StartChoice::Where::end);
    ASSERT_TRUE(load(left));
    EXPECT_EQ(minutes(), (std::vector{1}));
}

TEST_F(LoadingStartTest, FromTheStartIsWithAllThatTheTopicHolds) {
    other_row(-5);  // of messages that are gone
    append(1);
    append(2);
    ASSERT_TRUE(tape.discard({"coin_topic", Partition(0)}, Offset(1)));
    auto loaded = load(chosen("start"));
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->gaps, 0);  // nothing was to be loaded of it
    EXPECT_EQ(minutes(), (std::vector{-5, 2}));
    EXPECT_EQ(audited().differences_found, 0);
}

TEST_F(LoadingStartTest, EachPartitionBeginsAtItsOwnOffsetOfTheTime) {
    append(1, 0);
    append(2, 1);
    append(3, 0);
    append(4, 1);
    other_row(1);
    other_row(2);
    other_row(3);
    ASSERT_TRUE(load(chosen("2026-11-24T00:08:00.001Z")));
    EXPECT_EQ(minutes(), (std::vector{1, 2, 3, 4}));
    EXPECT_EQ(audited().differences_found, 0);
    const auto starts = loading_starts(*store);
    ASSERT_TRUE(starts);
    EXPECT_EQ(starts->at({"coin_topic", Partition(0)}).offset, Offset(2));
    EXPECT_EQ(starts->at({"coin_topic", Partition(1)}).offset, Offset(1));
}

// A topic that grows: MemoryTape's cannot, so that of the first partition alone is begun before.
TEST_F(LoadingStartTest, APartitionThatComesLaterBeginsAtItsFirstMessage) {
    MemoryTape small("memory");
    ASSERT_TRUE(small.ensure_topic(feed.topic, 1));
    ASSERT_TRUE(small.ensure_topic(std::string(kOutcomesTopic), 1));
    other_row(1);
    const std::vector<OutgoingMessage> messages{
        {feed.topic, "", R"([{"coin_name":"bitcoin","current_price":101.5}])", minute(1), {}}};
    ASSERT_TRUE(small.append(messages));
    ASSERT_TRUE(tape.append(messages));
    LoaderOptions options = loading_of(feed);
    options.starts = chosen("end");
    ASSERT_TRUE(Loader(small, *store, clock, log, options).run({}, true));
    append(2, 1);
    append(3, 1);
    ASSERT_TRUE(load());
    EXPECT_EQ(minutes(), (std::vector{1, 2, 3}));
    EXPECT_EQ(audited().differences_found, 0);
}

TEST_F(LoadingStartTest, NobodyIsAskedWhereNothingCanBeDoubled) {
    other_row(1);  // and the topic is empty
    ASSERT_TRUE(load());
    // What comes now was sent after that row, and its loader may end before it has loaded any.
    append(2);
    auto loaded = load();
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(minutes(), (std::vector{1, 2}));
    EXPECT_EQ(audited().differences_found, 0);
}

TEST_F(LoadingStartTest, SomebodyIsAskedWhereRowsCameWithTheFirstMessages) {
    other_row(1);
    ASSERT_TRUE(load());  // the topic is empty
    append(2);
    other_row(2);
    EXPECT_FALSE(load());
    ASSERT_TRUE(load(chosen("end")));
    EXPECT_EQ(minutes(), (std::vector{1, 2}));
}

TEST_F(LoadingStartTest, AnEmptyTableIsLoadedFromTheFirstMessageOnUnlessOtherwiseChosen) {
    append(1);
    append(2);
    ASSERT_TRUE(load());
    EXPECT_EQ(minutes(), (std::vector{1, 2}));
    EXPECT_EQ(audited().differences_found, 0);
}

TEST_F(LoadingStartTest, WhatIsKeptOfTheStartIsOneTransactionWithTheLedger) {
    append(1);
    other_row(1);
    // Another loader was first: nothing is kept of a choice that the ledger does not follow.
    LoaderOptions options = loading_of(feed);
    LoadingStarts first(tape, *store, log, chosen("start"));
    LoadingStarts second(tape, *store, log, chosen("end"));
    ASSERT_TRUE(first.begin(options.topics, {}, kSlot, {}));
    ASSERT_TRUE(second.begin(options.topics, {}, kSlot, {}));
    const auto starts = loading_starts(*store);
    ASSERT_TRUE(starts);
    EXPECT_EQ(starts->at({"coin_topic", Partition(0)}).how, "start");
    EXPECT_EQ(starts->at({"coin_topic", Partition(0)}).offset, Offset(0));
}

// Issue 11: both jobs on one database doubled every message, and audit said "no difference".
TEST_F(LoadingStartTest, RowsThatAnotherProgramWritesBesideTheLoaderAreADifference) {
    append(1);
    other_row(1);
    ASSERT_TRUE(load(chosen("end")));
    append(2);
    ASSERT_TRUE(load());
    EXPECT_EQ(audited().differences_found, 0);
    other_row(2);
    other_row(3);
    const AuditReport report = audited();
    ASSERT_EQ(report.differences_found, 1);
    const AuditDifference& one = report.differences[0];
    EXPECT_EQ(one.kind, AuditKind::rows_of_others);
    EXPECT_EQ(one.table, "coin_records");
    EXPECT_NE(one.stored.find("2 rows"), std::string::npos) << one.stored;
    EXPECT_NE(one.stored.find("2026-11-24T00:07:00Z to 2026-11-24T00:08:00Z"), std::string::npos)
        << one.stored;
    EXPECT_EQ(report.not_compared.rows_of_others.at("coin_records"), 1);
}

// A program that kept no starts has taken the rows over: they are known by their dates.
TEST_F(LoadingStartTest, RowsTakenOverByAnOlderProgramAreNoDifference) {
    other_row(-3);
    append(1);
    ASSERT_TRUE(load(chosen("start")));
    const std::vector<Statement> statements{{"delete from loading_starts", {}, {}}};
    ASSERT_TRUE(store->transact(statements));
    append(2);
    ASSERT_TRUE(load());
    EXPECT_EQ(minutes(), (std::vector{-3, 1, 2}));
    EXPECT_EQ(audited().differences_found, 0);
    EXPECT_EQ(audited().not_compared.rows_of_others.at("coin_records"), 1);
    other_row(2);
    EXPECT_EQ(audited().differences_found, 1);
}

TEST(StartChoices, AreATimeOrAnEndWithATopicOrWithout) {
    StartChoices choices;
    EXPECT_TRUE(add_start_choice("end", choices));
    EXPECT_TRUE(add_start_choice("coin_topic=2026-11-24T00:05:00Z", choices));
    EXPECT_TRUE(add_start_choice("stock_topic=start", choices));
    EXPECT_EQ(*choices.of("coin_topic"), (StartChoice{StartChoice::Where::time, kSlot}));
    EXPECT_EQ(choices.of("stock_topic")->where, StartChoice::Where::start);
    EXPECT_EQ(choices.of("other")->where, StartChoice::Where::end);
    for (const char* text : {"yesterday", "coin_topic=", "coin_topic=end", "start"}) {
        EXPECT_FALSE(add_start_choice(text, choices)) << text;
    }
}

}  // namespace
}  // namespace tapedeck
