#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "coverage/audit_captures.h"
#include "coverage/audit_compare.h"
#include "load/batch_maker.h"
#include "load/loading_start.h"
#include "load/price_parts.h"

// Prices: the messages of the topics that fill a table, its rows, and the table `duplicates`.
namespace tapedeck {
namespace {

constexpr std::int64_t kIdsAtOnce = 50'000;

// What two entries have in common comes first: slot and instrument, then the rest of the key.
enum Column : std::size_t { slot, instrument, source, revision, date, price };
std::vector<AuditTable> tables_of(const PriceTable& table) {
    return {{table.name,
             {{"slot", true},
              {"instrument"},
              {"source"},
              {"revision"},
              {"date", true},
              {"price"},
              {"previous_close"},
              {table.form == RecordForm::stock ? "stock" : "coin"},
              {"currency"},
              {"capture"}},
             {price, source},
             AuditKind::row_altered,
             AuditKind::row_missing,
             AuditKind::row_without_message},
            {"duplicates",
             {{"slot", true},
              {"instrument"},
              {"topic"},
              {"partition"},
              {"message_offset"},
              {"source"},
              {"revision"},
              {"kept_price"},
              {"other_price"},
              {"other_date", true}},
             {8, 5},
             AuditKind::duplicate_altered,
             AuditKind::duplicate_missing,
             AuditKind::duplicate_without_message}};
}

class PriceSubject : public AuditSubject {
public:
    PriceSubject(AuditWork& work, PriceTable table, std::vector<const Feed*> feeds,
                 CaptureNames& names, const RowsBefore& before)
        : work_(work),
          table_(std::move(table)),
          feeds_(std::move(feeds)),
          names_(names),
          before_(before),
          tables_(tables_of(table_)) {
        if (feeds_.size() == 1) return;  // then it is that one
        for (const Feed* feed : feeds_) {
            for (const std::string& one : feed->instruments) feed_of_.emplace(one, feed);
        }
    }

    std::span<const AuditTable> tables() const override { return tables_; }
    bool is_counted_by_batches() const override { return true; }
    std::int64_t most_rows() const override { return 20 * kIdsAtOnce; }

    Result<> each_row(bool is_first, const AuditSink& sink) override {
        auto done = by_id(table_.name, row_columns(), "", {}, [&](const RowView& row) -> Result<> {
            return take_row(row, is_first, sink);
        });
        if (!done) return done;
        return by_id("duplicates", kDuplicate, "price_table = $3", {table_.name},
                     [&](const RowView& row) -> Result<> { return sink(duplicate_of(row)); });
    }

    Result<> rows_in(std::span<const AuditSpan> spans,
                     std::optional<std::array<std::int64_t, 2>> /*expected*/, bool is_first,
                     const AuditSink& sink) override {
        for (const AuditSpan& span : spans) {
            auto done = work_.store().query(
                {fmt::format("select {} from {} where slot >= $1 and slot <= $2", row_columns(),
                             table_.name),
                 {span.first, span.last},
                 {}},
                [&](const RowView& row) { return take_row(row, is_first, sink); });
            if (!done) return done;
            done = work_.store().query(
                {fmt::format("select {} from duplicates where price_table = $3 and slot >= $1 and "
                             "slot <= $2",
                             kDuplicate),
                 {span.first, span.last, table_.name},
                 {}},
                [&](const RowView& row) { return sink(duplicate_of(row)); });
            if (!done) return done;
        }
        if (spans.empty()) return {};
        // No index helps to find rows without a slot, and mostly there are none.
        if (!has_rows_without_slot_) {
            const auto some = audit_number(
                work_.store(),
                {fmt::format("select count(*) from (select 1 from {} where slot is null limit 1) "
                             "as found",
                             table_.name),
                 {},
                 {}});
            if (!some) return some.error();
            has_rows_without_slot_ = *some > 0;
        }
        if (!*has_rows_without_slot_) return {};
        return by_id(table_.name, row_columns(), "slot is null and date >= $3 and date <= $4",
                     {spans.front().first, spans.back().last},
                     [&](const RowView& row) { return take_row(row, is_first, sink); });
    }

    Result<> read(const Chunk& chunk, AuditedLetters& letters, std::vector<Unreadable>& unreadable,
                  const AuditSink& sink) override {
        const auto feed = std::ranges::find(feeds_, topic_on_tape(chunk.at.topic), &Feed::topic);
        TAPEDECK_ASSERT(feed != feeds_.end());
        TextArena arena;
        std::vector<Record> records;
        std::vector<RefusedRecord> refused;
        for (const TapeMessage& message : chunk.messages) {
            const WholeLetter whole = whole_letter(message, letters);
            if (whole.is_dropped) {
                unreadable.push_back({&message, message.value, "dropped"});
                continue;
            }
            records.clear();
            refused.clear();
            arena.clear();
            const auto read =
                read_price_parts(decoder_, message, table_.form, arena, records, refused);
            if (!read) unreadable.push_back({&message, message.value, read.error().what});
            // As those were of which a part could not be read, before that cost the part alone.
            if (!refused.empty() && whole.is_open) {
                unreadable.push_back({&message, message.value, refused.front().why});
                continue;
            }
            for (RefusedRecord& one : refused) {
                unreadable.push_back({&message, one.value, std::move(one.why)});
            }
            const auto settled = settled_parts(message, letters);
            for (const Record& record : records) {
                const auto fate = fate_of(record, message, letters, settled);
                if (fate == Fate::none) continue;
                AuditEntry entry = entry_of(record, message, chunk.at, (*feed)->name);
                entry.is_late = fate == Fate::late || whole.is_retried;
                if (auto done = sink(std::move(entry)); !done) return done;
            }
        }
        return {};
    }

    // The same slot again with another price is kept beside the first.
    std::optional<AuditEntry> surplus(const AuditEntry& kept, const AuditEntry& other) override {
        const auto first = audit_values(kept.content);
        const auto second = audit_values(other.content);
        const auto kept_price = Decimal::parse(first[price]);
        const auto other_price = Decimal::parse(second[price]);
        if (kept_price && other_price && *kept_price == *other_price) return std::nullopt;
        AuditEntry entry = other;
        entry.table = 1;
        AuditContent content;
        content.add(second[slot]).add(second[instrument]).add(other.message->at.topic);
        content.add(std::int64_t{other.message->at.partition.value()});
        content.add(other.message->offset.value()).add(second[source]).add(second[revision]);
        content.add(first[price]).add(second[price]).add(second[date]);
        entry.content = content.take();
        return entry;
    }

    // Once all rows were seen.
    void tell_others() const {
        if (beside_.rows == 0) return;
        AuditDifference difference{AuditKind::rows_of_others,
                                   feeds_.front()->name,
                                   {},
                                   {},
                                   {},
                                   {},
                                   {},
                                   {},
                                   table_.name,
                                   std::to_string(beside_.first_id),
                                   {}};
        difference.stored =
            fmt::format("{} rows from id {} on, dated {} to {}", beside_.rows, beside_.first_id,
                        audit_time(beside_.first), audit_time(beside_.last));
        difference.derived =
            fmt::format("(no message: another program has written them since loading began at {})",
                        format_rfc3339(*before_.since));
        work_.differs(std::move(difference));
    }

private:
    struct Beside {
        std::int64_t rows = 0;
        std::int64_t first_id = 0;
        Timestamp first{};
        Timestamp last{};
    };

    static constexpr std::string_view kDuplicate =
        "id, slot, instrument, topic, partition, message_offset, source, revision, cast(kept_price "
        "as text), cast(other_price as text), other_date";

    // Prices as texts, whatever a hand has written there.
    std::string row_columns() const {
        const bool stock = table_.form == RecordForm::stock;
        return fmt::format(
            "id, slot, instrument, source, revision, date, cast(price as text), {}, {}, currency, "
            "capture, recorded_at",
            stock ? "cast(previous_close as text)" : "cast(null as text)",
            stock ? "stock" : "coin");
    }

    // Rows by id, some at once: no statement is long, and none needs an index but that on the id.
    Result<> by_id(std::string_view table, std::string_view columns, const std::string& condition,
                   std::vector<Value> values, const RowSink& sink) {
        constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
        for (std::int64_t after = std::numeric_limits<std::int64_t>::min();;) {
            const auto first = next_id(table, after);
            if (!first) return first.error();
            if (!*first) return {};
            after = **first > kLast - kIdsAtOnce ? kLast : **first + kIdsAtOnce;
            std::vector<Value> all{**first, after};
            all.insert(all.end(), values.begin(), values.end());
            std::int64_t count = 0;
            auto done = work_.store().query(
                {fmt::format("select {} from {} where id >= $1 and id <= $2{}{}", columns, table,
                             condition.empty() ? "" : " and ", condition),
                 std::move(all),
                 {}},
                [&](const RowView& row) {
                    ++count;
                    return sink(row);
                });
            if (!done) return done;
            if (condition.empty()) work_.has_done(count);
        }
    }

    Result<std::optional<std::int64_t>> next_id(std::string_view table, std::int64_t after) {
        std::optional<std::int64_t> id;
        auto done = work_.store().query(
            {fmt::format("select min(id) from {} where id > $1", table), {after}, {}},
            [&](const RowView& row) -> Result<> {
                if (!row.is_null(0)) id = row.integer(0);
                return {};
            });
        if (!done) return done.error();
        return id;
    }

    const std::string& feed_of(std::string_view instrument) const {
        const auto found = feed_of_.find(instrument);
        return found == feed_of_.end() ? feeds_.front()->name : found->second->name;
    }

    Result<> take_row(const RowView& row, bool is_first, const AuditSink& sink) {
        // Taken over from the original, or another program's.
        if (row.is_null(11) || row.integer(0) <= before_.last_before) {
            if (is_first) count_other(row);
            return {};
        }
        AuditEntry entry;
        entry.has_slot = !row.is_null(1);
        entry.at = row.timestamp(entry.has_slot ? 1 : 5);
        entry.key_columns = entry.has_slot ? 4 : 0;
        if (!row.is_null(2)) entry.instrument = row.text(2);
        entry.feed = feed_of(entry.instrument);
        AuditContent content;
        entry.has_slot ? content.add(entry.at) : content.add("");
        content.add(row, 2).add(row, 3);
        row.is_null(4) ? content.add("") : content.add(row.integer(4));
        content.add(row.timestamp(5));
        for (int column = 6; column <= 10; ++column) content.add(row, column);
        entry.content = content.take();
        entry.row = std::to_string(row.integer(0));
        entry.recorded_at = row.timestamp(11);
        if (is_first && !row.is_null(10) && work_.holds(entry.at)) {
            auto noted = names_.note(row.text(10), {entry.feed, entry.at, entry.has_slot,
                                                    entry.instrument, table_.name, entry.row});
            if (!noted) return noted;
        }
        return sink(std::move(entry));
    }

    // What came after loading began came beside it, and may be the same messages' once more.
    void count_other(const RowView& row) {
        const std::int64_t id = row.integer(0);
        const bool was_there =
            !before_.since || id <= std::max(before_.last_other, before_.last_before);
        if (was_there) {
            ++work_.report.not_compared.rows_of_others[table_.name];
            return;
        }
        const Timestamp date = row.timestamp(5);
        if (!work_.holds(date)) return;
        if (beside_.rows++ == 0) beside_ = {1, id, date, date};
        beside_.first_id = std::min(beside_.first_id, id);
        beside_.first = std::min(beside_.first, date);
        beside_.last = std::max(beside_.last, date);
    }

    AuditEntry duplicate_of(const RowView& row) const {
        AuditEntry entry;
        entry.table = 1;
        entry.at = row.timestamp(1);
        entry.key_columns = 5;
        entry.instrument = row.text(2);
        entry.feed = feed_of(entry.instrument);
        entry.message = Position{
            {std::string(row.text(3)), Partition(static_cast<std::int32_t>(row.integer(4)))},
            Offset(row.integer(5))};
        AuditContent content;
        content.add(entry.at).add(row, 2).add(row, 3).add(row.integer(4)).add(row.integer(5));
        content.add(row, 6).add(row.integer(7)).add(row, 8).add(row, 9).add(row.timestamp(10));
        entry.content = content.take();
        entry.row = std::to_string(row.integer(0));
        return entry;
    }

    // What became of a record's row: it is one, it came later than its neighbours, by a retry of a
    // dead letter, or there is none, as the database refused it or somebody dropped it.
    enum class Fate { row, late, none };

    // A record of an array that could not be read once, and can be now: its dead letter was
    // settled.
    struct SettledPart {
        AuditedLetter* letter;
        std::string encoded;  // what it is read as
    };
    std::vector<SettledPart> settled_parts(const TapeMessage& message, AuditedLetters& letters) {
        std::vector<SettledPart> parts;
        const auto [first, last] = letters.equal_range(message.offset);
        for (auto one = first; one != last; ++one) {
            AuditedLetter& letter = one->second;
            const bool is_part = !letter.of_the_store && !letter.is_of(message);
            if (!is_part || letter.state == LetterState::open) continue;
            const TapeMessage alone{message.offset, letter.timestamp, letter.key, letter.value};
            TextArena arena;
            std::vector<Record> records;
            if (!read_prices(decoder_, alone, table_.form, arena, records)) continue;
            if (records.size() != 1) continue;
            parts.push_back({&letter, {}});
            encode_record(parts.back().encoded, records.front(), table_.form);
        }
        return parts;
    }

    Fate fate_of(const Record& record, const TapeMessage& message, AuditedLetters& letters,
                 std::span<const SettledPart> settled) {
        if (letters.empty()) return Fate::row;
        const auto [first, last] = letters.equal_range(message.offset);
        if (first == last) return Fate::row;
        encoded_.clear();
        encode_record(encoded_, record, table_.form);
        const auto take = [](AuditedLetter& letter) {
            letter.seen = true;
            return letter.state == LetterState::retried ? Fate::late : Fate::none;
        };
        for (auto one = first; one != last; ++one) {
            AuditedLetter& letter = one->second;
            if (!letter.seen && letter.of_the_store && letter.value == encoded_) {
                return take(letter);
            }
        }
        for (const SettledPart& part : settled) {
            if (!part.letter->seen && part.encoded == encoded_) return take(*part.letter);
        }
        return Fate::row;
    }

    AuditEntry entry_of(const Record& record, const TapeMessage& message, const TopicPartition& at,
                        const std::string& feed) const {
        const Timestamp seen = record.observed_at ? *record.observed_at : message.timestamp.value();
        AuditEntry entry;
        entry.has_slot = record.slot.has_value();
        entry.at = record.slot.value_or(seen);
        entry.key_columns = entry.has_slot ? 4 : 0;
        entry.feed = feed;
        entry.instrument = record.instrument;
        entry.message = Position{at, message.offset};
        const bool stock = table_.form == RecordForm::stock;
        AuditContent content;
        entry.has_slot ? content.add(entry.at) : content.add("");
        content.add(record.instrument).add(record.source);
        entry.has_slot ? content.add(std::int64_t{record.revision}) : content.add("");
        content.add(seen).add(record.price.to_string());
        content.add(stock && record.previous_close ? record.previous_close->to_string() : "");
        content.add(stock ? record.name : record.instrument);
        content.add(record.currency).add(record.capture);
        entry.content = content.take();
        return entry;
    }

    AuditWork& work_;
    const PriceTable table_;
    const std::vector<const Feed*> feeds_;
    CaptureNames& names_;
    const RowsBefore before_;
    Beside beside_;
    const std::vector<AuditTable> tables_;
    std::unordered_map<std::string_view, const Feed*> feed_of_;
    RecordDecoder decoder_;
    std::string encoded_;
    std::optional<bool> has_rows_without_slot_;
};

}  // namespace

Result<> audit_prices(AuditWork& work, std::map<TopicPartition, AuditedPartition>& partitions,
                      CaptureNames& names) {
    // Feeds may share a table; what is compared is the table.
    std::map<std::string, std::vector<const Feed*>> tables;
    for (const auto& [name, feed] : work.feeds()) tables[feed.table.name].push_back(&feed);
    const auto before = rows_before_loading(work.store());
    if (!before) return before.error();
    for (const auto& [table, feeds] : tables) {
        if (std::ranges::none_of(feeds,
                                 [&](const Feed* feed) { return work.is_asked(feed->name); }))
            continue;
        std::vector<AuditedPartition*> read;
        for (auto& [at, partition] : partitions) {
            if (std::ranges::find(feeds, topic_on_tape(at.topic), &Feed::topic) != feeds.end()) {
                read.push_back(&partition);
            }
        }
        const auto known = before->find(table);
        PriceSubject subject(work, feeds.front()->table, feeds, names,
                             known == before->end() ? RowsBefore{} : known->second);
        AuditCompare compare(work, subject, std::move(read));
        if (auto done = compare.run(); !done) return done;
        work.report.prices += compare.messages();
        subject.tell_others();
    }
    return {};
}

}  // namespace tapedeck
