// What the library writes is what `tapedeck load` writes, for every kind of message: the same
// tables, column by column, so that what is shown of the loader holds for Spark.
#include "load/loader.h"
#include "market/outcome.h"
#include "tape/memory_tape.h"
#include "tests/integration/postgres/spark_session.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr const char* kIdentity = "kafka:abc";
const std::string kOutcomes(kOutcomesTopic);

std::string coin(std::string_view name, std::string_view amount, int minute,
                 std::string_view source = "alpha", int revision = 0) {
    return fmt::format(
        R"({{"coin_name":"{}","current_price":{},"currency":"USD","slot":"2026-11-24T00:{:02}:00Z",)"
        R"("observed_at":"2026-11-24T00:{:02}:00.412913Z","source":"{}","rule":"json","revision":{},)"
        R"("capture":"{:064}"}})",
        name, amount, minute, minute, source, revision, minute);
}

std::string account() {
    RunOutcomes run;
    run.run_id = "scheduled__2026-11-24T00:05:00Z";
    run.feed = "coin";
    run.slot = kTestStart;
    run.started = kTestStart;
    run.ended = kTestStart + 2s;
    run.config = "digest";
    run.collector = "host:1";
    Outcome sent{"bitcoin",
                 Outcome::Sent{"coin_topic", Partition(0), Offset(3), "alpha", "json"},
                 {},
                 "",
                 {{"alpha", "https://alpha.example/", kTestStart, 15ms, 200, 99, "", {}, ""}}};
    Outcome failed{"ethereum", {}, Reason::not_found, "alpha answers 404", {}};
    run.outcomes = {sent, failed};
    return encode_outcomes(run);
}

// By topic, what stands on the tape from offset 0 on.
std::map<std::string, std::vector<std::string>> everything() {
    std::vector<std::string> coins{
        coin("bitcoin", "22470.520", 5),
        coin("bitcoin", "22470.520", 5),          // once more
        coin("bitcoin", "22471", 5),              // the same slot with another price
        coin("bitcoin", "22471", 5, "alpha", 1),  // a correction
        coin("bitcoin", "22471.0", 5, "beta"),    // of another source
        coin("shiba", "0.000000000000000001", 6),
        coin("large", "100000000000000000000000000000000000000", 6),
        coin("larger", "1e400", 6),
        R"([{"coin_name":"bitcoin","current_price":1.5},{"coin_name":"ethereum","current_price":2}])",
        R"([{"coin_name":"bitcoin","current_price":1.5},{"coin_name":"x"},{"coin_name":"y","current_price":3}])",
        R"([])",
        R"({"coin_name":"bitcoin"})",
        R"j({"stock_name":"Apple Inc. (AAPL)","current_price":1,"previous_close":2})j",
        "",
        "{",
        "\xff\xfe",
        R"({"coin_name":"b\u0000c","current_price":4})",
        R"({"coin_name":"bitcoin","current_price":NaN})",
        R"({"coin_name":"bitcoin","current_price":-1,"slot":"2026-13-41T00:00:00Z"})",
        coin(std::string(5'000, 'n'), "7", 7)};
    for (int minute = 10; minute < 50; ++minute) coins.push_back(coin("solana", "98.10", minute));
    const std::vector<std::string> stocks{
        R"j([{"stock_name":"Apple Inc. (AAPL)","current_price":271.49,"previous_close":266.250},)j"
        R"j({"stock_name":"Tesla, Inc. (TSLA)","current_price":391.09,"previous_close":null}])j",
        R"j({"stock_name":"Apple Inc. (AAPL)","symbol":"AAPL","current_price":271.5,)j"
        R"j("previous_close":266.25,"currency":"USD","slot":"2026-11-24T15:00:00Z",)j"
        R"j("observed_at":"2026-11-24T15:00:01Z","source":"yahoo","rule":"chart","revision":0})j",
        coin("bitcoin", "1", 9)};
    return {
        {"coin_topic", coins}, {"stock_topic", stocks}, {kOutcomes, {account(), "{}", account()}}};
}

class SparkAbiParity : public ::testing::Test {
protected:
    static constexpr const char* kTables[] = {"coin_records", "stock_records", "dead_letters",
                                              "duplicates",   "outcomes",      "attempts",
                                              "offsets",      "tape_gaps"};

    PostgresUrl prepared() {
        const PostgresUrl url = new_database();
        const auto store = open_store(url, clock_);
        EXPECT_TRUE(store->ensure_table({"coin_records", RecordForm::coin}));
        EXPECT_TRUE(store->ensure_table({"stock_records", RecordForm::stock}));
        return url;
    }

    // Every row of every table, without what the moment of loading says.
    static std::vector<std::string> content(const PostgresUrl& url) {
        Outsider outsider(url);
        std::vector<std::string> out;
        for (const std::string table : kTables) {
            const auto rows =
                outsider.rows("select (to_jsonb(t) - 'recorded_at' - 'id')::text from " + table +
                              " t order by 1");
            for (const std::string& row : rows) out.push_back(table + " " + row);
        }
        return out;
    }

    void by_the_loader(const PostgresUrl& url) {
        MemoryTape tape(kIdentity);
        for (const auto& [topic, values] : everything()) {
            ASSERT_TRUE(tape.ensure_topic(topic, 1));
            for (const std::string& value : values) {
                const std::vector<OutgoingMessage> one{{topic, "key", value, kTestStart, {}}};
                ASSERT_TRUE(tape.append(one));
            }
        }
        const auto store = open_store(url, clock_);
        Log log(-1, LogFormat::text, Severity::error, clock_);
        LoaderOptions options;
        options.topics = {{"coin_topic", PriceTable{"coin_records", RecordForm::coin}},
                          {"stock_topic", PriceTable{"stock_records", RecordForm::stock}},
                          {kOutcomes, std::nullopt}};
        options.batch.rows = 7;
        Loader loader(tape, *store, clock_, log, options);
        const auto loaded = loader.run({}, true);
        ASSERT_TRUE(loaded) << loaded.error().what;
    }

    static void by_the_library(const PostgresUrl& url) {
        const std::string place =
            fmt::format("postgresql://postgres@127.0.0.1:{}/{}", url.hosts[0].port, url.database);
        Opened opened(fmt::format(
            R"({{"version": 1, "store": "{}", "tape": {{"identity": "{}"}}, "log": "error",
                 "topics": [{{"topic": "coin_topic", "table": "coin_records", "form": "coin"}},
                            {{"topic": "stock_topic", "table": "stock_records", "form": "stock"}},
                            {{"topic": "{}"}}],
                 "batch": {{"rows": 7}}}})",
            place, kIdentity, kOutcomes));
        ASSERT_EQ(opened.status, TAPEDECK_OK) << opened.said;
        for (const auto& [topic, values] : everything()) {
            std::vector<Message> all;
            for (const std::string& value : values) {
                Message one{static_cast<std::int64_t>(all.size()), value};
                one.micros = kTestStart.time_since_epoch().count();
                one.key = "key";
                one.topic = topic;
                all.push_back(one);
            }
            const auto end = static_cast<std::int64_t>(all.size());
            const std::vector<Message> first(all.begin(), all.begin() + end / 3);
            const std::vector<Message> rest(all.begin() + end / 3, all.end());
            ASSERT_EQ(opened.load(0, end, {first, rest}, topic), TAPEDECK_OK) << opened.said;
        }
    }

    SystemClock clock_;
};

TEST_F(SparkAbiParity, TheLibraryWritesWhatTheLoaderWrites) {
    const PostgresUrl loader = prepared();
    by_the_loader(loader);
    const PostgresUrl library = prepared();
    by_the_library(library);
    const auto content_of_loader = content(loader);
    EXPECT_EQ(content(library), content_of_loader);
    for (const std::string table : kTables) {
        if (table == "tape_gaps") continue;
        EXPECT_TRUE(std::ranges::any_of(content_of_loader,
                                        [&](const auto& row) { return row.starts_with(table); }))
            << table << " is empty, and shows nothing";
    }
}

}  // namespace
}  // namespace tapedeck
