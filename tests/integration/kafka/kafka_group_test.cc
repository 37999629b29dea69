// Readers in several processes, as `tapedeck load` runs them.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <thread>

#include "tests/integration/kafka/broker.h"
#include "tests/integration/kafka/child_process.h"
#include "tests/integration/kafka/loading.h"

namespace tapedeck {
namespace {

class KafkaGroup : public ::testing::Test {
protected:
    const std::unique_ptr<KafkaTape> tape_ = open_tape(options_for(broker().address()));

    static std::vector<std::string> arguments(const std::string& topic,
                                              const std::string& messages = "99999") {
        return {broker().address(), topic + "-group", topic, messages};
    }
    static bool turn_until(const std::vector<Child*>& children, const std::function<bool()>& done) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(90);
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            for (Child* child : children) {
                if (!child->read_some()) return false;
            }
        }
        return true;
    }
    void append(const std::vector<OutgoingMessage>& messages) {
        const auto appended = tape_->append(messages);
        ASSERT_TRUE(appended) << appended.error().what;
        for (const auto& each : *appended) ASSERT_TRUE(each) << each.error().what;
    }
    // Where a child has read each partition to.
    static std::map<int, long> positions(const Child& child) {
        std::map<int, long> out;
        for (const std::string& line : child.lines()) {
            int partition = 0;
            long from = 0;
            long to = 0;
            if (std::sscanf(line.c_str(), "read %d from %ld to %ld", &partition, &from, &to) == 3) {
                out[partition] = to;
            }
        }
        return out;
    }
};

TEST_F(KafkaGroup, SharesPartitionsAmongProcessesAndMovesAsFewAsItCan) {
    const auto topic = new_topic(*tape_, "shared", 4);
    Child first(arguments(topic));
    ASSERT_TRUE(first.wait_for("assigned ", 4));
    Child second(arguments(topic));
    ASSERT_TRUE(
        turn_until({&first, &second}, [&] { return first.owned() == 2 && second.owned() == 2; }));
    // Cooperative: the two that stay are never taken away.
    EXPECT_EQ(first.count("assigned "), 4);
    EXPECT_EQ(first.count("revoked "), 2);
    append(numbered(topic, 0, 400));
    const auto all = [&] {
        long sum = 0;
        for (const Child* child : {&first, &second}) {
            for (const auto& [partition, to] : positions(*child)) sum += to;
        }
        return sum;
    };
    ASSERT_TRUE(turn_until({&first, &second}, [&] { return all() == 400; }));
    EXPECT_EQ(first.count("error "), 0);
    EXPECT_EQ(second.count("error "), 0);
}

TEST_F(KafkaGroup, TakesOverFromAKilledReader) {
    const auto topic = new_topic(*tape_, "killed", 2);
    Child first(arguments(topic));
    ASSERT_TRUE(first.wait_for("assigned ", 2));
    Child second(arguments(topic));
    ASSERT_TRUE(
        turn_until({&first, &second}, [&] { return first.owned() == 1 && second.owned() == 1; }));
    first.signal(SIGKILL);
    EXPECT_TRUE(second.wait_for("assigned ", 2));
}

TEST_F(KafkaGroup, TakesOverFromAStoppedReaderWhichLearnsOfItWhenItWakes) {
    const auto topic = new_topic(*tape_, "stopped", 2);
    Child first(arguments(topic));
    ASSERT_TRUE(first.wait_for("assigned ", 2));
    Child second(arguments(topic));
    ASSERT_TRUE(
        turn_until({&first, &second}, [&] { return first.owned() == 1 && second.owned() == 1; }));
    first.signal(SIGSTOP);
    ASSERT_TRUE(second.wait_for("assigned ", 2));
    append(numbered(topic, 0, 100));
    ASSERT_TRUE(turn_until({&second}, [&] {
        long sum = 0;
        for (const auto& [partition, to] : positions(second)) sum += to;
        return sum == 100;
    }));
    first.signal(SIGCONT);
    // It is told that it lost its partition, and comes back into the group for its share.
    const int revoked = first.count("revoked ");
    ASSERT_TRUE(turn_until({&first, &second}, [&] {
        return first.count("revoked ") > revoked && first.owned() == 1 && second.owned() == 1;
    }));
}

TEST_F(KafkaGroup, StaysBelowSixtyFourMebibytesWhileDrainingMillions) {
    constexpr int kMessages = 2'000'000;
    constexpr int kAtOnce = 100'000;
    const auto topic = new_topic(*tape_, "millions", 3);
    std::vector<OutgoingMessage> messages;
    for (int i = 0; i < kAtOnce; ++i) {
        messages.push_back(
            message(topic, "instrument" + std::to_string(i % 100),
                    R"({"coin_name":"bitcoin","current_price":22470.52,"currency":"USD","n":)" +
                        std::to_string(i) + "}"));
    }
    for (int sent = 0; sent < kMessages; sent += kAtOnce) append(messages);
    Child child(arguments(topic, std::to_string(kMessages)));
    ASSERT_TRUE(child.wait_for("cpu "));
    EXPECT_EQ(child.after("messages "), std::to_string(kMessages));
    const long memory = std::stol(child.after("memory "));
    RecordProperty("memory_kib", std::to_string(memory));
    std::printf("%d messages drained in %s s (%s s of CPU), at most %ld KiB resident\n", kMessages,
                child.after("seconds ").c_str(), child.after("cpu ").c_str(), memory);
    EXPECT_LT(memory, 64 * 1024);
}

TEST_F(KafkaGroup, ALoaderStaysBelowSixtyFourMebibytes) {
    constexpr int kMessages = 500'000;
    constexpr int kAtOnce = 50'000;
    const auto topic = new_topic(*tape_, "loaded", 3);
    for (int i = 0; i < kMessages; i += kAtOnce) append(observations(topic, i, i + kAtOnce));
    const TempFolder folder;
    auto words = arguments(topic, std::to_string(kMessages));
    words.push_back(folder.file("store.db"));
    Child child(words);
    ASSERT_TRUE(child.wait_for("cpu "));
    EXPECT_EQ(child.after("loaded "), std::to_string(kMessages));
    const long memory = std::stol(child.after("memory "));
    std::printf("%d messages loaded into SQLite (%s s of CPU), at most %ld KiB resident\n",
                kMessages, child.after("cpu ").c_str(), memory);
    EXPECT_LT(memory, 64 * 1024);
}

// The ledger is the judge, whoever is killed or sent away at whatever moment.
TEST_F(KafkaGroup, LosesAndDoublesNothingWhileLoadersComeAndGo) {
    const int rounds = std::getenv("TAPEDECK_LONG") == nullptr ? 8 : 80;
    constexpr int kAtOnce = 500;
    const auto topic = new_topic(*tape_, "storm", 6);
    const TempFolder folder;
    SystemClock clock;
    const auto store = SqliteStore::open(folder.file("store.db"), clock);
    ASSERT_TRUE(store) << store.error().what;
    ASSERT_TRUE((*store)->ensure_table(kCoins));
    auto words = arguments(topic, "999999999");
    words.push_back(folder.file("store.db"));
    std::vector<std::unique_ptr<Child>> loaders;
    for (int i = 0; i < 3; ++i) loaders.push_back(std::make_unique<Child>(words));
    for (int round = 0; round < rounds; ++round) {
        const auto loaded = rows_of(**store).size();
        append(observations(topic, round * kAtOnce, (round + 1) * kAtOnce));
        ASSERT_TRUE(wait_until([&] { return rows_of(**store).size() > loaded; }));
        auto& one = loaders[static_cast<std::size_t>(round) % loaders.size()];
        if (round % 2 == 0) one->signal(SIGKILL);  // the others are asked to leave
        one = nullptr;
        one = std::make_unique<Child>(words);
    }
    const int sent = rounds * kAtOnce;
    EXPECT_TRUE(
        wait_until([&] { return rows_of(**store).size() >= static_cast<std::size_t>(sent); }));
    for (auto& loader : loaders) {
        loader->close_input();
        EXPECT_TRUE(loader->wait_for("cpu "));
        EXPECT_EQ(loader->count("error "), 0) << loader->after("error ");
    }
    EXPECT_EQ(rows_of(**store), numbers(0, sent));
}

// A loader that waits for its database does not poll, and partitions come and go meanwhile.
TEST_F(KafkaGroup, StartsNothingThatCameAndWentBetweenTwoPolls) {
    const auto kept = new_topic(*tape_, "kept", 1);
    const auto shared = new_topic(*tape_, "came", 1);  // goes to a guest, who reads nothing else
    const auto open = [&](const std::vector<std::string>& topics) {
        auto reader = tape_->open_reader(topics, shared + "-group");
        EXPECT_TRUE(reader) << reader.error().what;
        return *std::move(reader);
    };
    // Polls once and starts what was assigned; what the shared partition went through: "+" or "-".
    const auto tell = [&](TapeReader& reader, std::chrono::milliseconds wait) -> std::string {
        const auto polled = reader.poll(wait, 1 << 20, {});
        EXPECT_TRUE(polled) << polled.error().what;
        const TopicPartition at{shared, Partition(0)};
        if (const auto* assigned = std::get_if<Assigned>(&*polled)) {
            for (const TopicPartition& each : assigned->partitions) {
                const auto started = reader.start(each, Offset(0));
                EXPECT_TRUE(started) << started.error().what;
            }
            if (std::ranges::count(assigned->partitions, at) > 0) return "+";
        }
        const auto* revoked = std::get_if<Revoked>(&*polled);
        return revoked != nullptr && std::ranges::count(revoked->partitions, at) > 0 ? "-" : "";
    };
    const auto first = open({kept, shared});
    ASSERT_EQ(tell(*first, std::chrono::seconds(30)), "+");
    // What a reader does to a partition serves its group as well, and tells nothing.
    const auto serve = [&] { first->pause({kept, Partition(9)}); };
    const auto invite = [&] {
        auto guest = open({shared});
        while (tell(*guest, std::chrono::milliseconds(10)) != "+") serve();
        return guest;
    };
    std::string lived;
    for (int round = 1; round <= 10 && lived != "-+-"; ++round) {
        lived.clear();
        invite().reset();
        for (int i = 0; i < 200 * round; ++i) {  // until the first has it back
            serve();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        const auto guest = invite();
        for (int i = 0; i < 100; ++i) lived += tell(*first, std::chrono::milliseconds(0));
    }
    EXPECT_EQ(lived, "-+-");
}

TEST_F(KafkaGroup, WaitsQuietlyWhereNothingComes) {
    const auto topic = new_topic(*tape_, "quiet", 3);
    auto reader = tape_->open_reader({topic}, "quiet-group");
    ASSERT_TRUE(reader);
    int owned = 0;
    while (owned < 3) {
        const auto polled = (*reader)->poll(std::chrono::seconds(30), 1 << 20, {});
        ASSERT_TRUE(polled) << polled.error().what;
        if (const auto* news = std::get_if<Assigned>(&*polled)) {
            for (const auto& at : news->partitions) {
                ASSERT_TRUE((*reader)->start(at, Offset(0)));
                ++owned;
            }
        }
    }
    // What the whole process uses while one of its threads waits: librdkafka's threads included.
    const auto cpu = [] {
        timespec now{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
    };
    const double before = cpu();
    const auto polled = (*reader)->poll(std::chrono::seconds(5), 1 << 20, {});
    ASSERT_TRUE(polled) << polled.error().what;
    EXPECT_TRUE(std::holds_alternative<Idle>(*polled));
    const double used = cpu() - before;
    std::printf("5 s of waiting took %.1f ms of CPU\n", used);
    EXPECT_LT(used, 100.0);
}

TEST_F(KafkaGroup, StopsAWaitWithoutEnd) {
    const auto topic = new_topic(*tape_, "stop");
    auto reader = tape_->open_reader({topic}, "stop-group");
    ASSERT_TRUE(reader);
    const auto first = (*reader)->poll(std::chrono::seconds(30), 1 << 20, {});
    ASSERT_TRUE(first && std::holds_alternative<Assigned>(*first));
    std::stop_source stop;
    const std::jthread stopper([&] { stop.request_stop(); });
    const auto polled = (*reader)->poll(std::nullopt, 1 << 20, stop.get_token());
    ASSERT_TRUE(polled) << polled.error().what;
    EXPECT_TRUE(std::holds_alternative<Idle>(*polled));
}

}  // namespace
}  // namespace tapedeck
