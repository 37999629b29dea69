#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "coverage/audit_work.h"
#include "coverage/coverage_windows.h"

// The coverage ledger, derived again, a stretch of slots at a time.
namespace tapedeck {
namespace {

std::string words_of(const Verdict& verdict) {
    std::string words(to_string(verdict.state));
    if (!verdict.reason.empty()) words += " (" + verdict.reason + ")";
    return words;
}

class CoverageCheck {
public:
    CoverageCheck(AuditWork& work, const std::string& feed)
        : work_(work), feed_(feed), ledger_(work.store(), work.tape(), work.feeds()) {
        ledger_.hold_back_while([&work] { return work.scope().held_back; });
    }

    Result<> run(const std::vector<Expectation>& expected) {
        const AuditScope& scope = work_.scope();
        const Timestamp begin = std::max(scope.from, expected.front().from);
        auto done =
            work_.store().query({"select max(slot) from coverage where feed = $1", {feed_}, {}},
                                [&](const RowView& row) -> Result<> {
                                    if (!row.is_null(0)) settled_ = row.timestamp(0);
                                    return {};
                                });
        if (!done) return done;
        if (work_.is_about_everything()) {
            if (done = look_before(begin); !done) return done;
        }
        std::int64_t closed = 0;
        done = derive_windows(
            work_.store(), work_.tape(), work_.feeds().at(feed_), expected, begin, scope.to,
            scope.now,
            [&](const DerivedWindow& window) {
                closed += window.closed;
                return check(expected, window);
            },
            {}, scope.held_back);
        if (!done) return done;
        if (closed > 0) work_.report.feeds[feed_].add(CoverageState::closed, closed);
        return {};
    }

private:
    enum class Judgement { same, unsettled, differs };

    // The ledger may have been settled since the window was derived. Where they differ it is
    // derived once more, after the ledger was read: then a slot that ends meanwhile is no
    // difference.
    Result<> check(const std::vector<Expectation>& expected, const DerivedWindow& window) {
        for (const CoverageRow& row : window.rows) {
            work_.report.feeds[feed_].add(row.verdict.state);
        }
        const Timestamp to = std::min(window.to, work_.scope().now);
        std::int64_t unsettled = 0;
        bool differs = false;
        auto known = window.rows.begin();
        auto done =
            ledger_.stored_each(feed_, window.from, to, [&](const CoverageRow& stored) -> Result<> {
                for (; known != window.rows.end() && before(*known, stored); ++known) {
                    note(judge(*known, nullptr), unsettled, differs);
                }
                if (known == window.rows.end() || before(stored, *known)) {
                    differs = true;
                } else {
                    note(judge(*known++, &stored), unsettled, differs);
                }
                return {};
            });
        if (!done) return done;
        for (; known != window.rows.end(); ++known) {
            note(judge(*known, nullptr), unsettled, differs);
        }
        if (differs) return compare_again(expected, window.from, window.to);
        work_.report.unsettled += unsettled;
        return {};
    }

    static void note(Judgement judgement, std::int64_t& unsettled, bool& differs) {
        if (judgement == Judgement::unsettled) ++unsettled;
        differs = differs || judgement == Judgement::differs;
    }

    Result<> compare_again(const std::vector<Expectation>& expected, Timestamp from, Timestamp to) {
        const auto stored = ledger_.stored(feed_, from, std::min(to, work_.scope().now));
        if (!stored) return stored.error();
        // Both are in order of slot and instrument.
        auto known = stored->begin();
        auto done = ledger_.derive_each(
            expected, from, to, work_.scope().now, [&](const CoverageRow& row) -> Result<> {
                for (; known != stored->end() && before(*known, row); ++known) not_expected(*known);
                const bool is_known = known != stored->end() && !before(row, *known);
                compare(row, is_known ? &*known : nullptr);
                if (is_known) ++known;
                return {};
            });
        if (!done) return done;
        for (; known != stored->end(); ++known) not_expected(*known);
        return {};
    }

    static bool before(const CoverageRow& a, const CoverageRow& b) {
        return std::tie(a.slot, a.instrument) < std::tie(b.slot, b.instrument);
    }

    Judgement judge(const CoverageRow& row, const CoverageRow* known) const {
        const bool is_pending = row.verdict.state == CoverageState::pending;
        if (known == nullptr) {
            // The ledger is written while somebody records: what came later is not in it yet.
            if (row.slot > settled_) return Judgement::unsettled;
            return is_pending ? Judgement::same : Judgement::differs;
        }
        if (known->verdict.state == CoverageState::pending) {
            return is_pending ? Judgement::same : Judgement::unsettled;
        }
        // It was given up when all accounts were loaded; now another one waits.
        if (is_pending && is_given_up(*known)) return Judgement::unsettled;
        return known->verdict.state == row.verdict.state ? Judgement::same : Judgement::differs;
    }

    void compare(const CoverageRow& row, const CoverageRow* known) {
        const Judgement judgement = judge(row, known);
        if (judgement == Judgement::unsettled) ++work_.report.unsettled;
        if (judgement != Judgement::differs) return;
        differs(row, known == nullptr ? "(no state)" : words_of(known->verdict),
                words_of(row.verdict));
    }

    static bool is_given_up(const CoverageRow& row) {
        return row.verdict.state == CoverageState::failed ||
               row.verdict.state == CoverageState::missed ||
               row.verdict.state == CoverageState::withdrawn;
    }

    void not_expected(const CoverageRow& row) {
        differs(row, words_of(row.verdict), "(not expected)");
    }

    Result<> look_before(Timestamp begin) {
        return work_.store().query(
            {"select slot, instrument, state from coverage where feed = $1 and slot < $2",
             {feed_, begin},
             {}},
            [&](const RowView& row) -> Result<> {
                differs({feed_, row.timestamp(0), std::string(row.text(1)), {}},
                        std::string(row.text(2)), "(not expected)");
                return {};
            });
    }

    void differs(const CoverageRow& row, std::string stored, std::string derived) {
        AuditDifference difference{AuditKind::coverage,
                                   feed_,
                                   row.slot,
                                   row.instrument,
                                   std::move(stored),
                                   std::move(derived),
                                   {},
                                   {},
                                   "coverage",
                                   {},
                                   {}};
        work_.differs(std::move(difference));
    }

    AuditWork& work_;
    const std::string& feed_;
    CoverageLedger ledger_;
    Timestamp settled_ = Timestamp::min();
};

// States of feeds that nobody ever configured.
Result<> look_for_other_feeds(AuditWork& work) {
    for (std::string feed;;) {
        std::int64_t states = 0;
        auto done = work.store().query(
            {"select feed, count(*) from coverage where feed = (select min(feed) from coverage "
             "where feed > $1) group by feed",
             {feed},
             {}},
            [&](const RowView& row) -> Result<> {
                feed = row.text(0);
                states = row.integer(1);
                return {};
            });
        if (!done) return done;
        if (states == 0) return {};
        if (work.feeds().contains(feed)) continue;
        work.differs({AuditKind::coverage,
                      feed,
                      {},
                      {},
                      fmt::format("{} states", states),
                      "(no such feed was ever configured)",
                      {},
                      {},
                      "coverage",
                      {},
                      {}});
    }
}

}  // namespace

Result<> audit_coverage(AuditWork& work) {
    for (const auto& [name, feed] : work.feeds()) {
        if (!work.is_asked(name)) continue;
        const auto expected = of_feed(work.expectations(), name);
        if (expected.empty()) continue;
        if (auto done = CoverageCheck(work, name).run(expected); !done) return done;
    }
    if (!work.is_about_everything() || !work.scope().feed.empty()) return {};
    return look_for_other_feeds(work);
}

}  // namespace tapedeck
