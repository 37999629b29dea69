#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "coverage/audit_work.h"
#include "load/loading_start.h"
#include "tape/tape_rules.h"

// The offset ledger, the batches that moved it, the gaps that it passed over, and the tape.
namespace tapedeck {
namespace {

TopicPartition place_in(const RowView& row, int topic, int partition) {
    return {std::string(row.text(topic)),
            Partition(static_cast<std::int32_t>(row.integer(partition)))};
}

AuditDifference at_place(AuditKind kind, const TopicPartition& at, std::optional<Offset> offset,
                         std::string stored, std::string derived) {
    AuditDifference difference{kind, {}, {}, {}, std::move(stored), std::move(derived), at,
                               {},   {}, {}, {}};
    difference.offset = offset;
    return difference;
}

class LedgerCheck {
public:
    explicit LedgerCheck(AuditWork& work) : work_(work) {}

    Result<std::map<TopicPartition, AuditedPartition>> run() {
        auto label = label_of(work_.store(), work_.tape());
        if (!label) return label.error();
        label_ = *std::move(label);
        for (const auto& [name, feed] : work_.feeds()) topics_.insert(feed.topic);
        topics_.insert(std::string(kOutcomesTopic));
        if (auto done = read_ledger(); !done) return done.error();
        if (auto done = read_starts(); !done) return done.error();
        if (auto done = follow_batches(); !done) return done.error();
        if (auto done = ask_tape(); !done) return done.error();
        if (auto done = look_at_gaps(); !done) return done.error();
        return std::move(partitions_);
    }

private:
    // One statement is one picture: the ledger moves while this is read.
    Result<> read_ledger() {
        auto done = work_.store().query(
            {"select o.topic, o.partition, o.next_offset, o.last_digest, (select max(b.to_offset) "
             "from batches b where b.topic = o.topic and b.partition = o.partition) from offsets o",
             {},
             {}},
            [&](const RowView& row) -> Result<> {
                const TopicPartition at = place_in(row, 0, 1);
                const Offset ledger(row.integer(2));
                const Offset batches(row.is_null(4) ? 0 : row.integer(4));
                std::optional<Sha256> digest;
                if (!row.is_null(3)) digest = sha256_from_hex(row.text(3));
                note(at, ledger, batches, digest);
                return {};
            });
        if (!done) return done;
        return work_.store().query(
            {"select b.topic, b.partition, max(b.to_offset) from batches b left join offsets o on "
             "o.topic = b.topic and o.partition = b.partition where o.topic is null group by "
             "b.topic, b.partition",
             {},
             {}},
            [&](const RowView& row) -> Result<> {
                note(place_in(row, 0, 1), std::nullopt, Offset(row.integer(2)), std::nullopt);
                return {};
            });
    }

    void note(const TopicPartition& at, std::optional<Offset> ledger, Offset batches,
              const std::optional<Sha256>& digest) {
        const Offset next = ledger.value_or(Offset(0));
        AuditedPartition partition;
        partition.at = at;
        partition.loaded = std::max(next, batches);
        partition.batches = batches;
        partition.last_digest = digest;
        partition.is_consistent = ledger && next == batches;
        if (!partition.is_consistent) {
            work_.differs(at_place(
                AuditKind::ledger, at, next,
                ledger ? fmt::format("the ledger stands at {}", next.value()) : "(no ledger)",
                fmt::format("the last batch ends at {}", batches.value())));
        }
        partitions_.emplace(at, std::move(partition));
    }

    Result<> read_starts() {
        const auto starts = loading_starts(work_.store());
        if (!starts) return starts.error();
        for (const auto& [at, start] : *starts) {
            const auto known = partitions_.find(at);
            if (known == partitions_.end()) continue;
            known->second.start = std::min(start.offset, known->second.loaded);
        }
        return {};
    }

    // Every batch begins where the one before it ended, the first at 0.
    Result<> follow_batches() {
        std::optional<TopicPartition> at;
        Offset next(0);
        return work_.store().query(
            {"select topic, partition, from_offset, to_offset, id from batches order by topic, "
             "partition, from_offset, to_offset",
             {},
             {}},
            [&](const RowView& row) -> Result<> {
                const TopicPartition place = place_in(row, 0, 1);
                if (place != at) next = Offset(0);
                at = place;
                const Offset from(row.integer(2));
                const auto known = partitions_.find(place);
                // What was committed since the ledger was read.
                if (known != partitions_.end() && from >= known->second.loaded) return {};
                if (from != next) {
                    AuditDifference difference = at_place(
                        AuditKind::batch, place, std::min(from, next),
                        from > next ? "(no batch)"
                                    : fmt::format("a batch begins at {}", from.value()),
                        from > next
                            ? fmt::format("a batch from {} to {}", next.value(), from.value())
                            : fmt::format("the one before ends at {}", next.value()));
                    difference.table = "batches";
                    if (from < next) difference.row = std::to_string(row.integer(4));
                    work_.differs(std::move(difference));
                }
                next = std::max(next, Offset(row.integer(3)));
                return {};
            });
    }

    Result<> ask_tape() {
        for (const std::string& topic : topics_) {
            const auto parts = work_.tape().partitions(topic);
            if (!parts && parts.error().kind == ErrorKind::rejected) continue;
            if (!parts) return parts.error();
            for (const Partition part : *parts) {
                const TopicPartition at = label_.at({topic, part});
                AuditedPartition& partition = partitions_[at];
                partition.at = at;
                const auto extent = work_.tape().extent(partition.on_tape());
                if (!extent) return extent.error();
                partition.extent = *extent;
                asked_.insert(at);
                compare_extent(partition);
            }
        }
        for (auto& [at, partition] : partitions_) {
            if (asked_.contains(at) || partition.loaded == Offset(0)) continue;
            if (!topics_.contains(std::string(topic_on_tape(at.topic)))) continue;
            if (!label_.is_of(at.topic)) {
                leave_out(partition);
                continue;
            }
            work_.differs(at_place(AuditKind::topic_missing, at, std::nullopt,
                                   fmt::format("loaded up to {}", partition.loaded.value()),
                                   "the tape has no such partition"));
        }
        return {};
    }

    // What was loaded from another tape is as well off as what retention took.
    void leave_out(AuditedPartition& partition) {
        partition.is_elsewhere = true;
        partition.extent = {partition.loaded, partition.loaded};
        const std::int64_t gone = partition.loaded.value() - partition.start.value();
        if (gone > 0) work_.report.not_compared.messages_gone[partition.at] = gone;
    }

    void compare_extent(AuditedPartition& partition) {
        // A ledger that was set forward has been told of.
        const Offset loaded = partition.is_consistent ? partition.loaded : partition.batches;
        if (partition.extent.end < loaded) {
            work_.differs(
                at_place(AuditKind::ledger, partition.at, partition.extent.end,
                         fmt::format("loaded up to {}", loaded.value()),
                         fmt::format("the tape ends at {}", partition.extent.end.value())));
        }
        NotCompared& left_out = work_.report.not_compared;
        const Offset earliest = std::min(partition.extent.earliest, partition.loaded);
        const std::int64_t gone = earliest.value() - partition.start.value();
        if (gone > 0) left_out.messages_gone[partition.at] = gone;
        if (gone < 0) left_out.messages_before_start[partition.at] = -gone;
        partition.extent.earliest = std::max(partition.extent.earliest, partition.start);
        work_.expects(std::max<std::int64_t>(
            0, partition.loaded.value() - std::max(earliest, partition.start).value()));
    }

    Result<> look_at_gaps() {
        return work_.store().query(
            {"select topic, partition, from_offset, to_offset, id from tape_gaps", {}, {}},
            [&](const RowView& row) -> Result<> {
                const TopicPartition at = place_in(row, 0, 1);
                const Offset to(row.integer(3));
                const auto known = partitions_.find(at);
                if (known == partitions_.end() || to <= known->second.extent.earliest) return {};
                AuditDifference difference =
                    at_place(AuditKind::tape_gap, at, Offset(row.integer(2)),
                             fmt::format("messages {} to {} were gone before they were loaded",
                                         row.integer(2), to.value()),
                             fmt::format("the tape has them from {} on",
                                         known->second.extent.earliest.value()));
                difference.table = "tape_gaps";
                difference.row = std::to_string(row.integer(4));
                work_.differs(std::move(difference));
                return {};
            });
    }

    AuditWork& work_;
    TapeLabel label_;
    std::set<std::string> topics_;  // by their names on the tape
    std::set<TopicPartition> asked_;
    std::map<TopicPartition, AuditedPartition> partitions_;
};

}  // namespace

Result<std::map<TopicPartition, AuditedPartition>> audit_ledger(AuditWork& work) {
    return LedgerCheck(work).run();
}

Result<Offset> audit_loaded_now(AuditWork& work, const TopicPartition& at) {
    auto next = audit_number(
        work.store(), {"select max(next_offset) from offsets where topic = $1 and partition = $2",
                       {at.topic, static_cast<std::int64_t>(at.partition.value())},
                       {}});
    if (!next) return next.error();
    return Offset(*next);
}

bool AuditedPartition::is_gone(Offset offset) const {
    if (offset < extent.earliest || (offset >= extent.end && offset < loaded)) return true;
    return std::ranges::any_of(
        holes, [&](const auto& hole) { return hole.first <= offset && offset < hole.second; });
}

bool AuditedPartition::is_gone(Offset from, Offset to) const {
    return to <= extent.earliest || (from >= extent.end && from < loaded);
}

bool AuditedPartition::touches_gone(Offset from, Offset to) const {
    if (from < extent.earliest || (to > extent.end && extent.end < loaded)) return true;
    return std::ranges::any_of(
        holes, [&](const auto& hole) { return hole.first < to && from < hole.second; });
}

}  // namespace tapedeck
