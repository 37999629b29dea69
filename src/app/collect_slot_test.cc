#include "app/collect_slot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tapedeck {
namespace {

using ::testing::HasSubstr;

Timestamp at(std::string_view text) { return *parse_rfc3339(text); }

std::vector<Schedule> stocks() {
    auto made = Schedule::make({"*/5 * * * *", "America/New_York", "XNAS", {}});
    EXPECT_TRUE(made);
    return {*std::move(made)};
}

std::vector<Schedule> coins() {
    auto made = Schedule::make({"*/5 * * * *", "UTC", "always", {}});
    EXPECT_TRUE(made);
    return {*std::move(made)};
}

std::string answered(std::span<const Schedule> schedules, std::string_view now,
                     std::optional<Timestamp> asked = {}) {
    const auto answer = slot_to_answer(schedules, "feed", asked, at(now));
    if (const auto* slot = std::get_if<AnswerableSlot>(&answer)) return format_rfc3339(slot->slot);
    const auto& refusal = std::get<SlotRefusal>(answer);
    return std::to_string(static_cast<int>(refusal.exit)) + " " + refusal.what;
}

TEST(CollectSlot, AnswersThePresentSlotWithinItsGrace) {
    EXPECT_EQ(answered(coins(), "2026-11-24T00:07:30Z"), "2026-11-24T00:05:00Z");
    EXPECT_EQ(answered(coins(), "2026-11-24T00:05:00Z"), "2026-11-24T00:05:00Z");
    EXPECT_EQ(answered(coins(), "2026-11-24T00:06:00Z", at("2026-11-24T00:05:00Z")),
              "2026-11-24T00:05:00Z");
}

// Issue 10: today's price was stored in yesterday's slot.
TEST(CollectSlot, APriceOfNowIsNotAPastSlots) {
    EXPECT_THAT(answered(coins(), "2026-11-24T00:06:00Z", at("2026-11-23T00:05:00Z")),
                HasSubstr("2 feed 2026-11-23T00:05:00Z could be answered until "
                          "2026-11-23T00:07:30Z, and a price of now is not its: the last slot was "
                          "2026-11-24T00:05:00Z, answered until 2026-11-24T00:07:30Z, the next is "
                          "2026-11-24T00:10:00Z"));
    EXPECT_THAT(answered(coins(), "2026-11-24T00:07:31Z"), HasSubstr("3 feed has no slot"));
    EXPECT_THAT(answered(coins(), "2026-11-24T00:07:30.000001Z", at("2026-11-24T00:05:00Z")),
                HasSubstr("2 feed 2026-11-24T00:05:00Z could be answered until"));
}

// Issue 10: on a Monday morning a price of that moment was stored for Friday 21:55, closed.
TEST(CollectSlot, AClosedExchangeHasNoSlotNow) {
    EXPECT_THAT(answered(stocks(), "2026-11-23T11:00:00Z"),
                HasSubstr("3 feed has no slot that a price of 2026-11-23T11:00:00Z answers: the "
                          "last slot was 2026-11-20T21:00:00Z, answered until "
                          "2026-11-20T21:02:30Z, the next is 2026-11-23T14:30:00Z"));
    EXPECT_THAT(answered(stocks(), "2026-11-23T11:00:00Z", at("2026-11-20T21:55:00Z")),
                HasSubstr("3 feed 2026-11-20T21:55:00Z is closed by the calendar XNAS"));
    EXPECT_EQ(answered(stocks(), "2026-11-20T21:01:00Z"), "2026-11-20T21:00:00Z");
}

TEST(CollectSlot, ASlotThatIsAboutToComeIsWaitedForAndALaterOneIsRefused) {
    EXPECT_EQ(answered(coins(), "2026-11-24T00:04:59Z", at("2026-11-24T00:05:00Z")),
              "2026-11-24T00:05:00Z");
    EXPECT_THAT(answered(coins(), "2026-11-24T00:03:00Z", at("2026-11-24T00:05:00Z")),
                HasSubstr("2 feed 2026-11-24T00:05:00Z has not come yet"));
    EXPECT_THAT(answered(coins(), "2026-11-24T00:06:00Z", at("2026-11-24T00:06:00Z")),
                HasSubstr("3 feed 2026-11-24T00:06:00Z is no slot of the schedule"));
}

TEST(CollectSlot, AFeedThatNoDagCollectsAnswersItsMinute) {
    EXPECT_EQ(answered({}, "2026-11-24T00:06:59Z"), "2026-11-24T00:06:00Z");
    EXPECT_EQ(answered({}, "2026-11-24T00:06:59Z", at("2026-11-24T00:06:00Z")),
              "2026-11-24T00:06:00Z");
    EXPECT_THAT(answered({}, "2026-11-24T00:07:00Z", at("2026-11-24T00:06:00Z")),
                HasSubstr("2 no DAG collects feed"));
}

TEST(CollectSlot, OfTwoSchedulesTheLaterSlotIsAnswered) {
    std::vector<Schedule> both = coins();
    both.push_back(*Schedule::make({"0 0 * * *", "UTC", "always", {}}));
    EXPECT_EQ(answered(both, "2026-11-24T00:06:00Z"), "2026-11-24T00:05:00Z");
    // A day's slot is answered for half a day, where the other one's time is over.
    EXPECT_EQ(answered(both, "2026-11-24T00:08:00Z"), "2026-11-24T00:00:00Z");
}

}  // namespace
}  // namespace tapedeck
