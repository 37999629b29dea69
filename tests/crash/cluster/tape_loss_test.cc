// Topics that are no longer what was loaded: made anew, or cut short by retention.
#include "tests/crash/cluster/cluster.h"

namespace tapedeck {
namespace {

class TapeLoss : public Cluster {
protected:
    // Everything that the database holds, as one hash.
    std::string contents() {
        std::string out;
        for (const std::string table : {"coin_records", "stock_records", "offsets", "batches",
                                        "dead_letters", "duplicates", "tape_gaps"}) {
            out += database().value(
                       "select count(*) || md5(string_agg(t::text, '' order by "
                       "t::text)) from " +
                       table + " t") +
                   " ";
        }
        return out;
    }
    // Deletes the topic of coins and makes it anew.
    void remake() {
        servers().kafka().run("delete", {"--name", coin_topic()});
        servers().kafka().run(
            "topic", {"--name", coin_topic(), "--partitions", "3", "--set", "retention.ms=-1"});
    }
    void send_others(std::uint64_t seed, int slots) {
        KafkaOptions options;
        options.brokers = brokers();
        auto tape = KafkaTape::open(options);
        ASSERT_TRUE(tape) << tape.error().what;
        Traffic others(seed, coin_topic(), stock_topic(), traffic().slot_at(0), {});
        for (int i = 0; i < slots; ++i) {
            std::vector<OutgoingMessage> messages;
            for (Observation& each : others.slot(i)) {
                if (each.message.topic == coin_topic()) messages.push_back(each.message);
            }
            const auto sent = (*tape)->append(messages);
            ASSERT_TRUE(sent) << sent.error().what;
            for (const auto& each : *sent) ASSERT_TRUE(each) << each.error().what;
        }
    }
    void expect_refusal() {
        const std::string before = contents();
        const auto [code, said] = load_until_end();
        EXPECT_EQ(code, 1) << said;
        EXPECT_NE(said.find("deleted and made anew"), std::string::npos) << said;
        EXPECT_NE(said.find(coin_topic()), std::string::npos) << said;
        EXPECT_EQ(contents(), before);
    }
};

TEST_F(TapeLoss, RefusesATopicThatWasMadeAnewAndIsShorter) {
    prepare();
    producer().send_slots(20);
    ASSERT_EQ(load_until_end().first, 0);
    check_rows();
    remake();
    send_others(random(1 << 30), 2);
    expect_refusal();
}

TEST_F(TapeLoss, RefusesATopicThatWasMadeAnewAndIsLonger) {
    prepare();
    producer().send_slots(20);
    ASSERT_EQ(load_until_end().first, 0);
    check_rows();
    remake();
    send_others(random(1 << 30), 40);
    expect_refusal();
}

TEST_F(TapeLoss, TellsOfMessagesThatRetentionRemovedBeforeTheyWereLoaded) {
    prepare();
    producer().send_slots(30);
    ASSERT_EQ(load_until_end().first, 0);
    producer().send_slots(60);
    std::vector<Lost> lost;
    for (const std::string& topic : {coin_topic(), stock_topic()}) {
        for (int i = 0; i < 2; ++i) {  // the third partition loses nothing
            const TopicPartition at{topic, Partition(i)};
            const Offset from(database().number("select next_offset from offsets where topic = '" +
                                                topic + "' and partition = " + std::to_string(i)));
            const auto extent = tape().extent(at);
            ASSERT_TRUE(extent) << extent.error().what;
            if (extent->end <= from) continue;  // no instrument's partition
            const auto left = static_cast<std::uint64_t>(extent->end.value() - from.value());
            const Offset to(from.value() + 1 + static_cast<std::int64_t>(random(left)));
            ASSERT_TRUE(tape().discard(at, to));
            lost.push_back({at, from, to});
        }
    }
    ASSERT_GE(lost.size(), 3U);
    const auto [code, said] = load_until_end();
    EXPECT_EQ(code, 4) << said;
    EXPECT_NE(said.find("tape_gap"), std::string::npos) << said;
    check_rows(lost);
    check_coverage(lost);
}

}  // namespace
}  // namespace tapedeck
