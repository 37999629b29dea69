#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "store/store.h"
#include "tests/conformance/early_order.h"

// What every Store must do. An implementation is tested by a factory:
//
//     struct Factory {
//         static constexpr bool kDurable;  // whether `reopen` finds what was written before
//         ManualClock& clock();            // the store's clock: recorded_at
//         Store& store();                  // the same object until `reopen`
//         Store& other();                  // a second client of the same data (or the same object)
//         void reopen();
//         std::string new_file();          // a path where nothing is, for `backup`
//         std::unique_ptr<Store> open_backup(const std::string& path);  // a store of that file
//     };
//
// and INSTANTIATE_TYPED_TEST_SUITE_P(Name, StoreSuite, Factory). Each test has a store of its own,
// without tables of prices. SQL is what SQLite and PostgreSQL share.
namespace tapedeck {

template <class Factory>
class StoreSuite : public ::testing::Test {
protected:
    static constexpr Timestamp kStart{std::chrono::microseconds(1'764'000'000'000'000)};
    static constexpr Timestamp kSlot{std::chrono::microseconds(1'764'000'300'000'000)};

    Store& store() { return factory_.store(); }
    // Of what is not there. A server's tables may be back in a moment: somebody restores them.
    static bool is_refusal(ErrorKind kind) {
        return kind == ErrorKind::rejected || kind == ErrorKind::unavailable;
    }
    static PriceTable coins() { return {"coin_records", RecordForm::coin}; }
    static PriceTable stocks() { return {"stock_records", RecordForm::stock}; }
    static TopicPartition at(std::int32_t partition = 0, const std::string& topic = "coin_topic") {
        return {topic, Partition(partition)};
    }

    static Price price(std::string_view text) {
        const auto parsed = Decimal::parse(text);
        EXPECT_TRUE(parsed);
        return parsed.value_or(Decimal());
    }

    // The texts are literals: they outlive the batch.
    static Record coin(std::string_view instrument, std::string_view amount,
                       std::optional<Timestamp> slot = kSlot,
                       std::string_view source = "coinmarketcap") {
        Record record;
        record.instrument = instrument;
        record.name = instrument;
        record.price = price(amount);
        record.currency = "USD";
        record.slot = slot;
        if (slot) {
            record.observed_at = *slot + std::chrono::microseconds(412'913);
            record.source = source;
            record.rule = "price-class";
            record.capture = "c0ffee";
        }
        return record;
    }

    // A batch of `records`, one message each, from offset `from` on.
    static Batch batch(std::int64_t from, const std::vector<Record>& records,
                       const TopicPartition& where = at(), const PriceTable& table = coins()) {
        Batch out;
        BatchRows rows{table, 0, records, {}, {}};
        auto offset = from;
        for (std::size_t i = 0; i < records.size(); ++i) {
            rows.offsets.emplace_back(offset++);
            rows.timestamps.push_back(message_time(rows.offsets.back()));
        }
        out.advances.push_back({where, Offset(from), Offset(offset),
                                message_time(Offset(offset - 1)), sha256(std::to_string(offset))});
        out.rows.push_back(std::move(rows));
        return out;
    }
    static Timestamp message_time(Offset offset) {
        return kStart + std::chrono::milliseconds(offset.value());
    }

    void make_tables() {
        for (const PriceTable& table : {coins(), stocks()}) {
            const auto made = store().ensure_table(table);
            ASSERT_TRUE(made) << made.error().what;
        }
        const std::vector<TopicPartition> partitions{at(0), at(1), at(0, "stock_topic")};
        const auto ledger = store().ledger(partitions);
        ASSERT_TRUE(ledger) << ledger.error().what;
    }

    // The id of a dead letter at the offset, which the ledger has passed.
    std::int64_t dead_letter(Offset offset) {
        Batch out;
        out.advances.push_back({at(), offset, next(offset), message_time(offset), sha256("x")});
        out.dead_letters.push_back({at(), offset, message_time(offset), "key", "x", "no JSON"});
        commit(out);
        std::int64_t id = -1;
        const auto done = store().query({"select max(id) from dead_letters", {}, {}},
                                        [&](const RowView& row) -> Result<> {
                                            id = row.integer(0);
                                            return {};
                                        });
        EXPECT_TRUE(done);
        return id;
    }
    // What a retry of it writes: it was the message at offset 0.
    static Batch retry_of(std::int64_t letter, const Record& record) {
        Batch out = batch(0, {record});
        out.advances[0].retried = RetriedLetter{letter, "anna@desk"};
        return out;
    }

    // Every other batch is prepared first: nothing but speed may hang on it.
    Committed commit(Batch what) {
        if (commits_++ % 2 == 0) store().prepare(what);
        const auto committed = store().commit(what);
        EXPECT_TRUE(committed) << committed.error().what;
        return committed.value_or({});
    }

    LedgerEntry entry(const TopicPartition& where) {
        const std::vector<TopicPartition> partitions{where};
        const auto ledger = store().ledger(partitions);
        EXPECT_TRUE(ledger) << ledger.error().what;
        return ledger ? ledger->front() : LedgerEntry{};
    }

    // The answer's rows, each column as text: times and decimals by `show`'s own reading.
    using Show = std::function<std::string(const RowView&)>;
    std::vector<std::string> rows(const std::string& sql, const Show& show,
                                  std::vector<Value> values = {}) {
        std::vector<std::string> out;
        const auto done =
            store().query({sql, std::move(values), {}}, [&](const RowView& row) -> Result<> {
                out.push_back(show(row));
                return {};
            });
        EXPECT_TRUE(done) << done.error().what;
        return out;
    }
    static std::string text_or_null(const RowView& row, int column) {
        return row.is_null(column) ? "null" : std::string(row.text(column));
    }

    std::int64_t count(const std::string& table) {
        std::int64_t out = -1;
        const auto done = store().query({"select count(*) from " + table, {}, {}},
                                        [&](const RowView& row) -> Result<> {
                                            out = row.integer(0);
                                            return {};
                                        });
        EXPECT_TRUE(done) << done.error().what;
        return out;
    }

    Factory factory_;

private:
    std::atomic<int> commits_ = 0;
};

TYPED_TEST_SUITE_P(StoreSuite);

// The offset ledger.

TYPED_TEST_P(StoreSuite, MakesALedgerRowAtOffsetZeroAtFirstSight) {
    const std::vector<TopicPartition> partitions{this->at(1), this->at(0)};
    const auto ledger = this->store().ledger(partitions);
    ASSERT_TRUE(ledger) << ledger.error().what;
    ASSERT_EQ(ledger->size(), 2U);
    EXPECT_EQ((*ledger)[0].at, partitions[0]);
    EXPECT_EQ((*ledger)[1].at, partitions[1]);
    for (const LedgerEntry& entry : *ledger) {
        EXPECT_EQ(entry.next, Offset(0));
        EXPECT_FALSE(entry.last_timestamp);
        EXPECT_FALSE(entry.last_digest);
    }
    EXPECT_EQ(this->count("offsets"), 2);
}

TYPED_TEST_P(StoreSuite, MovesTheLedgerWithTheRows) {
    this->make_tables();
    const auto batch = this->batch(0, {this->coin("bitcoin", "22470.52")});
    const auto committed = this->commit(batch);
    EXPECT_EQ(committed.rows, 1);
    EXPECT_EQ(committed.absorbed, 0);
    const auto entry = this->entry(this->at());
    EXPECT_EQ(entry.next, Offset(1));
    EXPECT_EQ(entry.last_timestamp, batch.advances[0].last_timestamp);
    EXPECT_EQ(entry.last_digest, batch.advances[0].last_digest);
    EXPECT_EQ(this->entry(this->at(1)).next, Offset(0));
}

TYPED_TEST_P(StoreSuite, RefusesABatchThatSkipsAnOffset) {
    this->make_tables();
    const auto refused = this->store().commit(this->batch(1, {this->coin("bitcoin", "1")}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_NE(refused.error().what.find("coin_topic"), std::string::npos) << refused.error().what;
    EXPECT_EQ(this->count("coin_records"), 0);
    EXPECT_EQ(this->entry(this->at()).next, Offset(0));
}

TYPED_TEST_P(StoreSuite, RefusesABatchASecondTime) {
    this->make_tables();
    // Without a slot nothing but the ledger keeps the row once.
    const auto batch = this->batch(0, {this->coin("bitcoin", "1", std::nullopt)});
    this->commit(batch);
    const auto again = this->factory_.other().commit(batch);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, ErrorKind::conflict);
    EXPECT_EQ(this->count("coin_records"), 1);
    EXPECT_EQ(this->count("batches"), 1);
}

TYPED_TEST_P(StoreSuite, RefusesABatchForAPartitionThatTheLedgerHasNeverSeen) {
    this->make_tables();
    const auto refused =
        this->store().commit(this->batch(0, {this->coin("bitcoin", "1")}, this->at(7)));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_EQ(this->count("coin_records"), 0);
}

TYPED_TEST_P(StoreSuite, MovesAllPartitionsOfABatchOrNone) {
    this->make_tables();
    Batch both = this->batch(0, {this->coin("bitcoin", "1")});
    Batch second = this->batch(5, {this->coin("ethereum", "2")}, this->at(1));
    second.rows[0].advance = 1;
    both.advances.push_back(second.advances[0]);
    both.rows.push_back(second.rows[0]);
    const auto refused = this->store().commit(both);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_EQ(this->entry(this->at()).next, Offset(0));
    EXPECT_EQ(this->count("coin_records"), 0);

    both.advances[1].from = Offset(0);
    EXPECT_EQ(this->commit(both).rows, 2);
    EXPECT_EQ(this->entry(this->at()).next, Offset(1));
    EXPECT_EQ(this->entry(this->at(1)).next, Offset(6));
    EXPECT_EQ(this->count("batches"), 2);
}

TYPED_TEST_P(StoreSuite, KeepsTheLastMessageWhereAnAdvanceNamesNone) {
    this->make_tables();
    const auto first = this->batch(0, {this->coin("bitcoin", "1")});
    this->commit(first);
    Batch gap;
    gap.advances.push_back({this->at(), Offset(1), Offset(9), std::nullopt, std::nullopt});
    gap.gaps.push_back({this->at(), Offset(1), Offset(9)});
    this->commit(gap);
    const auto entry = this->entry(this->at());
    EXPECT_EQ(entry.next, Offset(9));
    EXPECT_EQ(entry.last_digest, first.advances[0].last_digest);
    const auto gaps = this->rows(
        "select topic, partition, from_offset, to_offset from tape_gaps", [](const RowView& row) {
            return std::string(row.text(0)) + " " + std::to_string(row.integer(1)) + " " +
                   std::to_string(row.integer(2)) + " " + std::to_string(row.integer(3));
        });
    EXPECT_EQ(gaps, std::vector<std::string>{"coin_topic 0 1 9"});
}

// Rows.

TYPED_TEST_P(StoreSuite, KeepsEveryDigitAndEveryColumnOfACoin) {
    this->make_tables();
    this->factory_.clock().step(this->kSlot - this->factory_.clock().now());
    const auto recorded_at = this->factory_.clock().now();
    const auto committed = this->commit(this->batch(
        0, {this->coin("bitcoin", "22470.520"), this->coin("shiba", "0.000000000000000001"),
            this->coin("big", "1000000000000000.00")}));
    EXPECT_EQ(committed.recorded_at, recorded_at);
    const auto rows = this->rows(
        "select coin, price, date, instrument, slot, source, revision, recorded_at, capture,"
        " currency from coin_records order by id",
        [&](const RowView& row) {
            EXPECT_EQ(row.timestamp(2), this->kSlot + std::chrono::microseconds(412'913));
            EXPECT_EQ(row.text(3), row.text(0));
            EXPECT_EQ(row.timestamp(4), this->kSlot);
            EXPECT_EQ(row.integer(6), 0);
            EXPECT_EQ(row.timestamp(7), recorded_at);
            return std::string(row.text(0)) + " " + row.decimal(1).to_string() + " " +
                   std::string(row.text(5)) + " " + std::string(row.text(8)) + " " +
                   std::string(row.text(9));
        });
    EXPECT_EQ(rows, (std::vector<std::string>{"bitcoin 22470.520 coinmarketcap c0ffee USD",
                                              "shiba 0.000000000000000001 coinmarketcap c0ffee USD",
                                              "big 1000000000000000.00 coinmarketcap c0ffee USD"}));
}

TYPED_TEST_P(StoreSuite, KeepsTheStockForm) {
    this->make_tables();
    Record apple = this->coin("AAPL", "271.49", this->kSlot, "yahoo");
    apple.name = "Apple Inc. (AAPL)";
    apple.previous_close = this->price("266.250");
    Record tesla = this->coin("TSLA", "391.09", this->kSlot, "yahoo");
    tesla.name = "Tesla, Inc. (TSLA)";
    this->commit(this->batch(0, {apple, tesla}, this->at(0, "stock_topic"), this->stocks()));
    const auto rows =
        this->rows("select stock, price, previous_close, instrument from stock_records order by id",
                   [](const RowView& row) {
                       return std::string(row.text(0)) + " " + row.decimal(1).to_string() + " " +
                              (row.is_null(2) ? "null" : row.decimal(2).to_string()) + " " +
                              std::string(row.text(3));
                   });
    EXPECT_EQ(rows, (std::vector<std::string>{"Apple Inc. (AAPL) 271.49 266.250 AAPL",
                                              "Tesla, Inc. (TSLA) 391.09 null TSLA"}));
}

TYPED_TEST_P(StoreSuite, TakesTheOriginalsMessagesEveryOneAndByTheirMessageTime) {
    this->make_tables();
    const auto same = this->coin("bitcoin", "1.5", std::nullopt);
    EXPECT_EQ(this->commit(this->batch(0, {same, same})).rows, 2);
    const auto rows =
        this->rows("select date, slot, source, revision from coin_records order by date",
                   [](const RowView& row) {
                       EXPECT_TRUE(row.is_null(1));
                       EXPECT_TRUE(row.is_null(2));
                       EXPECT_TRUE(row.is_null(3));
                       return format_rfc3339(row.timestamp(0));
                   });
    EXPECT_EQ(rows, (std::vector<std::string>{format_rfc3339(this->message_time(Offset(0))),
                                              format_rfc3339(this->message_time(Offset(1)))}));
}

TYPED_TEST_P(StoreSuite, AbsorbsTheSameSlotWithTheSamePrice) {
    this->make_tables();
    this->commit(this->batch(0, {this->coin("bitcoin", "1.50")}));
    const auto again =
        this->commit(this->batch(1, {this->coin("bitcoin", "1.5"), this->coin("bitcoin", "1.50")}));
    EXPECT_EQ(again.rows, 0);
    EXPECT_EQ(again.absorbed, 2);
    EXPECT_EQ(again.duplicates, 0);
    EXPECT_EQ(this->count("coin_records"), 1);
    EXPECT_EQ(this->count("duplicates"), 0);
    EXPECT_EQ(this->entry(this->at()).next, Offset(3));
}

TYPED_TEST_P(StoreSuite, AbsorbsWithinOneBatchToo) {
    this->make_tables();
    const auto committed =
        this->commit(this->batch(0, {this->coin("bitcoin", "1"), this->coin("bitcoin", "1"),
                                     this->coin("ethereum", "2"), this->coin("bitcoin", "3")}));
    EXPECT_EQ(committed.rows, 2);
    EXPECT_EQ(committed.absorbed, 1);
    EXPECT_EQ(committed.duplicates, 1);
}

TYPED_TEST_P(StoreSuite, KeepsBothValuesWhereTheSameKeyComesWithAnotherPrice) {
    this->make_tables();
    this->commit(this->batch(0, {this->coin("bitcoin", "100.10")}));
    const auto later = this->commit(this->batch(1, {this->coin("bitcoin", "100.20")}));
    EXPECT_EQ(later.rows, 0);
    EXPECT_EQ(later.duplicates, 1);
    const auto kept = this->rows("select price from coin_records",
                                 [](const RowView& row) { return row.decimal(0).to_string(); });
    EXPECT_EQ(kept, std::vector<std::string>{"100.10"});
    const auto both = this->rows(
        "select price_table, instrument, slot, source, revision, kept_price, other_price, topic,"
        " partition, message_offset from duplicates",
        [&](const RowView& row) {
            EXPECT_EQ(row.timestamp(2), this->kSlot);
            return std::string(row.text(0)) + " " + std::string(row.text(1)) + " " +
                   std::string(row.text(3)) + " " + std::to_string(row.integer(4)) + " " +
                   row.decimal(5).to_string() + " " + row.decimal(6).to_string() + " " +
                   std::string(row.text(7)) + " " + std::to_string(row.integer(8)) + " " +
                   std::to_string(row.integer(9));
        });
    EXPECT_EQ(both, std::vector<std::string>{
                        "coin_records bitcoin coinmarketcap 0 100.10 100.20 coin_topic 0 1"});
}

TYPED_TEST_P(StoreSuite, CommitsAnEarlyBatchInItsTurnAndNothingOfItWhereThatDoesNotCome) {
    this->make_tables();
    const auto first = this->batch(0, {this->coin("bitcoin", "1")});
    const auto second = this->batch(1, {this->coin("ethereum", "2"), this->coin("solana", "3")});
    for (const bool comes : {false, true}) {
        int asked = 0;
        const CommitOrder order = early_order([&] {
            ++asked;
            EXPECT_EQ(this->count("coin_records"), 0);
            EXPECT_EQ(this->entry(this->at()).next, Offset(0));
            if (comes) this->commit(first);
            return comes;
        });
        const auto done = this->store().commit(second, order);
        EXPECT_EQ(asked, 1);
        ASSERT_EQ(done.has_value(), comes);
        if (!comes) {
            EXPECT_EQ(done.error().kind, ErrorKind::unavailable);
        }
        EXPECT_EQ(this->count("coin_records"), comes ? 3 : 0);
        EXPECT_EQ(this->entry(this->at()).next, Offset(comes ? 3 : 0));
        EXPECT_EQ(this->count("batches"), comes ? 2 : 0);
    }
}

// While one batch is committed the next is prepared, and a batch is tried until it is in.
TYPED_TEST_P(StoreSuite, CommitsWhatWasPreparedLongBefore) {
    this->make_tables();
    auto first = this->batch(0, {this->coin("bitcoin", "1.10"), this->coin("ethereum", "2")});
    auto second = this->batch(2, {this->coin("bitcoin", "3", this->kSlot + std::chrono::minutes(5)),
                                  this->coin("bitcoin", "1.10"), this->coin("ethereum", "4")});
    this->store().prepare(first);
    this->store().prepare(second);
    EXPECT_FALSE(this->store().commit(second));  // it is not its turn
    for (const Batch* batch : {&first, &second}) {
        this->factory_.clock().advance(std::chrono::minutes(1));
        const auto committed = this->store().commit(*batch);
        ASSERT_TRUE(committed) << committed.error().what;
        EXPECT_EQ(committed->recorded_at, this->factory_.clock().now());
        EXPECT_EQ(committed->absorbed, batch == &first ? 0 : 1);
        EXPECT_EQ(committed->duplicates, batch == &first ? 0 : 1);
    }
    const auto now = this->factory_.clock().now();
    const auto kept = this->rows(
        "select price, recorded_at from coin_records order by id", [&](const RowView& row) {
            return row.decimal(0).to_string() + " " +
                   std::to_string((now - row.timestamp(1)) / std::chrono::minutes(1));
        });
    EXPECT_EQ(kept, (std::vector<std::string>{"1.10 1", "2 1", "3 0"}));
}

TYPED_TEST_P(StoreSuite, ShowsOneRowASlotAndInstrumentInTheView) {
    this->make_tables();
    const auto later = this->kSlot + std::chrono::minutes(5);
    this->commit(this->batch(0, {this->coin("bitcoin", "1"), this->coin("ethereum", "2")}));
    this->factory_.clock().advance(std::chrono::seconds(1));
    this->commit(this->batch(2, {this->coin("bitcoin", "1.1", this->kSlot, "coingecko"),
                                 this->coin("bitcoin", "3", later)}));
    Record corrected = this->coin("ethereum", "2.2");
    corrected.revision = 1;
    this->factory_.clock().advance(std::chrono::seconds(1));
    this->commit(this->batch(4, {corrected}));
    EXPECT_EQ(this->count("coin_records"), 5);
    const auto shown =
        this->rows("select instrument, price, source from coin_prices order by slot, instrument",
                   [](const RowView& row) {
                       return std::string(row.text(0)) + " " + row.decimal(1).to_string() + " " +
                              std::string(row.text(2));
                   });
    EXPECT_EQ(shown,
              (std::vector<std::string>{"bitcoin 1 coinmarketcap", "ethereum 2.2 coinmarketcap",
                                        "bitcoin 3 coinmarketcap"}));
}

TYPED_TEST_P(StoreSuite, CanBeAskedWhatWasKnownAtATime) {
    this->make_tables();
    this->commit(this->batch(0, {this->coin("bitcoin", "1")}));
    const auto then = this->factory_.clock().now();
    this->factory_.clock().advance(std::chrono::hours(1));
    Record corrected = this->coin("bitcoin", "2");
    corrected.revision = 1;
    this->commit(this->batch(1, {corrected}));
    const auto known = this->rows(
        "select price from coin_records where slot = $2 and recorded_at <= $1"
        " order by revision desc",
        [](const RowView& row) { return row.decimal(0).to_string(); }, {then, this->kSlot});
    EXPECT_EQ(known, std::vector<std::string>{"1"});
}

// Dead letters, outcomes, batches.

TYPED_TEST_P(StoreSuite, KeepsDeadLettersByteForByte) {
    this->make_tables();
    const std::string bytes("\xff\x00{not json", 11);
    Batch batch;
    batch.advances.push_back(
        {this->at(), Offset(0), Offset(1), this->message_time(Offset(0)), sha256(bytes)});
    batch.dead_letters.push_back({this->at(), Offset(0), this->message_time(Offset(0)), "bitcoin",
                                  bytes, "no JSON at byte 0"});
    EXPECT_EQ(this->commit(batch).dead_letters, 1);
    const auto letters = this->rows(
        "select topic, partition, message_offset, timestamp, key, value, reason from dead_letters",
        [&](const RowView& row) {
            EXPECT_EQ(row.timestamp(3), this->message_time(Offset(0)));
            const auto key = row.bytes(4);
            const auto value = row.bytes(5);
            EXPECT_EQ(std::string(value.begin(), value.end()), bytes);
            return std::string(row.text(0)) + " " + std::to_string(row.integer(1)) + " " +
                   std::to_string(row.integer(2)) + " " + std::string(key.begin(), key.end()) +
                   " " + std::string(row.text(6));
        });
    EXPECT_EQ(letters, std::vector<std::string>{"coin_topic 0 0 bitcoin no JSON at byte 0"});
}

TYPED_TEST_P(StoreSuite, TakesAMessageWhoseTimestampIsNoTime) {
    this->make_tables();
    auto batch = this->batch(0, {this->coin("bitcoin", "2")});
    batch.rows[0].timestamps[0].reset();
    batch.advances[0].to = Offset(2);
    batch.advances[0].last_timestamp.reset();
    batch.dead_letters.push_back(
        {this->at(), Offset(1), std::nullopt, "bitcoin", "{}", "the price of bitcoin has no time"});
    const auto committed = this->commit(batch);
    EXPECT_EQ(committed.rows, 1);
    EXPECT_EQ(committed.dead_letters, 1);
    EXPECT_EQ(
        this->rows("select date from coin_records",
                   [](const RowView& row) { return format_rfc3339(row.timestamp(0)); }),
        std::vector<std::string>{format_rfc3339(this->kSlot + std::chrono::microseconds(412'913))});
    EXPECT_EQ(this->rows("select timestamp from dead_letters",
                         [](const RowView& row) { return row.is_null(0) ? "none" : "a time"; }),
              std::vector<std::string>{"none"});
    // A record that the store itself refuses becomes a dead letter of such a message, too.
    const std::string zero("bit\0coin", 8);
    Record bad = this->coin("bitcoin", "1");
    bad.instrument = zero;
    auto refused = this->batch(2, {bad});
    refused.rows[0].timestamps[0].reset();
    EXPECT_EQ(this->commit(refused).dead_letters, 1);
}

// The greatest and the smallest that decode_outcomes lets through.
TYPED_TEST_P(StoreSuite, TakesEveryAccountThatCanBeDecoded) {
    this->make_tables();
    const auto longest = [](unsigned seed) {
        std::string text;  // nothing that a database could pack
        for (std::uint64_t x = seed; text.size() < 512; x = x * 6364136223846793005U + 1) {
            text += static_cast<char>('!' + x / 4294967296U % 90);
            if (text.back() == '"' || text.back() == '\\') text.pop_back();
        }
        return text;
    };
    std::int64_t offset = 0;
    for (const std::string time : {"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"}) {
        const auto run = decode_outcomes(
            R"({"run_id":")" + longest(1) + R"(","feed":")" + longest(2) + R"(","slot":")" + time +
            R"(","try":1000000,"started":")" + time + R"(","ended":")" + time +
            R"(","outcomes":[{"instrument":")" + longest(3) + R"(","sent":{"topic":")" +
            longest(4) +
            R"(","partition":2147483647,"offset":4611686018427387903},"attempts":[{"source":")" +
            longest(5) + R"(","started":")" + time +
            R"(","took_ms":31622400000,"status":999,"bytes":1099511627776}]}]})");
        ASSERT_TRUE(run) << run.error().what;
        Batch batch;
        batch.advances.push_back(
            {this->at(), Offset(offset), Offset(offset + 1), std::nullopt, std::nullopt});
        batch.outcomes.push_back({this->at(), Offset(offset), *run});
        batch.outcomes.back().run.run_id[0] = static_cast<char>('a' + offset);
        this->commit(batch);
        EXPECT_EQ(this->count("outcomes"), ++offset);
    }
}

TYPED_TEST_P(StoreSuite, MakesARecordThatItCannotHoldADeadLetterAndGoesOn) {
    this->make_tables();
    const std::string zero("bit\0coin", 8);
    Record bad = this->coin("bitcoin", "1");
    bad.instrument = zero;
    bad.name = zero;
    const auto committed =
        this->commit(this->batch(0, {this->coin("ethereum", "2"), bad, this->coin("solana", "3")}));
    EXPECT_EQ(committed.rows, 2);
    EXPECT_EQ(committed.dead_letters, 1);
    EXPECT_EQ(this->entry(this->at()).next, Offset(3));
    const auto letters =
        this->rows("select message_offset from dead_letters",
                   [](const RowView& row) { return std::to_string(row.integer(0)); });
    EXPECT_EQ(letters, std::vector<std::string>{"1"});
}

TYPED_TEST_P(StoreSuite, EndsADeadLetterWithItsRowsAndOnceAlone) {
    this->make_tables();
    const std::int64_t letter = this->dead_letter(Offset(0));
    const Batch retried = this->retry_of(letter, this->coin("bitcoin", "2.25", std::nullopt));
    EXPECT_EQ(this->commit(retried).rows, 1);
    EXPECT_EQ(this->count("coin_records"), 1);
    EXPECT_EQ(this->rows("select how, by_whom, at from dead_letter_ends where letter = $1",
                         [](const RowView& row) {
                             return std::string(row.text(0)) + " by " + std::string(row.text(1)) +
                                    " at " + format_rfc3339(row.timestamp(2));
                         },
                         {letter}),
              std::vector<std::string>{"retried by anna@desk at " +
                                       format_rfc3339(this->factory_.clock().now())});
    // The ledger had passed it, and it is no batch of the tape's.
    EXPECT_EQ(this->entry(this->at()).next, Offset(1));
    EXPECT_EQ(this->count("batches"), 1);
    for (int again = 0; again < 2; ++again) {
        const auto refused = this->store().commit(retried);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::conflict) << refused.error().what;
    }
    EXPECT_EQ(this->count("coin_records"), 1);
    EXPECT_EQ(this->count("dead_letters"), 1);
}

TYPED_TEST_P(StoreSuite, EndsADeadLetterOnceWhereManyRetryIt) {
    this->make_tables();
    const std::int64_t letter = this->dead_letter(Offset(0));
    std::atomic<int> committed = 0;
    std::atomic<int> late = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                Store& store = i % 2 == 0 ? this->store() : this->factory_.other();
                const Batch retried =
                    this->retry_of(letter, this->coin("bitcoin", "2.25", std::nullopt));
                for (;;) {
                    const auto done = store.commit(retried);
                    if (!done && done.error().kind == ErrorKind::unavailable) continue;
                    EXPECT_TRUE(done || done.error().kind == ErrorKind::conflict);
                    ++(done ? committed : late);
                    return;
                }
            });
        }
    }
    EXPECT_EQ(committed, 1);
    EXPECT_EQ(late, 3);
    EXPECT_EQ(this->count("coin_records"), 1);
}

TYPED_TEST_P(StoreSuite, LeavesADeadLetterAsItWasWhoseRecordIsRefusedAgain) {
    this->make_tables();
    const std::int64_t letter = this->dead_letter(Offset(0));
    static const std::string zero("bit\0coin", 8);
    Batch retried = this->retry_of(letter, this->coin("bitcoin", "2.25"));
    retried.rows[0].records.push_back(this->coin(zero, "1"));
    retried.rows[0].offsets.emplace_back(0);
    retried.rows[0].timestamps.push_back(this->message_time(Offset(0)));
    const auto refused = this->store().commit(retried);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
    EXPECT_NE(refused.error().what.find("refused by the store: a text holds a zero byte"),
              std::string::npos)
        << refused.error().what;
    EXPECT_EQ(this->count("coin_records"), 0);
    EXPECT_EQ(this->count("dead_letter_ends"), 0);
    EXPECT_EQ(this->count("dead_letters"), 1);
}

TYPED_TEST_P(StoreSuite, OpensTheCoverageAgainWithTheRows) {
    this->make_tables();
    std::vector<Statement> states;
    for (const char* instrument : {"bitcoin", "ethereum"}) {
        states.push_back(
            {"insert into coverage (feed, slot, instrument, state, reason, what, "
             "settled_at) values ('coin', $1, $2, 'failed', 'malformed', 'what', $1)",
             {this->kSlot, std::string(instrument)},
             1});
    }
    ASSERT_TRUE(this->store().transact(states));
    const std::int64_t letter = this->dead_letter(Offset(0));
    Batch retried = this->retry_of(letter, this->coin("bitcoin", "2.25"));
    retried.reopened.push_back({"coin", this->kSlot, "bitcoin"});
    this->commit(retried);
    EXPECT_EQ(this->rows("select instrument, state, reason from coverage order by instrument",
                         [&](const RowView& row) {
                             return std::string(row.text(0)) + " " + std::string(row.text(1)) +
                                    " " + this->text_or_null(row, 2);
                         }),
              (std::vector<std::string>{"bitcoin pending null", "ethereum failed malformed"}));
}

TYPED_TEST_P(StoreSuite, NamesTheFirstRecordThatItRefuses) {
    this->make_tables();
    static const std::string zero("bit\0coin", 8);
    const Committed committed = this->commit(
        this->batch(0, {this->coin("bitcoin", "1"), this->coin(zero, "2"), this->coin(zero, "3")}));
    EXPECT_EQ(committed.rows, 1);
    EXPECT_EQ(committed.refused, 2);
    ASSERT_TRUE(committed.first_refused);
    EXPECT_EQ(committed.first_refused->offset, Offset(1));
    EXPECT_EQ(committed.first_refused->reason, "a text holds a zero byte");
}

TYPED_TEST_P(StoreSuite, KeepsTheAccountOfARunOnce) {
    this->make_tables();
    RunOutcomes run;
    run.run_id = "scheduled__2025-11-24T16:05:00Z";
    run.feed = "coin";
    run.slot = this->kSlot;
    run.try_number = 2;
    run.started = this->kSlot;
    run.ended = this->kSlot + std::chrono::seconds(2);
    run.config = "digest";
    run.collector = "host:1";
    Attempt failed{"coinmarketcap",
                   "https://a.example/bitcoin",
                   this->kSlot,
                   std::chrono::milliseconds(120),
                   429,
                   17,
                   "aaaa",
                   Reason::throttled,
                   "status 429"};
    Attempt gave{"coingecko", "https://b.example/bitcoin",
                 this->kSlot, std::chrono::milliseconds(80),
                 200,         1'234,
                 "bbbb",      std::nullopt,
                 ""};
    Outcome sent;
    sent.instrument = "bitcoin";
    sent.sent = {"coin_topic", Partition(3), Offset(41), "coingecko", "simple"};
    sent.attempts = {failed, gave};
    Outcome lost;
    lost.instrument = "ethereum";
    lost.reason = Reason::throttled;
    lost.what = "status 429";
    lost.attempts = {failed};
    run.outcomes = {sent, lost};
    for (std::int64_t offset = 0; offset < 2; ++offset) {
        Batch batch;
        batch.advances.push_back({this->at(), Offset(offset), Offset(offset + 1),
                                  this->message_time(Offset(offset)), sha256("run")});
        batch.outcomes.push_back({this->at(), Offset(offset), run});
        this->commit(batch);
    }
    const auto outcomes = this->rows(
        "select run_id, feed, slot, try, instrument, state, reason, what, source, rule, topic,"
        " partition, message_offset, capture, config, collector from outcomes order by instrument",
        [&](const RowView& row) {
            EXPECT_EQ(row.text(0), run.run_id);
            EXPECT_EQ(row.text(1), "coin");
            EXPECT_EQ(row.timestamp(2), this->kSlot);
            EXPECT_EQ(row.integer(3), 2);
            EXPECT_EQ(row.text(14), "digest");
            EXPECT_EQ(row.text(15), "host:1");
            std::string out;
            for (const int column : {4, 5, 6, 7, 8, 9, 10, 13}) {
                out += this->text_or_null(row, column) + "|";
            }
            for (const int column : {11, 12}) {
                out += (row.is_null(column) ? "null" : std::to_string(row.integer(column))) + "|";
            }
            return out;
        });
    EXPECT_EQ(outcomes,
              (std::vector<std::string>{
                  "bitcoin|sent|null||coingecko|simple|coin_topic|bbbb|3|41|",
                  "ethereum|failed|throttled|status 429|coinmarketcap||null|aaaa|null|null|"}));
    const auto attempts = this->rows(
        "select instrument, ordinal, source, status, took_ms, bytes, reason, what, url from"
        " attempts where run_id = $1 order by instrument, ordinal",
        [&](const RowView& row) {
            return std::string(row.text(0)) + " " + std::to_string(row.integer(1)) + " " +
                   std::string(row.text(2)) + " " + std::to_string(row.integer(3)) + " " +
                   std::to_string(row.integer(4)) + " " + std::to_string(row.integer(5)) + " " +
                   this->text_or_null(row, 6);
        },
        {run.run_id});
    EXPECT_EQ(attempts,
              (std::vector<std::string>{"bitcoin 0 coinmarketcap 429 120 17 throttled",
                                        "bitcoin 1 coingecko 200 80 1234 null",
                                        "ethereum 0 coinmarketcap 429 120 17 throttled"}));
}

TYPED_TEST_P(StoreSuite, NotesEachBatch) {
    this->make_tables();
    this->commit(this->batch(0, {this->coin("bitcoin", "1"), this->coin("bitcoin", "1")}));
    const auto batches = this->rows(
        "select topic, partition, from_offset, to_offset, rows, committed_at, loader from batches",
        [&](const RowView& row) {
            EXPECT_EQ(row.timestamp(5), this->factory_.clock().now());
            EXPECT_FALSE(row.text(6).empty());
            return std::string(row.text(0)) + " " + std::to_string(row.integer(1)) + " " +
                   std::to_string(row.integer(2)) + " " + std::to_string(row.integer(3)) + " " +
                   std::to_string(row.integer(4));
        });
    EXPECT_EQ(batches, std::vector<std::string>{"coin_topic 0 0 2 1"});
}

// Queries and transactions.

TYPED_TEST_P(StoreSuite, BindsParametersByTheirNumbers) {
    const auto rows =
        this->rows("select name from variables where value = $2 or name = $1 or value = $2",
                   [](const RowView& row) { return std::string(row.text(0)); }, {"a", "b"});
    EXPECT_TRUE(rows.empty());
    const std::vector<Statement> insert{
        {"insert into variables (value, name, is_secret) values ($2, $1, $3)",
         {std::string("name"), std::string("value"), std::int64_t{0}},
         1}};
    const auto done = this->store().transact(insert);
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(*done, std::vector<std::int64_t>{1});
    const auto found =
        this->rows("select name, value from variables where value = $2 and name = $1",
                   [](const RowView& row) {
                       return std::string(row.text(0)) + "=" + std::string(row.text(1));
                   },
                   {std::string("name"), std::string("value")});
    EXPECT_EQ(found, std::vector<std::string>{"name=value"});
}

TYPED_TEST_P(StoreSuite, TakesNullForAValue) {
    const std::vector<Statement> insert{
        {"insert into problems (key, feed, what, since, told_at) values ($1, $2, $3, $4, $5)",
         {std::string("k"), std::string("coin"), std::string("stale"), this->kSlot, Value{}},
         1}};
    ASSERT_TRUE(this->store().transact(insert));
    const auto found = this->rows("select since, told_at from problems", [](const RowView& row) {
        return format_rfc3339(row.timestamp(0)) + (row.is_null(1) ? " null" : " told");
    });
    EXPECT_EQ(found, std::vector<std::string>{format_rfc3339(this->kSlot) + " null"});
}

TYPED_TEST_P(StoreSuite, RollsBackWhereAnotherNumberOfRowsChanged) {
    const Statement insert{
        "insert into variables (name, value, is_secret) values ('a', 'b', 0)", {}, std::nullopt};
    const Statement update{"update variables set value = 'c' where name = 'nobody'", {}, 1};
    const std::vector<Statement> both{insert, update};
    const auto done = this->store().transact(both);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::conflict);
    EXPECT_EQ(this->count("variables"), 0);
}

TYPED_TEST_P(StoreSuite, RollsBackAStatementsMistakeWithEverythingBeforeIt) {
    const std::vector<Statement> both{
        {"insert into variables (name, value, is_secret) values ('a', 'b', 0)", {}, 1},
        {"insert into no_such_table values (1)", {}, {}}};
    const auto done = this->store().transact(both);
    ASSERT_FALSE(done);
    EXPECT_TRUE(this->is_refusal(done.error().kind)) << done.error().what;
    EXPECT_EQ(this->count("variables"), 0);
}

TYPED_TEST_P(StoreSuite, CallsAKeyThatIsTakenAConflict) {
    const std::vector<Statement> insert{
        {"insert into variables (name, value, is_secret) values ('a', 'b', 0)", {}, 1}};
    ASSERT_TRUE(this->store().transact(insert));
    const auto again = this->store().transact(insert);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, ErrorKind::conflict);
    const std::vector<Statement> quietly{
        {"insert into variables (name, value, is_secret) values ('a', 'b', 0)"
         " on conflict do nothing",
         {},
         {}}};
    const auto none = this->store().transact(quietly);
    ASSERT_TRUE(none) << none.error().what;
    EXPECT_EQ(*none, std::vector<std::int64_t>{0});
}

TYPED_TEST_P(StoreSuite, KeepsOneScheduledRunADagAndSlot) {
    const auto insert = [&](const std::string& id, const std::string& kind) {
        const std::vector<Statement> statements{
            {"insert into dag_runs (run_id, dag, slot, kind, state, created_at)"
             " values ($1, $2, $3, $4, $5, $6)",
             {id, std::string("coin_market_record"), this->kSlot, kind, std::string("queued"),
              this->kSlot},
             1}};
        return this->store().transact(statements).has_value();
    };
    EXPECT_TRUE(insert("a", "scheduled"));
    EXPECT_FALSE(insert("b", "scheduled"));
    EXPECT_TRUE(insert("c", "manual"));
    EXPECT_TRUE(insert("d", "manual"));
}

TYPED_TEST_P(StoreSuite, EndsAQueryWhereTheSinkSaysSo) {
    this->make_tables();
    this->commit(
        this->batch(0, {this->coin("a", "1"), this->coin("b", "2"), this->coin("c", "3")}));
    int seen = 0;
    const auto done = this->store().query({"select coin from coin_records order by id", {}, {}},
                                          [&](const RowView&) -> Result<> {
                                              if (++seen == 2)
                                                  return Error{ErrorKind::rejected, "enough"};
                                              return {};
                                          });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().what, "enough");
    EXPECT_EQ(seen, 2);
    EXPECT_EQ(this->count("coin_records"), 3);
}

TYPED_TEST_P(StoreSuite, RefusesToWriteInAQuery) {
    const auto done = this->store().query(
        {"insert into variables (name, value, is_secret) values ('a', 'b', 0)", {}, {}},
        [](const RowView&) -> Result<> { return {}; });
    ASSERT_FALSE(done);
    EXPECT_EQ(this->count("variables"), 0);
}

TYPED_TEST_P(StoreSuite, SaysThatSqlIsWrong) {
    const auto ignore = [](const RowView&) -> Result<> { return {}; };
    const auto wrong = this->store().query({"select nothing from nowhere", {}, {}}, ignore);
    ASSERT_FALSE(wrong);
    EXPECT_TRUE(this->is_refusal(wrong.error().kind)) << wrong.error().what;
}

TYPED_TEST_P(StoreSuite, ReadsWhileOthersWriteWithoutWaitingForThem) {
    this->make_tables();
    this->commit(this->batch(0, {this->coin("a", "1"), this->coin("b", "2")}));
    std::vector<std::string> seen;
    const auto done = this->store().query(
        {"select coin from coin_records order by id", {}, {}}, [&](const RowView& row) -> Result<> {
            seen.emplace_back(row.text(0));
            if (seen.size() > 1) return {};
            // Another thread commits while this answer is being read.
            std::jthread([&] { this->commit(this->batch(2, {this->coin("c", "3")})); }).join();
            EXPECT_EQ(this->count("coin_records"), 3);
            return {};
        });
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(seen, (std::vector<std::string>{"a", "b"}));
}

TYPED_TEST_P(StoreSuite, LetsManyThreadsReadAndWrite) {
    this->make_tables();
    constexpr std::int64_t kBatches = 20;
    {
        std::vector<std::jthread> threads;
        for (std::int32_t partition = 0; partition < 2; ++partition) {
            threads.emplace_back([&, partition] {
                for (std::int64_t i = 0; i < kBatches; ++i) {
                    const auto slot = this->kSlot + std::chrono::minutes(i);
                    this->commit(this->batch(
                        i, {this->coin(partition == 0 ? "bitcoin" : "ethereum", "1", slot)},
                        this->at(partition)));
                }
            });
        }
        threads.emplace_back([&] {
            for (std::int64_t last = 0; last < 2 * kBatches;) {
                const std::int64_t now = this->count("coin_records");
                ASSERT_GE(now, last) << "a committed row was not seen any more";
                last = now;
            }
        });
    }
    EXPECT_EQ(this->count("coin_records"), 2 * kBatches);
    EXPECT_EQ(this->count("batches"), 2 * kBatches);
}

// Tables, lease, backup.

TYPED_TEST_P(StoreSuite, MakesATableOnceAndKeepsItsRows) {
    this->make_tables();
    this->commit(this->batch(0, {this->coin("bitcoin", "1")}));
    EXPECT_TRUE(this->store().ensure_table(this->coins()));
    EXPECT_TRUE(this->factory_.other().ensure_table(this->coins()));
    EXPECT_EQ(this->count("coin_records"), 1);
    EXPECT_EQ(this->count("coin_prices"), 1);
}

TYPED_TEST_P(StoreSuite, GivesAUsersOwnTableItsView) {
    ASSERT_TRUE(this->store().ensure_table({"metal_records", RecordForm::stock}));
    ASSERT_TRUE(this->store().ensure_table({"rates", RecordForm::stock}));
    EXPECT_EQ(this->count("metal_prices"), 0);
    EXPECT_EQ(this->count("rates_prices"), 0);
}

TYPED_TEST_P(StoreSuite, RefusesNamesThatAreNoneOfATable) {
    for (const std::string name :
         {"", "coin records", "Coin", "x\"; drop table offsets; --", "1st", "ü", "select"}) {
        const auto made = this->store().ensure_table({name, RecordForm::coin});
        ASSERT_FALSE(made) << name;
        EXPECT_EQ(made.error().kind, ErrorKind::rejected) << name;
    }
}

TYPED_TEST_P(StoreSuite, RefusesATableOfAnotherFormOrOfItsOwn) {
    this->make_tables();
    for (const PriceTable& table :
         {PriceTable{"coin_records", RecordForm::stock}, PriceTable{"offsets", RecordForm::coin}}) {
        const auto made = this->store().ensure_table(table);
        ASSERT_FALSE(made) << table.name;
        EXPECT_EQ(made.error().kind, ErrorKind::rejected) << table.name;
    }
}

TYPED_TEST_P(StoreSuite, RefusesRowsForATableThatIsNotThere) {
    this->make_tables();
    const auto refused = this->store().commit(this->batch(
        0, {this->coin("bitcoin", "1")}, this->at(), {"nowhere_records", RecordForm::coin}));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(this->is_refusal(refused.error().kind)) << refused.error().what;
    EXPECT_EQ(this->entry(this->at()).next, Offset(0));
}

TYPED_TEST_P(StoreSuite, GivesTheLeaseToOneHolderAtATime) {
    auto first = this->store().acquire_lease("the first");
    ASSERT_TRUE(first) << first.error().what;
    const auto second = this->factory_.other().acquire_lease("the second");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::conflict);
    *first = nullptr;
    const auto third = this->factory_.other().acquire_lease("the third");
    EXPECT_TRUE(third);
}

// Whoever asks stands in nobody's way, however often and in whichever moment.
TYPED_TEST_P(StoreSuite, TellsWhoHoldsTheLeaseWithoutTakingIt) {
    const auto nobody = this->store().lease_holder();
    ASSERT_TRUE(nobody) << nobody.error().what;
    EXPECT_FALSE(nobody->has_value());
    std::atomic<int> looks = 0;
    std::jthread asking([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            EXPECT_TRUE(this->factory_.other().lease_holder());
            ++looks;
        }
    });
    for (int taken = 0; taken < 20 || looks < 20; ++taken) {
        const auto lease = this->store().acquire_lease("the recorder");
        ASSERT_TRUE(lease) << lease.error().what;
        const auto held = this->store().lease_holder();
        ASSERT_TRUE(held) << held.error().what;
        EXPECT_TRUE(held->has_value());
    }
    asking = {};
    const auto again = this->store().lease_holder();
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_FALSE(again->has_value());
}

TYPED_TEST_P(StoreSuite, BacksUpWhatIsThereToANewFile) {
    this->make_tables();
    this->commit(this->batch(0, {this->coin("bitcoin", "22470.52")}));
    const std::string path = this->factory_.new_file();
    std::vector<int> percents;
    const auto done = this->store().backup(path, [&](int percent) { percents.push_back(percent); });
    ASSERT_TRUE(done) << done.error().what;
    ASSERT_FALSE(percents.empty());
    EXPECT_TRUE(std::is_sorted(percents.begin(), percents.end()));
    EXPECT_EQ(percents.back(), 100);
    const auto again = this->store().backup(path, [](int) {});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, ErrorKind::rejected);

    const auto copy = this->factory_.open_backup(path);
    ASSERT_TRUE(copy);
    std::string found;
    ASSERT_TRUE(copy->query({"select price from coin_records", {}, {}},
                            [&](const RowView& row) -> Result<> {
                                found = row.decimal(0).to_string();
                                return {};
                            }));
    EXPECT_EQ(found, "22470.52");
    const std::vector<TopicPartition> partitions{this->at()};
    const auto ledger = copy->ledger(partitions);
    ASSERT_TRUE(ledger) << ledger.error().what;
    EXPECT_EQ(ledger->front().next, Offset(1));
}

TYPED_TEST_P(StoreSuite, FindsEverythingAgainAfterReopening) {
    if (!TypeParam::kDurable) return;  // a memory is gone with its process: nothing to find
    this->make_tables();
    this->commit(this->batch(0, {this->coin("bitcoin", "1")}));
    this->factory_.reopen();
    EXPECT_EQ(this->count("coin_records"), 1);
    EXPECT_EQ(this->entry(this->at()).next, Offset(1));
    this->commit(this->batch(1, {this->coin("ethereum", "2")}));
    EXPECT_EQ(this->count("coin_records"), 2);
}

REGISTER_TYPED_TEST_SUITE_P(
    StoreSuite, MakesALedgerRowAtOffsetZeroAtFirstSight, MovesTheLedgerWithTheRows,
    RefusesABatchThatSkipsAnOffset, RefusesABatchASecondTime,
    RefusesABatchForAPartitionThatTheLedgerHasNeverSeen, MovesAllPartitionsOfABatchOrNone,
    KeepsTheLastMessageWhereAnAdvanceNamesNone, KeepsEveryDigitAndEveryColumnOfACoin,
    KeepsTheStockForm, TakesTheOriginalsMessagesEveryOneAndByTheirMessageTime,
    AbsorbsTheSameSlotWithTheSamePrice, AbsorbsWithinOneBatchToo,
    KeepsBothValuesWhereTheSameKeyComesWithAnotherPrice, CommitsWhatWasPreparedLongBefore,
    CommitsAnEarlyBatchInItsTurnAndNothingOfItWhereThatDoesNotCome,
    ShowsOneRowASlotAndInstrumentInTheView, CanBeAskedWhatWasKnownAtATime,
    KeepsDeadLettersByteForByte, TakesAMessageWhoseTimestampIsNoTime,
    TakesEveryAccountThatCanBeDecoded, MakesARecordThatItCannotHoldADeadLetterAndGoesOn,
    EndsADeadLetterWithItsRowsAndOnceAlone, EndsADeadLetterOnceWhereManyRetryIt,
    LeavesADeadLetterAsItWasWhoseRecordIsRefusedAgain, OpensTheCoverageAgainWithTheRows,
    NamesTheFirstRecordThatItRefuses, KeepsTheAccountOfARunOnce, NotesEachBatch,
    BindsParametersByTheirNumbers, TakesNullForAValue, RollsBackWhereAnotherNumberOfRowsChanged,
    RollsBackAStatementsMistakeWithEverythingBeforeIt, CallsAKeyThatIsTakenAConflict,
    KeepsOneScheduledRunADagAndSlot, EndsAQueryWhereTheSinkSaysSo, RefusesToWriteInAQuery,
    SaysThatSqlIsWrong, ReadsWhileOthersWriteWithoutWaitingForThem, LetsManyThreadsReadAndWrite,
    MakesATableOnceAndKeepsItsRows, GivesAUsersOwnTableItsView, RefusesNamesThatAreNoneOfATable,
    RefusesATableOfAnotherFormOrOfItsOwn, RefusesRowsForATableThatIsNotThere,
    GivesTheLeaseToOneHolderAtATime, TellsWhoHoldsTheLeaseWithoutTakingIt,
    BacksUpWhatIsThereToANewFile, FindsEverythingAgainAfterReopening);

}  // namespace tapedeck
