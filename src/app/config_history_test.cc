#include "app/config_history.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "app/assembly.h"
#include "app/config.h"
#include "app/settings_text.h"
#include "base/clock.h"
#include "schedule/planner.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kBegin = *parse_rfc3339("2026-11-24T00:00:00Z");

LoadedConfig config_with(const std::string& schedule, const std::string& instruments = "\"btc\"") {
    const std::string text = fmt::format(R"([feed.coin]
instruments = [{}]
[dag.coin_market_record]
schedule = "{}"
zone = "UTC"
calendar = "always"
)",
                                         instruments, schedule);
    auto loaded = load_config_text({}, text, "test.toml");
    EXPECT_TRUE(loaded) << loaded.error().what;
    return *std::move(loaded);
}

class ConfigHistoryTest : public ::testing::Test {
protected:
    void begin(const LoadedConfig& config, Timestamp at,
               std::optional<Timestamp> stood_still = std::nullopt) {
        const auto done = begin_schedule(*store, config.settings,
                                         {at, config.digest, config.effective}, stood_still);
        ASSERT_TRUE(done) << done.error().what;
    }

    std::vector<Expectation> coins() {
        const auto history = config_history(*store);
        const auto seen = first_seen_dags(*store);
        EXPECT_TRUE(history && seen);
        auto all = expectations_in(*history, *seen);
        EXPECT_TRUE(all);
        return of_feed(*all, "coin");
    }

    // The slots that the coverage ledger expects up to `end`.
    std::set<std::string> expected(Timestamp end) {
        std::set<std::string> slots;
        for (const Expectation& one : coins()) {
            one.schedule->for_each_instant(one.from, std::min(one.to, end),
                                           [&](Timestamp slot, bool open) {
                                               if (open) slots.insert(format_rfc3339(slot));
                                           });
        }
        return slots;
    }

    // Those that a recorder that starts at `now` with that configuration starts or gives up.
    std::set<std::string> planned(const LoadedConfig& config, Timestamp now) {
        std::set<std::string> slots;
        for (const DagSpec& dag : make_dags(config.settings)) {
            if (dag.name != "coin_market_record") continue;
            const auto seen = first_seen_dags(*store);
            DagState state;
            state.dag = dag.name;
            state.first_seen = seen->at(dag.name);
            EXPECT_TRUE(store->query(
                {"select handled_until from dag_states where dag = $1", {dag.name}, {}},
                [&](const RowView& row) -> Result<> {
                    if (!row.is_null(0)) state.handled = row.timestamp(0);
                    return {};
                }));
            const auto schedule = dag_schedule(dag, state);
            const std::vector<PlannedDag> dags{{dag, *schedule, state}};
            const Plan made = plan(dags, now);
            for (const Action& action : made.actions) {
                if (const auto* run = std::get_if<StartRun>(&action)) {
                    slots.insert(format_rfc3339(run->slot));
                }
                if (const auto* missed = std::get_if<MarkMissed>(&action)) {
                    for (const Timestamp slot : missed->slots) slots.insert(format_rfc3339(slot));
                }
            }
        }
        return slots;
    }

    void handled(Timestamp until) {
        const std::vector<Statement> statements{
            {"update dag_states set handled_until = $1", {until}, {}}};
        ASSERT_TRUE(store->transact(statements));
    }

    ManualClock clock{kBegin};
    std::unique_ptr<Store> store = *SqliteStore::open(":memory:", clock);
};

using Slots = std::set<std::string>;

// Issue 10: the recorder took a slot of its first moment for missed, and all others denied it.
TEST_F(ConfigHistoryTest, ASlotOfTheFirstMomentIsExpectedAndPlanned) {
    const LoadedConfig config = config_with("*/5 * * * *");
    begin(config, kBegin);
    EXPECT_EQ(expected(kBegin + 3s), Slots{"2026-11-24T00:00:00Z"});
    EXPECT_EQ(planned(config, kBegin + 3s), Slots{"2026-11-24T00:00:00Z"});
}

TEST_F(ConfigHistoryTest, ASlotBeforeTheFirstMomentIsNeither) {
    const LoadedConfig config = config_with("* * * * *");
    begin(config, kBegin + 20s);
    EXPECT_EQ(expected(kBegin + 25s), Slots{});
    EXPECT_EQ(planned(config, kBegin + 25s), Slots{});
}

// An older version's `collect` wrote a history that no recorder had seen.
TEST_F(ConfigHistoryTest, NothingIsExpectedBeforeARecorderHasSeenTheDag) {
    const LoadedConfig config = config_with("*/5 * * * *");
    const std::vector<Statement> noted{
        {"insert into config_history (at, digest, text) values ($1, $2, $3)",
         {kBegin, config.digest, config.effective},
         {}}};
    ASSERT_TRUE(store->transact(noted));
    EXPECT_EQ(expected(kBegin + 1h), Slots{});
    begin(config, kBegin + 2h);
    EXPECT_EQ(expected(kBegin + 2h + 6min),
              (Slots{"2026-11-24T02:00:00Z", "2026-11-24T02:05:00Z"}));
    EXPECT_EQ(planned(config, kBegin + 2h + 6min), expected(kBegin + 2h + 6min));
}

// The new schedule's instants before its first moment are not looked for, though they are younger
// than the last that was handled and within their grace.
TEST_F(ConfigHistoryTest, AScheduleThatChangesBeginsWhenItIsFirstSeen) {
    begin(config_with("*/10 * * * *"), kBegin);
    handled(kBegin);
    const LoadedConfig every_minute = config_with("* * * * *");
    begin(every_minute, kBegin + 12min + 20s);
    EXPECT_EQ(expected(kBegin + 13min + 5s),
              (Slots{"2026-11-24T00:00:00Z", "2026-11-24T00:10:00Z", "2026-11-24T00:13:00Z"}));
    EXPECT_EQ(planned(every_minute, kBegin + 13min + 5s), Slots{"2026-11-24T00:13:00Z"});
}

TEST_F(ConfigHistoryTest, OtherInstrumentsChangeNothingAboutTheSlots) {
    begin(config_with("*/5 * * * *"), kBegin);
    handled(kBegin);
    const LoadedConfig more = config_with("*/5 * * * *", "\"btc\", \"eth\"");
    begin(more, kBegin + 6min);
    EXPECT_EQ(planned(more, kBegin + 6min), Slots{"2026-11-24T00:05:00Z"});
    EXPECT_EQ(expected(kBegin + 6min), (Slots{"2026-11-24T00:00:00Z", "2026-11-24T00:05:00Z"}));
    EXPECT_EQ(coins().back().instruments, (std::vector<std::string>{"btc", "eth"}));
}

TEST_F(ConfigHistoryTest, ADagThatComesBackBeginsAnew) {
    const LoadedConfig with = config_with("*/5 * * * *");
    LoadedConfig without = with;
    without.settings.dags.erase("coin_market_record");
    without.effective = effective_toml(without.settings);
    without.digest = "without";
    begin(with, kBegin);
    handled(kBegin);
    begin(without, kBegin + 6min);
    begin(with, kBegin + 31min);
    EXPECT_EQ(expected(kBegin + 36min),
              (Slots{"2026-11-24T00:00:00Z", "2026-11-24T00:05:00Z", "2026-11-24T00:35:00Z"}));
    EXPECT_EQ(planned(with, kBegin + 36min), Slots{"2026-11-24T00:35:00Z"});
}

// Issue 10: a demo that was killed and started again has nothing to tell of the time between, and
// what was pending did not leave the list.
TEST_F(ConfigHistoryTest, WhileTheDemoStandsStillNothingIsExpectedAndNothingWithdrawn) {
    const LoadedConfig config = config_with("*/5 * * * *");
    begin(config, kBegin);
    begin(config, kBegin + 1h, kBegin + 6min);
    EXPECT_EQ(expected(kBegin + 1h + 1s),
              (Slots{"2026-11-24T00:00:00Z", "2026-11-24T00:05:00Z", "2026-11-24T01:00:00Z"}));
    EXPECT_EQ(planned(config, kBegin + 1h + 1s), Slots{"2026-11-24T01:00:00Z"});
    EXPECT_EQ(coins().front().to, kBegin + 6min);
    EXPECT_EQ(coins().front().listed_to(), kBegin + 1h);
}

TEST_F(ConfigHistoryTest, TheSameConfigurationIsNotedOnce) {
    const LoadedConfig config = config_with("*/5 * * * *");
    begin(config, kBegin);
    begin(config, kBegin + 1h);
    EXPECT_EQ(config_history(*store)->size(), 1U);
    EXPECT_EQ(coins().front().from, kBegin);
}

// Issue 11: one's own calendar wins, and is known without its file.
class OwnCalendar : public ConfigHistoryTest {
protected:
    // A day of trading from 08:00 on for an hour, by the UTC, on Tuesdays alone.
    static std::string calendar(std::string_view day) {
        return fmt::format(
            "[calendar]\nname = \"XNAS\"\nzone = \"UTC\"\nweekdays = [\"{}\"]\n"
            "hours = [[\"08:00\", \"09:00\"]]\nlisted_from = 2026-01-01\n"
            "listed_through = 2026-12-31\n",
            day);
    }
    LoadedConfig with_file(const std::string& text) {
        const auto file = folder.path() / "own.toml";
        std::ofstream(file) << text;
        auto loaded = load_config_text(
            {},
            fmt::format("[calendar.XNAS]\nfile = \"{}\"\n[feed.coin]\ninstruments = [\"btc\"]\n"
                        "[dag.coin_market_record]\nschedule = \"*/30 * * * *\"\nzone = \"UTC\"\n"
                        "calendar = \"XNAS\"\n",
                        file.string()),
            "test.toml");
        EXPECT_TRUE(loaded) << loaded.error().what;
        std::filesystem::remove(file);
        return *std::move(loaded);
    }
    TempFolder folder;
};

TEST_F(OwnCalendar, GoesBeforeTheShippedOneAndIsKnownWithoutItsFile) {
    begin(with_file(calendar("Tue")), kBegin);  // a Tuesday
    EXPECT_EQ(expected(kBegin + 48h),
              (std::set<std::string>{"2026-11-24T08:00:00Z", "2026-11-24T08:30:00Z",
                                     "2026-11-24T09:00:00Z"}));
}

TEST_F(OwnCalendar, AChangedOneCountsFromTheNextStartOn) {
    begin(with_file(calendar("Tue")), kBegin);
    begin(with_file(calendar("Wed")), kBegin + 8h + 15min);
    EXPECT_EQ(expected(kBegin + 48h),
              (std::set<std::string>{"2026-11-24T08:00:00Z", "2026-11-25T08:00:00Z",
                                     "2026-11-25T08:30:00Z", "2026-11-25T09:00:00Z"}));
}

}  // namespace
}  // namespace tapedeck
