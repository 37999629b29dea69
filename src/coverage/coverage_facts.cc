#include "coverage/coverage_facts.h"

#include <fmt/format.h>

#include <algorithm>

namespace tapedeck {
namespace {

bool is_missing(const Error& error) { return error.kind == ErrorKind::rejected; }

TopicPartition place_at(const RowView& row, int column) {
    return {std::string(row.text(column)),
            Partition(static_cast<std::int32_t>(row.integer(column + 1)))};
}

}  // namespace

const InstrumentFacts& WindowFacts::of(Timestamp slot, const std::string& instrument) const {
    static const InstrumentFacts nothing;
    const auto known = slots.find(slot);
    if (known == slots.end()) return nothing;
    const auto found = known->second.find(instrument);
    return found == known->second.end() ? nothing : found->second;
}

bool WindowFacts::is_replaced(Timestamp slot) const {
    return std::ranges::any_of(
        replaced, [&](const auto& hole) { return hole.first <= slot && slot <= hole.second; });
}

std::optional<Offset> FactsReader::loaded(const InstrumentFacts& facts) const {
    if (!facts.sent) return std::nullopt;
    const auto at = loaded_.find({facts.sent->topic, facts.sent->partition});
    if (at == loaded_.end()) return std::nullopt;
    return at->second.next;
}

// What is on the tape behind a message that was made after the slot's last moment is of later
// slots, so that a loader which is always behind keeps no slot pending for ever.
std::string FactsReader::waits(Timestamp give_up) const {
    const Timestamp last_moment = give_up + kLastAccount;
    if (held_ && last_moment >= held_->since) return held_->what;
    if (!unknown_.empty()) return unknown_;
    for (const NotLoaded& one : prices_not_loaded_) {
        if (one.after && *one.after > last_moment) continue;
        return fmt::format("may be among the messages of {}[{}] that are not yet loaded",
                           one.at.topic, one.at.partition.value());
    }
    return {};
}

Result<> FactsReader::read_positions() {
    if (auto done = read_ledger(); !done) return done;
    if (auto done = read_gaps(); !done) return done;
    if (auto done = look_for_accounts(); !done || !unknown_.empty()) return done;
    return look_for_prices();
}

Result<> FactsReader::read_ledger() {
    return store_.query(
        {"select topic, partition, next_offset, last_timestamp from offsets", {}, {}},
        [&](const RowView& row) -> Result<> {
            Loaded now{Offset(row.integer(2)), {}};
            if (!row.is_null(3)) now.last = row.timestamp(3);
            Loaded& known = loaded_.try_emplace(place_at(row, 0), now).first->second;
            if (now.next < known.next) known = now;
            return {};
        });
}

Result<> FactsReader::read_gaps() {
    return store_.query(
        {"select topic, partition, from_offset, to_offset from tape_gaps", {}, {}},
        [&](const RowView& row) -> Result<> {
            if (topic_on_tape(row.text(0)) != feed_.topic) return {};
            gaps_.push_back({place_at(row, 0), Offset(row.integer(2)), Offset(row.integer(3))});
            return {};
        });
}

// The partitions of a topic that hold messages which are not loaded.
Result<std::vector<FactsReader::NotLoaded>> FactsReader::look_for_more(const std::string& topic) {
    std::vector<NotLoaded> more;
    const auto partitions = tape_.partitions(topic);
    if (!partitions) return partitions.error();
    if (!label_) {
        auto label = label_of(store_, tape_);
        if (!label) return label.error();
        label_ = *std::move(label);
    }
    for (const Partition partition : *partitions) {
        const TopicPartition at{topic, partition};
        const auto extent = tape_.extent(at);
        if (!extent) return extent.error();
        const auto found = loaded_.find(label_->at(at));
        const Loaded loaded = found == loaded_.end() ? Loaded{Offset(0), {}} : found->second;
        if (std::max(loaded.next, extent->earliest) < extent->end) {
            more.push_back({at, loaded.last});
        }
    }
    return more;
}

// Where nobody can tell now whether there are more, nothing is given up meanwhile.
Result<> FactsReader::look_for_accounts() {
    const auto more = look_for_more(std::string(kOutcomesTopic));
    if (more && more->empty()) return {};
    if (more) {
        unknown_ = fmt::format("its account may be among those of {} that are not yet loaded",
                               kOutcomesTopic);
        return {};
    }
    if (is_missing(more.error())) {
        unknown_ = fmt::format("the tape has no topic {}", kOutcomesTopic);
        return {};
    }
    return cannot_ask(more.error());
}

// A try that was killed has left its prices on the tape, and no account of them.
Result<> FactsReader::look_for_prices() {
    auto more = look_for_more(feed_.topic);
    if (more) {
        prices_not_loaded_ = *std::move(more);
        return {};
    }
    if (is_missing(more.error())) return {};
    return cannot_ask(more.error());
}

Result<> FactsReader::cannot_ask(const Error& error) {
    if (!retryable(error.kind)) return error;
    unknown_ = "the tape cannot be asked: " + error.what;
    return {};
}

// Of one instrument, where only one is wanted: `instrument` is the name of the column.
Result<> FactsReader::query(std::string sql, std::string_view instrument, std::string_view order,
                            std::vector<Value> values, const RowSink& sink) {
    if (!only_.empty()) {
        values.emplace_back(only_);
        sql += fmt::format(" and {} = ${}", instrument, values.size());
    }
    sql += order;
    return store_.query({std::move(sql), std::move(values), {}}, sink);
}

Result<> FactsReader::read_outcomes(Timestamp from, Timestamp to, WindowFacts& facts) {
    return query(
        fmt::format("select slot, instrument, state, reason, what, topic, partition, "
                    "message_offset, run_id from outcomes where feed = $1 and slot >= $2 and slot "
                    "< $3 and {}",
                    kAnswersASlot),
        "instrument", " order by id", {feed_.name, from, to}, [&](const RowView& row) -> Result<> {
            auto& known = facts.slots[row.timestamp(0)][std::string(row.text(1))];
            if (row.text(2) != "sent") {
                const auto reason = reason_named(row.text(3));
                known.reason = reason ? std::string(row_of(*reason).ledger) : row.text(3);
                known.what = row.is_null(4) ? "" : row.text(4);
                return {};
            }
            const TopicPartition at = place_at(row, 5);
            known.sent = {at.topic, at.partition, Offset(row.integer(7)), {}, {}};
            known.row_by_fill = row.text(8).starts_with("fill");
            return {};
        });
}

Result<> FactsReader::read_dead_letters(Timestamp from, Timestamp to, WindowFacts& facts) {
    return query(
        "select o.slot, o.instrument, o.topic, o.partition, o.message_offset, e.how from outcomes "
        "o "
        "join dead_letters d on d.topic = o.topic and d.partition = o.partition and "
        "d.message_offset = o.message_offset left join dead_letter_ends e on e.letter = d.id where "
        "(e.how is null or e.how = 'dropped') and o.feed = $1 and o.slot >= $2 and o.slot < $3",
        "o.instrument", "", {feed_.name, from, to}, [&](const RowView& row) -> Result<> {
            auto& known = facts.slots[row.timestamp(0)][std::string(row.text(1))];
            const TopicPartition at = place_at(row, 2);
            const bool last = known.sent && known.sent->topic == at.topic &&
                              known.sent->partition == at.partition &&
                              known.sent->offset == Offset(row.integer(4));
            if (!last) return {};
            known.letter_dropped = !row.is_null(5) && (known.letter_dropped || !known.dead_letter);
            known.dead_letter = true;
            return {};
        });
}

Result<> FactsReader::read_rows(Timestamp from, Timestamp to, WindowFacts& facts) {
    return query(
        "select slot, instrument from " + feed_.table.name + " where slot >= $1 and slot < $2",
        "instrument", "", {from, to}, [&](const RowView& row) -> Result<> {
            facts.slots[row.timestamp(0)][std::string(row.text(1))].row = true;
            return {};
        });
}

Result<> FactsReader::read_replacements(Timestamp from, Timestamp to, WindowFacts& facts) {
    return store_.query(
        {"select since, noticed_at from replacements where noticed_at >= $1 and since < $2",
         {from, to},
         {}},
        [&](const RowView& row) -> Result<> {
            facts.replaced.emplace_back(row.timestamp(0), row.timestamp(1));
            return {};
        });
}

Result<> FactsReader::read_runs(const std::string& dag, Timestamp from, Timestamp to,
                                WindowFacts& facts) {
    RunTable runs(store_);
    auto done = runs.each_run(dag, from, to, [&](Timestamp slot, std::string_view state) {
        WindowFacts::Run& run = facts.runs[slot];
        run.open |= state == "queued" || state == "running" || state == "up_for_retry";
        run.missed |= state == kRunMissed;
    });
    if (!done) return done;
    return runs.each_failed_try(dag, from, to, [&](Timestamp slot, std::string_view what) {
        facts.runs[slot].failed = what;
    });
}

Result<WindowFacts> FactsReader::read(const std::string& dag, Timestamp from, Timestamp to) {
    WindowFacts facts;
    // Rows last: what was loaded while the rest was read is then seen.
    if (auto done = read_outcomes(from, to, facts); !done) return done.error();
    if (auto done = read_dead_letters(from, to, facts); !done) return done.error();
    if (auto done = read_rows(from, to, facts); !done) return done.error();
    if (auto done = read_ledger(); !done) return done.error();
    if (auto done = read_runs(dag, from, to, facts); !done) return done.error();
    if (auto done = read_replacements(from, to, facts); !done) return done.error();
    if (gaps_.empty()) return facts;
    for (auto& [slot, instruments] : facts.slots) {
        for (auto& [name, known] : instruments) {
            if (!known.sent) continue;
            const TopicPartition at{known.sent->topic, known.sent->partition};
            known.in_gap =
                std::ranges::any_of(gaps_, [&at, sent = known.sent->offset](const TapeGap& gap) {
                    return gap.at == at && gap.from <= sent && sent < gap.to;
                });
        }
    }
    return facts;
}

}  // namespace tapedeck
