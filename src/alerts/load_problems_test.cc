#include "alerts/load_problems.h"

#include <gmock/gmock.h>

#include "base/utf8.h"
#include "mend/dead_letters.h"
#include "tests/parts/loading_fixture.h"

namespace tapedeck {
namespace {

using parts::kSlot;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class LoadProblemsTest : public parts::LoadingFixture {
protected:
    LoadProblemsTest() : LoadingFixture({"bitcoin"}) {}

    void append(const std::string& value) { LoadingFixture::append(value, "coin_topic", ""); }
    Result<LoadSummary> load() {
        Loader loader(tape, *store, clock, log, parts::loading_of(feed));
        return loader.run({}, true);
    }
    std::vector<LoadProblem> problems() {
        SettledLetters nothing_known;
        auto found = load_problems(*store, feeds, nothing_known);
        EXPECT_TRUE(found) << found.error().what;
        return found ? *found : std::vector<LoadProblem>{};
    }

    static std::string words_of_many_letters() {
        std::string words;
        for (int i = 0; i < 200; ++i) words += "日";
        return words;
    }

    std::vector<std::string> told;
    std::vector<std::string> lines;
    Log log{[this](std::string_view event, std::string_view line) {
                told.emplace_back(event);
                lines.emplace_back(line);
            },
            LogFormat::text, Severity::info, clock};
};

TEST_F(LoadProblemsTest, DeadLettersAreOneUntilSomebodyHasSettledEach) {
    append("no JSON");
    clock.advance(std::chrono::hours(1));
    append("none either");
    ASSERT_TRUE(load());
    const auto found = problems();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].problem.key, "dead_letters:coin_topic");
    EXPECT_EQ(found[0].problem.feed, "coin");
    EXPECT_THAT(found[0].problem.what,
                AllOf(HasSubstr("2 dead letters of coin_topic"), HasSubstr("offset 0: no JSON"),
                      HasSubstr("dead-letters list --topic coin_topic")));
    EXPECT_EQ(found[0].since, clock.now());  // when it was found
    for (const std::int64_t id : {1, 2}) {
        EXPECT_THAT(problems(), SizeIs(1));
        const auto letter = find_letter(*store, id);
        ASSERT_TRUE(letter && *letter);
        ASSERT_TRUE(drop_letter(*store, **letter, "anna", "why", clock.now()));
    }
    EXPECT_THAT(problems(), SizeIs(0));
}

// Issue 12: each look read all dead letters that there ever were.
TEST_F(LoadProblemsTest, WhatWasSettledIsReadOnce) {
    by_hand(
        "with recursive ids(id) as (select 1 union all select id + 1 from ids where id < 3000) "
        "insert into dead_letters (id, topic, partition, message_offset, timestamp, value, reason, "
        "recorded_at) select id, 'coin_topic', 0, id, 0, x'', 'no JSON', 0 from ids;"
        "insert into dead_letter_ends (letter, how, at, by_whom, why) select id, 'dropped', 0, "
        "'anna', '' from dead_letters where id <> 2500");
    SettledLetters known;
    const auto open = load_problems(*store, feeds, known);
    ASSERT_TRUE(open) << open.error().what;
    ASSERT_EQ(open->size(), 1U);
    EXPECT_THAT(open->front().problem.what, HasSubstr("1 dead letter of coin_topic: ID 2500"));
    EXPECT_EQ(known.up_to, 1499) << "all before the open one, but for those that may come yet";
    by_hand(
        "insert into dead_letter_ends (letter, how, at, by_whom, why) values (2500, 'dropped', 0, "
        "'anna', '')");
    EXPECT_TRUE(load_problems(*store, feeds, known)->empty());
    EXPECT_EQ(known.up_to, 2000);
    by_hand(
        "insert into dead_letters (topic, partition, message_offset, timestamp, value, reason, "
        "recorded_at) values ('coin_topic', 0, 3001, 0, x'', 'no JSON', 0)");
    EXPECT_EQ(load_problems(*store, feeds, known)->size(), 1U);
}

TEST_F(LoadProblemsTest, ARecordThatTheDatabaseRefusesIsToldOf) {
    by_hand(
        "drop view coin_prices; drop table coin_records; create table coin_records (id integer"
        " primary key, coin text, price text, date integer not null, instrument text, slot"
        " integer, source text, revision integer, recorded_at integer, capture text, currency"
        " text, check (price <> '13')) strict");
    append(R"({"coin_name":"bitcoin","current_price":12})");
    append(R"({"coin_name":"bitcoin","current_price":13})");
    ASSERT_TRUE(load());
    EXPECT_EQ(std::ranges::count(told, "records_refused"), 1);
    const auto line = std::ranges::find_if(
        lines, [](const std::string& one) { return one.find("records_refused") != one.npos; });
    ASSERT_NE(line, lines.end());
    EXPECT_THAT(*line, AllOf(HasSubstr("offset=1"), HasSubstr("count=1"), HasSubstr("CHECK")));
    EXPECT_THAT(problems(), SizeIs(1));
}

// A trigger that refuses every row: it is no message's fault, and a person mends it.
TEST_F(LoadProblemsTest, WhatTheStoreTakesNothingOfIsOneUntilTheLedgerIsPastIt) {
    append(R"({"coin_name":"bitcoin","current_price":12})");
    by_hand(
        "create trigger somebodys before insert on coin_records begin select raise(abort, "
        "'not on my watch'); end");
    const Timestamp began = clock.now();
    for (int i = 0; i < 2; ++i) {
        const auto refused = load();
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
        clock.advance(std::chrono::minutes(1));
    }
    const auto found = problems();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].problem.key, "stalled:coin_topic[0]");
    EXPECT_EQ(found[0].problem.feed, "coin");
    EXPECT_THAT(found[0].problem.what,
                AllOf(HasSubstr("coin_topic[0] is not loaded from offset 0 on"),
                      HasSubstr("not on my watch")));
    EXPECT_LT(found[0].since, began + std::chrono::minutes(1));   // the first time
    EXPECT_EQ(std::ranges::count(told, "partition_stalled"), 2);  // by each of the loaders, once
    by_hand("drop trigger somebodys");
    const auto loaded = load();
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->rows, 1);
    EXPECT_EQ(loaded->dead_letters, 0);
    EXPECT_THAT(problems(), SizeIs(0));
}

// So does a column that must not be null and that no message fills.
TEST_F(LoadProblemsTest, AColumnThatNobodyFillsIsWaitedFor) {
    by_hand(
        "drop view coin_prices; drop table coin_records; create table coin_records (id integer"
        " primary key, coin text, price text, date integer not null, instrument text, slot"
        " integer, source text, revision integer, recorded_at integer, capture text, currency"
        " text, desk text not null) strict");
    append(R"({"coin_name":"bitcoin","current_price":12})");
    const auto refused = load();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    const auto found = problems();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].problem.key, "stalled:coin_topic[0]");
    EXPECT_THAT(found[0].problem.what, HasSubstr("coin_records.desk"));
}

// What a database says of a row may hold any letters, and what is told must be kept by any store.
TEST_F(LoadProblemsTest, ALongReasonIsCutBetweenLetters) {
    for (const char* before : {"", "x", "xx"}) {
        const std::vector<Statement> letter{
            {"insert into dead_letters (topic, partition, message_offset, timestamp, value, "
             "reason, recorded_at) values ($1, 0, 0, $2, $3, $4, $2)",
             {std::string("topic") + before, clock.now(), std::vector<std::uint8_t>{'x'},
              before + words_of_many_letters()},
             1}};
        ASSERT_TRUE(store->transact(letter));
    }
    const auto found = problems();
    ASSERT_THAT(found, SizeIs(3));
    for (const LoadProblem& one : found) {
        std::string_view left = one.problem.what;
        EXPECT_NE(left.find("…"), left.npos);
        for (std::size_t length = 1; length > 0; left.remove_prefix(length)) {
            length = utf8_length(left);
        }
        EXPECT_EQ(left, "") << one.problem.what;
    }
}

TEST_F(LoadProblemsTest, AreToldOnceAndOnceWhenTheyAreOver) {
    std::vector<std::string> commands;
    ProblemTeller teller(*store, clock, log, [&](bool recovered, const Problem& problem) {
        commands.push_back((recovered ? "over " : "") + problem.key);
        return Result<>();
    });
    append("no JSON");
    ASSERT_TRUE(load());
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(teller.look_at_loading(feeds));
    append("none either");
    ASSERT_TRUE(load());
    ASSERT_TRUE(teller.look_at_loading(feeds));
    // The look at a feed's slots leaves them alone.
    ASSERT_TRUE(teller.look(feeds, "coin", {}));
    EXPECT_THAT(commands, ElementsAre("dead_letters:coin_topic"));
    std::string what;
    ASSERT_TRUE(store->query({"select what from problems", {}, {}}, [&](const RowView& row) {
        what = row.text(0);
        return Result<>();
    }));
    EXPECT_THAT(what, HasSubstr("2 dead letters"));
    for (const std::int64_t id : {1, 2}) {
        const auto letter = find_letter(*store, id);
        ASSERT_TRUE(drop_letter(*store, **letter, "anna", "why", clock.now()));
    }
    ASSERT_TRUE(teller.look_at_loading(feeds));
    EXPECT_THAT(commands, ElementsAre("dead_letters:coin_topic", "over dead_letters:coin_topic"));
}

}  // namespace
}  // namespace tapedeck
