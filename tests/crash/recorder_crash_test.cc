// Kills the whole recorder at every call that it makes on tape and store, opens its files again,
// lets it finish, and compares with a run that was not interrupted.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <random>

#include "tests/conformance/temp_folder.h"
#include "tests/crash/recorder_world.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using namespace crash;

// Which of the first `step` calls an enumeration begins with: another one each time, or that of
// TAPEDECK_SEED.
std::uint64_t first_of(std::uint64_t step) {
    const char* const told = std::getenv("TAPEDECK_SEED");
    const std::uint64_t seed =
        told != nullptr ? std::strtoull(told, nullptr, 10) : std::random_device()();
    std::cout << "again with TAPEDECK_SEED=" << seed << std::endl;
    return 1 + seed % step;
}

class RecorderCrash : public ::testing::Test {
protected:
    World world(const std::string& name) const {
        World one;
        one.folder = root.file(name);
        std::filesystem::create_directories(one.folder);
        return one;
    }
    // When the last try began, by the store, or by the journal where that was not brought home.
    static Timestamp last_sign(const World& one) {
        ManualClock still(kStart);
        Timestamp last = kStart;
        if (std::filesystem::exists(one.file())) {
            auto store = SqliteStore::open(one.file(), still);
            EXPECT_TRUE(store) << store.error().what;
            auto read = (*store)->query({"select max(started_at) from task_tries", {}, {}},
                                        [&](const RowView& row) -> Result<> {
                                            if (!row.is_null(0)) last = row.timestamp(0);
                                            return {};
                                        });
            EXPECT_TRUE(read);
        }
        if (std::filesystem::exists(one.journal_file())) {
            auto journal = StatementJournal::open(one.journal_file(), still);
            EXPECT_TRUE(journal) << journal.error().what;
            auto database = Database::open(one.journal_file(), {});
            EXPECT_TRUE(database) << database.error().what;
            const auto latest = (*database)->integer("select max(written_at) from journal");
            EXPECT_TRUE(latest) << latest.error().what;
            if (*latest) last = std::max(last, Timestamp(std::chrono::microseconds(**latest)));
        }
        return last;
    }

    // The number of messages on the topic of prices.
    static std::int64_t prices_sent_in(const World& one) {
        ManualClock still(kStart);
        auto tape = SqliteTape::open(one.file(), still);
        EXPECT_TRUE(tape) << tape.error().what;
        const auto extent = (*tape)->extent({one.feed.topic, Partition(0)});
        EXPECT_TRUE(extent) << extent.error().what;
        return extent ? extent->end.value() : -1;
    }

    // Kills a recorder of such a world at one call after the other; what it is told to find is
    // there once it has started again, and nothing besides.
    void kill_at_every_call(const std::function<void(World&)>& change, std::uint64_t seldom,
                            std::int64_t messages) {
        const Timestamp end = kStart + kSlots * 5min;
        World undisturbed = world("undisturbed");
        Calls uncounted;
        ASSERT_TRUE(undisturbed.record(kStart, end, uncounted));
        const auto expected = undisturbed.facts(end);
        ASSERT_EQ(expected.size(), static_cast<std::size_t>(kSlots * 2 * 2));
        World whole = world("whole");
        change(whole);
        Calls counting;
        ASSERT_TRUE(whole.record(kStart, end, counting));
        ASSERT_EQ(whole.facts(end), expected);
        ASSERT_EQ(prices_sent_in(whole), messages);
        const auto calls = counting.count();
        ASSERT_GT(calls, 40U);
        const std::uint64_t step = std::getenv("TAPEDECK_LONG") != nullptr ? 1 : seldom;
        for (std::uint64_t at = first_of(step); at <= calls; at += step) {
            for (const Fault fault : {Fault::kill_before, Fault::kill_after}) {
                World one = world(std::to_string(at) + (fault == Fault::kill_before ? "b" : "a"));
                change(one);
                const pid_t child = ::fork();
                ASSERT_GE(child, 0);
                if (child == 0) {
                    Calls killing(at, fault);
                    ::_exit(one.record(kStart, end, killing) ? 0 : 1);
                }
                int status = 0;
                ASSERT_EQ(::waitpid(child, &status, 0), child);
                // It starts again a second after its last sign of life, and so within the grace.
                const Timestamp last = last_sign(one);
                Calls calm;
                ASSERT_TRUE(one.record(last == kStart ? kStart : last + 1s, end, calm));
                EXPECT_EQ(one.facts(end), expected) << "killed at call " << at;
                if (HasFailure()) return;
                std::filesystem::remove_all(one.folder);
            }
        }
    }

    TempFolder root;
};

TEST_F(RecorderCrash, KilledAtAnyCallItLosesAndDoublesNothing) {
    kill_at_every_call([](World&) {}, 3, kSlots * 2);
}

// A retry of one instrument is a second array of the run; the rows are those of a feed of objects.
TEST_F(RecorderCrash, AFeedOfArraysThatAsksAgainLosesAndDoublesNothing) {
    const auto change = [](World& world) {
        world.feed.sends_arrays = true;
        world.has_no_price = [](const std::string& url, Timestamp now) {
            return url.ends_with("ethereum") && now.time_since_epoch() % 5min < 500ms;
        };
    };
    kill_at_every_call(change, 5, kSlots * 2);
}

}  // namespace
}  // namespace tapedeck
