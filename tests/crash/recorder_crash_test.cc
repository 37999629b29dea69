// Kills the whole recorder at every call that it makes on tape and store, opens its files again,
// lets it finish, and compares with a run that was not interrupted.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "pipeline/audit.h"
#include "pipeline/recorder.h"
#include "pipeline/test_parts.h"
#include "store/sqlite_store.h"
#include "tape/sqlite_tape.h"
#include "tests/crash/faults.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kStart = *parse_rfc3339("2026-11-24T00:04:59Z");
constexpr auto kSlots = 3;

// Whether every other thread of this process waits for something: one that only waits for its turn
// on a busy machine is running in the kernel's eyes.
bool others_sleep() {
    const pid_t self = ::gettid();
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        if (entry.path().filename() == std::to_string(self)) continue;
        std::ifstream file(entry.path() / "stat");
        std::string stat;
        std::getline(file, stat);
        const auto name_end = stat.rfind(')');
        if (name_end == std::string::npos) continue;  // it has just ended
        if (stat.compare(name_end, 3, ") S") != 0) return false;
    }
    return true;
}

// Time passes only while nothing happens: a sleeper that finds all others asleep, twice, finds
// that the moment it waited for has come. At `end` it stops the recorder.
class PatientClock : public ManualClock {
public:
    PatientClock(Timestamp start, Timestamp end) : ManualClock(start), end_(end) {}

    void sleep_until(Timestamp instant, std::stop_token stop) override {
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
    std::stop_source over_;
};

// A price that is a function of instrument and slot, so that every run sees the same.
std::string price_at(const std::string& url, Timestamp now) {
    const auto slot = now.time_since_epoch() / 5min;
    return std::to_string(1000 + (url.size() * 7 + static_cast<std::size_t>(slot)) % 900) + ".50";
}

struct World {
    std::string folder;
    Feed feed = testing::feed_of({"bitcoin", "ethereum"}, {testing::json_source("alpha")});

    std::string file() const { return folder + "/t.db"; }

    // Records from the clock's start to `end`; false where something could not be opened or run.
    bool record(Timestamp start, Timestamp end, Calls& calls) {
        PatientClock clock(start, end);
        Log log(-1, LogFormat::text, Severity::error, clock);
        auto store = SqliteStore::open(file(), clock);
        if (!store) return false;
        SqliteTapeOptions shared;
        shared.gate = (*store)->gate();
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
            [&clock]() -> Result<std::unique_ptr<HttpClient>> {
                return std::unique_ptr<HttpClient>(
                    std::make_unique<MemoryHttpClient>(clock, [&clock](const Request& request) {
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

    Expectation expectation() const {
        auto schedule = Schedule::make({"*/5 * * * *"});
        return {"coin",
                "coin_market_record",
                kStart,
                Timestamp::max(),
                std::make_shared<const Schedule>(*std::move(schedule)),
                feed.instruments};
    }

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
            EXPECT_TRUE(report->differences.empty());
        }
        return facts;
    }
};

class RecorderCrash : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/tapedeck-crash-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        root = name;
    }
    void TearDown() override { std::filesystem::remove_all(root); }

    World world(const std::string& name) const {
        World one;
        one.folder = root + "/" + name;
        std::filesystem::create_directories(one.folder);
        return one;
    }
    std::string root;
};

TEST_F(RecorderCrash, KilledAtAnyCallItLosesAndDoublesNothing) {
    const Timestamp end = kStart + kSlots * 5min;
    World whole = world("whole");
    Calls counting;
    ASSERT_TRUE(whole.record(kStart, end, counting));
    const auto expected = whole.facts(end);
    ASSERT_EQ(expected.size(), static_cast<std::size_t>(kSlots * 2 * 2));
    const auto calls = counting.count();
    ASSERT_GT(calls, 40U);
    const std::uint64_t step = std::getenv("TAPEDECK_LONG") != nullptr ? 1 : 3;
    for (std::uint64_t at = 1; at <= calls; at += step) {
        for (const Fault fault : {Fault::kill_before, Fault::kill_after}) {
            World one = world(std::to_string(at) + (fault == Fault::kill_before ? "b" : "a"));
            const pid_t child = ::fork();
            ASSERT_GE(child, 0);
            if (child == 0) {
                Calls killing(at, fault);
                ::_exit(one.record(kStart, end, killing) ? 0 : 1);
            }
            int status = 0;
            ASSERT_EQ(::waitpid(child, &status, 0), child);
            // It starts again a second after its last sign of life, and so within the grace.
            ManualClock still(kStart);
            Timestamp last = kStart;
            if (std::filesystem::exists(one.file())) {
                auto store = SqliteStore::open(one.file(), still);
                ASSERT_TRUE(store) << store.error().what;
                auto read = (*store)->query({"select max(started_at) from task_tries", {}, {}},
                                            [&](const RowView& row) -> Result<> {
                                                if (!row.is_null(0)) last = row.timestamp(0);
                                                return {};
                                            });
                ASSERT_TRUE(read);
            }
            Calls calm;
            ASSERT_TRUE(one.record(last == kStart ? kStart : last + 1s, end, calm));
            EXPECT_EQ(one.facts(end), expected) << "killed at call " << at;
            if (HasFailure()) return;
            std::filesystem::remove_all(one.folder);
        }
    }
}

}  // namespace
}  // namespace tapedeck
