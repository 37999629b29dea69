// The schedule beside a real PostgreSQL in which somebody locks what the recorder needs, or stops
// its server processes: every slot is collected, and in the end every price is a row.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>

#include "coverage/audit.h"
#include "run/recorder.h"
#include "tests/conformance/waiting_clock.h"
#include "tests/integration/postgres/database.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kStart = *parse_rfc3339("2026-11-24T00:04:59Z");
const Timestamp kTroubled = *parse_rfc3339("2026-11-24T00:07:00Z");
const Timestamp kMended = *parse_rfc3339("2026-11-24T00:28:00Z");
const Timestamp kEnd = *parse_rfc3339("2026-11-24T00:36:00Z");
constexpr int kSlots = 7;

class PostgresSchedule : public ::testing::Test {
protected:
    PostgresSchedule() {
        EXPECT_TRUE(store->ensure_table(feed.table));
        EXPECT_TRUE(tape.ensure_topic(feed.topic, 1));
        EXPECT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
        clock.quiet = [this] {
            const auto extent = tape.extent({std::string(kOutcomesTopic), Partition(0)});
            return extent && extent->end.value() >= clock.now().time_since_epoch() / 5min -
                                                        kStart.time_since_epoch() / 5min;
        };
    }

    void record(const std::function<void()>& trouble, const std::function<void()>& mend) {
        std::atomic<bool> began = false;
        std::atomic<bool> ended = false;
        std::mutex one_at_a_time;
        clock.on_sleep = [&](WaitingClock&) {
            const std::lock_guard lock(one_at_a_time);
            if (clock.now() >= kTroubled && !began.exchange(true)) trouble();
            if (clock.now() >= kMended && !ended.exchange(true)) mend();
        };
        auto journal = StatementJournal::open(":memory:", clock);
        ASSERT_TRUE(journal) << journal.error().what;
        DagSpec dag;
        dag.name = "coin_market_record";
        dag.schedule = "*/5 * * * *";
        dag.tasks = {{"collect", TaskKind::collect, "coin", {}}};
        const SecretLookup secrets = [](const std::string&) -> Result<Secret> {
            return Error{ErrorKind::rejected, "none"};
        };
        RecorderOrders orders{{dag}, feeds, expected, parts::loading_of(feed), {}, "digest"};
        orders.loading.give_up_after = 0;
        Recorder recorder({clock,
                           *store,
                           tape,
                           nullptr,
                           secrets,
                           log,
                           [this]() -> Result<std::unique_ptr<HttpClient>> {
                               return std::unique_ptr<HttpClient>(
                                   std::make_unique<MemoryHttpClient>(clock, [](const Request&) {
                                       WebAnswer answer;
                                       answer.body = "{\"price\": 1.50}";
                                       return answer;
                                   }));
                           },
                           [](bool, const Problem&) { return Result<>(); },
                           {},
                           {},
                           "test:1",
                           **journal},
                          std::move(orders));
        auto done = recorder.run(clock.over());
        ASSERT_TRUE(done) << done.error().what;
        ASSERT_TRUE(began && ended);
    }

    void expect_whole() {
        Outsider outsider(url);
        EXPECT_EQ(outsider.rows("select state || ' ' || count(*) from dag_runs group by state"),
                  std::vector<std::string>{"success " + std::to_string(kSlots)});
        EXPECT_EQ(outsider.rows("select state || ' ' || count(*) from coverage group by state"),
                  std::vector<std::string>{"recorded " + std::to_string(2 * kSlots)});
        const auto report = audit(*store, tape, feeds, expected, kStart, kEnd, kEnd, {});
        ASSERT_TRUE(report) << report.error().what;
        EXPECT_TRUE(report->differences.empty());
    }

    const PostgresUrl url = new_database();
    WaitingClock clock{kStart, kEnd};
    const std::unique_ptr<PostgresStore> store = open_store(url, clock);
    Log log{-1, LogFormat::text, Severity::error, clock};
    Feed feed = parts::feed_of({"bitcoin", "ethereum"}, {parts::json_source("alpha")});
    std::map<std::string, Feed> feeds{{"coin", feed}};
    std::vector<Expectation> expected{parts::expected_of(feed, kStart)};
    MemoryTape tape;
};

TEST_F(PostgresSchedule, ALockOfTheTableOfPricesCostsNoSlot) {
    Outsider person(url);
    record([&] { person.execute("begin; lock table coin_records in access exclusive mode"); },
           [&] { person.execute("rollback"); });
    expect_whole();
}

TEST_F(PostgresSchedule, ALockOfTheSchedulesOwnTablesCostsNoSlot) {
    Outsider person(url);
    // One table is locked after the other: a writer that came between ends as a deadlock's victim,
    // or the person does, who then tries again.
    const auto lock = [&] {
        for (int tries = 0; tries < 20; ++tries) {
            const auto locked = person.connection().execute(
                "begin; lock table dag_runs, dag_states, task_tries, coverage in access exclusive "
                "mode");
            if (locked) return;
            person.execute("rollback");
        }
        ADD_FAILURE() << "the tables were never locked";
    };
    record(lock, [&] { person.execute("rollback"); });
    expect_whole();
}

TEST_F(PostgresSchedule, StoppedServerProcessesCostNoSlot) {
    Outsider person(url);
    std::vector<pid_t> stopped;
    record(
        [&] {
            for (const std::string& pid :
                 person.rows("select pid from pg_stat_activity where datname = current_database() "
                             "and application_name like 'tapedeck%'")) {
                stopped.push_back(static_cast<pid_t>(std::stoi(pid)));
                ::kill(stopped.back(), SIGSTOP);
            }
        },
        [&] {
            for (const pid_t pid : stopped) ::kill(pid, SIGCONT);
        });
    EXPECT_FALSE(stopped.empty());
    expect_whole();
}

}  // namespace
}  // namespace tapedeck
