#include "pipeline/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace tapedeck {
namespace {

constexpr std::size_t kReadBytes = 4 * 1024 * 1024;

std::string words_of(const Verdict& verdict) {
    std::string words(to_string(verdict.state));
    if (!verdict.reason.empty()) words += " (" + verdict.reason + ")";
    return words;
}

// `settled` is the last slot of the feed that the ledger has.
void compare_coverage(const std::vector<CoverageRow>& derived,
                      const std::vector<CoverageRow>& stored, Timestamp settled,
                      AuditReport& report) {
    using Key = std::tuple<std::string, Timestamp, std::string>;
    std::map<Key, const Verdict*> known;
    for (const CoverageRow& row : stored)
        known[{row.feed, row.slot, row.instrument}] = &row.verdict;
    for (const CoverageRow& row : derived) {
        report.feeds[row.feed].add(row.verdict.state);
        const auto found = known.find({row.feed, row.slot, row.instrument});
        if (found == known.end()) {
            // The ledger is written while somebody records: what came later is not in it yet.
            if (row.slot > settled) {
                ++report.unsettled;
            } else if (row.verdict.state != CoverageState::pending) {
                report.differences.push_back(
                    {row.feed, row.slot, row.instrument, "(no state)", words_of(row.verdict)});
            }
            continue;
        }
        if (found->second->state == CoverageState::pending) {
            if (row.verdict.state != CoverageState::pending) ++report.unsettled;
        } else if (found->second->state != row.verdict.state) {
            report.differences.push_back({row.feed, row.slot, row.instrument,
                                          words_of(*found->second), words_of(row.verdict)});
        }
        known.erase(found);
    }
    for (const auto& [key, verdict] : known) {
        report.differences.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key),
                                      words_of(*verdict), "(not expected)"});
    }
}

// Compares the messages of one topic with the rows.
class TapeCheck {
public:
    TapeCheck(Store& store, Tape& tape, const Feed& feed, Timestamp from, Timestamp to,
              AuditReport& report)
        : store_(store), tape_(tape), feed_(feed), from_(from), to_(to), report_(report) {}

    Result<> run(const std::function<void(std::int64_t, std::int64_t)>& progress) {
        const auto partitions = tape_.partitions(feed_.topic);
        if (!partitions) return partitions.error();
        for (const Partition partition : *partitions) {
            if (auto done = check({feed_.topic, partition}, progress); !done) return done;
        }
        return {};
    }

private:
    using Key = std::tuple<Timestamp, std::string, std::string, std::int64_t>;

    Result<> check(const TopicPartition& at,
                   const std::function<void(std::int64_t, std::int64_t)>& progress) {
        Offset loaded(0);
        auto done =
            store_.query({"select next_offset from offsets where topic = $1 and partition = $2",
                          {at.topic, static_cast<std::int64_t>(at.partition.value())},
                          {}},
                         [&](const RowView& row) -> Result<> {
                             loaded = Offset(row.integer(0));
                             return {};
                         });
        if (!done) return done;
        const auto extent = tape_.extent(at);
        if (!extent) return extent.error();
        if (extent->end < loaded) {
            report_.differences.push_back(
                {feed_.name,
                 std::nullopt,
                 {},
                 fmt::format("loaded up to {}", loaded.value()),
                 fmt::format("the tape ends at {}", extent->end.value())});
            return {};
        }
        for (Offset next = extent->earliest; next < loaded;) {
            auto chunk = tape_.read(at, next, kReadBytes);
            if (!chunk) return chunk.error();
            TAPEDECK_ASSERT(chunk->next > next);
            next = chunk->next;
            if (auto checked = check_chunk(*chunk, loaded); !checked) return checked;
            if (progress) progress(std::min(next, loaded).value(), loaded.value());
        }
        return {};
    }

    Result<> check_chunk(const Chunk& chunk, Offset loaded) {
        TextArena arena;
        std::vector<Record> records;
        std::set<std::int64_t> unreadable;
        for (const TapeMessage& message : chunk.messages) {
            if (message.offset >= loaded) break;
            ++report_.messages;
            if (!decoder_.decode(message.value, feed_.table.form, arena, records)) {
                unreadable.insert(message.offset.value());
            }
        }
        if (auto done = check_dead_letters(chunk.at, unreadable); !done) return done;
        std::erase_if(records, [&](const Record& record) {
            return !record.slot || *record.slot < from_ || *record.slot >= to_;
        });
        if (records.empty()) return {};
        const auto [first, last] =
            std::ranges::minmax(records, {}, [](const Record& record) { return *record.slot; });
        std::map<Key, std::set<Price>> rows;
        const auto add = [&](const RowView& row) -> Result<> {
            rows[{row.timestamp(0), std::string(row.text(1)), std::string(row.text(2)),
                  row.integer(3)}]
                .insert(row.decimal(4));
            return {};
        };
        const std::vector<Value> span{*first.slot, *last.slot};
        auto done = store_.query(
            {fmt::format("select slot, instrument, source, revision, price from {} where slot >= "
                         "$1 and slot <= $2",
                         feed_.table.name),
             span,
             {}},
            add);
        if (!done) return done;
        done = store_.query(
            {"select slot, instrument, source, revision, other_price from duplicates where slot >= "
             "$1 and slot <= $2 and price_table = $3",
             {*first.slot, *last.slot, feed_.table.name},
             {}},
            add);
        if (!done) return done;
        for (const Record& record : records) {
            ++report_.prices;
            const auto row = rows.find({*record.slot, std::string(record.instrument),
                                        std::string(record.source), record.revision});
            if (row != rows.end() && row->second.contains(record.price)) continue;
            report_.differences.push_back(
                {feed_.name, record.slot, std::string(record.instrument),
                 row == rows.end() ? "(no row)" : "price " + row->second.begin()->to_string(),
                 fmt::format("price {} on the tape, from {}", record.price.to_string(),
                             record.source)});
        }
        return {};
    }

    Result<> check_dead_letters(const TopicPartition& at, std::set<std::int64_t> unreadable) {
        if (unreadable.empty()) return {};
        auto done = store_.query(
            {"select message_offset from dead_letters where topic = $1 and partition = $2",
             {at.topic, static_cast<std::int64_t>(at.partition.value())},
             {}},
            [&](const RowView& row) -> Result<> {
                unreadable.erase(row.integer(0));
                return {};
            });
        if (!done) return done;
        for (const std::int64_t offset : unreadable) {
            report_.differences.push_back({feed_.name,
                                           std::nullopt,
                                           {},
                                           "(no dead letter)",
                                           fmt::format("{}[{}] offset {} cannot be read", at.topic,
                                                       at.partition.value(), offset)});
        }
        return {};
    }

    Store& store_;
    Tape& tape_;
    const Feed& feed_;
    const Timestamp from_;
    const Timestamp to_;
    AuditReport& report_;
    RecordDecoder decoder_;
};

}  // namespace

Result<AuditReport> audit(Store& store, Tape& tape, const std::map<std::string, Feed>& feeds,
                          std::span<const Expectation> expectations, Timestamp from, Timestamp to,
                          Timestamp now,
                          const std::function<void(std::int64_t, std::int64_t)>& progress) {
    AuditReport report;
    CoverageLedger ledger(store, tape, feeds);
    for (const auto& [name, feed] : feeds) {
        const auto expected = of_feed(expectations, name);
        if (!expected.empty()) {
            std::int64_t closed = 0;
            // Stored first: a slot that ends meanwhile must not look like a difference.
            const Timestamp begin = std::max(from, expected.front().from);
            auto stored = ledger.stored(name, begin, std::min(to, now));
            if (!stored) return stored.error();
            auto derived = ledger.derive_range(expected, from, to, now, &closed);
            if (!derived) return derived.error();
            Timestamp settled = Timestamp::min();
            auto done = store.query({"select max(slot) from coverage where feed = $1", {name}, {}},
                                    [&](const RowView& row) -> Result<> {
                                        if (!row.is_null(0)) settled = row.timestamp(0);
                                        return {};
                                    });
            if (!done) return done.error();
            compare_coverage(*derived, *stored, settled, report);
            if (closed > 0) report.feeds[name].add(CoverageState::closed, closed);
        }
        TapeCheck check(store, tape, feed, from, to, report);
        if (auto done = check.run(progress); !done) return done.error();
    }
    return report;
}

}  // namespace tapedeck
