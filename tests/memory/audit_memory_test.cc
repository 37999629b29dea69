// The audit of a store of any size holds no more than a window of it.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "store/sqlite/sqlite_store.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"
#include "tests/parts/test_audited.h"

namespace {
std::atomic<std::int64_t> allocated = 0;
std::atomic<std::int64_t> most = 0;

void* counted_or_none(std::size_t size) {
    void* bytes = std::malloc(size);
    if (bytes == nullptr) return nullptr;
    const auto usable = static_cast<std::int64_t>(::malloc_usable_size(bytes));
    const std::int64_t now = allocated.fetch_add(usable) + usable;
    std::int64_t before = most.load();
    while (now > before && !most.compare_exchange_weak(before, now)) {
    }
    return bytes;
}

void* counted(std::size_t size) {
    void* bytes = counted_or_none(size);
    if (bytes == nullptr) throw std::bad_alloc();
    return bytes;
}

void forgotten(void* bytes) {
    if (bytes == nullptr) return;
    allocated -= static_cast<std::int64_t>(::malloc_usable_size(bytes));
    std::free(bytes);
}
}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return counted_or_none(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return counted_or_none(size);
}
void operator delete(void* bytes) noexcept { forgotten(bytes); }
void operator delete[](void* bytes) noexcept { forgotten(bytes); }
void operator delete(void* bytes, std::size_t) noexcept { forgotten(bytes); }
void operator delete[](void* bytes, std::size_t) noexcept { forgotten(bytes); }

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using parts::kSlot;

constexpr int kInstruments = 12;

// Slots of twelve coins with their accounts, on the tape and in the store, and nothing amiss.
class LongStore {
public:
    LongStore() {
        auto opened_store = SqliteStore::open(folder_.file("store.db"), clock_);
        auto opened_tape = SqliteTape::open(folder_.file("tape.db"), clock_);
        EXPECT_TRUE(opened_store && opened_tape);
        store_ = *std::move(opened_store);
        tape_ = *std::move(opened_tape);
        std::vector<std::string> coins;
        for (int i = 0; i < kInstruments; ++i) coins.push_back(fmt::format("coin-{:02}", i));
        feeds_["coin"] = parts::feed_of(coins, {});
        expected_ = {parts::expected_of(feeds_.at("coin"))};
        EXPECT_TRUE(store_->ensure_table(feeds_.at("coin").table));
        EXPECT_TRUE(tape_->ensure_topic("coin_topic", 1));
        EXPECT_TRUE(tape_->ensure_topic(std::string(kOutcomesTopic), 1));
    }

    void grow(int slots) {
        const Feed& feed = feeds_.at("coin");
        std::vector<OutgoingMessage> messages;
        for (int end = slots_ + slots; slots_ < end; ++slots_) {
            const Timestamp slot = kSlot + slots_ * 5min;
            std::vector<Outcome> outcomes;
            for (const std::string& coin : feed.instruments) {
                Found found{0, {}, "alpha", std::string(64, 'a'), slot + 1s};
                found.reading.instrument = coin;
                found.reading.price = *Decimal::parse(fmt::format("{}.50", 100 + offset_ % 977));
                messages.push_back(message_of(feed, slot, found));
                Outcome outcome;
                outcome.instrument = coin;
                outcome.sent = {"coin_topic", Partition(0), Offset(offset_++), "alpha", "json"};
                outcomes.push_back(outcome);
            }
            const RunOutcomes run = parts::run_of(feed, slot, outcomes);
            messages.push_back(
                {std::string(kOutcomesTopic), "coin", encode_outcomes(run), slot + 2s, {}});
        }
        ASSERT_TRUE(tape_->append(messages));
        clock_.advance(now() - clock_.now());
        Loader loader(*tape_, *store_, clock_, log_, parts::loading_of(feed));
        ASSERT_TRUE(loader.run({}, true));
        CoverageLedger ledger(*store_, *tape_, feeds_);
        ASSERT_TRUE(ledger.settle(expected_, now()));
    }

    // The most that an audit holds beyond what was held before it.
    std::int64_t bytes_of_audit(std::int64_t differences) {
        const std::int64_t before = allocated;
        most = before;
        auto report =
            audit({*store_, *tape_, nullptr, feeds_, expected_}, {Timestamp(), now() + 1us, now()});
        EXPECT_TRUE(report) << report.error().what;
        if (!report) return 0;
        EXPECT_EQ(report->prices, offset_);
        EXPECT_EQ(report->differences_found, differences);
        return most - before;
    }

    void change(const std::string& sql) {
        const std::vector<Statement> statements{{sql, {}, {}}};
        ASSERT_TRUE(store_->transact(statements));
    }

private:
    Timestamp now() const { return kSlot + slots_ * 5min - 30s; }

    TempFolder folder_;
    parts::SkippingClock clock_{kSlot};
    Log log_{-1, LogFormat::text, Severity::error, clock_};
    std::map<std::string, Feed> feeds_;
    std::vector<Expectation> expected_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Tape> tape_;
    int slots_ = 0;
    std::int64_t offset_ = 0;
};

TEST(AuditMemory, DoesNotGrowWithTheStore) {
    LongStore store;
    store.grow(4'000);
    const std::int64_t of_some = store.bytes_of_audit(0);
    store.grow(4'000);
    store.grow(4'000);
    store.grow(4'000);
    const std::int64_t of_many = store.bytes_of_audit(0);
    // Windows of time are the one thing that there are more of: up to their limit.
    EXPECT_LT(of_many, of_some + 6'000'000);
    EXPECT_LT(of_many, 40'000'000);
    // Every window differs: some thousand entries at a time are compared one by one, and the first
    // ten thousand differences are kept.
    store.change("update coin_records set currency = 'EUR'");
    EXPECT_LT(store.bytes_of_audit(192'000), of_many + 32'000'000);
}

}  // namespace
}  // namespace tapedeck
