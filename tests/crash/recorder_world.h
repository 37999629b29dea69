#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "coverage/audit.h"
#include "run/held_back.h"
#include "run/recorder.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/spool/spool_tape.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/waiting_clock.h"
#include "tests/crash/faults.h"
#include "tests/parts/test_parts.h"

// A whole recorder of two coins every five minutes over files, as fast as it can go.
namespace tapedeck::crash {

using namespace std::chrono_literals;

inline const Timestamp kStart = *parse_rfc3339("2026-11-24T00:04:59Z");
inline constexpr auto kSlots = 3;

// A price that is a function of instrument and slot, so that every run sees the same.
inline std::string price_at(const std::string& url, Timestamp now) {
    const auto slot = now.time_since_epoch() / 5min;
    return std::to_string(1000 + (url.size() * 7 + static_cast<std::size_t>(slot)) % 900) + ".50";
}

// Is asked once for each statement that goes into the journal, between two of its writes.
class JournalClock : public Clock {
public:
    JournalClock(Clock& clock, Calls& calls) : clock_(clock), calls_(calls) {}
    Timestamp now() const override {
        const auto passed = calls_.through<Done>([] { return Result<>(); });
        static_cast<void>(passed);  // a clock has nothing to fail with
        return clock_.now();
    }
    std::chrono::microseconds steady() const override { return clock_.steady(); }
    void sleep_until(Timestamp instant, std::stop_token stop) override {
        clock_.sleep_until(instant, std::move(stop));
    }

private:
    Clock& clock_;
    Calls& calls_;
};

struct World {
    std::string folder;
    Feed feed = parts::feed_of({"bitcoin", "ethereum"}, {parts::json_source("alpha")});

    WaitingClock::Hook on_sleep;
    WaitingClock::Hook on_request;  // before each answer of the site
    std::function<bool(const std::string& url, Timestamp now)> has_no_price = {};
    std::chrono::milliseconds busy_timeout{5'000};
    bool spooled = false;
    std::function<Result<>()> check_files = {};
    std::function<bool()> drains_first = {};  // no time passes while the spool holds anything

    std::string file() const { return folder + "/t.db"; }
    std::string journal_file() const { return folder + "/journal.db"; }

    // Records from the clock's start to `end`; false where something could not be opened or run.
    bool record(Timestamp start, Timestamp end, Calls& calls) {
        WaitingClock clock(start, end);
        clock.on_sleep = on_sleep;
        Log log(-1, LogFormat::text, Severity::error, clock);
        SqliteStoreOptions of_store;
        of_store.busy_timeout = busy_timeout;
        auto store = SqliteStore::open(file(), clock, of_store);
        if (!store) return false;
        SqliteTapeOptions shared;
        shared.gate = (*store)->gate();
        shared.busy_timeout = busy_timeout;
        auto tape = SqliteTape::open(file(), clock, shared);
        if (!tape) return false;
        JournalClock journal_clock(clock, calls);
        auto journal = StatementJournal::open(journal_file(), journal_clock);
        if (!journal) return false;
        FaultyStore faulty_store(**store, calls);
        std::unique_ptr<Tape> used = *std::move(tape);
        SpoolTape* spool = nullptr;
        if (spooled) {
            SpoolOptions options;
            options.path = folder + "/spool.db";
            options.retry = options.longest_retry = 5ms;
            auto opened = SpoolTape::open(std::move(used), clock, log, std::move(options));
            if (!opened) return false;
            spool = opened->get();
            used = *std::move(opened);
        }
        FaultyTape faulty_tape(*used, calls);
        if (!faulty_store.ensure_table(feed.table)) return false;
        if (!faulty_tape.ensure_topic(feed.topic, 1)) return false;
        if (!faulty_tape.ensure_topic(std::string(kOutcomesTopic), 1)) return false;
        const SecretLookup secrets = [](const std::string&) -> Result<Secret> {
            return Error{ErrorKind::rejected, "none"};
        };
        RecorderOrders orders;
        orders.dags = {dag()};
        orders.feeds = {{"coin", feed}};
        orders.expectations = {expectation()};
        orders.loading = parts::loading_of(feed);
        orders.loading.give_up_after = 0;
        orders.config = "digest";
        Recorder::Parts parts{
            clock,
            faulty_store,
            faulty_tape,
            nullptr,
            secrets,
            log,
            [this, &clock]() -> Result<std::unique_ptr<HttpClient>> {
                return std::unique_ptr<HttpClient>(std::make_unique<MemoryHttpClient>(
                    clock, [this, &clock](const Request& request) {
                        if (on_request) on_request(clock);
                        WebAnswer answer;
                        if (has_no_price && has_no_price(request.url, clock.now())) {
                            answer.status = 404;
                            return answer;
                        }
                        answer.body = "{\"price\": " + price_at(request.url, clock.now()) + "}";
                        return answer;
                    }));
            },
            [](bool, const Problem&) { return Result<>(); },
            {},
            {},
            "test:1",
            **journal,
            {}};
        parts.check_files = check_files;
        if (spool != nullptr) {
            parts.waiting = [spool] { return held_by_spool("spool.db", spool->sizes()); };
        }
        // Who waits for a file that is locked sleeps, and is not done.
        clock.quiet = [this, &calls, waits = parts.waiting] {
            return calls.under_way() == 0 && (!drains_first || !drains_first() || !waits());
        };
        Recorder recorder(std::move(parts), std::move(orders));
        return static_cast<bool>(recorder.run(clock.over()));
    }

    static DagSpec dag() {
        DagSpec dag;
        dag.name = "coin_market_record";
        dag.schedule = "*/5 * * * *";
        dag.retries = 3;
        dag.retry_delay = 1s;
        dag.tasks = {{"collect", TaskKind::collect, "coin", {}}};
        return dag;
    }

    Expectation expectation() const { return parts::expected_of(feed, kStart); }

    // What is in the store, as text; and whether an audit finds nothing to say.
    std::vector<std::string> facts(Timestamp now) {
        ManualClock clock(now);
        auto store = SqliteStore::open(file(), clock);
        auto tape = SqliteTape::open(file(), clock);
        EXPECT_TRUE(store && tape);
        if (!store || !tape) return {};
        std::vector<std::string> facts;
        auto done = (*store)->query(
            {"select slot, instrument, price from coin_records order by slot, instrument", {}, {}},
            [&](const RowView& row) -> Result<> {
                facts.push_back(format_rfc3339(row.timestamp(0)) + " " + std::string(row.text(1)) +
                                " " + row.decimal(2).to_string());
                return {};
            });
        EXPECT_TRUE(done);
        done = (*store)->query(
            {"select slot, instrument, state from coverage order by slot, instrument", {}, {}},
            [&](const RowView& row) -> Result<> {
                facts.push_back(format_rfc3339(row.timestamp(0)) + " " + std::string(row.text(1)) +
                                " " + std::string(row.text(2)));
                return {};
            });
        EXPECT_TRUE(done);
        const std::map<std::string, Feed> feeds{{"coin", feed}};
        const std::vector<Expectation> expected{expectation()};
        auto report = audit(**store, **tape, feeds, expected, kStart, now, now, {});
        EXPECT_TRUE(report);
        if (report) {
            for (const AuditDifference& one : report->differences) {
                ADD_FAILURE() << (one.slot ? format_rfc3339(*one.slot) : "") << " "
                              << one.instrument << " stored " << one.stored << ", derived "
                              << one.derived;
            }
        }
        return facts;
    }
};

}  // namespace tapedeck::crash
