#include "events/counters.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "events/recording.h"

namespace tapedeck {
namespace {

const Timestamp kSlot = *parse_rfc3339("2026-11-24T00:05:00Z");

class CountersTest : public ::testing::Test {
protected:
    std::int64_t count(const std::string& name,
                       std::vector<std::pair<std::string, std::string>> labels = {}) const {
        const auto all = log.counters().read();
        const auto found = all.find({name, std::move(labels)});
        return found == all.end() ? 0 : found->second;
    }

    ManualClock clock{kSlot};
    std::vector<std::string> lines;
    Log log{[this](std::string_view, std::string_view line) { lines.emplace_back(line); },
            LogFormat::text, Severity::warn, clock};
};

TEST_F(CountersTest, AnEventCountsThoughItsLineIsNotWritten) {
    log.emit(BatchLoaded{"coin_topic", 0, 0, 10, 7, 2, 1, 3});
    log.emit(BatchLoaded{"coin_topic", 1, 0, 5, 5, 0, 0, 0});
    log.emit(BatchLoaded{"stock_topic", 0, 0, 1, 1, 0, 0, 0});
    EXPECT_TRUE(lines.empty());
    EXPECT_EQ(count("events", {{"event", "batch_loaded"}}), 3);
    EXPECT_EQ(count("rows_loaded", {{"topic", "coin_topic"}}), 12);
    EXPECT_EQ(count("rows_loaded", {{"topic", "stock_topic"}}), 1);
    EXPECT_EQ(count("rows_absorbed", {{"topic", "coin_topic"}}), 2);
    EXPECT_EQ(count("duplicates", {{"topic", "coin_topic"}}), 1);
    EXPECT_EQ(count("dead_letters", {{"topic", "coin_topic"}}), 3);
}

TEST_F(CountersTest, ALineThatIsWrittenCountsOnceAsWell) {
    log.emit(SlotMissed{"coin_market_record", kSlot, kSlot, 4});
    log.emit(PricesFailed{"coin", kSlot, Reason::timeout, 2, "bitcoin,dogecoin", "no answer"});
    log.emit(TapeHasGap{"coin_topic", 0, 3, 8});
    EXPECT_EQ(lines.size(), 3U);
    EXPECT_EQ(count("slots_missed", {{"dag", "coin_market_record"}}), 4);
    EXPECT_EQ(count("prices_failed", {{"feed", "coin"}, {"reason", "timeout"}}), 2);
    EXPECT_EQ(count("messages_gone", {{"topic", "coin_topic"}}), 5);
    EXPECT_EQ(count("events", {{"event", "slots_missed"}}), 1);
}

TEST_F(CountersTest, WhatManyThreadsTellIsAllCounted) {
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([this] {
                for (int told = 0; told < 500; ++told) {
                    log.emit(SlotCollected{"coin", kSlot, 2, 1, 10, 1});
                }
            });
        }
    }
    EXPECT_EQ(count("events", {{"event", "slot_collected"}}), 2000);
    EXPECT_EQ(count("prices_sent", {{"feed", "coin"}}), 4000);
}

}  // namespace
}  // namespace tapedeck
