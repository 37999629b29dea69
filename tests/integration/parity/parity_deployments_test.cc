// One day of twelve instruments (a session that closes early, sources that fail, retries) recorded
// by the embedded deployment and by Kafka with PostgreSQL: rows and coverage must hash alike.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "config/urls.h"
#include "coverage/audit.h"
#include "coverage/parity.h"
#include "run/held_back.h"
#include "run/recorder.h"
#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/kafka/kafka_tape.h"
#include "tape/spool/spool_tape.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"
#include "tests/conformance/waiting_clock.h"
#include "tests/crash/faults.h"
#include "tests/parts/test_parts.h"
#include "tests/servers/server.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

// The day after Thanksgiving: XNAS is open from 14:30 to 18:00 UTC.
const Timestamp kDay = *parse_rfc3339("2026-11-27T00:00:00Z");
const Timestamp kEnd = kDay + 24h;

class DayClock : public WaitingClock {
public:
    DayClock() : WaitingClock(kDay, kEnd) {}
};

std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 14'695'981'039'346'656'037ULL;  // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
    return hash;
}

// What a site answers is a function of address and moment alone, so that every deployment sees the
// same: now and then an error, a page that is no price, a site that hangs.
WebAnswer answer_at(const std::string& url, Timestamp now) {
    const auto second = now.time_since_epoch() / 1s;
    const std::uint64_t dice = hash_of(url + std::to_string(second));
    WebAnswer answer;
    answer.latency = std::chrono::milliseconds(20 + dice % 80);
    if (dice % 11 == 0) answer.status = 503;
    if (dice % 13 == 0) answer.status = 404;
    if (dice % 97 == 0) answer.hangs = true;
    const auto cents = 1'000 + hash_of(std::to_string(second / 300) + url) % 9'000'000;
    answer.body = fmt::format("{{\"price\": {}.{:02}}}", cents / 100, cents % 100);
    if (dice % 17 == 0) answer.body = "{\"price\": \"soon\"}";
    return answer;
}

Feed feed_named(const std::string& name, RecordForm form, std::vector<std::string> instruments) {
    Feed feed = parts::feed_of(std::move(instruments),
                               {parts::json_source("alpha"), parts::json_source("beta")});
    feed.name = name;
    feed.topic = name + "_topic";
    feed.table = {name + "_records", form};
    return feed;
}

DagSpec dag_of(const std::string& feed, const std::string& schedule, const std::string& calendar) {
    DagSpec dag;
    dag.name = feed + "_market_record";
    dag.schedule = schedule;
    dag.calendar = calendar;
    dag.retries = 1;
    dag.retry_delay = 15s;
    dag.tasks = {{"begin-execution", TaskKind::noop, "", {}},
                 {"invoke_lambda", TaskKind::collect, feed, {"begin-execution"}}};
    return dag;
}

// One deployment: its store and tape, and what it recorded that day.
struct Deployment {
    DayClock& clock;
    Store& store;
    Tape& tape;
    int partitions = 1;
    int more_loaders = 0;
    std::function<std::optional<HeldBack>()> spooled = {};

    // Through these the recorder and the other loaders use them.
    Calls calls{};
    FaultyStore used_store{store, calls};
    FaultyTape used_tape{tape, calls};

    std::map<std::string, Feed> feeds{
        {"coin", feed_named("coin", RecordForm::coin,
                            {"bitcoin", "ethereum", "bnb", "dogecoin", "solana", "avalanche"})},
        {"stock", feed_named("stock", RecordForm::stock,
                             {"AAPL", "MSFT", "GOOG", "AMZN", "TSLA", "BRK-B"})}};
    // Never at the same instant: then the order of the clock's steps is the same everywhere.
    std::vector<DagSpec> dags{dag_of("coin", "*/5 * * * *", "always"),
                              dag_of("stock", "2-59/5 * * * *", "XNAS")};
    Log log{-1, LogFormat::text, Severity::error, clock};

    LoaderOptions loading() const {
        LoaderOptions options;
        for (const auto& [name, feed] : feeds) options.topics.push_back({feed.topic, feed.table});
        options.topics.push_back({std::string(kOutcomesTopic), std::nullopt});
        options.group = "parity";
        return options;
    }

    std::vector<Expectation> expectations() const {
        std::vector<Expectation> all;
        for (const DagSpec& dag : dags) {
            DagState state;
            state.dag = dag.name;
            state.first_seen = kDay;
            auto schedule = dag_schedule(dag, state);
            EXPECT_TRUE(schedule) << schedule.error().what;
            const std::string& feed = dag.tasks[1].feed;
            all.push_back({feed, dag.name, kDay, kEnd,
                           std::make_shared<const Schedule>(*std::move(schedule)),
                           feeds.at(feed).instruments});
        }
        return all;
    }

    // No server is asked for anything, and the spool, which drains by itself, holds nothing. What
    // is on the tape need not be loaded: no slot may depend on how far the loaders are.
    bool nothing_happens() { return (!spooled || !spooled()) && calls.under_way() == 0; }

    void record() {
        for (const auto& [name, feed] : feeds) {
            auto table = store.ensure_table(feed.table);
            ASSERT_TRUE(table) << table.error().what;
            auto topic = tape.ensure_topic(feed.topic, partitions);
            ASSERT_TRUE(topic) << topic.error().what;
        }
        ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
        auto journal = StatementJournal::open(":memory:", clock);
        ASSERT_TRUE(journal) << journal.error().what;
        clock.quiet = [this] { return nothing_happens(); };
        const SecretLookup secrets = [](const std::string&) -> Result<Secret> {
            return Error{ErrorKind::rejected, "none"};
        };
        RecorderOrders orders{dags, feeds, expectations(), loading(), {}, "digest"};
        Recorder::Parts parts{
            clock,
            used_store,
            used_tape,
            nullptr,
            secrets,
            log,
            [this]() -> Result<std::unique_ptr<HttpClient>> {
                return std::unique_ptr<HttpClient>(std::make_unique<MemoryHttpClient>(
                    MemoryHttpClient::advancing(clock, [this](const Request& request) {
                        return answer_at(request.url, clock.now());
                    })));
            },
            [](bool, const Problem&) { return Result<>(); },
            {},
            {},
            "parity:1",
            **journal,
            spooled};
        Recorder recorder(std::move(parts), std::move(orders));
        std::vector<std::jthread> loaders;
        for (int i = 0; i < more_loaders; ++i) {
            loaders.emplace_back([this](std::stop_token stop) {
                Loader loader(used_tape, used_store, clock, log, loading());
                auto loaded = loader.run(stop, false);
                EXPECT_TRUE(loaded) << loaded.error().what;
            });
        }
        auto done = recorder.run(clock.over());
        ASSERT_TRUE(done) << done.error().what;
        loaders.clear();
        Loader last(tape, store, clock, log, loading());
        auto loaded = last.run({}, true);
        ASSERT_TRUE(loaded) << loaded.error().what;
        CoverageLedger ledger(store, tape, feeds);
        ASSERT_TRUE(ledger.settle(expectations(), clock.now()));
    }

    AuditReport audited() {
        auto report =
            audit(store, tape, feeds, expectations(), kDay, kEnd, clock.now(), [](auto, auto) {});
        EXPECT_TRUE(report) << report.error().what;
        return report ? *std::move(report) : AuditReport{};
    }

    Parity parity() {
        auto parity = parity_of(store, feeds);
        EXPECT_TRUE(parity) << parity.error().what;
        return parity ? *parity : Parity{};
    }
};

void expect_no_difference(const AuditReport& report) {
    for (const AuditDifference& one : report.differences) {
        ADD_FAILURE() << one.feed << " " << (one.slot ? format_rfc3339(*one.slot) : "") << " "
                      << one.instrument << ": " << one.stored << ", derived " << one.derived;
    }
}

struct Recorded {
    Parity parity;
    AuditReport report;
};

Recorded record_embedded() {
    TempFolder folder;
    DayClock clock;
    auto store = SqliteStore::open(folder.file("t.db"), clock);
    EXPECT_TRUE(store) << store.error().what;
    SqliteTapeOptions shared;
    shared.gate = (*store)->gate();
    auto tape = SqliteTape::open(folder.file("t.db"), clock, shared);
    EXPECT_TRUE(tape) << tape.error().what;
    Deployment deployment{clock, **store, **tape};
    deployment.record();
    return {deployment.parity(), deployment.audited()};
}

Recorded record_on_servers() {
    TempFolder folder;
    DayClock clock;
    Server broker("kafka.py");
    Server database("postgres.py");
    const auto url = parse_store_url(database.text("url"));
    EXPECT_TRUE(url);
    auto store = PostgresStore::open(std::get<PostgresUrl>(url->target), clock);
    EXPECT_TRUE(store) << store.error().what;
    KafkaOptions options;
    options.brokers = broker.address();
    options.retention = -1ms;
    auto kafka = KafkaTape::open(options);
    EXPECT_TRUE(kafka) << kafka.error().what;
    Log log(-1, LogFormat::text, Severity::error, clock);
    auto tape = SpoolTape::open(*std::move(kafka), clock, log, {folder.file("spool.db")});
    EXPECT_TRUE(tape) << tape.error().what;
    Deployment deployment{clock,  **store,
                          **tape, 3,
                          2,      [&tape] {
                              return held_by_spool("spool.db", (*tape)->sizes()); }};
    deployment.record();
    return {deployment.parity(), deployment.audited()};
}

TEST(Parity, OneDayIsTheSameByKafkaAndPostgresAsByOneFile) {
    const Recorded embedded = record_embedded();
    expect_no_difference(embedded.report);
    // The day has something of everything, or it would prove little.
    const CoverageSum& coins = embedded.report.feeds.at("coin");
    const CoverageSum& stocks = embedded.report.feeds.at("stock");
    EXPECT_EQ(coins.expected, 288 * 6);
    EXPECT_GT(coins.of(CoverageState::failed), 0);
    EXPECT_GT(stocks.of(CoverageState::recorded), 0);
    EXPECT_EQ(embedded.parity.rows,
              coins.of(CoverageState::recorded) + stocks.of(CoverageState::recorded));
    EXPECT_EQ(embedded.parity.slots, (288 + 42) * 6);  // from 14:32 to 17:57
    const Recorded servers = record_on_servers();
    expect_no_difference(servers.report);
    EXPECT_EQ(servers.parity.rows, embedded.parity.rows);
    EXPECT_EQ(hex(servers.parity.rows_hash), hex(embedded.parity.rows_hash));
    EXPECT_EQ(servers.parity.slots, embedded.parity.slots);
    EXPECT_EQ(hex(servers.parity.coverage_hash), hex(embedded.parity.coverage_hash));
}

}  // namespace
}  // namespace tapedeck
