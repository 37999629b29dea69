#include "coverage/audit.h"

#include <gmock/gmock.h>

#include "captures/sqlite/sqlite_captures.h"
#include "mend/dead_letters.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"
#include "tests/parts/test_audited.h"

// What hands can do to a store, a tape and the captures, one thing at a time: the audit names that
// thing and no other.
namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using parts::AuditedDay;
using parts::kSlot;
using parts::lines_of;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::UnorderedElementsAre;

class AuditTest : public ::testing::Test {
protected:
    void SetUp() override {
        store = parts::store_in_memory(clock);
        auto opened = SqliteTape::open(folder.file("tape.db"), clock);
        ASSERT_TRUE(opened) << opened.error().what;
        tape = *std::move(opened);
        auto kept = SqliteCaptures::open(folder.file("captures.db"), clock);
        ASSERT_TRUE(kept) << kept.error().what;
        captures = *std::move(kept);
        day = std::make_unique<AuditedDay>(*store, *tape, captures.get(), clock);
        day->record();
    }

    void change_file(const std::string& name, const std::string& sql) {
        auto database = Database::open(folder.file(name), {});
        ASSERT_TRUE(database);
        auto done = (*database)->execute(sql);
        ASSERT_TRUE(done) << done.error().what;
    }

    AuditReport audited() {
        auto report = day->audit();
        EXPECT_TRUE(report) << report.error().what;
        return report ? *std::move(report) : AuditReport{};
    }
    std::vector<std::string> found() { return lines_of(audited()); }

    TempFolder folder;
    parts::SkippingClock clock{kSlot};
    std::unique_ptr<Store> store;
    std::unique_ptr<SqliteTape> tape;
    std::unique_ptr<SqliteCaptures> captures;
    std::unique_ptr<AuditedDay> day;
};

TEST_F(AuditTest, FindsNothingWhereNobodyHasBeenAndCountsWhatItCompared) {
    const AuditReport report = audited();
    EXPECT_THAT(lines_of(report), ElementsAre());
    EXPECT_EQ(report.prices, 12);  // eight, two again, two of the original's
    EXPECT_EQ(report.outcomes, 9);
    EXPECT_EQ(report.attempts, 9);
    EXPECT_EQ(report.dead_letters, 1);
    EXPECT_EQ(report.captures, 8);
    EXPECT_EQ(report.messages, 11 + 9 + 1);
    EXPECT_EQ(report.not_compared.rows_of_others,
              (std::map<std::string, std::int64_t>{{"coin_records", 1}}));
    EXPECT_EQ(report.not_compared.rows_gone.size(), 0U);
    EXPECT_EQ(report.not_compared.messages_gone.size(), 0U);
}

TEST_F(AuditTest, ARecordOfAnArrayIsADeadLetterOfItsOwn) {
    const std::string good = R"({"coin_name":"solana","current_price":21.5})";
    const std::string first = R"({"coin_name":"bnb","current_price":"N/A"})";
    const std::string second = R"({"coin_name":"bnb","current_price":"-"})";
    const std::string array = "[" + first + "," + good + "," + second + "]";
    day->append({"coin_topic", "", array, clock.now(), {}});
    day->load();
    EXPECT_THAT(found(), ElementsAre());
    EXPECT_EQ(audited().dead_letters, 3);
    // As an older tapedeck left it: the whole message, and no row of it.
    day->change({"delete from coin_records where coin = 'solana'", {}, 1});
    day->change({"delete from dead_letters where reason like 'record 3%'", {}, 1});
    day->change({"update dead_letters set value = $1 where reason like 'record 1%'",
                 {std::vector<std::uint8_t>(array.begin(), array.end())},
                 1});
    EXPECT_THAT(found(), ElementsAre());
    day->change({"update dead_letters set value = $1 where reason like 'record 1%'",
                 {std::vector<std::uint8_t>(first.begin(), first.end())},
                 1});
    EXPECT_EQ(found().size(), 2U);  // a dead letter is missing, and a row
}

// Dead letters that a person has settled: the message at its place says what there must be.
class SettledLetters : public AuditTest {
protected:
    static constexpr const char* kSlotted =
        R"({"coin_name":"bitcoin","current_price":%s,"currency":"USD",)"
        R"("slot":"2026-11-24T00:20:00Z","observed_at":"2026-11-24T00:20:01Z","source":"alpha",)"
        R"("rule":"json","revision":0,"capture":""})";

    static std::string slotted(const std::string& price) {
        std::string text = kSlotted;
        return text.replace(text.find("%s"), 2, price);
    }
    // As a tapedeck left the message that could not read it, or whose table did not take it.
    void leave_as_letter(Offset offset, const std::string& value, const std::string& reason,
                         const std::string& rows) {
        day->change({"delete from coin_records where " + rows, {}, 1});
        day->change(
            {"update batches set rows = rows - 1 where topic = 'coin_topic' and to_offset ="
             " $1",
             {offset.value() + 1},
             1});
        day->change(
            {"insert into dead_letters (topic, partition, message_offset, timestamp, value,"
             " reason, recorded_at) select 'coin_topic', 0, $1, $2, $3, $4, $2",
             {offset.value(), made_, std::vector<std::uint8_t>(value.begin(), value.end()), reason},
             1});
    }
    void append(const std::string& value) {
        made_ = clock.now();
        day->append({"coin_topic", "", value, made_, {}});
    }
    // The newest one.
    StoredLetter newest() {
        std::optional<StoredLetter> last;
        EXPECT_TRUE(each_letter(*store, {}, 1000, [&](const StoredLetter& one) -> Result<> {
            last = one;
            return {};
        }));
        auto whole = find_letter(*store, last->id);
        EXPECT_TRUE(whole && *whole);
        return **whole;
    }
    void retry() {
        clock.advance(std::chrono::minutes(1));
        LetterRetry retrying(*store, clock, day->feeds, "anna@desk");
        const auto result = retrying.retry(newest());
        ASSERT_TRUE(result) << result.error().what;
        ASSERT_EQ(result->kind, RetryResult::Kind::loaded) << result->reason;
    }
    void drop() {
        const auto dropped = drop_letter(*store, newest(), "anna@desk", "why", clock.now());
        ASSERT_TRUE(dropped && *dropped);
    }

private:
    Timestamp made_;
};

TEST_F(SettledLetters, OneThatWasRetriedIsARowAgain) {
    const std::string value = R"({"coin_name":"solana","current_price":21.50})";
    append(value);
    day->load();
    leave_as_letter(Offset(9), value, "it knew less", "coin = 'solana'");
    EXPECT_EQ(found().size(), 2U);  // it can be read by now
    retry();
    EXPECT_THAT(found(), ElementsAre());
    day->change({"update coin_records set price = '21.5' where coin = 'solana'", {}, 1});
    EXPECT_THAT(found(), ElementsAre(::testing::HasSubstr("price 21.5 -> price 21.50")));
    day->change({"delete from coin_records where coin = 'solana'", {}, 1});
    EXPECT_THAT(found(), ElementsAre(::testing::HasSubstr("row_missing")));
}

TEST_F(SettledLetters, OneThatTheDatabaseHadRefusedIsARowAgain) {
    append(
        R"([{"coin_name":"solana","current_price":21.50},{"coin_name":"bnb","current_price":3}])");
    day->load();
    Record refused;
    refused.instrument = refused.name = "solana";
    refused.price = *Decimal::parse("21.50");
    std::string value;
    encode_record(value, refused, RecordForm::coin);
    leave_as_letter(Offset(9), value, "refused by the store: no", "coin = 'solana'");
    EXPECT_THAT(found(), ElementsAre());
    retry();
    EXPECT_THAT(found(), ElementsAre());
}

TEST_F(SettledLetters, OneThatWasDroppedIsNoRowWhateverIsReadInItByNow) {
    const std::string value = R"({"coin_name":"solana","current_price":21.50})";
    append(value);
    day->load();
    leave_as_letter(Offset(9), value, "it knew less", "coin = 'solana'");
    drop();
    EXPECT_THAT(found(), ElementsAre());
}

TEST_F(SettledLetters, ARecordOfAnArrayThatIsReadByNowIsARowOrWasDropped) {
    const std::string part = R"({"coin_name":"solana","current_price":21.50})";
    for (const bool dropped : {false, true}) {
        append("[" + part + R"(,{"coin_name":"bnb","current_price":3}])");
        day->load();
        leave_as_letter(Offset(dropped ? 10 : 9), part, "record 1: it knew less",
                        "id = (select min(id) from coin_records where coin = 'solana' and date = "
                        "(select max(date) from coin_records))");
        dropped ? drop() : retry();
        EXPECT_THAT(found(), ElementsAre()) << dropped;
    }
}

// While it was dead another message took the slot: the row is that one's, and the retried one is
// kept beside it though it lies before it on the tape.
TEST_F(SettledLetters, OneWhoseSlotWasTakenMeanwhileIsADuplicate) {
    append(slotted("5.10"));
    day->load();
    leave_as_letter(Offset(9), slotted("5.10"), "it knew less", "price = '5.10'");
    append(slotted("5.20"));
    day->load();
    day->change(
        {"update dead_letters set timestamp = $1 where reason = 'it knew less'", {clock.now()}, 1});
    retry();
    std::vector<std::string> kept;
    ASSERT_TRUE(store->query({"select kept_price, other_price from duplicates where other_price = "
                              "'5.10'",
                              {},
                              {}},
                             [&](const RowView& row) -> Result<> {
                                 kept.push_back(row.decimal(0).to_string());
                                 return {};
                             }));
    EXPECT_THAT(kept, ElementsAre("5.20"));
    EXPECT_THAT(found(), ElementsAre());
}

TEST_F(SettledLetters, OneThatWasRetriedWhenTheTapeHadItNoMoreIsComparedWithWhatItKept) {
    const std::string value = R"({"coin_name":"solana","current_price":21.50})";
    append(value);
    day->load();
    leave_as_letter(Offset(9), value, "it knew less", "coin = 'solana'");
    ASSERT_TRUE(tape->discard({"coin_topic", Partition(0)}, Offset(10)));
    retry();
    EXPECT_THAT(found(), ElementsAre());
    day->change({"update coin_records set price = '21.51' where coin = 'solana'", {}, 1});
    EXPECT_EQ(found().size(), 1U);
}

struct Tampering {
    const char* name;
    const char* sql;  // on the store
    std::vector<std::string> found;
};

class AuditTampering : public AuditTest, public ::testing::WithParamInterface<Tampering> {};

TEST_P(AuditTampering, IsNamedWithItsPlace) {
    day->change({GetParam().sql, {}, {}});
    EXPECT_THAT(found(), ElementsAreArray(GetParam().found));
}

const Tampering kTamperings[] = {
    {"DigitsThatDiffer",
     "update coin_records set price = '216.530' where price = '216.53'",
     {"row_altered coin 00:05 bitcoin coin_topic[0] 0 coin_records row 1: price 216.530 -> price "
      "216.53"}},
    {"AnotherPrice",
     "update coin_records set price = '2165.3' where price = '216.53'",
     {"row_altered coin 00:05 bitcoin coin_topic[0] 0 coin_records row 1: price 2165.3 -> price "
      "216.53"}},
    {"NoPriceAtAll",
     "update coin_records set price = 'abc' where price = '216.53'",
     {"row_altered coin 00:05 bitcoin coin_topic[0] 0 coin_records row 1: price abc -> price "
      "216.53"}},
    {"AnotherPreviousClose",
     "update stock_records set previous_close = '270.1' where id = 1",
     {"row_altered stock 00:05 AAPL stock_topic[0] 0 stock_records row 1: previous_close 270.1 -> "
      "previous_close 270.10"}},
    {"AnotherName",
     "update stock_records set stock = 'Apple' where id = 2",
     {"row_altered stock 00:10 AAPL stock_topic[0] 1 stock_records row 2: stock Apple -> stock "
      "Apple Inc. (AAPL)"}},
    {"AnotherCoin",
     "update coin_records set coin = 'Bitcoin' where id = 1",
     {"row_altered coin 00:05 bitcoin coin_topic[0] 0 coin_records row 1: coin Bitcoin -> coin "
      "bitcoin"}},
    {"AnotherCurrency",
     "update coin_records set currency = 'EUR' where id = 3",
     {"row_altered coin 00:10 bitcoin coin_topic[0] 2 coin_records row 3: currency EUR -> currency "
      "USD"}},
    {"AnotherDate",
     "update coin_records set date = date + 1 where id = 3",
     {"row_altered coin 00:10 bitcoin coin_topic[0] 2 coin_records row 3: date "
      "2026-11-24T00:10:01.000001Z -> date 2026-11-24T00:10:01Z"}},
    {"AnotherSource",
     "update coin_records set source = 'beta' where id = 3",
     {"row_altered coin 00:10 bitcoin coin_topic[0] 2 coin_records row 3: source beta -> source "
      "alpha"}},
    {"AnotherCapture",
     "update coin_records set capture = (select capture from coin_records where id = 1) where id "
     "= 3",
     {"row_altered coin 00:10 bitcoin coin_topic[0] 2 coin_records row 3: capture "
      "eecf2a0838a40ea1958413a00d8ee3f03f186370397ce0c779ba68d6cf371cd5 -> capture "
      "314faaf6376b9147b24f7d4c1de897e1b62349be8dd8cd31e537a34fe119f850"}},
    {"AnotherSlot",
     "update coin_records set slot = slot + 1000000 where id = 3",
     {"coverage coin 00:10 bitcoin coverage: recorded -> lost (no_row)",
      "row_missing coin 00:10 bitcoin coin_topic[0] 2 coin_records: (no row) -> price 217.53, "
      "source alpha",
      "row_without_message coin 00:10 bitcoin coin_records row 3: price 217.53, source alpha -> "
      "(no message)"}},
    {"ARowOfAnotherSource",
     "insert into coin_records (coin, instrument, price, date, slot, source, revision, "
     "recorded_at) select coin, instrument, price, date, slot, 'beta', revision, recorded_at from "
     "coin_records where id = 1",
     {"row_without_message coin 00:05 bitcoin coin_records row 8: price 216.53, source beta -> (no "
      "message)"}},
    {"ARowOfAHigherRevision",
     "insert into coin_records (coin, instrument, price, date, slot, source, revision, "
     "recorded_at) select coin, instrument, price, date, slot, source, 1, recorded_at from "
     "coin_records where id = 1",
     {"row_without_message coin 00:05 bitcoin coin_records row 8: price 216.53, source alpha -> "
      "(no message)"}},
    {"ARowOfAnUnknownInstrument",
     "insert into coin_records (coin, instrument, price, date, slot, source, revision, "
     "recorded_at) select 'tulip', 'tulip', price, date, slot, source, 0, recorded_at from "
     "coin_records where id = 1",
     {"row_without_message coin 00:05 tulip coin_records row 8: price 216.53, source alpha -> (no "
      "message)"}},
    {"ARowFarInTheFuture",
     "insert into coin_records (coin, instrument, price, date, slot, source, revision, "
     "recorded_at) select coin, instrument, price, date, 9223372036854775807, source, 0, "
     "recorded_at from coin_records where id = 1",
     {"row_without_message coin 54775 bitcoin coin_records row 8: price 216.53, source alpha -> "
      "(no message)"}},
    {"ARowThatIsGone",
     "delete from coin_records where id = 1",
     {"coverage coin 00:05 bitcoin coverage: recorded -> lost (no_row)",
      "row_missing coin 00:05 bitcoin coin_topic[0] 0 coin_records: (no row) -> price 216.53, "
      "source alpha"}},
    {"AnotherPriceOfTheOriginals",
     "update coin_records set price = '1.5' where price = '1.50'",
     {"row_altered coin bitcoin coin_topic[0] 8 coin_records row 6: price 1.5 -> price 1.50"}},
    {"ARowOfTheOriginalsThatIsGone",
     "delete from coin_records where coin = 'dogecoin'",
     {"row_missing coin dogecoin coin_topic[0] 8 coin_records: (no row) -> price 0.07"}},
    {"ARowOfTheOriginalsTwice",
     "insert into coin_records (coin, instrument, price, date, recorded_at) select coin, "
     "instrument, price, date, recorded_at from coin_records where coin = 'dogecoin'",
     {"row_without_message coin dogecoin coin_records row 8: price 0.07 -> (no message)"}},
    {"ARowThatPassesForAnothers",
     "update coin_records set recorded_at = null where id = 1",
     {"row_missing coin 00:05 bitcoin coin_topic[0] 0 coin_records: (no row) -> price 216.53, "
      "source alpha",
      "rows_of_others coin coin_records row 1: 1 rows from id 1 on, dated 2026-11-24T00:05:01Z to "
      "2026-11-24T00:05:01Z -> (no message: another program has written them since loading began "
      "at 2026-11-24T00:05:01Z)"}},
    {"ADuplicateThatIsGone",
     "delete from duplicates",
     {"duplicate_missing coin 00:05 bitcoin coin_topic[0] 5 duplicates: (no row) -> other_price "
      "216.54, source alpha"}},
    {"ADuplicateOfAnotherPrice",
     "update duplicates set other_price = '216.540'",
     {"duplicate_altered coin 00:05 bitcoin coin_topic[0] 5 duplicates row 1: other_price 216.540 "
      "-> other_price 216.54"}},
    {"AnInventedDuplicate",
     "insert into duplicates (price_table, instrument, slot, source, revision, kept_price, "
     "other_price, other_date, topic, partition, message_offset, recorded_at) select price_table, "
     "instrument, slot + 300000000, source, revision, kept_price, other_price, other_date, topic, "
     "partition, 1, recorded_at from duplicates",
     {"duplicate_without_message coin 00:10 bitcoin coin_topic[0] 1 duplicates row 2: other_price "
      "216.54, source alpha -> (no message)"}},
    {"ADeadLetterThatIsGone",
     "delete from dead_letters",
     {"dead_letter_missing coin_topic[0] 7 dead_letters: (no dead letter) -> cannot be read: no "
      "JSON object or array of objects from byte 0 on"}},
    {"AnAlteredDeadLetter",
     "update dead_letters set value = x'00'",
     {"dead_letter_altered coin_topic[0] 7 dead_letters row 1: another value -> as on the tape"}},
    {"AnInventedDeadLetter",
     "insert into dead_letters (topic, partition, message_offset, timestamp, value, reason, "
     "recorded_at) select topic, partition, 0, timestamp, value, reason, recorded_at from "
     "dead_letters",
     {"dead_letter_without_message coin_topic[0] 0 dead_letters row 2: a dead letter -> (no "
      "message that cannot be read)"}},
    {"ADeadLetterOfNoTopic",
     "update dead_letters set topic = 'nowhere'",
     {"dead_letter_missing coin_topic[0] 7 dead_letters: (no dead letter) -> cannot be read: no "
      "JSON object or array of objects from byte 0 on",
      "dead_letter_without_message nowhere[0] dead_letters row 1: 1 dead letters -> (nothing is "
      "loaded from there)"}},
    {"AnOutcomeThatIsGone",
     "delete from outcomes where state = 'failed'",
     {"coverage coin 00:10 ethereum coverage: failed (timeout) -> missed (nobody_ran)",
      "outcome_missing coin 00:10 ethereum tapedeck_outcomes[0] 4 outcomes: (no row) -> state "
      "failed, reason timeout, run_id coin/ethereum/2026-11-24T00:10:00Z, try 1"}},
    {"AnotherRule",
     "update outcomes set rule = 'css' where id = 1",
     {"outcome_altered coin 00:05 bitcoin tapedeck_outcomes[0] 0 outcomes row 1: rule css -> rule "
      "json"}},
    {"AnotherReason",
     "update outcomes set reason = 'throttled' where state = 'failed'",
     {"outcome_altered coin 00:10 ethereum tapedeck_outcomes[0] 4 outcomes row 5: reason throttled "
      "-> reason timeout"}},
    {"AnAttemptThatIsGone",
     "delete from attempts where reason = 'timeout'",
     {"attempt_missing coin 00:10 ethereum tapedeck_outcomes[0] 4 attempts: (no row) -> source "
      "alpha, run_id coin/ethereum/2026-11-24T00:10:00Z, try 1, ordinal 0"}},
    {"AnAlteredAttempt",
     "update attempts set status = 500 where reason = 'timeout'",
     {"attempt_altered coin 00:10 ethereum tapedeck_outcomes[0] 4 attempts row "
      "coin/ethereum/2026-11-24T00:10:00Z try 1 ethereum 0: status 500 -> status 0"}},
    {"AnInventedOutcome",
     "insert into outcomes select 99, 'other', feed, slot, try, instrument, state, reason, what, "
     "source, rule, topic, partition, message_offset, null, config, collector, started, ended, "
     "recorded_at from outcomes where state = 'failed'",
     {"outcome_without_message coin 00:10 ethereum outcomes row 99: state failed, reason timeout, "
      "run_id other, try 1 -> (no message)"}},
    {"AnInventedAttempt",
     "insert into attempts select 'other', try, instrument, ordinal, feed, slot, source, url, "
     "started, took_ms, status, bytes, null, reason, what from attempts where reason = 'timeout'",
     {"attempt_without_message coin 00:10 ethereum attempts row other try 1 ethereum 0: source "
      "alpha, run_id other, try 1, ordinal 0 -> (no message)"}},
    {"ABatchThatIsGone",
     "delete from batches where topic = 'coin_topic' and from_offset = 2",
     {"batch coin_topic[0] 2 batches: (no batch) -> a batch from 2 to 3"}},
    {"TheLastBatchIsGone",
     "delete from batches where topic = 'stock_topic' and from_offset = 2",
     {"ledger stock_topic[0] 3: the ledger stands at 3 -> the last batch ends at 2"}},
    {"TheLedgerSetBack",
     "update offsets set next_offset = 1 where topic = 'stock_topic'",
     {"ledger stock_topic[0] 1: the ledger stands at 1 -> the last batch ends at 3"}},
    {"TheLedgerSetForward",
     "update offsets set next_offset = 7 where topic = 'stock_topic'",
     {"ledger stock_topic[0] 7: the ledger stands at 7 -> the last batch ends at 3"}},
    {"TheLedgerIsGone",
     "delete from offsets where topic = 'stock_topic'",
     {"ledger stock_topic[0] 0: (no ledger) -> the last batch ends at 3"}},
    {"AnotherDigest",
     "update offsets set last_digest = replace(last_digest, substr(last_digest, 1, 1), 'x') where "
     "topic = 'stock_topic'",
     {"ledger stock_topic[0] 2: (no SHA-256) -> SHA-256 "
      "ac081ed57a4cedcc58e3098f74316fa4e974aff31ce30a62260ab67b7b4ddd9c of the last message "
      "loaded"}},
    {"AGapThatIsNone",
     "insert into tape_gaps (topic, partition, from_offset, to_offset, recorded_at) values "
     "('coin_topic', 0, 0, 2, 0)",
     {"tape_gap coin_topic[0] 0 tape_gaps row 1: messages 0 to 2 were gone before they were loaded "
      "-> the tape has them from 0 on"}},
    {"AnotherState",
     "update coverage set state = 'missed' where state = 'failed'",
     {"coverage coin 00:10 ethereum coverage: missed (timeout) -> failed (timeout)"}},
    {"AStateThatIsGone",
     "delete from coverage where state = 'failed'",
     {"coverage coin 00:10 ethereum coverage: (no state) -> failed (timeout)"}},
    {"AStateOfNoSlot",
     "insert into coverage (feed, slot, instrument, state, settled_at) values ('coin', 0, "
     "'bitcoin', 'recorded', 0)",
     {"coverage coin 00:00 bitcoin coverage: recorded -> (not expected)"}},
    {"AStateOfNoFeed",
     "insert into coverage (feed, slot, instrument, state, settled_at) values ('tulips', 0, "
     "'bitcoin', 'recorded', 0)",
     {"coverage tulips coverage: 1 states -> (no such feed was ever configured)"}},
    {"ACaptureThatNeverWas",
     "update attempts set capture = "
     "'00000000000000000000000000000000000000000000000000000000000000ff' where reason = 'timeout'",
     {"attempt_altered coin 00:10 ethereum tapedeck_outcomes[0] 4 attempts row "
      "coin/ethereum/2026-11-24T00:10:00Z try 1 ethereum 0: capture "
      "00000000000000000000000000000000000000000000000000000000000000ff -> capture (none)",
      "capture_missing coin 00:10 ethereum attempts row coin/ethereum/2026-11-24T00:10:00Z try 1 "
      "ethereum 0: (no capture) -> capture "
      "00000000000000000000000000000000000000000000000000000000000000ff"}},
};

INSTANTIATE_TEST_SUITE_P(Of, AuditTampering, ::testing::ValuesIn(kTamperings),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(AuditTest, AMessageThatIsGoneIsAHoleInTheTape) {
    change_file("tape.db",
                "delete from messages where id = (select (id << 40) + 1 from tape_partitions where "
                "topic = 'coin_topic')");
    const AuditReport report = audited();
    EXPECT_THAT(
        lines_of(report),
        ElementsAre(
            "message_missing coin coin_topic[0] 1: (no message) -> a message that was loaded"));
    EXPECT_EQ(report.not_compared.rows_gone,
              (std::map<std::string, std::int64_t>{{"coin_records", 1}}));
}

TEST_F(AuditTest, AnAlteredMessageIsADifferenceOfItsRow) {
    change_file(
        "tape.db",
        "update messages set value = cast(replace(value, '276.970', '276.97') as blob) where id = "
        "(select (id << 40) + 1 from tape_partitions where topic = 'stock_topic')");
    EXPECT_THAT(found(), ElementsAre("row_altered stock 00:10 AAPL stock_topic[0] 1 stock_records "
                                     "row 2: price 276.970 -> price 276.97"));
}

TEST_F(AuditTest, ATapeThatIsShorterThanTheLedgerIsADifference) {
    change_file(
        "tape.db",
        "delete from messages where id >= (select (id << 40) + 2 from tape_partitions where "
        "topic = 'stock_topic') and id < (select (id + 1) << 40 from tape_partitions where "
        "topic = 'stock_topic');"
        "update tape_partitions set next_offset = 2 where topic = 'stock_topic'");
    EXPECT_THAT(found(),
                ElementsAre("ledger stock_topic[0] 2: loaded up to 3 -> the tape ends at 2"));
}

TEST_F(AuditTest, WhatRetentionTookIsCountedAndNoDifference) {
    ASSERT_TRUE(tape->discard({"coin_topic", Partition(0)}, Offset(2)));
    ASSERT_TRUE(tape->discard({std::string(kOutcomesTopic), Partition(0)}, Offset(3)));
    const AuditReport report = audited();
    EXPECT_THAT(lines_of(report), ElementsAre());
    EXPECT_EQ(
        report.not_compared.messages_gone,
        (std::map<TopicPartition, std::int64_t>{{{"coin_topic", Partition(0)}, 2},
                                                {{std::string(kOutcomesTopic), Partition(0)}, 3}}));
    EXPECT_EQ(report.not_compared.rows_gone,
              (std::map<std::string, std::int64_t>{
                  {"coin_records", 2}, {"outcomes", 3}, {"attempts", 3}}));
}

TEST_F(AuditTest, ARowWhoseMessageRetentionTookIsMissedByItsBatch) {
    ASSERT_TRUE(tape->discard({"coin_topic", Partition(0)}, Offset(2)));
    day->change({"delete from coin_records where id = 1", {}, 1});
    day->change({"delete from coverage where instrument = 'bitcoin' and slot = $1", {kSlot}, 1});
    const auto lines = found();
    EXPECT_THAT(lines,
                ::testing::Contains("batch coin_topic[0] 0 coin_records: 1 rows of the batch -> 2 "
                                    "rows were committed at 2026-11-24T00:05:01Z"));
    day->change(
        {"insert into coin_records (coin, instrument, price, date, slot, source, revision, "
         "recorded_at) select coin, 'tulip', price, date, slot, source, 0, recorded_at - 1 "
         "from coin_records where id = 2",
         {},
         1});
    EXPECT_THAT(found(), ::testing::Contains("row_without_message coin 00:05 tulip coin_records "
                                             "row 8: price 11.00, source alpha -> (no message)"));
}

TEST_F(AuditTest, RowsBeyondALedgerThatWasSetBackWithItsBatchesAreNamed) {
    day->change({"update offsets set next_offset = 2 where topic = 'stock_topic'", {}, 1});
    day->change({"delete from batches where topic = 'stock_topic' and from_offset = 2", {}, 1});
    day->change(
        {"update offsets set last_digest = (select last_digest from offsets where topic = "
         "'stock_topic') where topic = 'stock_topic'",
         {},
         1});
    const auto lines = found();
    EXPECT_THAT(
        lines,
        ::testing::Contains(
            "row_without_message stock 00:15 AAPL stock_topic[0] 2 stock_records row 3: price "
            "276.970, source alpha -> its message is not loaded: the ledger stands at 2"));
}

TEST_F(AuditTest, WhatIsLoadedMeanwhileIsNoDifference) {
    bool done = false;
    AuditTalk talk;
    talk.progress = [&](std::int64_t, std::int64_t) {
        if (std::exchange(done, true)) return;
        day->collect("stock", "AAPL", 3, "277.5");
        day->load();
    };
    auto report = day->audit({Timestamp(), day->now() + 1us, day->now()}, talk);
    ASSERT_TRUE(report);
    EXPECT_TRUE(done);
    EXPECT_THAT(lines_of(*report), ElementsAre());
}

TEST_F(AuditTest, ADamagedCaptureIsNamed) {
    change_file("captures.db", "update captures set body = x'28b52ffd00' where id = 1");
    EXPECT_THAT(
        found(),
        ElementsAre("capture_damaged captures row "
                    "eecf2a0838a40ea1958413a00d8ee3f03f186370397ce0c779ba68d6cf371cd5: bytes that "
                    "cannot be unpacked -> what https://alpha.example/price/bitcoin answered at "
                    "2026-11-24T00:05:01Z"));
}

TEST_F(AuditTest, ACaptureOfOtherBytesIsNamed) {
    change_file("captures.db",
                "update captures set (body, bytes) = (select body, bytes from captures where id = "
                "2) where id = 1");
    EXPECT_THAT(
        found(),
        ElementsAre(
            "capture_damaged captures row "
            "eecf2a0838a40ea1958413a00d8ee3f03f186370397ce0c779ba68d6cf371cd5: bytes with the "
            "SHA-256 e0c8400bb976518fca4e8d6cb9b227bac4e3c3df4c08370d7d60c934a432a8cd -> what "
            "https://alpha.example/price/bitcoin answered at 2026-11-24T00:05:01Z"));
}

TEST_F(AuditTest, ACaptureThatIsGoneIsNamedOnceAndAPrunedOneIsCounted) {
    change_file("captures.db", "update captures set body = null where id = 2");
    EXPECT_THAT(found(), ElementsAre());
    EXPECT_EQ(audited().not_compared.captures_pruned, 1);
    change_file("captures.db", "delete from captures where id = 1");
    EXPECT_THAT(
        found(),
        ElementsAre(
            "capture_missing coin 00:05 bitcoin coin_records row 1: (no capture) -> capture "
            "eecf2a0838a40ea1958413a00d8ee3f03f186370397ce0c779ba68d6cf371cd5, named at 3 places"));
}

TEST_F(AuditTest, ACaptureThatNoAccountTellsOfIsADifferenceUnlessItsTryIsKnown) {
    const AuditScope first{Timestamp(), day->now() + 1us, day->now()};
    clock.advance(-10min);
    day->keep("bitcoin", "bitcoin costs what nobody knows any more");
    const auto unnamed = [&](AuditScope scope) { return lines_of(*day->audit(std::move(scope))); };
    const std::vector<std::string> difference{
        "capture_unnamed captures row "
        "809a0dcaef7c1055eaa1dd868431c6d152e785b9a795f5116ac2a0a7d323d"
        "93f: what https://alpha.example/price/bitcoin answered at "
        "2026-11-24T00:05:02Z -> (no account tells of it)"};
    EXPECT_EQ(unnamed(first), difference);
    AuditScope held = first;
    held.held_back = HeldBack{clock.now(), "may wait in the spool"};
    EXPECT_THAT(unnamed(held), ElementsAre());
    held.held_back->since += 1us;
    EXPECT_EQ(unnamed(held), difference);
    AuditScope soon{Timestamp(), clock.now() + 10min + 1us, clock.now() + 10min};
    EXPECT_THAT(unnamed(soon), ElementsAre());
    // The recorder was killed between the answer and the account.
    day->change(
        {"insert into task_tries (run_id, task, try, state, started_at) values "
         "('coin_market_record/later', 'collect', 1, 'running', $1)",
         {clock.now() - 1s},
         1});
    const AuditReport report = audited();
    EXPECT_THAT(lines_of(report), ElementsAre());
    EXPECT_EQ(report.not_compared.captures_without_account, 1);
}

TEST_F(AuditTest, WhatACopyLeftOutIsCountedAndNoDifferenceButWhatCameAfterwardsIs) {
    change_file("captures.db", "delete from captures");
    ASSERT_EQ(found().size(), 8U);
    ASSERT_TRUE(captures->note_left_out(kSlot + 10min));
    AuditReport report = audited();
    EXPECT_THAT(lines_of(report), ElementsAre());
    EXPECT_EQ(report.not_compared.captures_left_out, 8) << "each once, and it is named thrice";
    // The slot of the moment itself was still left out; those after it have theirs here.
    change_file("captures.db", "update left_out set until = until - 1");
    report = audited();
    EXPECT_THAT(lines_of(report),
                UnorderedElementsAre(::testing::StartsWith("capture_missing coin 00:15 bitcoin"),
                                     ::testing::StartsWith("capture_missing coin 00:15 ethereum"),
                                     ::testing::StartsWith("capture_missing stock 00:15 AAPL")));
    EXPECT_EQ(report.not_compared.captures_left_out, 5);
}

// The store was locked between the look at the captures and the look at the rows.
TEST_F(AuditTest, WhatIsRecordedBetweenCapturesAndRowsIsNoDifference) {
    std::string capture;
    AuditTalk talk;
    talk.progress = [&](std::int64_t done, std::int64_t) {
        if (done <= 8 || !capture.empty()) return;  // the captures of the day
        capture = day->keep("bitcoin", "bitcoin costs 219.53 in slot 3");
        day->change({"update coin_records set capture = $1 where id = 1", {capture}, 1});
    };
    auto report = day->audit({Timestamp(), day->now() + 1us, day->now()}, talk);
    ASSERT_TRUE(report);
    ASSERT_FALSE(capture.empty());
    for (const std::string& line : lines_of(*report)) {
        EXPECT_THAT(line, ::testing::Not(::testing::StartsWith("capture_")));
    }
}

TEST_F(AuditTest, AFileOfCapturesThatIsGoneIsNamedWhereItMustBe) {
    const AuditScope all{Timestamp(), day->now() + 1us, day->now()};
    auto here =
        tapedeck::audit({*store, *tape, nullptr, day->feeds, day->expected, "captures.db"}, all);
    ASSERT_TRUE(here);
    EXPECT_THAT(lines_of(*here),
                ElementsAre("capture_missing captures: (no file captures.db) -> captures, named at "
                            "24 places"));
    auto elsewhere = tapedeck::audit({*store, *tape, nullptr, day->feeds, day->expected}, all);
    ASSERT_TRUE(elsewhere);
    EXPECT_THAT(lines_of(*elsewhere), ElementsAre());
    EXPECT_FALSE(elsewhere->not_compared.captures_looked_at);
}

TEST_F(AuditTest, ACaptureWhoseAccountIsNotLoadedIsNoDifference) {
    day->collect("stock", "AAPL", 3, "277.5");
    EXPECT_THAT(found(), ElementsAre());
}

TEST_F(AuditTest, ADayIsComparedByItself) {
    const Timestamp slot = kSlot + 5min;
    day->change({"update coin_records set price = '1' where slot = $1", {kSlot}, {}});
    auto other = day->audit({slot, slot + 1min, day->now()});
    ASSERT_TRUE(other);
    EXPECT_THAT(lines_of(*other), ElementsAre());
    EXPECT_EQ(other->prices, 3);
    auto same = day->audit({kSlot, kSlot + 1min, day->now()});
    ASSERT_TRUE(same);
    EXPECT_EQ(same->differences.size(), 2U);
    auto stock = day->audit({Timestamp(), day->now() + 1us, day->now(), "stock"});
    ASSERT_TRUE(stock);
    EXPECT_THAT(lines_of(*stock), ElementsAre());
    EXPECT_EQ(stock->prices, 3);
}

TEST_F(AuditTest, EveryDifferenceIsToldThoughTheReportKeepsTheFirst) {
    day->change({"update coin_records set currency = 'EUR' where recorded_at is not null", {}, {}});
    std::int64_t told = 0;
    AuditTalk talk;
    talk.difference = [&](const AuditDifference& one) {
        ++told;
        EXPECT_EQ(one.kind, AuditKind::row_altered);
        EXPECT_EQ(one.columns, std::vector<std::string>{"currency"});
    };
    auto report = day->audit({Timestamp(), day->now() + 1us, day->now()}, talk);
    ASSERT_TRUE(report);
    EXPECT_EQ(told, 7);
    EXPECT_EQ(report->differences_found, 7);
}

}  // namespace
}  // namespace tapedeck
