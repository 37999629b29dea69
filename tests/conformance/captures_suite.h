#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/sha256.h"
#include "captures/captures.h"

// What all Captures must do. An implementation is tested by a factory:
//
//     struct Factory {
//         static constexpr bool kDurable;  // whether `reopen` finds what was kept before
//         explicit Factory(const Clock& clock);
//         Captures& captures();            // the same object until `reopen`
//         void reopen();
//     };
//
// and INSTANTIATE_TYPED_TEST_SUITE_P(Name, CapturesSuite, Factory).
namespace tapedeck {

using namespace std::chrono_literals;

template <class Factory>
class CapturesSuite : public ::testing::Test {
protected:
    static constexpr Timestamp kNow{std::chrono::microseconds(1'764'000'000'000'000)};

    std::string put(std::string_view body, Timestamp at = kNow,
                    std::string_view url = "https://a.example/") {
        auto kept = factory_.captures().put({url, 200, headers_, body, at});
        EXPECT_TRUE(kept) << kept.error().what;
        return kept.value_or("");
    }
    std::optional<Capture> get(const std::string& sha) {
        auto found = factory_.captures().get(sha);
        EXPECT_TRUE(found) << found.error().what;
        return found ? *found : std::nullopt;
    }
    std::int64_t prune(std::chrono::milliseconds retention, std::int64_t budget_bytes) {
        const auto dropped = factory_.captures().prune(retention, budget_bytes);
        EXPECT_TRUE(dropped) << dropped.error().what;
        return dropped.value_or(-1);
    }
    CaptureSizes sizes() {
        const auto sizes = factory_.captures().sizes();
        EXPECT_TRUE(sizes);
        return sizes.value_or({});
    }
    // Bytes that do not pack.
    std::string noise(std::size_t size) {
        std::string out(size, '\0');
        for (char& c : out) c = static_cast<char>(random_());
        return out;
    }

    ManualClock clock_{kNow};
    Factory factory_{clock_};
    const std::vector<std::pair<std::string, std::string>> headers_{
        {"content-type", "text/html"}, {"set-cookie", "session=secret"}, {"server", "x"}};
    std::mt19937 random_{7};
};

TYPED_TEST_SUITE_P(CapturesSuite);

TYPED_TEST_P(CapturesSuite, GivesBackTheBytesByTheirSha) {
    const std::string body("<html>\0\xff</html>", 15);
    const std::string sha = this->put(body);
    EXPECT_EQ(sha, hex(sha256(body)));
    if constexpr (TypeParam::kDurable) this->factory_.reopen();
    const auto found = this->get(sha);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->body, body);
    EXPECT_EQ(found->url, "https://a.example/");
    EXPECT_EQ(found->status, 200);
    EXPECT_EQ(found->fetched_at, this->kNow);
    EXPECT_EQ(found->bytes, 15);
    EXPECT_FALSE(this->get(std::string(64, '0')));
}

TYPED_TEST_P(CapturesSuite, KeepsHeadersButNoCookies) {
    const auto found = this->get(this->put("page"));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->headers, "content-type: text/html\nserver: x\n");
}

TYPED_TEST_P(CapturesSuite, KeepsTheSameBytesOnceAndTheirFirstOrigin) {
    const std::string sha = this->put("page", this->kNow, "https://a.example/");
    EXPECT_EQ(this->put("page", this->kNow + 5min, "https://b.example/"), sha);
    EXPECT_EQ(this->sizes().captures, 1);
    const auto found = this->get(sha);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->url, "https://a.example/");
    EXPECT_EQ(found->fetched_at, this->kNow);
    EXPECT_EQ(found->last_seen_at, this->kNow + 5min);
}

TYPED_TEST_P(CapturesSuite, KeepsAnEmptyBody) {
    const auto found = this->get(this->put(""));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->body, "");
}

TYPED_TEST_P(CapturesSuite, DropsBodiesPastTheirRetentionAndKeepsWhatIsKnown) {
    const std::string old = this->put("old");
    const std::string again = this->put("seen again");
    this->put("seen again", this->kNow + 48h);
    this->clock_.advance(72h);
    const std::int64_t dropped = this->prune(48h, 0);
    EXPECT_EQ(dropped, 1);
    const auto found = this->get(old);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->body);
    EXPECT_EQ(found->url, "https://a.example/");
    EXPECT_EQ(this->get(again)->body, "seen again");
}

TYPED_TEST_P(CapturesSuite, DropsHoweverManyAreDue) {
    for (int i = 0; i < 200; ++i) this->put("page " + std::to_string(i));
    this->put("new", this->kNow + 72h);
    this->clock_.advance(72h);
    const std::int64_t dropped = this->prune(48h, 0);
    EXPECT_EQ(dropped, 200);
    EXPECT_EQ(this->sizes().bodies, 1);
}

TYPED_TEST_P(CapturesSuite, TakesABodyBackThatWasDropped) {
    const std::string sha = this->put("page");
    this->clock_.advance(72h);
    EXPECT_EQ(this->prune(1h, 0), 1);
    ASSERT_FALSE(this->get(sha)->body);
    EXPECT_EQ(this->put("page", this->clock_.now()), sha);
    EXPECT_EQ(this->get(sha)->body, "page");
}

TYPED_TEST_P(CapturesSuite, KeepsTheNewestWithinItsDiskBudget) {
    constexpr int kPages = 40;
    constexpr std::int64_t kBudget = 1'000'000;
    std::vector<std::string> shas;
    for (int i = 0; i < kPages; ++i)
        shas.push_back(this->put(this->noise(100'000), this->kNow + i * 5min));
    ASSERT_GT(this->sizes().used_bytes, kBudget);
    const std::int64_t dropped = this->prune(0h, kBudget);
    EXPECT_LE(this->sizes().used_bytes, kBudget);
    EXPECT_GE(this->sizes().bodies, 8) << "more was dropped than the budget asked for";
    for (int i = 0; i < kPages; ++i) {
        EXPECT_EQ(this->get(shas[static_cast<std::size_t>(i)])->body.has_value(), i >= dropped);
    }
}

TYPED_TEST_P(CapturesSuite, LooksThroughThemInTheOrderOfTheirComing) {
    const std::string first = this->put("first", this->kNow + 5min);
    const std::string second = this->put("second", this->kNow);
    std::vector<std::string> seen;
    const auto done = this->factory_.captures().look_through(
        [&](Timestamp fetched_at) { return fetched_at == this->kNow; },
        [&](const LookedAtCapture& capture) -> Result<> {
            EXPECT_TRUE(capture.has_body);
            EXPECT_EQ(capture.fault, "");
            EXPECT_EQ(capture.was_hashed, capture.sha256 == second);
            seen.push_back(capture.sha256);
            return {};
        });
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(seen, (std::vector{first, second}));
    const auto ended =
        this->factory_.captures().look_through([](Timestamp) { return false; },
                                               [](const LookedAtCapture&) -> Result<> {
                                                   return Error{ErrorKind::conflict, "enough"};
                                               });
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind, ErrorKind::conflict);
}

REGISTER_TYPED_TEST_SUITE_P(CapturesSuite, GivesBackTheBytesByTheirSha, KeepsHeadersButNoCookies,
                            KeepsTheSameBytesOnceAndTheirFirstOrigin, KeepsAnEmptyBody,
                            DropsBodiesPastTheirRetentionAndKeepsWhatIsKnown,
                            DropsHoweverManyAreDue, TakesABodyBackThatWasDropped,
                            KeepsTheNewestWithinItsDiskBudget,
                            LooksThroughThemInTheOrderOfTheirComing);

}  // namespace tapedeck
