#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/audit.h"
#include "pipeline/recorder.h"
#include "pipeline/test_parts.h"
#include "store/sqlite_store.h"
#include "tape/sqlite_tape.h"
#include "tests/conformance/others_sleep.h"
#include "tests/crash/faults.h"

// A whole recorder of two coins every five minutes over files, as fast as it can go.
namespace tapedeck::crash {

using namespace std::chrono_literals;

inline const Timestamp kStart = *parse_rfc3339("2026-11-24T00:04:59Z");
inline constexpr auto kSlots = 3;

// Time passes only while nothing happens: a sleeper that finds all others asleep, twice, finds
// that the moment it waited for has come. At `end` it stops the recorder.
class PatientClock : public ManualClock {
public:
    using Hook = std::function<void(PatientClock&)>;
    PatientClock(Timestamp start, Timestamp end, Hook on_sleep = {})
        : ManualClock(start), end_(end), on_sleep_(std::move(on_sleep)) {}

    void sleep_until(Timestamp instant, std::stop_token stop) override {
        if (on_sleep_) on_sleep_(*this);
        std::mutex mutex;
        std::condition_variable_any woken;
        std::unique_lock lock(mutex);
        for (int quiet = 0; quiet < 2; quiet = others_sleep() ? quiet + 1 : 0) {
            if (woken.wait_for(lock, stop, 4ms, [&] { return stop.stop_requested(); })) break;
        }
        if (stop.stop_requested()) return;
        if (instant >= end_) {
            advance(std::max(0us, std::chrono::microseconds(end_ - now())));
            over_.request_stop();
        } else if (instant > now()) {
            advance(instant - now());
        }
    }
    std::stop_token over() const { return over_.get_token(); }

private:
    const Timestamp end_;
    const Hook on_sleep_;  // before each sleep, on any thread that sleeps
    std::stop_source over_;
};

// A price that is a function of instrument and slot, so that every run sees the same.
inline std::string price_at(const std::string& url, Timestamp now) {
    const auto slot = now.time_since_epoch() / 5min;
    return std::to_string(1000 + (url.size() * 7 + static_cast<std::size_t>(slot)) % 900) + ".50";
}

struct World {
    std::string folder;
    Feed feed = testing::feed_of({"bitcoin", "ethereum"}, {testing::json_source("alpha")});

    PatientClock::Hook on_sleep;
    PatientClock::Hook on_request;  // before each answer of the site
    std::chrono::milliseconds busy_timeout{5'000};

    std::string file() const { return folder + "/t.db"; }

    // Records from the clock's start to `end`; false where something could not be opened or run.
    bool record(Timestamp start, Timestamp end, Calls& calls) {
        PatientClock clock(start, end, on_sleep);
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
        FaultyStore faulty_store(**store, calls);
        FaultyTape faulty_tape(**tape, calls);
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
        orders.loading = testing::loading_of(feed);
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
                        answer.body = "{\"price\": " + price_at(request.url, clock.now()) + "}";
                        return answer;
                    }));
            },
            [](bool, const Problem&) { return Result<>(); },
            {},
            {},
            "test:1"};
        Recorder recorder(std::move(parts), std::move(orders));
        return static_cast<bool>(recorder.run(clock.over()));
    }

    static DagSpec dag() {
        DagSpec dag;
        dag.name = "coin_market_record";
        dag.schedule = "*/5 * * * *";
        dag.retries = 3;
        dag.retry_delay = 1s;
        dag.tasks = {{"collect", "collect", "coin", {}}};
        return dag;
    }

    Expectation expectation() const { return testing::expected_of(feed, kStart); }

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
