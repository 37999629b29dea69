// The store goes away for a while, or holds every caller up: collecting goes on, and the journal
// brings home what was decided. Or the journal itself cannot be written: then nothing can begin,
// and that is known afterwards.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "coverage/audit.h"
#include "run/recorder.h"
#include "store/journal/statement_journal.h"
#include "tests/conformance/temp_folder.h"
#include "tests/conformance/waiting_clock.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kStart = *parse_rfc3339("2026-11-24T00:04:59Z");
const Timestamp kGone = *parse_rfc3339("2026-11-24T00:07:00Z");
const Timestamp kBack = *parse_rfc3339("2026-11-24T00:28:00Z");
const Timestamp kEnd = *parse_rfc3339("2026-11-24T00:36:00Z");

enum class Trouble {
    away,      // nobody is there: every call fails at once
    blocking,  // somebody holds a lock: a call waits for as long as its patience lasts
    full,      // the store is well, and the journal's disk is full
};

// A store in trouble within a span of time.
class TroubledStore : public Store {
public:
    TroubledStore(Store& store, Clock& clock, Trouble trouble, Timestamp from, Timestamp to)
        : store_(store), clock_(clock), trouble_(trouble), from_(from), to_(to) {}

    Result<std::vector<LedgerEntry>> ledger(std::span<const TopicPartition> at,
                                            const Patience& patience) override {
        if (auto fault = meet(patience)) return *fault;
        return store_.ledger(at, patience);
    }
    void prepare(Batch& batch) override { store_.prepare(batch); }
    Result<Committed> commit(const Batch& batch, const CommitOrder& order,
                             const Patience& patience) override {
        if (auto fault = meet(patience)) return *fault;
        return store_.commit(batch, order, patience);
    }
    Result<> query(const Statement& statement, const RowSink& sink,
                   const Patience& patience) override {
        if (auto fault = meet(patience)) return *fault;
        return store_.query(statement, sink, patience);
    }
    Result<std::vector<std::int64_t>> transact(std::span<const Statement> all,
                                               const Patience& patience) override {
        if (auto fault = meet(patience)) return *fault;
        return store_.transact(all, patience);
    }
    int commits_at_once() const override { return store_.commits_at_once(); }
    Result<std::optional<std::string>> lease_holder(const Patience& patience) override {
        if (auto fault = meet(patience)) return *fault;
        return store_.lease_holder(patience);
    }
    Result<std::unique_ptr<Lease>> acquire_lease(const std::string& holder) override {
        return store_.acquire_lease(holder);
    }
    Result<> ensure_table(const PriceTable& table) override { return store_.ensure_table(table); }
    Result<> backup(const std::string& path, const std::function<void(int)>& progress) override {
        return store_.backup(path, progress);
    }

private:
    bool troubled() const { return clock_.now() >= from_ && clock_.now() < to_; }
    std::optional<Error> meet(const Patience& patience) {
        if (troubled() && trouble_ == Trouble::blocking) {
            clock_.sleep_until(std::min(to_, clock_.now() + patience.limit), patience.stop);
        }
        if (trouble_ == Trouble::full || !troubled()) return std::nullopt;
        return Error{ErrorKind::unavailable, "the store is in trouble"};
    }

    Store& store_;
    Clock& clock_;
    const Trouble trouble_;
    const Timestamp from_;
    const Timestamp to_;
};

struct RecorderInTrouble : ::testing::Test {
    RecorderInTrouble() {
        auto opened = SqliteStore::open(folder.file("t.db"), hour);
        EXPECT_TRUE(opened) << opened.error().what;
        store = *std::move(opened);
        EXPECT_TRUE(store->ensure_table(feed.table));
        EXPECT_TRUE(tape.ensure_topic(feed.topic, 1));
        EXPECT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
    }

    static DagSpec dag() {
        DagSpec dag;
        dag.name = "coin_market_record";
        dag.schedule = "*/5 * * * *";
        dag.retries = 1;
        dag.retry_delay = 1s;
        dag.tasks = {{"collect", TaskKind::collect, "coin", {}}};
        return dag;
    }

    std::vector<Expectation> expectations() const { return {parts::expected_of(feed, kStart)}; }

    Result<> record(Timestamp from, Timestamp to) {
        const auto before = accounts();
        WaitingClock clock(from, to);
        clock.quiet = [&] {  // an account is on the tape before its run is known to have ended
            std::int64_t slots = 0;
            using Slots = std::chrono::duration<std::int64_t, std::ratio<300>>;
            for (Timestamp slot = std::chrono::ceil<Slots>(from); slot <= clock.now();
                 slot += 5min) {
                if (trouble != Trouble::full || slot < kGone || slot > kBack) ++slots;
            }
            return accounts() - before >= slots;
        };
        TroubledStore away(*store, clock, trouble, kGone, kBack);
        auto journal = StatementJournal::open(folder.file("journal.db"), clock);
        if (!journal) return journal.error();
        if (trouble == Trouble::full) refuse_statements(folder.file("journal.db"));
        Log log(-1, LogFormat::text, Severity::error, clock);
        const SecretLookup secrets = [](const std::string&) -> Result<Secret> {
            return Error{ErrorKind::rejected, "none"};
        };
        RecorderOrders orders;
        orders.dags = {dag()};
        orders.feeds = {{"coin", feed}};
        orders.expectations = expectations();
        orders.loading = parts::loading_of(feed);
        orders.loading.give_up_after = 0;
        orders.config = "digest";
        Recorder::Parts parts{clock,
                              away,
                              tape,
                              nullptr,
                              secrets,
                              log,
                              [&clock]() -> Result<std::unique_ptr<HttpClient>> {
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
                              **journal};
        Recorder recorder(std::move(parts), std::move(orders));
        return recorder.run(clock.over());
    }

    static void refuse_statements(const std::string& journal) {
        auto database = Database::open(journal, {});
        ASSERT_TRUE(database) << database.error().what;
        ASSERT_TRUE((*database)->execute(fmt::format(
            "create trigger if not exists full before insert on journal when new.written_at "
            "between {} and {} begin select raise(abort, 'database or disk is full'); end",
            kGone.time_since_epoch().count(), kBack.time_since_epoch().count())));
    }

    std::int64_t accounts() {
        const auto extent = tape.extent({std::string(kOutcomesTopic), Partition(0)});
        EXPECT_TRUE(extent);
        return extent ? extent->end.value() : 0;
    }

    std::vector<std::string> answers(const std::string& sql) {
        std::vector<std::string> out;
        auto done = store->query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
            out.push_back(format_rfc3339(row.timestamp(0)) + " " + std::string(row.text(1)));
            return {};
        });
        EXPECT_TRUE(done) << done.error().what;
        return out;
    }

    void expect_whole(int slots) {
        std::vector<std::string> runs;
        std::vector<std::string> covered;
        for (int i = 1; i <= slots; ++i) {
            const std::string slot = fmt::format("2026-11-24T00:{:02}:00Z ", 5 * i);
            runs.push_back(slot + "success");
            covered.push_back(slot + "recorded");
            covered.push_back(slot + "recorded");
        }
        EXPECT_EQ(answers("select slot, state from dag_runs order by slot"), runs);
        EXPECT_EQ(answers("select slot, state from coverage order by slot, instrument"), covered);
    }

    Trouble trouble = Trouble::away;
    TempFolder folder;
    ManualClock hour{kStart};
    Feed feed = parts::feed_of({"bitcoin", "ethereum"}, {parts::json_source("alpha")});
    MemoryTape tape;
    std::unique_ptr<SqliteStore> store;
};

struct StoreAwayTest : RecorderInTrouble, ::testing::WithParamInterface<Trouble> {
    StoreAwayTest() { trouble = GetParam(); }
};

TEST_P(StoreAwayTest, EverySlotIsCollectedOnceAndAccountedFor) {
    auto done = record(kStart, kEnd);
    ASSERT_TRUE(done) << done.error().what;
    expect_whole(7);
}

TEST_P(StoreAwayTest, WhatAnEarlierProcessJournalledIsBroughtHomeByTheNext) {
    // Stopped in the middle of the outage; the next one starts within it, and waits.
    auto done = record(kStart, *parse_rfc3339("2026-11-24T00:21:30Z"));
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(answers("select slot, state from dag_runs order by slot").size(), 1U);
    done = record(*parse_rfc3339("2026-11-24T00:27:30Z"), kEnd);
    ASSERT_TRUE(done) << done.error().what;
    const auto runs =
        answers("select slot, state from dag_runs where state = 'success' order by slot");
    ASSERT_EQ(runs.size(), 6U);  // all but 00:25, when nobody ran
    EXPECT_EQ(runs[3], "2026-11-24T00:20:00Z success");
    EXPECT_EQ(runs[4], "2026-11-24T00:30:00Z success");
    const auto covered = answers("select slot, state from coverage order by slot, instrument");
    ASSERT_EQ(covered.size(), 14U);
    EXPECT_EQ(covered[8], "2026-11-24T00:25:00Z missed");
    EXPECT_EQ(
        std::ranges::count_if(covered, [](const auto& line) { return line.ends_with("recorded"); }),
        12);
}

struct JournalFullTest : RecorderInTrouble {
    JournalFullTest() { trouble = Trouble::full; }
};

TEST_F(JournalFullTest, SlotsThatCouldNotBeginAreMissedForThatReason) {
    // Recorded before; then nobody is there for a while, for which there is no such reason.
    auto done = record(kStart, *parse_rfc3339("2026-11-24T00:05:40Z"));
    ASSERT_TRUE(done) << done.error().what;
    done = record(*parse_rfc3339("2026-11-24T00:13:00Z"), kEnd);
    ASSERT_TRUE(done) << done.error().what;
    const auto covered = answers(
        "select slot, state || case when reason <> '' then ' ' || reason || ': ' || what else '' "
        "end from coverage where "
        "instrument = 'bitcoin' order by slot");
    const auto full = [](const std::string& slot) {
        return ::testing::AllOf(
            ::testing::StartsWith(slot + " missed held_up: the recorder's journal could not be "
                                         "written from 2026-11-24T00:13:00Z on: "),
            ::testing::HasSubstr("database or disk is full"));
    };
    EXPECT_THAT(covered, ::testing::ElementsAre(
                             "2026-11-24T00:05:00Z recorded",
                             "2026-11-24T00:10:00Z missed nobody_ran: no run asked for it",
                             full("2026-11-24T00:15:00Z"), full("2026-11-24T00:20:00Z"),
                             full("2026-11-24T00:25:00Z"), "2026-11-24T00:30:00Z recorded",
                             "2026-11-24T00:35:00Z recorded"));
    AuditScope all{Timestamp(), kEnd, kEnd};
    const std::map<std::string, Feed> feeds{{"coin", feed}};
    const auto expected = expectations();
    const auto report = audit({*store, tape, nullptr, feeds, expected}, all);
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->differences_found, 0);
}

INSTANTIATE_TEST_SUITE_P(Store, StoreAwayTest, ::testing::Values(Trouble::away, Trouble::blocking),
                         [](const auto& info) {
                             return info.param == Trouble::away ? "Away" : "Blocking";
                         });

}  // namespace
}  // namespace tapedeck
