// A broker that dies, connections to it that are slow or cut, messages that it or the loader
// refuses.
#include <thread>

#include "tests/crash/cluster/cluster.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

class KafkaFault : public Cluster {};

TEST_F(KafkaFault, LosesAndDoublesNothingWhenTheBrokerIsKilled) {
    prepare();
    producer().start(20ms);
    start_loaders(3);
    ASSERT_TRUE(wait_for_progress(500));
    for (int i = 0; i < (is_long() ? 10 : 2); ++i) {
        std::this_thread::sleep_for(moment(0, 1'000));
        servers().kafka().stop({"--kill"});
        std::this_thread::sleep_for(moment(0, 2'000));
        servers().kafka().start();
        ASSERT_TRUE(wait_for_progress(500, 120s));
    }
    finish();
}

TEST_F(KafkaFault, LosesAndDoublesNothingOverSlowAndCutConnections) {
    Plan plan;
    plan.is_kafka_proxied = true;
    prepare(plan);
    producer().start(20ms);
    start_loaders(3);
    ASSERT_TRUE(wait_for_progress(200));
    const std::vector<std::vector<std::string>> toxics{
        {"--type", "latency", "--set", "latency=150", "--set", "jitter=100"},
        {"--type", "bandwidth", "--set", "rate=50"},
        {"--type", "bandwidth", "--set", "rate=50", "--upstream"},
        {"--type", "slicer", "--set", "average_size=64", "--set", "size_variation=32", "--set",
         "delay=1000"},
        {"--type", "limit_data", "--set", "bytes=20000"},
        {"--type", "limit_data", "--set", "bytes=20000", "--upstream"},
        {"--type", "reset_peer", "--set", "timeout=200"},
        {"--type", "timeout", "--set", "timeout=500", "--upstream"},
    };
    for (int round = 0; round < (is_long() ? 10 : 1); ++round) {
        for (const auto& toxic : toxics) {
            servers().proxy("toxic", "kafka", toxic);
            std::this_thread::sleep_for(moment(1'000, 3'000));
            servers().proxy("heal", "kafka");
            servers().proxy("cut", "kafka");
            std::this_thread::sleep_for(moment(0, 1'000));
            servers().proxy("mend", "kafka");
            ASSERT_TRUE(wait_for_progress(200, 120s));
        }
    }
    finish();
}

TEST_F(KafkaFault, RefusesAMessageThatIsTooLargeToItsSenderAlone) {
    // Smaller than the producer's limit, larger than the topic's: the broker says no.
    servers().kafka().run("topic", {"--name", coin_topic(), "--partitions", "3", "--set",
                                    "max.message.bytes=150000", "--set", "retention.ms=-1"});
    prepare();
    start_loaders(2);
    for (int i = 0; i < 20; ++i) {
        producer().send_slots(1);
        std::vector<Observation> mixed = traffic().slot(100'000 + i);  // nobody expects these slots
        for (Observation& each : mixed) each.feed.clear();
        const auto middle = mixed.begin() + static_cast<std::ptrdiff_t>(random(mixed.size()));
        mixed.insert(middle, traffic().too_large(i % 2 == 0 ? 200'000 : 3'000'000));
        producer().send(std::move(mixed));
    }
    EXPECT_EQ(producer().unanswered(), 0);
    finish();
}

TEST_F(KafkaFault, KeepsEveryUnreadableMessageAsADeadLetter) {
    Plan plan;
    plan.shape.unreadable = 40;
    prepare(plan);
    producer().start(5ms, 100);
    start_loaders(3);
    producer().wait();
    finish();
    EXPECT_GE(database().number("select count(*) from dead_letters"), 4'000);
}

TEST_F(KafkaFault, LoadsAFloodOfTheOriginalsMessages) {
    Plan plan;
    plan.shape.in_array = 3;
    prepare(plan);
    start_loaders(3);
    const int messages = is_long() ? 1'000'000 : 100'000;
    constexpr int kAtOnce = 5'000;
    for (int sent = 0; sent < messages; sent += kAtOnce) {
        std::vector<Observation> arrays;
        for (int i = 0; i < kAtOnce; ++i) arrays.push_back(traffic().array(traffic().slot_at(0)));
        producer().send(std::move(arrays));
    }
    producer().send_slots(5);
    finish();
}

}  // namespace
}  // namespace tapedeck
