// kill -9 between any two calls on tape and store, and every call failing once: what is there in
// the end is what an undisturbed run leaves.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "load/loader.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"
#include "tests/crash/faults.h"

namespace tapedeck {
namespace {

constexpr Timestamp kStart{std::chrono::microseconds(1'764'000'000'000'000)};
constexpr int kRounds = 3;
const std::string kTopic = "coin_topic";
const PriceTable kCoins{"coin_records", RecordForm::coin};

std::string object(std::string_view coin, std::string_view price, Timestamp slot) {
    return fmt::format(
        R"({{"coin_name":"{}","current_price":{},"currency":"USD","slot":"{}","observed_at":"{}",)"
        R"("source":"demo","rule":"r","revision":0,"capture":"c0ffee"}})",
        coin, price, format_rfc3339(slot), format_rfc3339(slot + std::chrono::milliseconds(413)));
}

OutgoingMessage message_to(const std::string& topic, const std::string& key, std::string value,
                           int second) {
    return {topic, key, std::move(value), kStart + std::chrono::seconds(second), {}};
}

// What a collector sends in one slot, with everything that can be wrong with it.
std::vector<OutgoingMessage> sent_in(int round) {
    const Timestamp slot = kStart + std::chrono::minutes(5 * round);
    RunOutcomes run;
    run.run_id = fmt::format("run-{}", round);
    run.feed = "coin";
    run.slot = run.started = slot;
    run.ended = slot + std::chrono::seconds(1);
    run.outcomes.push_back({"bitcoin",
                            Outcome::Sent{kTopic, Partition(0), Offset(round * 6), "demo", "r"},
                            std::nullopt,
                            "",
                            {}});
    const int second = round * 300;
    return {message_to(kTopic, "bitcoin", object("bitcoin", "22470.52", slot), second),
            message_to(kTopic, "ethereum", object("ethereum", "1641.10", slot), second),
            message_to(kTopic, "bitcoin", object("bitcoin", "22470.52", slot), second),   // again
            message_to(kTopic, "ethereum", object("ethereum", "1641.20", slot), second),  // differs
            message_to(kTopic, "", "no JSON", second),
            message_to(kTopic, "", R"([{"coin_name":"bnb","current_price":280.1}])", second),
            message_to(std::string(kOutcomesTopic), run.run_id, encode_outcomes(run), second)};
}

// One life of the program: it goes on from what is in the file, up to its end or its death.
Result<> live(const std::string& path, Calls& calls) {
    ScaledClock clock(kStart, 1'000);
    auto opened = SqliteStore::open(path, clock);
    if (!opened) return opened.error();
    SqliteTapeOptions options;
    options.gate = (*opened)->gate();
    auto opened_tape = SqliteTape::open(path, clock, options);
    if (!opened_tape) return opened_tape.error();
    FaultyStore store(**opened, calls);
    FaultyTape tape(**opened_tape, calls);
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    Log log(null, LogFormat::text, Severity::error, clock);
    Result<> done = store.ensure_table(kCoins);
    for (const std::string& topic : {kTopic, std::string(kOutcomesTopic)}) {
        if (done) done = tape.ensure_topic(topic, 1);
    }
    for (int round = 0; round < kRounds && done; ++round) {
        // What is on the tape already was sent in an earlier life.
        std::vector<OutgoingMessage> missing;
        for (const std::string& topic : {kTopic, std::string(kOutcomesTopic)}) {
            std::vector<OutgoingMessage> all;
            for (int each = 0; each <= round; ++each) {
                for (OutgoingMessage& one : sent_in(each)) {
                    if (one.topic == topic) all.push_back(std::move(one));
                }
            }
            const auto extent = tape.extent({topic, Partition(0)});
            if (!extent) {
                ::close(null);
                return extent.error();
            }
            for (auto i = static_cast<std::size_t>(extent->end.value()); i < all.size(); ++i) {
                missing.push_back(std::move(all[i]));
            }
        }
        if (!missing.empty()) {
            const auto appended = tape.append(missing);
            if (!appended) done = appended.error();
        }
        if (!done) break;
        LoaderOptions loading;
        loading.topics = {{kTopic, kCoins}, {std::string(kOutcomesTopic), std::nullopt}};
        loading.batch.bytes = 400;  // several batches a round
        Loader loader(tape, store, clock, log, loading);
        const auto loaded = loader.run({}, true);
        if (!loaded) done = loaded.error();
    }
    ::close(null);
    return done;
}

// Everything that must be the same in the end, as text.
std::vector<std::string> state_of(const std::string& path) {
    ManualClock clock(kStart);
    std::vector<std::string> out;
    auto store = SqliteStore::open(path, clock);
    EXPECT_TRUE(store) << store.error().what;
    if (!store) return out;
    for (const char* sql :
         {"select id || ' ' || coin || ' ' || price || ' ' || date || ' ' || coalesce(slot, '') ||"
          " ' ' || coalesce(source, '') from coin_records order by id",
          "select 'duplicate ' || message_offset || kept_price || other_price from duplicates"
          " order by id",
          "select 'dead ' || topic || message_offset || hex(value) from dead_letters order by id",
          "select 'outcome ' || run_id || instrument || state from outcomes order by id",
          "select 'ledger ' || topic || partition || next_offset || last_timestamp || last_digest"
          " from offsets order by topic, partition",
          "select 'tape ' || topic || offset || timestamp || key || value from tape"
          " order by topic, offset",
          // The batches of a partition follow one another without gap or overlap.
          "select 'torn ' || topic || from_offset from batches b where from_offset <> 0 and not"
          " exists (select 1 from batches o where o.topic = b.topic and o.to_offset ="
          " b.from_offset)",
          "select 'loaded ' || topic || (count(*) - count(distinct from_offset)) || ' ' ||"
          " max(to_offset) || ' ' || sum(rows) from batches group by topic order by topic"}) {
        const auto done = (*store)->query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
            if (!row.is_null(0)) out.emplace_back(row.text(0));
            return {};
        });
        EXPECT_TRUE(done) << done.error().what;
    }
    return out;
}

class Crash : public ::testing::Test {
protected:
    // Runs one life in a process of its own. True where it was killed.
    static bool live_and_die(const std::string& path, std::uint64_t at, Fault fault) {
        const pid_t child = ::fork();
        if (child == 0) {
            Calls calls(at, fault);
            ::_exit(live(path, calls) ? 0 : 1);
        }
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        if (WIFSIGNALED(status)) {
            EXPECT_EQ(WTERMSIG(status), SIGKILL);
            return true;
        }
        EXPECT_EQ(WEXITSTATUS(status), 0);
        return false;
    }

    // The undisturbed run: its number of calls and what it leaves.
    void SetUp() override {
        Calls calls;
        const auto path = folder_.file("undisturbed.db");
        const auto done = live(path, calls);
        ASSERT_TRUE(done) << done.error().what;
        calls_ = calls.count();
        expected_ = state_of(path);
        ASSERT_GT(calls_, 30U);
        ASSERT_GE(expected_.size(), 3U * 7U);
    }

    void check_every_kill(Fault fault) {
        std::uint64_t kills = 0;
        // How often the loader polls depends on the moment: past the count it may end alive.
        for (std::uint64_t n = 1; n <= calls_; ++n) {
            const auto path = folder_.file(fmt::format("{}.db", n));
            if (!live_and_die(path, n, fault)) break;
            ++kills;
            Calls calls;
            const auto done = live(path, calls);
            ASSERT_TRUE(done) << "after call " << n << ": " << done.error().what;
            ASSERT_EQ(state_of(path), expected_) << "killed at call " << n;
            std::filesystem::remove(path);
        }
        EXPECT_GT(kills, calls_ / 2);
    }

    void check_every_failure(Fault fault) {
        for (std::uint64_t n = 1; n <= calls_; ++n) {
            const auto path = folder_.file(fmt::format("{}.db", n));
            Calls calls(n, fault);
            if (!live(path, calls)) {
                Calls again;
                const auto done = live(path, again);
                ASSERT_TRUE(done) << "after call " << n << ": " << done.error().what;
            }
            ASSERT_EQ(state_of(path), expected_) << "failed at call " << n;
            std::filesystem::remove(path);
        }
    }

    TempFolder folder_;
    std::uint64_t calls_ = 0;
    std::vector<std::string> expected_;
};

TEST_F(Crash, KilledBeforeAnyCallLosesAndDoublesNothing) { check_every_kill(Fault::kill_before); }
TEST_F(Crash, KilledAfterAnyCallLosesAndDoublesNothing) { check_every_kill(Fault::kill_after); }
TEST_F(Crash, AnyCallFailingLosesAndDoublesNothing) { check_every_failure(Fault::fail_before); }
TEST_F(Crash, AnyCallWhoseAnswerIsLostLosesAndDoublesNothing) {
    check_every_failure(Fault::fail_after);
}

}  // namespace
}  // namespace tapedeck
