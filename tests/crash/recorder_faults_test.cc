// The whole recorder while its disk is full, its file locked by somebody, or the clock stepped:
// it goes on by itself, and the ledger tells what happened.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include "tests/conformance/temp_folder.h"
#include "tests/crash/recorder_world.h"

namespace tapedeck {
namespace {

using namespace crash;

// "2026-11-24T00:10:00Z bitcoin recorded" for each slot and instrument.
std::vector<std::string> states_of(World& world, Timestamp now) {
    std::vector<std::string> states;
    for (const std::string& fact : world.facts(now)) {
        if (std::isalpha(static_cast<unsigned char>(fact.back())) != 0) states.push_back(fact);
    }
    return states;
}

std::string state_at(const std::vector<std::string>& states, const std::string& instant,
                     const std::string& instrument) {
    const std::string start = "2026-11-24T" + instant + ":00Z " + instrument + " ";
    const auto found = std::ranges::find_if(
        states, [&](const std::string& state) { return state.starts_with(start); });
    return found == states.end() ? "none" : found->substr(start.size());
}

// No file of this process grows beyond 4 kB meanwhile: any write to a database fails (EFBIG).
class FullDisk {
public:
    FullDisk() {
        std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
    }
    ~FullDisk() { empty(); }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;
    void fill() const {
        rlimit now = before_;
        now.rlim_cur = 4'096;
        ::setrlimit(RLIMIT_FSIZE, &now);
    }
    void empty() const { ::setrlimit(RLIMIT_FSIZE, &before_); }

private:
    rlimit before_{};
};

class RecorderFaults : public ::testing::Test {
protected:
    void SetUp() override { world.folder = folder.path().string(); }

    // The fault begins with the question for 00:10 and ends at 00:11 or later; whatever became of
    // that slot, the next is recorded and the ledger agrees with the tape.
    void expect_to_outlive(const std::function<void()>& begin, const std::function<void()>& end) {
        std::atomic<bool> begun = false;
        std::atomic<bool> ended = false;
        world.on_request = [&](WaitingClock& clock) {
            if (clock.now() >= kStart + 5min && !begun.exchange(true)) begin();
        };
        world.on_sleep = [&](WaitingClock& clock) {
            if (clock.now() >= kStart + 6min && begun && !ended.exchange(true)) end();
        };
        Calls counting;
        const Timestamp stop = kStart + kSlots * 5min;
        ASSERT_TRUE(world.record(kStart, stop, counting));
        ASSERT_TRUE(begun && ended);
        const auto states = states_of(world, stop);
        EXPECT_EQ(states.size(), 6U);
        for (const char* instrument : {"bitcoin", "ethereum"}) {
            EXPECT_EQ(state_at(states, "00:05", instrument), "recorded");
            EXPECT_NE(state_at(states, "00:10", instrument), "pending");
            EXPECT_EQ(state_at(states, "00:15", instrument), "recorded");
        }
    }

    TempFolder folder;
    World world;
};

TEST_F(RecorderFaults, AFullDiskCostsAtMostItsOwnSlot) {
    const FullDisk disk;
    expect_to_outlive([&] { disk.fill(); }, [&] { disk.empty(); });
}

TEST_F(RecorderFaults, AFileLockedBySomebodyCostsAtMostItsOwnSlot) {
    world.busy_timeout = 10ms;
    std::unique_ptr<Database> other;
    expect_to_outlive(
        [&] {
            auto opened = Database::open(world.file(), {false, 5s});
            ASSERT_TRUE(opened) << opened.error().what;
            other = *std::move(opened);
            ASSERT_TRUE(other->execute("begin immediate"));
        },
        [&] { ASSERT_TRUE(other->execute("rollback")); });
}

// From before 00:10 until after 00:25, as by somebody who went to lunch within a transaction.
TEST_F(RecorderFaults, AFileLockedForSeveralSlotsCostsNone) {
    world.busy_timeout = 10ms;
    world.spooled = true;
    std::unique_ptr<Database> somebody;
    std::atomic<bool> began = false;
    std::atomic<bool> ended = false;
    world.on_sleep = [&](WaitingClock& clock) {
        if (clock.now() >= kStart + 3min && !began.exchange(true)) {
            auto opened = Database::open(world.file(), {false, 5s});
            ASSERT_TRUE(opened) << opened.error().what;
            somebody = *std::move(opened);
            ASSERT_TRUE(somebody->execute("begin exclusive"));
        }
        if (clock.now() >= kStart + 22min && !ended.exchange(true)) {
            ASSERT_TRUE(somebody->execute("rollback"));
        }
    };
    world.drains_first = [&] { return ended.load(); };
    Calls counting;
    const Timestamp stop = kStart + 6 * 5min;
    ASSERT_TRUE(world.record(kStart, stop, counting));
    ASSERT_TRUE(began && ended);
    const auto states = states_of(world, stop);
    EXPECT_EQ(states.size(), 12U);
    for (const char* at : {"00:05", "00:10", "00:15", "00:20", "00:25", "00:30"}) {
        for (const char* instrument : {"bitcoin", "ethereum"}) {
            EXPECT_EQ(state_at(states, at, instrument), "recorded") << at;
        }
    }
}

// A tape in a file of its own: the store is well, and yet nothing can be recorded any more.
TEST_F(RecorderFaults, AFileThatWasTakenAwayEndsTheRecorderBeforeTheNextSlot) {
    std::atomic<bool> taken = false;
    std::atomic<int> asked_since = 0;
    world.on_sleep = [&](WaitingClock& clock) {
        if (clock.now() >= kStart + 7min) taken = true;
    };
    world.on_request = [&](WaitingClock&) {
        if (taken) ++asked_since;
    };
    world.check_files = [&]() -> Result<> {
        if (!taken) return {};
        return Error{ErrorKind::corrupt, "tape.db: was deleted or moved while it was written"};
    };
    Calls counting;
    EXPECT_FALSE(world.record(kStart, kStart + 6 * 5min, counting));
    EXPECT_TRUE(taken);
    EXPECT_EQ(asked_since, 0);
}

TEST_F(RecorderFaults, AClockSetAheadAnHourMissesWhatLiesBetweenAndNothingElse) {
    std::atomic<bool> stepped = false;
    world.on_sleep = [&](WaitingClock& clock) {
        if (clock.now() >= kStart + 10min && !stepped.exchange(true)) clock.step(1h);
    };
    Calls counting;
    const Timestamp stop = kStart + 90min;
    ASSERT_TRUE(world.record(kStart, stop, counting));
    const auto states = states_of(world, stop);
    EXPECT_EQ(states.size(), 36U);  // 18 slots
    for (const char* at : {"00:05", "00:10", "01:20", "01:25", "01:30"}) {
        EXPECT_EQ(state_at(states, at, "bitcoin"), "recorded") << at;
    }
    for (const char* at : {"00:20", "00:25", "00:40", "01:05", "01:10"}) {
        EXPECT_EQ(state_at(states, at, "bitcoin"), "missed") << at;
    }
}

TEST_F(RecorderFaults, AClockSetBackAnHourRecordsEverySlotOnce) {
    std::atomic<bool> stepped = false;
    world.on_sleep = [&](WaitingClock& clock) {
        if (clock.now() >= kStart + 30min && !stepped.exchange(true)) clock.step(-1h);
    };
    Calls counting;
    const Timestamp stop = kStart + 60min;
    ASSERT_TRUE(world.record(kStart, stop, counting));
    ASSERT_TRUE(stepped);
    const auto states = states_of(world, stop);
    EXPECT_EQ(states.size(), 24U);  // 12 slots
    for (const char* at : {"00:05", "00:25", "00:40", "00:55", "01:00"}) {
        EXPECT_EQ(state_at(states, at, "bitcoin"), "recorded") << at;
    }
    ManualClock clock(stop);
    auto store = SqliteStore::open(world.file(), clock);
    ASSERT_TRUE(store) << store.error().what;
    auto done = (*store)->query(
        {"select (select count(*) from coin_records) - (select count(distinct slot || instrument) "
         "from coin_records), (select count(*) from duplicates)",
         {},
         {}},
        [&](const RowView& row) -> Result<> {
            EXPECT_EQ(row.integer(0), 0);
            EXPECT_EQ(row.integer(1), 0);
            return {};
        });
    EXPECT_TRUE(done);
}

}  // namespace
}  // namespace tapedeck
