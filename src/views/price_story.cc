#include "views/price_story.h"

#include <fmt/format.h>

#include "store/row_instrument.h"
#include "store/row_text.h"

namespace tapedeck {
namespace {}  // namespace

Result<std::vector<RowFacts>> find_rows(Store& store, const Feed& feed, const std::string& where,
                                        const std::vector<Value>& values) {
    const bool stock = feed.table.form == RecordForm::stock;
    std::vector<RowFacts> rows;
    auto done = store.query(
        {fmt::format("select id, {}, {}, {}, date, slot, source, revision, recorded_at, capture, "
                     "currency, {} from {} where {} order by revision desc, id",
                     "instrument", stock ? "stock" : "coin", stored_price_column("price"),
                     stock ? stored_price_column("previous_close") : "null", feed.table.name,
                     where),
         values,
         {}},
        [&](const RowView& row) -> Result<> {
            RowFacts facts;
            facts.feed = feed.name;
            facts.table = feed.table.name;
            facts.id = row.integer(0);
            facts.name = text_or_empty(row, 2);
            facts.instrument = row_instrument(row, 1, 2, feed.table.form);
            facts.price = stored_price(row, 3);
            facts.date = row.timestamp(4);
            if (!row.is_null(5)) facts.slot = row.timestamp(5);
            facts.source = text_or_empty(row, 6);
            facts.revision = row.is_null(7) ? 0 : row.integer(7);
            if (!row.is_null(8)) facts.recorded_at = row.timestamp(8);
            facts.capture = text_or_empty(row, 9);
            facts.currency = text_or_empty(row, 10);
            facts.previous_close = stored_price(row, 11);
            rows.push_back(std::move(facts));
            return {};
        });
    if (!done) return done.error();
    return rows;
}

Result<std::vector<AttemptFacts>> attempts_of(Store& store, const SlotKey& key) {
    std::vector<AttemptFacts> attempts;
    auto done = store.query(
        {"select a.run_id, a.try, a.source, a.url, a.started, a.took_ms, a.status, a.bytes, "
         "a.capture, a.reason, a.what from outcomes o join attempts a on a.run_id = o.run_id and "
         "a.try = o.try and a.instrument = o.instrument where o.feed = $1 and o.slot = $2 and "
         "o.instrument = $3 order by a.started, a.try, a.ordinal",
         {key.feed, key.slot, key.instrument},
         {}},
        [&](const RowView& row) -> Result<> {
            AttemptFacts facts;
            facts.run_id = row.text(0);
            facts.number = row.integer(1);
            facts.attempt.source = row.text(2);
            facts.attempt.url = text_or_empty(row, 3);
            facts.attempt.started = row.timestamp(4);
            facts.attempt.took = std::chrono::milliseconds(row.is_null(5) ? 0 : row.integer(5));
            facts.attempt.status = row.is_null(6) ? 0 : static_cast<int>(row.integer(6));
            facts.attempt.bytes = row.is_null(7) ? 0 : row.integer(7);
            facts.attempt.capture = text_or_empty(row, 8);
            facts.attempt.reason = reason_named(text_or_empty(row, 9));
            facts.attempt.what = text_or_empty(row, 10);
            attempts.push_back(std::move(facts));
            return {};
        });
    if (!done) return done.error();
    return attempts;
}

Result<std::optional<SentFacts>> sent_of(Store& store, const SlotKey& key,
                                         const std::string* source) {
    std::optional<SentFacts> sent;
    auto done = store.query(
        {"select run_id, rule, source, topic, partition, message_offset, collector from outcomes "
         "where feed = $1 and slot = $2 and instrument = $3 and state = 'sent' order by id",
         {key.feed, key.slot, key.instrument},
         {}},
        [&](const RowView& row) -> Result<> {
            const bool other = source != nullptr && text_or_empty(row, 2) != *source;
            if (other && sent) return {};
            sent = SentFacts{
                std::string(row.text(0)),
                text_or_empty(row, 1),
                text_or_empty(row, 2),
                {{std::string(row.text(3)), Partition(static_cast<std::int32_t>(row.integer(4)))},
                 Offset(row.integer(5))},
                text_or_empty(row, 6)};
            return {};
        });
    if (!done) return done.error();
    return sent;
}

Result<std::optional<TriedFacts>> tried_of(Store& store, const SlotKey& key) {
    std::optional<TriedFacts> tried;
    auto done =
        store.query({"select run_id, reason, what from outcomes where feed = $1 and slot = $2 and "
                     "instrument = $3 and state = 'failed' order by id desc limit 1",
                     {key.feed, key.slot, key.instrument},
                     {}},
                    [&](const RowView& row) -> Result<> {
                        tried = TriedFacts{std::string(row.text(0)), text_or_empty(row, 1),
                                           text_or_empty(row, 2)};
                        return {};
                    });
    if (!done) return done.error();
    return tried;
}

Result<std::optional<Timestamp>> last_tried(Store& store, const std::string& feed,
                                            const std::string& instrument) {
    std::optional<Timestamp> slot;
    auto done =
        store.query({"select slot from outcomes where feed = $1 and instrument = $2 order by "
                     "slot desc limit 1",
                     {feed, instrument},
                     {}},
                    [&](const RowView& row) -> Result<> {
                        slot = row.timestamp(0);
                        return {};
                    });
    if (!done) return done.error();
    return slot;
}

Result<std::optional<BatchFacts>> batch_of(Store& store, const Position& position) {
    std::optional<BatchFacts> batch;
    auto done = store.query(
        {"select id, from_offset, to_offset, rows, committed_at, loader from batches where topic = "
         "$1 and partition = $2 and from_offset <= $3 and to_offset > $3 order by id limit 1",
         {position.at.topic, static_cast<std::int64_t>(position.at.partition.value()),
          position.offset.value()},
         {}},
        [&](const RowView& row) -> Result<> {
            batch = BatchFacts{row.integer(0), Offset(row.integer(1)), Offset(row.integer(2)),
                               row.integer(3), row.timestamp(4),       text_or_empty(row, 5)};
            return {};
        });
    if (!done) return done.error();
    return batch;
}

}  // namespace tapedeck
