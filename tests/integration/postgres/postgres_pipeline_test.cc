// Loader, coverage, audit and what else asks the store, over PostgreSQL: the same answers as over
// SQLite. And a dump of last night, from which the tape catches up.
#include <gtest/gtest.h>

#include "alerts/problems.h"
#include "app/export_rows.h"
#include "coverage/audit.h"
#include "coverage/parity.h"
#include "run/retention.h"
#include "store/run_table.h"
#include "tests/conformance/temp_folder.h"
#include "tests/integration/postgres/database.h"
#include "tests/parts/test_parts.h"
#include "views/price_story.h"
#include "views/source_stats.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using parts::feed_of;
using parts::kSlot;

// A day's beginning on a tape in memory: two instruments every five minutes.
class Day {
public:
    Day() {
        feeds["coin"] = feed_of({"bitcoin", "ethereum"}, {});
        EXPECT_TRUE(tape.ensure_topic("coin_topic", 1));
        EXPECT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
        expected = {parts::expected_of(feeds["coin"])};
    }

    // A run that got bitcoin's price and was refused ethereum's.
    void run(Timestamp slot, const std::string& digits) {
        Found found{0, {}, "alpha", "", slot + 1s};
        found.reading.instrument = "bitcoin";
        found.reading.price = *Decimal::parse(digits);
        found.reading.rule = "json";
        const std::vector<OutgoingMessage> price{message_of(feeds["coin"], slot, found)};
        const auto sent = tape.append(price);
        ASSERT_TRUE(sent && (*sent)[0]);
        const Attempt gave{"alpha", "https://alpha.example/", slot, 120ms, 200, 17, "aa", {}, ""};
        const Attempt refused{"beta", "https://beta.example/", slot,           80ms, 429, 3,
                              "",     Reason::throttled,       "it's too much"};
        Outcome bitcoin{
            "bitcoin",
            Outcome::Sent{"coin_topic", Partition(0), (*sent)[0]->offset, "alpha", "json"},
            {},
            "",
            {gave}};
        Outcome ethereum{"ethereum", {}, Reason::throttled, "it's too much", {refused}};
        const auto account = parts::run_of(feeds["coin"], slot, {bitcoin, ethereum});
        const std::vector<OutgoingMessage> message{
            {std::string(kOutcomesTopic), "coin", encode_outcomes(account), account.ended, {}}};
        const auto told = tape.append(message);
        ASSERT_TRUE(told && (*told)[0]);
    }

    // A message of the original, one that is none, and one that says otherwise than `slot` has it.
    void strangers(Timestamp slot) {
        Found found{0, {}, "alpha", "", slot + 2s};
        found.reading.instrument = "bitcoin";
        found.reading.price = *Decimal::parse("99");
        found.reading.rule = "json";
        const std::vector<OutgoingMessage> messages{
            {"coin_topic", "", R"([{"coin_name":"solana","current_price":21.50}])", slot, {}},
            {"coin_topic", "", "{not json", slot, {}},
            message_of(feeds["coin"], slot, found)};
        const auto sent = tape.append(messages);
        ASSERT_TRUE(sent);
    }

    LoadSummary load(Store& store) {
        Loader loader(tape, store, clock, log, parts::loading_of(feeds["coin"]));
        const auto done = loader.run({}, true);
        EXPECT_TRUE(done) << done.error().what;
        return done.value_or({});
    }

    parts::SkippingClock clock{kSlot + 1h};
    Log log{-1, LogFormat::text, Severity::error, clock};
    std::map<std::string, Feed> feeds;
    std::vector<Expectation> expected;
    MemoryTape tape;
};

// What everything that reads the store says of it, line by line.
class Told {
public:
    Told(Day& day, Store& store) : day_(day), store_(store) {
        EXPECT_TRUE(store.ensure_table(day.feeds["coin"].table));
        const LoadSummary loaded = day.load(store);
        say("loaded", loaded.rows, loaded.dead_letters, loaded.duplicates, loaded.outcomes);
        runs();
        coverage();
        problems();
        attempts();
        exported();
        statements();
        EXPECT_TRUE(discard_loaded(day.tape, store, kSlot));
    }
    const std::vector<std::string>& lines() const { return lines_; }

private:
    template <class... Parts>
    void say(const Parts&... parts) {
        std::string line;
        ((line += fmt::format("{} ", parts)), ...);
        lines_.push_back(line);
    }

    void runs() {
        RunTable runs(store_);
        const auto write = [&](const std::vector<Statement>& statements) {
            return store_.transact(statements);
        };
        const RunRow run{"r1", "dag", kSlot, "scheduled", "running", kSlot, {}};
        const TryRow attempt{"task", 1, "running", kSlot, {}, ""};
        EXPECT_TRUE(write({RunTable::run_begun(run, "digest"), RunTable::try_begun("r1", attempt),
                           RunTable::dag_planned({"dag", true, {}, kSlot})}));
        // A slot is started once, whatever its run is called; a try, too.
        for (const Statement& again :
             {RunTable::run_begun({"r2", "dag", kSlot, "scheduled", "running", kSlot, {}},
                                  "digest"),
              RunTable::try_begun("r1", attempt)}) {
            const auto refused = write({again});
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
        }
        const auto open = runs.open_runs();
        ASSERT_TRUE(open) << open.error().what;
        say("open", open->size());
        EXPECT_TRUE(
            write({RunTable::try_ended("r1", {"task", 1, "success", {}, kSlot + 2s, "fine"}),
                   RunTable::run_ended("r1", "success", kSlot + 3s),
                   RunTable::dag_planned({"dag", false, kSlot, kSlot})}));
        const auto left = runs.open_runs();
        ASSERT_TRUE(left) << left.error().what;
        say("open", left->size());
        const auto tries = runs.tries("r1");
        ASSERT_TRUE(tries && tries->size() == 1);
        say(tries->front().state, tries->front().what, format_rfc3339(tries->front().started_at),
            format_rfc3339(*tries->front().ended_at));
        const auto state = runs.dag_state("dag");
        ASSERT_TRUE(state && *state);
        EXPECT_TRUE((*state)->paused);  // a plan does not resume what somebody has paused
        say((*state)->paused, format_rfc3339(*(*state)->handled_until));
    }

    void coverage() {
        CoverageLedger ledger(store_, day_.tape, day_.feeds);
        for (const Timestamp now : {kSlot + 10s, kSlot + 28min}) {
            const auto changed = ledger.settle(day_.expected, now);
            ASSERT_TRUE(changed) << changed.error().what;
            say("changed", changed->changed);
        }
        const auto rows = ledger.stored("coin", Timestamp::min(), Timestamp::max());
        ASSERT_TRUE(rows) << rows.error().what;
        for (const CoverageRow& row : *rows) {
            say(format_rfc3339(row.slot), row.instrument, to_string(row.verdict.state),
                row.verdict.reason, row.verdict.what);
        }
        const auto report = audit(store_, day_.tape, day_.feeds, day_.expected, kSlot,
                                  kSlot + 28min, kSlot + 28min, {});
        ASSERT_TRUE(report) << report.error().what;
        EXPECT_TRUE(report->differences.empty());
        say("audited", report->messages, report->prices);
    }

    void problems() {
        ProblemTeller teller(store_, day_.clock, day_.log,
                             [&](bool recovered, const Problem& problem) -> Result<> {
                                 say("told", recovered, problem.key, problem.what);
                                 return {};
                             });
        EXPECT_TRUE(teller.look(day_.feeds, "coin", {}));
        EXPECT_TRUE(teller.look(day_.feeds, "coin", {}));
    }

    void attempts() {
        const auto stats = source_stats(store_, kSlot, kSlot + 1h);
        ASSERT_TRUE(stats) << stats.error().what;
        for (const auto& [name, one] : *stats) {
            say(name, one.asked, one.answered,
                one.last_price ? format_rfc3339(*one.last_price) : "",
                one.last_failure ? one.last_failure->what : "");
        }
        const auto last = last_attempts(store_, "beta", 2);
        ASSERT_TRUE(last) << last.error().what;
        for (const SourceAttempt& one : *last) say(one.instrument, format_rfc3339(one.slot));
    }

    void exported() {
        ExportChoice choice;
        choice.span = {Timestamp(0s), kSlot + 1h};
        for (const std::optional<Timestamp> known :
             {std::optional<Timestamp>(), std::optional<Timestamp>(kSlot + 30min)}) {
            choice.known_at = known;
            const auto done = each_row(store_, day_.feeds, choice, [&](const ExportRow& row) {
                say(row.feed, row.instrument, row.name, format_rfc3339(row.date), row.price.text,
                    row.source, row.capture);
                return Result<>();
            });
            EXPECT_TRUE(done) << done.error().what;
        }
    }

    // What the status, the demo and the DAG's page ask.
    void statements() {
        const std::vector<Statement> all{
            {"select count(*) from (select slot from coverage where slot >= $1 group by slot"
             " having sum(case when state = 'pending' then 1 else 0 end) = 0) as ended",
             {kSlot},
             {}},
            {"select coalesce(sum(to_offset - from_offset), 0) from tape_gaps", {}, {}},
            {"select count(*) from dead_letters", {}, {}},
            {"select sum(rows) from batches", {}, {}},
            {"select count(*) from coin_records where instrument = $1 and slot = (select max(slot)"
             " from coverage where feed = $2 and instrument = $1 and state in ('recorded',"
             " 'recovered'))",
             {std::string("bitcoin"), std::string("coin")},
             {}}};
        for (const Statement& statement : all) {
            const auto done = store_.query(statement, [&](const RowView& row) -> Result<> {
                say(row.integer(0));
                return {};
            });
            EXPECT_TRUE(done) << done.error().what;
        }
        const std::vector<Statement> config{
            {"insert into config_history (at, digest, text) values ($1, $2, $3)",
             {kSlot, std::string("digest"), std::string("text")},
             1},
            {"insert into dag_states (dag, paused) values ($1, $2) on conflict (dag) do update set"
             " paused = excluded.paused",
             {std::string("dag"), std::int64_t{1}},
             1},
            {"update dag_states set handled_until = $1 where handled_until < $1", {kSlot + 1h}, 1}};
        const auto done = store_.transact(config);
        EXPECT_TRUE(done) << done.error().what;
    }

    Day& day_;
    Store& store_;
    std::vector<std::string> lines_;
};

TEST(PostgresPipeline, SaysTheSameAsSqlite) {
    Day day;
    day.run(kSlot, "22470.520");
    day.run(kSlot + 5min, "22471");
    day.strangers(kSlot);
    const auto postgres = open_store(new_database(), day.clock);
    const auto sqlite = parts::store_in_memory(day.clock);
    const Told of_sqlite(day, *sqlite);
    const Told of_postgres(day, *postgres);
    EXPECT_GT(of_sqlite.lines().size(), 20U);
    EXPECT_EQ(of_postgres.lines(), of_sqlite.lines());
}

// Issue 11: the original writes NULL for "N/A"; NaN and 1e40 are numerics too.
TEST(PostgresPipeline, PricesOfOthersAreReadAsTheyAre) {
    Day day;
    const PostgresUrl url = new_database();
    const auto store = open_store(url, day.clock);
    ASSERT_TRUE(store->ensure_table(day.feeds["coin"].table));
    day.run(kSlot, "22470.520");
    day.load(*store);
    Outsider outsider(url);
    outsider.execute(
        "insert into coin_records (coin, price, date) values ('a', null, '2026-11-24 00:01Z'),"
        " ('b', 'NaN', '2026-11-24 00:02Z'), ('c', 1e40, '2026-11-24 00:03Z'),"
        " ('d', -0.50, '2026-11-24 00:04Z')");
    std::vector<std::string> read;
    OddPrices odd;
    const auto done = each_row(*store, day.feeds, {{Timestamp(0s), kSlot + 1h}, {}, {}, {}, false},
                               [&](const ExportRow& row) {
                                   odd.look_at(row);
                                   append_csv(read.emplace_back(), row);
                                   return Result<>();
                               });
    ASSERT_TRUE(done) << done.error().what;
    ASSERT_EQ(read.size(), 5U);
    EXPECT_EQ(read[0], "coin,a,a,,2026-11-24T00:01:00Z,,,,,0,,\n");
    EXPECT_EQ(read[1], "coin,b,b,,2026-11-24T00:02:00Z,NaN,,,,0,,\n");
    EXPECT_EQ(read[2], "coin,c,c,,2026-11-24T00:03:00Z,1" + std::string(40, '0') + ",,,,0,,\n");
    EXPECT_EQ(read[3], "coin,d,d,,2026-11-24T00:04:00Z,-0.50,,,,0,,\n");
    EXPECT_EQ(odd.sentence(),
              "3 rows hold no number as price, the first coin_records id 2 of a: NULL");
    for (const auto& [id, price] : {std::pair{2, "NULL"}, {3, "NaN"}, {5, "-0.50"}}) {
        const auto rows =
            find_rows(*store, day.feeds["coin"], "id = $1", {static_cast<std::int64_t>(id)});
        ASSERT_TRUE(rows) << rows.error().what;
        EXPECT_EQ(shown_price(rows->at(0).price), price);
    }
    EXPECT_TRUE(parity_of(*store, day.feeds));
    const auto report =
        audit(*store, day.tape, day.feeds, {}, Timestamp(0s), kSlot + 1h, day.clock.now(), {});
    ASSERT_TRUE(report) << report.error().what;
    ASSERT_EQ(report->differences.size(), 1U);  // they came beside what was loaded
    EXPECT_EQ(report->differences[0].kind, AuditKind::rows_of_others);
    EXPECT_TRUE(report->differences[0].stored.starts_with("4 rows from id 2 on"))
        << report->differences[0].stored;
}

TEST(PostgresPipeline, ARestoredDumpCatchesUpFromTheTape) {
    Day day;
    const PostgresUrl url = new_database();
    const auto store = open_store(url, day.clock);
    ASSERT_TRUE(store->ensure_table(day.feeds["coin"].table));
    day.run(kSlot, "22470.520");
    day.load(*store);
    const TempFolder folder;
    const std::string dump = folder.file("last-night.dump");
    const auto dumped = store->backup(dump, [](int) {});
    ASSERT_TRUE(dumped) << dumped.error().what;
    for (int i = 1; i <= 20; ++i) day.run(kSlot + i * 5min, std::to_string(22470 + i) + ".5");
    day.strangers(kSlot);
    day.load(*store);

    const PostgresUrl fresh = restored(dump);
    const auto again = open_store(fresh, day.clock);
    ASSERT_TRUE(again);
    const LoadSummary caught_up = day.load(*again);
    EXPECT_EQ(caught_up.rows, 21);
    for (const char* rows :
         {"select coin, price, date, slot, source, revision from coin_records order by id",
          "select run_id, instrument, state from outcomes order by run_id, instrument",
          "select message_offset, reason from dead_letters",
          "select topic, partition, next_offset, last_digest from offsets order by topic"}) {
        EXPECT_EQ(Outsider(fresh).rows(rows), Outsider(url).rows(rows)) << rows;
    }
}

}  // namespace
}  // namespace tapedeck
