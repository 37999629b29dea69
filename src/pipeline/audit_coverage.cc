#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "pipeline/audit_work.h"

// The coverage ledger, derived again, a stretch of slots at a time.
namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kWantedRows = 16'384;
constexpr Timestamp::duration kShortest = 1min;
constexpr Timestamp::duration kLongest = 24h * 64;

std::string words_of(const Verdict& verdict) {
    std::string words(to_string(verdict.state));
    if (!verdict.reason.empty()) words += " (" + verdict.reason + ")";
    return words;
}

class CoverageCheck {
public:
    CoverageCheck(AuditWork& work, const std::string& feed)
        : work_(work), feed_(feed), ledger_(work.store(), work.tape(), work.feeds()) {}

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
        Timestamp::duration step = 24h;
        for (Timestamp from = begin; from < scope.to && from < scope.now;) {
            const Timestamp to = std::min(scope.to, from + step);
            auto rows = check(expected, from, to, closed);
            if (!rows) return rows.error();
            if (*rows > kWantedRows) step = std::max(kShortest, step / 2);
            if (*rows < kWantedRows / 4) step = std::min(kLongest, step * 2);
            from = to;
        }
        if (closed > 0) work_.report.feeds[feed_].add(CoverageState::closed, closed);
        return {};
    }

private:
    // Stored first: a slot that ends meanwhile must not look like a difference.
    Result<std::size_t> check(const std::vector<Expectation>& expected, Timestamp from,
                              Timestamp to, std::int64_t& closed) {
        auto stored = ledger_.stored(feed_, from, std::min(to, work_.scope().now));
        if (!stored) return stored.error();
        auto derived = ledger_.derive_range(expected, from, to, work_.scope().now, &closed);
        if (!derived) return derived.error();
        // Both are in order of slot and instrument.
        auto known = stored->begin();
        for (const CoverageRow& row : *derived) {
            for (; known != stored->end() && before(*known, row); ++known) not_expected(*known);
            const bool is_known = known != stored->end() && !before(row, *known);
            compare(row, is_known ? &*known : nullptr);
            if (is_known) ++known;
        }
        for (; known != stored->end(); ++known) not_expected(*known);
        return std::max(derived->size(), stored->size());
    }

    static bool before(const CoverageRow& a, const CoverageRow& b) {
        return std::tie(a.slot, a.instrument) < std::tie(b.slot, b.instrument);
    }

    void compare(const CoverageRow& row, const CoverageRow* known) {
        work_.report.feeds[feed_].add(row.verdict.state);
        if (known == nullptr) {
            // The ledger is written while somebody records: what came later is not in it yet.
            if (row.slot > settled_) {
                ++work_.report.unsettled;
            } else if (row.verdict.state != CoverageState::pending) {
                differs(row, "(no state)", words_of(row.verdict));
            }
        } else if (known->verdict.state == CoverageState::pending) {
            if (row.verdict.state != CoverageState::pending) ++work_.report.unsettled;
        } else if (row.verdict.state == CoverageState::pending && is_given_up(*known)) {
            // It was given up when all accounts were loaded; now another one waits.
            ++work_.report.unsettled;
        } else if (known->verdict.state != row.verdict.state) {
            differs(row, words_of(known->verdict), words_of(row.verdict));
        }
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
