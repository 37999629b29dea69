// What KafkaTape does that other tapes do not: topics of a cluster, other programs on either side.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "tests/integration/kafka/broker.h"
#include "tests/integration/kafka/loading.h"

namespace tapedeck {
namespace {

class KafkaTapeTest : public ::testing::Test {
protected:
    const KafkaOptions options_ = options_for(broker().address());
    const std::unique_ptr<KafkaTape> tape_ = open_tape(options_);
};

// Bytes that no compression makes smaller.
std::string noise(std::size_t size) {
    std::mt19937 random(7);
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
}

// The original's producer: another library's defaults, an array a message, no key.
void produce_plainly(const std::string& topic, const std::vector<std::string>& values,
                     const std::vector<std::string>& keys = {}) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker().address().c_str(), nullptr, 0);
    rd_kafka_conf_set(conf, "partitioner", "murmur2_random", nullptr, 0);
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    ASSERT_NE(producer, nullptr);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::string key = keys.empty() ? "" : keys[i];
        const auto code = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(topic.c_str()),
            RD_KAFKA_V_VALUE(const_cast<char*>(values[i].data()), values[i].size()),
            RD_KAFKA_V_KEY(keys.empty() ? nullptr : key.data(), key.size()),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        ASSERT_EQ(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    EXPECT_EQ(rd_kafka_flush(producer, 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
}

// A foreign writer sets any timestamp.
void produce_dated(const std::string& topic, const std::string& value, std::int64_t timestamp) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker().address().c_str(), nullptr, 0);
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    ASSERT_NE(producer, nullptr);
    const auto code = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(topic.c_str()),
        RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
        RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    ASSERT_EQ(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    EXPECT_EQ(rd_kafka_flush(producer, 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
}

TEST_F(KafkaTapeTest, LoadsMessagesWhoseTimestampsAreNoTimes) {
    const auto topic = new_topic(*tape_, "timestamps");
    const std::string undated = R"({"coin_name":"bitcoin","current_price":2})";
    const std::vector<std::int64_t> timestamps{1'764'000'000'000'000'000, 9'223'372'036'854'776,
                                               9'223'372'036'854'775'807, -1'000};
    for (const std::int64_t timestamp : timestamps) {
        produce_dated(topic, undated, timestamp);
        produce_dated(topic, observation(topic, 7).value, timestamp);
    }
    Loading loading(*tape_, topic);
    const LoadSummary summary = loading.load_to_end();
    EXPECT_EQ(summary.dead_letters, 4);
    EXPECT_EQ(summary.rows, 1);
    EXPECT_EQ(summary.absorbed, 3);
    EXPECT_EQ(loading.rows(), std::vector<int>{7});
}

std::int64_t end_of(rd_kafka_t* client, const std::string& topic, int longest_ms) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    EXPECT_EQ(rd_kafka_query_watermark_offsets(client, topic.c_str(), 0, &low, &high, longest_ms),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    return high;
}

// Messages from `first` on in one transaction, which is committed or aborted. Its mark is there
// afterwards: the broker answers before it has written it.
void produce_in_transaction(const std::string& topic, int first, int count, bool is_kept) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker().address().c_str(), nullptr, 0);
    rd_kafka_conf_set(conf, "transactional.id", topic.c_str(), nullptr, 0);
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    ASSERT_NE(producer, nullptr);
    constexpr int kLongestMs = 60'000;
    ASSERT_EQ(rd_kafka_init_transactions(producer, kLongestMs), nullptr);
    const std::int64_t end = end_of(producer, topic, kLongestMs);
    ASSERT_EQ(rd_kafka_begin_transaction(producer), nullptr);
    for (int i = first; i < first + count; ++i) {
        const std::string value = observation(topic, i).value;
        ASSERT_EQ(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()),
                                    RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                  RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ASSERT_EQ(rd_kafka_flush(producer, kLongestMs), RD_KAFKA_RESP_ERR_NO_ERROR);
    ASSERT_EQ(is_kept ? rd_kafka_commit_transaction(producer, kLongestMs)
                      : rd_kafka_abort_transaction(producer, kLongestMs),
              nullptr);
    while (end_of(producer, topic, kLongestMs) < end + count + 1 &&
           !::testing::Test::HasFailure()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    rd_kafka_destroy(producer);
}

TEST_F(KafkaTapeTest, TheMarksOfTransactionsAreNeitherALagNorAGap) {
    const auto topic = new_topic(*tape_, "transactions");
    const TopicPartition at{topic, Partition(0)};
    Loading loading(*tape_, topic);
    const auto load = [&] { return loading.load_to_end(); };
    const auto ledger = [&] {
        const std::vector<TopicPartition> partitions{at};
        return loading.store().ledger(partitions).value_or({})[0].next;
    };
    const auto extent = [&] { return tape_->extent(at).value_or({}); };
    produce_in_transaction(topic, 0, 2, true);
    EXPECT_EQ(load().rows, 2);
    EXPECT_EQ(ledger(), extent().end) << "two messages and a mark";
    produce_in_transaction(topic, 2, 3, false);
    EXPECT_EQ(load().rows, 0);
    EXPECT_EQ(ledger(), extent().end);
    produce_in_transaction(topic, 5, 1, true);
    EXPECT_EQ(load().refused, 0) << "the message before the marks is found, and is the same";
    EXPECT_EQ(ledger(), extent().end);
    ASSERT_TRUE(tape_->discard(at, extent().end));
    produce_in_transaction(topic, 6, 1, true);
    const LoadSummary last = load();
    EXPECT_EQ(last.gaps, 0) << "retention took nothing but what was loaded";
    EXPECT_EQ(loading.rows(), (std::vector<int>{0, 1, 5, 6}));
}

TEST_F(KafkaTapeTest, TellsThatATopicIsDeletedWhileItIsReadAndEndsAllTheSame) {
    const auto topic = new_topic(*tape_, "deleted");
    ASSERT_TRUE(tape_->append(numbered(topic, 0, 3)));
    std::string told;
    {
        const auto tape = open_tape(options_);
        auto reader = tape->open_reader({topic}, topic);
        ASSERT_TRUE(reader) << reader.error().what;
        bool is_deleted = false;
        const auto is_told = [&] {
            auto polled = (*reader)->poll(std::chrono::milliseconds(100), 1 << 20, {});
            if (!polled) told = polled.error().what;
            if (!polled) return true;
            if (const auto* news = std::get_if<Assigned>(&*polled)) {
                for (const TopicPartition& at : news->partitions) {
                    EXPECT_TRUE((*reader)->start(at, Offset(0)));
                }
            }
            if (std::holds_alternative<Chunk>(*polled) && !is_deleted) {
                is_deleted = true;
                broker().run("delete", {"--name", topic});
            }
            return false;
        };
        EXPECT_TRUE(wait_until(is_told));
    }  // ended: librdkafka 2.0 would wait here for ever
    EXPECT_NE(told.find("the topic " + topic + " was deleted while it was read"), std::string::npos)
        << told;
}

// Some 150 MB of alike messages, which a producer packs into little.
TEST_F(KafkaTapeTest, ReadsABatchThatUnpacksToMoreThanAHundredMegabytes) {
    broker().run("topic", {"--name", "packed", "--partitions", "1", "--set", "retention.ms=-1"});
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [name, value] :
         std::map<std::string, std::string>{{"bootstrap.servers", broker().address()},
                                            {"compression.type", "zstd"},
                                            {"linger.ms", "30000"},
                                            {"batch.num.messages", "1000000"},
                                            {"batch.size", "200000000"},
                                            {"message.max.bytes", "200000000"},
                                            {"queue.buffering.max.kbytes", "400000"}}) {
        std::array<char, 256> why{};
        ASSERT_EQ(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()),
                  RD_KAFKA_CONF_OK)
            << why.data();
    }
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    ASSERT_NE(producer, nullptr);
    const std::string value(500'000, 'x');
    constexpr int kMessages = 300;
    for (int i = 0; i < kMessages; ++i) {
        ASSERT_EQ(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("packed"), RD_KAFKA_V_PARTITION(0),
                                    RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                  RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ASSERT_EQ(rd_kafka_flush(producer, 60'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
    auto reader = tape_->open_reader({"packed"}, "packed");
    ASSERT_TRUE(reader) << reader.error().what;
    std::int64_t read = 0;
    const auto is_read = [&] {
        auto polled = (*reader)->poll(std::chrono::milliseconds(100), 8 << 20, {});
        EXPECT_TRUE(polled) << polled.error().what;
        if (!polled) return true;
        if (const auto* news = std::get_if<Assigned>(&*polled)) {
            for (const TopicPartition& at : news->partitions) {
                EXPECT_TRUE((*reader)->start(at, Offset(0)));
            }
        }
        if (const auto* chunk = std::get_if<Chunk>(&*polled)) {
            read += static_cast<std::int64_t>(chunk->messages.size());
        }
        return read == kMessages;
    };
    EXPECT_TRUE(wait_until(is_read));
    EXPECT_EQ(read, kMessages);
}

TEST_F(KafkaTapeTest, SaysWithinItsTimeoutThatNobodyAnswers) {
    KafkaOptions options = options_for("127.0.0.1:1");  // tcpmux: nobody listens there
    options.request_timeout = std::chrono::milliseconds(500);
    const auto tape = open_tape(options);
    const auto extent = tape->extent({"any", Partition(0)});
    ASSERT_FALSE(extent);
    EXPECT_EQ(extent.error().kind, ErrorKind::unavailable);
    EXPECT_NE(extent.error().what.find("Connection refused"), std::string::npos)
        << extent.error().what;
    const auto appended = tape->append(std::vector{message("any", "k", "v")});
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().kind, ErrorKind::unavailable);
}

TEST_F(KafkaTapeTest, NamesTheSettingThatIsWrong) {
    KafkaOptions options = options_;
    options.tls = KafkaTls{"/nowhere/ca.pem", "", "", Secret()};
    const auto tape = KafkaTape::open(options);
    ASSERT_FALSE(tape);
    EXPECT_EQ(tape.error().kind, ErrorKind::rejected);
    EXPECT_NE(tape.error().what.find("ssl.ca.location"), std::string::npos) << tape.error().what;
}

TEST_F(KafkaTapeTest, RefusesATopicThatAnotherMadeWithOtherPartitions) {
    broker().run("topic", {"--name", "other-made", "--partitions", "3"});
    EXPECT_TRUE(tape_->ensure_topic("other-made", 3));
    const auto refused = tape_->ensure_topic("other-made", 2);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
    EXPECT_EQ(refused.error().what, "topic other-made has 3 partitions, not 2");
}

TEST_F(KafkaTapeTest, MakesNoTopicByAppendingToIt) {
    const auto appended = tape_->append(std::vector{message("never-made", "k", "v")});
    ASSERT_TRUE(appended);
    EXPECT_EQ((*appended)[0].error().kind, ErrorKind::rejected);
    EXPECT_FALSE(tape_->partitions("never-made"));
}

TEST_F(KafkaTapeTest, RefusesAnOversizedMessageAlone) {
    const auto topic = new_topic(*tape_, "oversized");
    const auto appended = tape_->append(std::vector{message(topic, "k", "before"),
                                                    message(topic, "k", noise(1'100'000)),
                                                    message(topic, "k", "after")});
    ASSERT_TRUE(appended);
    EXPECT_TRUE((*appended)[0]);
    ASSERT_FALSE((*appended)[1]);
    EXPECT_EQ((*appended)[1].error().kind, ErrorKind::rejected);
    EXPECT_TRUE((*appended)[2]);
    EXPECT_EQ(values_of(*tape_, topic), (std::vector<std::string>{"before", "after"}));
}

TEST_F(KafkaTapeTest, RefusesAMessageThatOnlyTheTopicFindsTooLargeAlone) {
    broker().run("topic", {"--name", "narrow", "--partitions", "1", "--set",
                           "max.message.bytes=300000", "--set", "retention.ms=-1"});
    std::vector<OutgoingMessage> messages = numbered("narrow", 0, 50);
    messages.push_back(message("narrow", "k", noise(500'000)));
    const auto later = numbered("narrow", 50, 100);
    messages.insert(messages.end(), later.begin(), later.end());
    const auto appended = tape_->append(messages);
    ASSERT_TRUE(appended);
    for (std::size_t i = 0; i < appended->size(); ++i) {
        EXPECT_EQ((*appended)[i].has_value(), i != 50) << i;
    }
    EXPECT_EQ((*appended)[50].error().kind, ErrorKind::rejected);
    const auto values = values_of(*tape_, "narrow");
    ASSERT_EQ(values.size(), 100U);
    for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(values[i], std::to_string(i));
}

TEST_F(KafkaTapeTest, PlacesKeysWhereOtherClientsPlaceThem) {
    constexpr int kPartitions = 7;
    const auto topic = new_topic(*tape_, "murmur2", kPartitions);
    std::vector<std::string> keys;
    std::mt19937 random(3);
    for (int i = 0; i < 500; ++i) keys.push_back(noise(1 + random() % 20) + std::to_string(i));
    produce_plainly(topic, keys, keys);
    std::size_t seen = 0;
    for (std::int32_t p = 0; p < kPartitions; ++p) {
        const auto chunk = tape_->read({topic, Partition(p)}, Offset(0), 1 << 20);
        ASSERT_TRUE(chunk) << chunk.error().what;
        for (const TapeMessage& each : chunk->messages) {
            EXPECT_EQ(partition_of(each.key, kPartitions), Partition(p));
            ++seen;
        }
    }
    EXPECT_EQ(seen, keys.size());
}

TEST_F(KafkaTapeTest, PlacesKeysWhereJavasProducerPlacesThem) {
    constexpr int kPartitions = 7;
    constexpr std::size_t kKeys = 200;
    const auto topic = new_topic(*tape_, "java", kPartitions);
    const TempFolder folder;
    std::ofstream lines(folder.file("lines"));
    for (std::size_t i = 0; i < kKeys; ++i) {
        lines << "instrument-Ä" << i * i << std::string(i % 5, 'x') << "\tvalue\n";
    }
    lines.close();
    broker().run("produce", {"--name", topic, "--file", folder.file("lines")});
    std::size_t seen = 0;
    for (std::int32_t p = 0; p < kPartitions; ++p) {
        const auto chunk = tape_->read({topic, Partition(p)}, Offset(0), 1 << 20);
        ASSERT_TRUE(chunk) << chunk.error().what;
        for (const TapeMessage& each : chunk->messages) {
            EXPECT_EQ(partition_of(each.key, kPartitions), Partition(p)) << each.key;
            ++seen;
        }
    }
    EXPECT_EQ(seen, kKeys);
}

TEST_F(KafkaTapeTest, ReadsTheArraysOfTheOriginalsProducer) {
    const auto topic = new_topic(*tape_, "coin_topic");
    const std::string array =
        R"([{"coin_name": "bitcoin", "current_price": "22,470.52"}, {"coin_name": "bnb", "current_price": "306.5"}])";
    produce_plainly(topic, {array});
    EXPECT_EQ(values_of(*tape_, topic), (std::vector<std::string>{array}));
}

TEST_F(KafkaTapeTest, KeepsHeadersForOtherConsumers) {
    const auto topic = new_topic(*tape_, "headers");
    OutgoingMessage sent = message(topic, "k", "v");
    sent.headers = {{"trace", "a1"}, {"empty", ""}, {"trace", std::string("b\0c", 3)}};
    ASSERT_TRUE(tape_->append(std::vector{sent}));

    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker().address().c_str(), nullptr, 0);
    rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
    rd_kafka_topic_t* handle = rd_kafka_topic_new(consumer, topic.c_str(), nullptr);
    ASSERT_EQ(rd_kafka_consume_start(handle, 0, 0), 0);
    rd_kafka_message_t* got = rd_kafka_consume(handle, 0, 30'000);
    ASSERT_NE(got, nullptr);
    rd_kafka_headers_t* headers = nullptr;
    ASSERT_EQ(rd_kafka_message_headers(got, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
    std::vector<MessageHeader> seen;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    while (rd_kafka_header_get_all(headers, seen.size(), &name, &value, &size) ==
           RD_KAFKA_RESP_ERR_NO_ERROR) {
        seen.push_back({name, std::string(static_cast<const char*>(value), size)});
    }
    EXPECT_EQ(seen, sent.headers);
    rd_kafka_message_destroy(got);
    rd_kafka_consume_stop(handle, 0);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(consumer);
}

// Kafka's default refuses a message whose time is an hour ahead of the broker's.
TEST_F(KafkaTapeTest, TakesAMessageFromAClockThatIsADayAhead) {
    const auto topic = new_topic(*tape_, "ahead");
    OutgoingMessage sent = message(topic, "k", "v");
    sent.timestamp =
        std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()) +
        std::chrono::days(1);
    const auto appended = tape_->append(std::vector{sent});
    ASSERT_TRUE(appended);
    EXPECT_TRUE((*appended)[0]) << (*appended)[0].error().what;
}

TEST_F(KafkaTapeTest, EveryCompressionIsReadBack) {
    for (const auto compression : {KafkaCompression::none, KafkaCompression::gzip,
                                   KafkaCompression::lz4, KafkaCompression::zstd}) {
        KafkaOptions options = options_;
        options.compression = compression;
        const auto tape = open_tape(options);
        const auto topic =
            new_topic(*tape, "compressed" + std::to_string(static_cast<int>(compression)));
        ASSERT_TRUE(tape->append(numbered(topic, 0, 1000)));
        EXPECT_EQ(values_of(*tape, topic).size(), 1000U);
    }
}

TEST_F(KafkaTapeTest, TellsBrokersAndLag) {
    const auto topic = new_topic(*tape_, "lag", 2);
    ASSERT_TRUE(tape_->append(numbered(topic, 0, 100)));
    auto status = tape_->describe({topic, "not-there"}, "lag-group");
    ASSERT_TRUE(status) << status.error().what;
    ASSERT_EQ(status->brokers.size(), 1U);
    EXPECT_EQ(status->brokers[0].port, broker().number("port"));
    ASSERT_EQ(status->partitions.size(), 2U);
    EXPECT_EQ(status->partitions[0].loaded, std::nullopt);
    EXPECT_EQ(status->partitions[0].messages() + status->partitions[1].messages(), 100);

    {
        auto reader = tape_->open_reader({topic}, "lag-group");
        ASSERT_TRUE(reader);
        std::set<TopicPartition> owned;
        while (owned.size() < 2) {
            const auto polled = (*reader)->poll(std::chrono::seconds(30), 1 << 20, {});
            ASSERT_TRUE(polled) << polled.error().what;
            if (const auto* news = std::get_if<Assigned>(&*polled)) {
                owned.insert(news->partitions.begin(), news->partitions.end());
            }
        }
        for (const TopicPartition& at : owned) {
            (*reader)->note_loaded(at, tape_->extent(at)->end);
        }
    }
    status = tape_->describe({topic}, "lag-group");
    ASSERT_TRUE(status) << status.error().what;
    for (const KafkaLag& lag : status->partitions) {
        EXPECT_EQ(lag.loaded, lag.extent.end);
        EXPECT_EQ(lag.messages(), 0);
    }
}

TEST_F(KafkaTapeTest, TellsWhoReadsWhat) {
    const auto topic = new_topic(*tape_, "members", 3);
    auto members = tape_->members("members-group");
    ASSERT_TRUE(members) << members.error().what;
    EXPECT_TRUE(members->empty());
    auto reader = tape_->open_reader({topic}, "members-group");
    ASSERT_TRUE(reader);
    const auto polled = (*reader)->poll(std::chrono::seconds(30), 1 << 20, {});
    ASSERT_TRUE(polled) << polled.error().what;
    const auto* news = std::get_if<Assigned>(&*polled);
    ASSERT_NE(news, nullptr);
    EXPECT_EQ(news->partitions.size(), 3U);
    members = tape_->members("members-group");
    ASSERT_TRUE(members) << members.error().what;
    ASSERT_EQ(members->size(), 1U);
    EXPECT_EQ(members->front().client, "tapedeck");
    EXPECT_EQ(members->front().partitions, news->partitions);
}

// What a loader sees: the end lies below its ledger, and reading there is refused, not skipped.
TEST_F(KafkaTapeTest, RefusesToReadOnInATopicThatWasDeletedAndMadeAnew) {
    const auto topic = new_topic(*tape_, "anew");
    const TopicPartition at{topic, Partition(0)};
    ASSERT_TRUE(tape_->append(numbered(topic, 0, 100)));
    const Offset ledger = tape_->extent(at)->end;
    broker().run("delete", {"--name", topic});
    ASSERT_TRUE(tape_->ensure_topic(topic, 1));
    const auto appended = tape_->append(numbered(topic, 0, 10));
    ASSERT_TRUE(appended) << appended.error().what;
    for (const auto& each : *appended) ASSERT_TRUE(each) << each.error().what;
    const auto extent = tape_->extent(at);
    ASSERT_TRUE(extent) << extent.error().what;
    EXPECT_LT(extent->end, ledger);

    auto reader = tape_->open_reader({topic}, "anew-group");
    ASSERT_TRUE(reader);
    std::optional<Error> fault;
    while (!fault) {
        const auto polled = (*reader)->poll(std::chrono::seconds(30), 1 << 20, {});
        if (!polled) {
            fault = polled.error();
        } else if (std::holds_alternative<Assigned>(*polled)) {
            ASSERT_TRUE((*reader)->start(at, ledger));
        } else {
            FAIL() << "neither assigned nor refused";
        }
    }
    EXPECT_EQ(fault->kind, ErrorKind::corrupt);
    EXPECT_EQ(fault->what, "anew[0]: offset 100 is out of range: the tape holds [0, 10)");
}

// The batch is bounded in bytes, and the reader's chunks follow one another without a hole.
TEST_F(KafkaTapeTest, HandsOutContiguousChunksWithinTheirBound) {
    const auto topic = new_topic(*tape_, "contiguous", 3);
    std::vector<OutgoingMessage> messages = numbered(topic, 0, 20'000);
    for (auto& each : messages) each.value.resize(200, ' ');
    ASSERT_TRUE(tape_->append(messages));
    auto reader = tape_->open_reader({topic}, "contiguous-group");
    ASSERT_TRUE(reader);
    constexpr std::size_t kBound = 50'000;
    std::map<TopicPartition, Offset> positions;
    std::size_t seen = 0;
    while (seen < messages.size()) {
        const auto polled = (*reader)->poll(std::chrono::seconds(30), kBound, {});
        ASSERT_TRUE(polled) << polled.error().what;
        ASSERT_FALSE(std::holds_alternative<Idle>(*polled)) << seen;
        if (const auto* news = std::get_if<Assigned>(&*polled)) {
            for (const auto& at : news->partitions) {
                ASSERT_TRUE((*reader)->start(at, Offset(0)));
            }
        }
        const auto* chunk = std::get_if<Chunk>(&*polled);
        if (chunk == nullptr) continue;
        EXPECT_EQ(chunk->from, positions[chunk->at]);
        positions[chunk->at] = chunk->next;
        std::size_t bytes = 0;
        Offset expected = chunk->from;
        for (const TapeMessage& each : chunk->messages) {
            EXPECT_EQ(each.offset, expected);
            expected = next(expected);
            bytes += each.value.size();
        }
        EXPECT_EQ(chunk->next, expected);
        EXPECT_LE(bytes, kBound);
        seen += chunk->messages.size();
    }
}

}  // namespace
}  // namespace tapedeck
