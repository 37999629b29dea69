#include "coverage/audit.h"

#include <fmt/format.h>

#include <array>

#include "coverage/audit_captures.h"
#include "coverage/audit_work.h"

namespace tapedeck {
namespace {

struct KindName {
    AuditKind kind;
    std::string_view name;
};
constexpr std::array kKindNames{
    KindName{AuditKind::coverage, "coverage"},
    KindName{AuditKind::row_altered, "row_altered"},
    KindName{AuditKind::row_missing, "row_missing"},
    KindName{AuditKind::row_without_message, "row_without_message"},
    KindName{AuditKind::rows_of_others, "rows_of_others"},
    KindName{AuditKind::duplicate_altered, "duplicate_altered"},
    KindName{AuditKind::duplicate_missing, "duplicate_missing"},
    KindName{AuditKind::duplicate_without_message, "duplicate_without_message"},
    KindName{AuditKind::outcome_altered, "outcome_altered"},
    KindName{AuditKind::outcome_missing, "outcome_missing"},
    KindName{AuditKind::outcome_without_message, "outcome_without_message"},
    KindName{AuditKind::attempt_altered, "attempt_altered"},
    KindName{AuditKind::attempt_missing, "attempt_missing"},
    KindName{AuditKind::attempt_without_message, "attempt_without_message"},
    KindName{AuditKind::dead_letter_altered, "dead_letter_altered"},
    KindName{AuditKind::dead_letter_missing, "dead_letter_missing"},
    KindName{AuditKind::dead_letter_without_message, "dead_letter_without_message"},
    KindName{AuditKind::message_missing, "message_missing"},
    KindName{AuditKind::topic_missing, "topic_missing"},
    KindName{AuditKind::ledger, "ledger"},
    KindName{AuditKind::batch, "batch"},
    KindName{AuditKind::tape_gap, "tape_gap"},
    KindName{AuditKind::capture_missing, "capture_missing"},
    KindName{AuditKind::capture_damaged, "capture_damaged"},
    KindName{AuditKind::capture_unnamed, "capture_unnamed"},
};

// How many rows there are to be read, for the bar.
Result<> expect_rows(AuditWork& work) {
    std::map<std::string, bool> tables{{"outcomes", true}};
    for (const auto& [name, feed] : work.feeds()) {
        if (work.is_asked(name)) tables.emplace(feed.table.name, true);
    }
    if (!work.is_about_everything()) return {};
    for (const auto& [table, wanted] : tables) {
        const auto rows =
            audit_number(work.store(), {fmt::format("select count(*) from {}", table), {}, {}});
        if (!rows) return rows.error();
        work.expects(*rows);
    }
    return {};
}

// Dead letters of a place that nothing is loaded from.
Result<> look_for_other_letters(AuditWork& work,
                                const std::map<TopicPartition, AuditedPartition>& partitions) {
    return work.store().query(
        {"select topic, partition, count(*), min(id) from dead_letters group by topic, partition",
         {},
         {}},
        [&](const RowView& row) -> Result<> {
            const TopicPartition at{std::string(row.text(0)),
                                    Partition(static_cast<std::int32_t>(row.integer(1)))};
            if (partitions.contains(at)) return {};
            AuditDifference difference{AuditKind::dead_letter_without_message,
                                       {},
                                       {},
                                       {},
                                       fmt::format("{} dead letters", row.integer(2)),
                                       "(nothing is loaded from there)",
                                       at,
                                       {},
                                       "dead_letters",
                                       std::to_string(row.integer(3)),
                                       {}};
            work.differs(std::move(difference));
            return {};
        });
}

}  // namespace

std::string_view to_string(AuditKind kind) {
    return kKindNames[static_cast<std::size_t>(kind)].name;
}

void AuditWork::differs(AuditDifference difference) {
    if (!difference.feed.empty() && !is_asked(difference.feed)) return;
    ++report.differences_found;
    if (talk_.difference) talk_.difference(difference);
    if (report.differences.size() < AuditReport::kMostKept) {
        report.differences.push_back(std::move(difference));
    }
}

void AuditWork::has_done(std::int64_t units) {
    done_ += units;
    if (talk_.progress) talk_.progress(std::min(done_, total_), total_);
}

Result<std::int64_t> audit_number(Store& store, const Statement& statement) {
    std::int64_t number = 0;
    auto done = store.query(statement, [&](const RowView& row) -> Result<> {
        if (!row.is_null(0)) number = row.integer(0);
        return {};
    });
    if (!done) return done.error();
    return number;
}

std::string audit_time(Timestamp time) {
    constexpr std::int64_t kYear1 = -62'135'596'800'000'000;
    constexpr std::int64_t kYear9999 = 253'402'300'799'999'999;
    const std::int64_t number = time.time_since_epoch().count();
    if (number < kYear1 || number > kYear9999) return fmt::format("{} us", number);
    return format_rfc3339(time);
}

Result<AuditReport> audit(const AuditParts& parts, const AuditScope& scope, const AuditTalk& talk) {
    AuditWork work(parts, scope, talk);
    auto owner = AccountOwner::read(work.store());
    if (!owner) return owner.error();
    work.owner = *std::move(owner);
    auto partitions = audit_ledger(work);
    if (!partitions) return partitions.error();
    if (auto done = expect_rows(work); !done) return done.error();
    CaptureNames names(work);
    if (auto done = names.read_kept(); !done) return done.error();
    if (auto done = audit_coverage(work); !done) return done.error();
    if (auto done = audit_prices(work, *partitions, names); !done) return done.error();
    if (auto done = audit_accounts(work, *partitions, names); !done) return done.error();
    if (auto done = names.finish(*partitions); !done) return done.error();
    if (auto done = look_for_other_letters(work, *partitions); !done) return done.error();
    return std::move(work.report);
}

Result<AuditReport> audit(Store& store, Tape& tape, const std::map<std::string, Feed>& feeds,
                          std::span<const Expectation> expectations, Timestamp from, Timestamp to,
                          Timestamp now,
                          const std::function<void(std::int64_t, std::int64_t)>& progress) {
    return audit({store, tape, nullptr, feeds, expectations}, {from, to, now}, {{}, progress});
}

}  // namespace tapedeck
