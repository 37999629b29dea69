#include "captures/sqlite/sqlite_captures.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/sha256.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNow{std::chrono::microseconds(1'764'000'000'000'000)};

class SqliteCapturesTest : public ::testing::Test {
protected:
    SqliteCapturesTest() { reopen(); }

    void reopen() {
        store_.reset();
        auto opened = SqliteCaptures::open(path(), clock_);
        ASSERT_TRUE(opened) << opened.error().what;
        store_ = *std::move(opened);
    }
    std::string path() const { return folder_.file("captures.db"); }

    std::string put(std::string_view body, Timestamp at = kNow,
                    std::string_view url = "https://a.example/") {
        auto kept = store_->put({url, 200, headers_, body, at});
        EXPECT_TRUE(kept) << kept.error().what;
        return kept.value_or("");
    }
    std::optional<Capture> get(const std::string& sha) {
        auto found = store_->get(sha);
        EXPECT_TRUE(found) << found.error().what;
        return found ? *found : std::nullopt;
    }
    CaptureSizes sizes() {
        const auto sizes = store_->sizes();
        EXPECT_TRUE(sizes);
        return sizes.value_or({});
    }
    // Bytes that do not pack.
    std::string noise(std::size_t size) {
        std::string out(size, '\0');
        for (char& c : out) c = static_cast<char>(random_());
        return out;
    }

    TempFolder folder_;
    ManualClock clock_{kNow};
    const std::vector<std::pair<std::string, std::string>> headers_{
        {"content-type", "text/html"}, {"set-cookie", "session=secret"}, {"server", "x"}};
    std::mt19937 random_{7};
    std::unique_ptr<SqliteCaptures> store_;
};

TEST_F(SqliteCapturesTest, PacksWhatCanBePacked) {
    put(std::string(1'000'000, 'a'));
    EXPECT_EQ(sizes().bytes, 1'000'000);
    EXPECT_LT(sizes().packed_bytes, 1'000);
}

TEST_F(SqliteCapturesTest, SaysSoWhereTheBytesAreNotWhatTheirShaSays) {
    const std::string sha = put("the right bytes");
    const std::string other = put("the wrong bytes");
    store_.reset();
    {
        auto database = Database::open(path(), {});
        ASSERT_TRUE(database);
        ASSERT_TRUE((*database)->execute(
            "update captures set body = (select body from captures where sha256 = '" + other +
            "') where sha256 = '" + sha + "'"));
    }
    reopen();
    const auto found = store_->get(sha);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, ErrorKind::corrupt);
    EXPECT_NE(found.error().what.find(sha), std::string::npos);
}

TEST_F(SqliteCapturesTest, AnOlderFileHasLeftOutNothingAndNotesWhatIsLeftOut) {
    const std::string sha = put("a page");
    ASSERT_TRUE(store_->note_left_out(kNow));
    ASSERT_TRUE(store_->note_left_out(kNow - 1h));
    EXPECT_EQ(*store_->left_out_until(), kNow);
    store_.reset();
    {
        auto database = Database::open(path(), {});
        ASSERT_TRUE(database);
        ASSERT_TRUE((*database)->execute(
            "drop table left_out; delete from schema_version where version = 2"));
    }
    auto looking = SqliteCaptures::open_looking(path(), clock_, {});
    ASSERT_TRUE(looking) << looking.error().what;
    EXPECT_EQ(*(*looking)->left_out_until(), std::nullopt);
    reopen();
    EXPECT_EQ(*store_->left_out_until(), std::nullopt);
    ASSERT_TRUE(store_->note_left_out(kNow));
    EXPECT_EQ(*store_->left_out_until(), kNow);
    EXPECT_EQ(get(sha)->body, "a page");
}

TEST_F(SqliteCapturesTest, RefusesAFileThatIsNoneOfItsOwn) {
    store_.reset();
    const std::string other = folder_.file("notes.txt");
    std::ofstream(other) << std::string(4'096, 'n');
    const auto opened = SqliteCaptures::open(other, clock_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
}

// Ten waits would be fifty seconds in which no price is put on the tape.
TEST_F(SqliteCapturesTest, WhoeverHasTheFileLockedIsWaitedForOnce) {
    store_.reset();
    std::vector<Error> told;
    store_ = SqliteCaptures::open_for_recording(path(), clock_,
                                                [&](const Error& error) { told.push_back(error); });
    auto other = Database::open(path(), {});
    ASSERT_TRUE(other && (*other)->execute("begin exclusive"));
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; ++i) {
        const auto kept = store_->put({"https://a.example/", 200, headers_, "locked out", kNow});
        ASSERT_FALSE(kept);
        EXPECT_EQ(kept.error().kind, ErrorKind::unavailable);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, 20s) << "each was waited for";
    ASSERT_TRUE((*other)->execute("commit"));
    EXPECT_TRUE(get(put("let in again")));
    EXPECT_TRUE(told.empty()) << told.front().what;
}

TEST_F(SqliteCapturesTest, GivesWhatItDroppedBackToTheDisk) {
    constexpr std::int64_t kBudget = 1'000'000;
    for (int i = 0; i < 40; ++i) put(noise(100'000), kNow + i * 5min);
    ASSERT_TRUE(store_->prune(0h, kBudget));
    store_.reset();  // folds the WAL into the file
    EXPECT_LE(std::filesystem::file_size(path()), static_cast<std::uintmax_t>(kBudget));
}

}  // namespace
}  // namespace tapedeck
