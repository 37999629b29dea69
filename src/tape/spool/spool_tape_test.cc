#include "tape/spool/spool_tape.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "market/outcome.h"
#include "tape/memory_tape.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;

// A tape whose brokers can go away, at once or after they took what they then do not confirm, and
// which refuses what is longer than 100 bytes on any topic but the accounts'.
class ShakyTape : public Tape {
public:
    explicit ShakyTape(MemoryTape& tape) : tape_(tape) {}

    Result<std::string> identity() override { return tape_.identity(); }
    Result<> ensure_topic(const std::string& topic, int partitions) override {
        if (away) return gone();
        return tape_.ensure_topic(topic, partitions);
    }
    Result<std::vector<Partition>> partitions(const std::string& topic) override {
        if (away) return gone();
        return tape_.partitions(topic);
    }
    Result<std::vector<Result<Position>>> append(
        std::span<const OutgoingMessage> messages) override {
        if (away) return gone();
        auto done = tape_.append(messages);
        if (silent.exchange(false)) return gone();
        for (std::size_t i = 0; done && i < messages.size(); ++i) {
            if (messages[i].topic != kOutcomesTopic && messages[i].value.size() > 100) {
                (*done)[i] = Error{ErrorKind::rejected, "too long"};
            }
        }
        return done;
    }
    Result<Extent> extent(const TopicPartition& at) override {
        if (away) return gone();
        return tape_.extent(at);
    }
    Result<Offset> offset_at(const TopicPartition& at, Timestamp time) override {
        if (away) return gone();
        return tape_.offset_at(at, time);
    }
    Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t bytes) override {
        if (away) return gone();
        return tape_.read(at, from, bytes);
    }
    Result<std::unique_ptr<TapeReader>> open_reader(std::vector<std::string> topics,
                                                    std::string group) override {
        return tape_.open_reader(std::move(topics), std::move(group));
    }
    Result<> discard(const TopicPartition& at, Offset before) override {
        return tape_.discard(at, before);
    }

    static std::atomic<bool> away;
    static std::atomic<bool> silent;

private:
    static Error gone() { return {ErrorKind::unavailable, "no broker answers"}; }
    MemoryTape& tape_;
};
std::atomic<bool> ShakyTape::away = false;
std::atomic<bool> ShakyTape::silent = false;

struct SpoolTest : ::testing::Test {
    SpoolTest() {
        ShakyTape::away = ShakyTape::silent = false;
        EXPECT_TRUE(memory.ensure_topic("coin_topic", 1));
        EXPECT_TRUE(memory.ensure_topic(std::string(kOutcomesTopic), 1));
        reopen();
    }

    void reopen(std::int64_t budget = 1'000'000) {
        spool.reset();
        SpoolOptions options;
        options.path = folder.file("spool.db");
        options.budget = budget;
        options.retry = 5ms;
        auto opened =
            SpoolTape::open(std::make_unique<ShakyTape>(memory), clock, log, std::move(options));
        ASSERT_TRUE(opened) << opened.error().what;
        spool = *std::move(opened);
    }

    OutgoingMessage price(const std::string& value) {
        return {"coin_topic", "bitcoin", value, Timestamp(1s), {{"kind", value}}};
    }

    Result<Position> append(const OutgoingMessage& message) {
        auto done = spool->append({&message, 1});
        if (!done) return done.error();
        return std::move((*done)[0]);
    }

    OutgoingMessage account(const std::vector<Position>& positions) {
        RunOutcomes run;
        run.run_id = "run/1";
        run.feed = "coin";
        run.slot = Timestamp(300s);
        for (std::size_t i = 0; i < positions.size(); ++i) {
            Outcome outcome;
            outcome.instrument = "coin" + std::to_string(i);
            outcome.sent = Outcome::Sent{positions[i].at.topic, positions[i].at.partition,
                                         positions[i].offset, "alpha", "json"};
            run.outcomes.push_back(std::move(outcome));
        }
        return {std::string(kOutcomesTopic), "coin", encode_outcomes(run), Timestamp(2s), {}};
    }

    bool drained() {
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (std::chrono::steady_clock::now() < end) {
            const auto sizes = spool->sizes();
            // The tape answers again once the drainer has seen that nothing is left.
            if (sizes && sizes->messages == 0 && spool->partitions("coin_topic")) return true;
            std::this_thread::sleep_for(1ms);
        }
        return false;
    }

    std::vector<std::string> on_tape(const std::string& topic = "coin_topic") {
        std::vector<std::string> values;
        const auto chunk = memory.read({topic, Partition(0)}, Offset(0), 1'000'000);
        if (!chunk) return values;
        for (const TapeMessage& message : chunk->messages) values.emplace_back(message.value);
        return values;
    }

    TempFolder folder;
    SystemClock clock;
    Log log{-1, LogFormat::text, Severity::error, clock};
    MemoryTape memory;
    std::unique_ptr<SpoolTape> spool;
};

using Values = std::vector<std::string>;

TEST_F(SpoolTest, BringsWhatWaitedInItsOrderAndNothingOvertakesIt) {
    ASSERT_TRUE(append(price("1")));
    ShakyTape::away = true;
    for (int i = 2; i <= 50; ++i) {
        if (i == 40) ShakyTape::away = false;  // from here on the drainer is at work
        ASSERT_TRUE(append(price(std::to_string(i))));
    }
    ASSERT_TRUE(drained());
    ASSERT_TRUE(append(price("51")));
    Values expected;
    for (int i = 1; i <= 51; ++i) expected.push_back(std::to_string(i));
    EXPECT_EQ(on_tape(), expected);
}

TEST_F(SpoolTest, ShowsWhatWaitsAndThatItsPlaceIsNotFinal) {
    ShakyTape::away = true;
    const auto at = append(price("1"));
    ASSERT_TRUE(at);
    EXPECT_EQ(at->at.topic, "spool:coin_topic");
    const auto sizes = spool->sizes();
    ASSERT_TRUE(sizes);
    EXPECT_EQ(sizes->messages, 1);
    EXPECT_EQ(sizes->bytes, 8);
    EXPECT_TRUE(sizes->oldest);
    EXPECT_EQ(spool->extent({"coin_topic", Partition(0)}).error().kind, ErrorKind::unavailable);
}

TEST_F(SpoolTest, AnAccountNamesFinalPositionsOnly) {
    ASSERT_TRUE(append(price("0")));
    const auto direct = append(price("1"));
    ShakyTape::away = true;
    const auto second = append(price("2"));
    const auto third = append(price("3"));
    ASSERT_TRUE(direct && second && third);
    ASSERT_TRUE(append(account({*direct, *second, *third})));
    ShakyTape::away = false;
    ASSERT_TRUE(drained());
    const auto accounts = on_tape(std::string(kOutcomesTopic));
    ASSERT_EQ(accounts.size(), 1U);
    const auto run = decode_outcomes(accounts[0]);
    ASSERT_TRUE(run) << run.error().what;
    for (int i = 0; i < 3; ++i) {
        const auto& sent = run->outcomes[static_cast<std::size_t>(i)].sent;
        ASSERT_TRUE(sent);
        EXPECT_EQ(sent->topic, "coin_topic");
        EXPECT_EQ(sent->offset, Offset(i + 1));
        EXPECT_EQ(sent->rule, "json");
    }
}

TEST_F(SpoolTest, AnAccountSentDirectlyNamesWhatWasDrainedMeanwhile) {
    ShakyTape::away = true;
    const auto at = append(price("1"));
    ASSERT_TRUE(at);
    ShakyTape::away = false;
    ASSERT_TRUE(drained());
    ASSERT_TRUE(append(account({*at})));
    ASSERT_TRUE(drained());
    const auto run = decode_outcomes(on_tape(std::string(kOutcomesTopic)).at(0));
    ASSERT_TRUE(run);
    ASSERT_TRUE(run->outcomes[0].sent);
    EXPECT_EQ(run->outcomes[0].sent->topic, "coin_topic");
    EXPECT_EQ(run->outcomes[0].sent->offset, Offset(0));
}

TEST_F(SpoolTest, BringsHomeWhatAnEarlierProcessLeft) {
    ShakyTape::away = true;
    const auto at = append(price("1"));
    ASSERT_TRUE(at);
    ASSERT_TRUE(append(account({*at})));
    reopen();
    ASSERT_TRUE(append(price("2")));
    ShakyTape::away = false;
    ASSERT_TRUE(drained());
    EXPECT_EQ(on_tape(), (Values{"1", "2"}));
    EXPECT_EQ(on_tape(std::string(kOutcomesTopic)).size(), 1U);
}

TEST_F(SpoolTest, BringsTwiceWhatWasNotConfirmedAndLosesNothing) {
    ShakyTape::silent = true;
    ASSERT_TRUE(append(price("1")));
    ASSERT_TRUE(drained());
    EXPECT_EQ(on_tape(), (Values{"1", "1"}));
}

TEST_F(SpoolTest, IsFullAtItsBudgetAndStillTakesTheAccountThatSaysSo) {
    reopen(700);
    ShakyTape::away = true;
    std::vector<Position> kept;
    Result<Position> last = Error{ErrorKind::rejected, "none"};
    for (int i = 0; i < 100; ++i) {
        last = append(price(std::string(20, 'x')));
        if (!last) break;
        kept.push_back(*last);
    }
    ASSERT_FALSE(last);
    EXPECT_EQ(kept.size(), 700U / 27U);
    EXPECT_EQ(last.error().kind, ErrorKind::unavailable);
    EXPECT_NE(last.error().what.find("is full: 25 messages of 675 bytes"), std::string::npos)
        << last.error().what;
    reopen(1'200);  // room for the account beyond the budget only
    for (int i = 0; i < 19; ++i) (void)append(price(std::string(20, 'x')));
    EXPECT_FALSE(append(price(std::string(20, 'x'))));
    EXPECT_TRUE(append({std::string(kOutcomesTopic), "coin", std::string(100, 'y'), {}, {}}));
}

TEST_F(SpoolTest, KeepsAsideWhatTheTapeRefusesAndItsAccountSaysWhy) {
    ShakyTape::away = true;
    const auto fine = append(price("1"));
    const auto bad = append(price(std::string(200, 'x')));
    ASSERT_TRUE(fine && bad);
    ASSERT_TRUE(append(account({*fine, *bad})));
    ShakyTape::away = false;
    ASSERT_TRUE(drained());
    const auto sizes = spool->sizes();
    ASSERT_TRUE(sizes);
    EXPECT_EQ(sizes->refused, 1);
    const auto run = decode_outcomes(on_tape(std::string(kOutcomesTopic)).at(0));
    ASSERT_TRUE(run);
    EXPECT_TRUE(run->outcomes[0].sent);
    EXPECT_FALSE(run->outcomes[1].sent);
    EXPECT_EQ(run->outcomes[1].reason, Reason::tape);
    EXPECT_EQ(run->outcomes[1].what, "too long");
}

TEST_F(SpoolTest, WaitsForATopicThatIsNotThereYet) {
    ShakyTape::away = true;
    ASSERT_TRUE(append({"stock_topic", "AAPL", "1", Timestamp(1s), {}}));
    reopen();  // the wish of a process that died is not known to this one
    ShakyTape::away = false;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
        const auto away = spool->partitions("coin_topic");
        if (!away && away.error().what.find("stock_topic") != std::string::npos) break;
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(spool->sizes()->messages, 1);
    EXPECT_EQ(spool->sizes()->refused, 0);
    ASSERT_TRUE(spool->ensure_topic("stock_topic", 1));
    ASSERT_TRUE(drained());
    EXPECT_EQ(on_tape("stock_topic"), Values{"1"});
}

TEST_F(SpoolTest, MakesTopicsThatWereWantedWhileTheTapeWasAway) {
    ShakyTape::away = true;
    ASSERT_TRUE(spool->ensure_topic("stock_topic", 2));
    ASSERT_TRUE(append({"stock_topic", "AAPL", "1", Timestamp(1s), {}}));
    ShakyTape::away = false;
    ASSERT_TRUE(drained());
    const auto partitions = memory.partitions("stock_topic");
    ASSERT_TRUE(partitions);
    EXPECT_EQ(partitions->size(), 2U);
}

TEST_F(SpoolTest, NoFileIsMadeBeforeSomethingWaits) {
    ASSERT_TRUE(append(price("1")));
    ASSERT_TRUE(spool->sizes());
    EXPECT_EQ(spool->sizes()->messages, 0);
    EXPECT_FALSE(std::filesystem::exists(folder.file("spool.db")));
    EXPECT_FALSE(std::filesystem::exists(folder.file("spool.db.lock")));
    ShakyTape::away = true;
    ASSERT_TRUE(append(price("2")));
    EXPECT_TRUE(std::filesystem::exists(folder.file("spool.db")));
    ShakyTape::away = false;
    EXPECT_TRUE(drained());
    EXPECT_EQ(on_tape(), (std::vector<std::string>{"1", "2"}));
}

TEST_F(SpoolTest, WhatAFileThatSomebodyHasLockedDoesNotTakeWaitsForItsTurn) {
    SqliteTapeOptions waiting;
    waiting.append_timeout = 10ms;
    auto file = SqliteTape::open(folder.file("tape.db"), clock, waiting);
    ASSERT_TRUE(file) << file.error().what;
    ASSERT_TRUE((*file)->ensure_topic("coin_topic", 1));
    ASSERT_TRUE((*file)->ensure_topic(std::string(kOutcomesTopic), 1));
    SpoolOptions options;
    options.path = folder.file("spool.db");
    options.retry = options.longest_retry = 5ms;
    auto opened = SpoolTape::open(*std::move(file), clock, log, std::move(options));
    ASSERT_TRUE(opened) << opened.error().what;
    spool = *std::move(opened);
    ASSERT_TRUE(append(price("1")));
    auto somebody = Database::open(folder.file("tape.db"), {});
    ASSERT_TRUE(somebody) << somebody.error().what;
    ASSERT_TRUE((*somebody)->execute("begin exclusive"));
    std::vector<Position> positions;
    for (const char* value : {"2", "3"}) {
        const auto position = append(price(value));
        ASSERT_TRUE(position) << position.error().what;
        EXPECT_EQ(position->at.topic, "spool:coin_topic");
        positions.push_back(*position);
    }
    ASSERT_TRUE(append(account(positions)));
    ASSERT_TRUE((*somebody)->execute("rollback"));
    ASSERT_TRUE(drained());
    const auto prices = spool->read({"coin_topic", Partition(0)}, Offset(0), 1'000'000);
    ASSERT_TRUE(prices) << prices.error().what;
    ASSERT_EQ(prices->messages.size(), 3U);
    EXPECT_EQ(prices->messages[1].value, "2");
    const auto accounts =
        spool->read({std::string(kOutcomesTopic), Partition(0)}, Offset(0), 1'000'000);
    ASSERT_TRUE(accounts) << accounts.error().what;
    ASSERT_EQ(accounts->messages.size(), 1U);
    const auto run = decode_outcomes(accounts->messages[0].value);
    ASSERT_TRUE(run) << run.error().what;
    EXPECT_EQ(run->outcomes[1].sent->topic, "coin_topic");
    EXPECT_EQ(run->outcomes[1].sent->offset, Offset(2));
}

}  // namespace
}  // namespace tapedeck
