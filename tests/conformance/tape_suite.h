#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tape/tape.h"

// What every Tape must do. An implementation is tested by a factory:
//
//     struct Factory {
//         static constexpr bool kDurable;  // whether `reopen` finds what was appended before
//         Tape& tape();                    // the same object until `reopen`
//         void reopen();                   // closes the tape and opens it anew; no reader is open
//         std::string topic(const std::string& name);  // a name that nobody has used before
//     };
//
// and INSTANTIATE_TYPED_TEST_SUITE_P(Name, TapeSuite, Factory). The suite knows nothing of the
// engine: offsets may have holes, partitions may be given out late, times are milliseconds. Waiting
// is bounded by kPatience and ends as soon as what is waited for has come.
namespace tapedeck {

inline constexpr std::chrono::seconds kPatience{60};
inline constexpr std::size_t kChunkBytes = 1024 * 1024;

template <class Factory>
class TapeSuite : public ::testing::Test {
protected:
    Tape& tape() { return factory_.tape(); }

    std::string make_topic(const std::string& name, int partitions = 1) {
        std::string topic = factory_.topic(name);
        const auto made = tape().ensure_topic(topic, partitions);
        EXPECT_TRUE(made) << made.error().what;
        return topic;
    }

    static OutgoingMessage message(const std::string& topic, const std::string& key,
                                   const std::string& value, std::int64_t milliseconds = 1'000) {
        return {topic, key, value, Timestamp(std::chrono::milliseconds(milliseconds)), {}};
    }

    std::vector<Position> append(const std::vector<OutgoingMessage>& messages) {
        std::vector<Position> out;
        auto appended = tape().append(messages);
        EXPECT_TRUE(appended) << appended.error().what;
        if (!appended) return out;
        EXPECT_EQ(appended->size(), messages.size());
        for (const auto& position : *appended) {
            EXPECT_TRUE(position) << position.error().what;
            if (position) out.push_back(*position);
        }
        return out;
    }

    struct Seen {
        Offset offset;
        std::optional<Timestamp> timestamp;
        std::string key;
        std::string value;
    };
    using SeenMap = std::map<TopicPartition, std::vector<Seen>>;

    static std::size_t count(const SeenMap& seen) {
        std::size_t all = 0;
        for (const auto& [at, messages] : seen) all += messages.size();
        return all;
    }

    static void keep(const Chunk& chunk, SeenMap& seen) {
        auto& messages = seen[chunk.at];
        for (const TapeMessage& each : chunk.messages) {
            EXPECT_GE(each.offset, chunk.from);
            EXPECT_LT(each.offset, chunk.next);
            messages.push_back(
                {each.offset, each.timestamp, std::string(each.key), std::string(each.value)});
        }
    }

    // Everything of one partition by `read`, from `from` to its end.
    std::vector<Seen> read_all(const TopicPartition& at, Offset from,
                               std::size_t max_bytes = kChunkBytes) {
        SeenMap seen;
        const auto extent = tape().extent(at);
        EXPECT_TRUE(extent);
        while (extent && from < extent->end) {
            const auto chunk = tape().read(at, from, max_bytes);
            EXPECT_TRUE(chunk) << chunk.error().what;
            if (!chunk) break;
            EXPECT_EQ(chunk->from, from);
            EXPECT_GT(chunk->next, from) << "reading below the end must get on";
            if (chunk->next <= from) break;
            keep(*chunk, seen);
            from = chunk->next;
        }
        return seen[at];
    }

    // A loader's loop: starts what it is assigned where `ledger` says (else at 0).
    struct Loop {
        std::unique_ptr<TapeReader> reader;
        std::map<TopicPartition, Offset> ledger;
        std::set<TopicPartition> owned;
        SeenMap seen;
        std::vector<Error> errors;

        void turn(std::chrono::milliseconds wait = std::chrono::milliseconds(50)) {
            auto polled = reader->poll(wait, kChunkBytes, {});
            if (!polled) {
                errors.push_back(polled.error());
                return;
            }
            if (const auto* news = std::get_if<Assigned>(&*polled)) {
                for (const TopicPartition& at : news->partitions) {
                    EXPECT_TRUE(owned.insert(at).second) << "assigned twice";
                    const auto known = ledger.find(at);
                    const auto from = known == ledger.end() ? Offset(0) : known->second;
                    EXPECT_TRUE(reader->start(at, from));
                }
            } else if (const auto* gone = std::get_if<Revoked>(&*polled)) {
                for (const TopicPartition& at : gone->partitions) {
                    EXPECT_EQ(owned.erase(at), 1U) << "revoked without having been assigned";
                }
            } else if (const auto* chunk = std::get_if<Chunk>(&*polled)) {
                EXPECT_TRUE(owned.contains(chunk->at)) << "read without owning it";
                keep(*chunk, seen);
                ledger[chunk->at] = chunk->next;
            }
        }
    };

    Loop open_loop(const std::vector<std::string>& topics, const std::string& group) {
        Loop loop;
        auto reader = tape().open_reader(topics, group);
        EXPECT_TRUE(reader) << reader.error().what;
        if (reader) loop.reader = *std::move(reader);
        return loop;
    }

    template <class Done>
    static bool turn_until(const std::vector<Loop*>& loops, Done done) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!done()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            for (Loop* loop : loops) {
                if (loop->reader) loop->turn();
            }
        }
        return true;
    }

    Factory factory_;
};

TYPED_TEST_SUITE_P(TapeSuite);

TYPED_TEST_P(TapeSuite, KeepsKeyValueAndMilliseconds) {
    const auto topic = this->make_topic("keeps");
    std::string bytes("any \0 bytes \xff\xfe", 13);
    OutgoingMessage sent = this->message(topic, "bitcoin", bytes);
    sent.timestamp = Timestamp(std::chrono::microseconds(1'764'000'300'412'913));
    sent.headers = {{"trace", "a1"}, {"trace", "b2"}};
    const auto positions = this->append({sent});
    ASSERT_EQ(positions.size(), 1U);
    const auto seen = this->read_all({topic, Partition(0)}, Offset(0));
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].offset, positions[0].offset);
    EXPECT_EQ(seen[0].key, "bitcoin");
    EXPECT_EQ(seen[0].value, bytes);
    EXPECT_EQ(seen[0].timestamp, Timestamp(std::chrono::milliseconds(1'764'000'300'412)));
}

TYPED_TEST_P(TapeSuite, KeepsAMessageWithoutKeyAndOneWithoutValue) {
    const auto topic = this->make_topic("bare");
    this->append({this->message(topic, "", "no key"), this->message(topic, "no value", "")});
    const auto seen = this->read_all({topic, Partition(0)}, Offset(0));
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].key, "");
    EXPECT_EQ(seen[0].value, "no key");
    EXPECT_EQ(seen[1].key, "no value");
    EXPECT_EQ(seen[1].value, "");
}

TYPED_TEST_P(TapeSuite, GivesPositionsInTheOrderOfAppending) {
    const auto topic = this->make_topic("order");
    std::vector<OutgoingMessage> messages;
    for (int i = 0; i < 100; ++i) {
        messages.push_back(this->message(topic, "k" + std::to_string(i % 7), std::to_string(i)));
    }
    const auto positions = this->append(messages);
    ASSERT_EQ(positions.size(), 100U);
    for (std::size_t i = 1; i < positions.size(); ++i) {
        EXPECT_LT(positions[i - 1].offset, positions[i].offset);
    }
    const auto seen = this->read_all({topic, Partition(0)}, Offset(0));
    ASSERT_EQ(seen.size(), 100U);
    for (std::size_t i = 0; i < seen.size(); ++i) {
        EXPECT_EQ(seen[i].value, std::to_string(i));
        EXPECT_EQ(seen[i].offset, positions[i].offset);
    }
}

TYPED_TEST_P(TapeSuite, PutsAKeyAlwaysIntoThePartitionThatItsHashSays) {
    const auto topic = this->make_topic("keyed", 5);
    std::vector<OutgoingMessage> messages;
    for (int i = 0; i < 50; ++i) {
        messages.push_back(this->message(topic, "key" + std::to_string(i % 20), "v"));
    }
    const auto positions = this->append(messages);
    ASSERT_EQ(positions.size(), messages.size());
    for (std::size_t i = 0; i < positions.size(); ++i) {
        EXPECT_EQ(positions[i].at.topic, topic);
        EXPECT_EQ(positions[i].at.partition, partition_of(messages[i].key, 5));
    }
}

TYPED_TEST_P(TapeSuite, NamesItsPartitions) {
    const auto topic = this->make_topic("named", 3);
    const auto partitions = this->tape().partitions(topic);
    ASSERT_TRUE(partitions) << partitions.error().what;
    EXPECT_EQ(*partitions, (std::vector{Partition(0), Partition(1), Partition(2)}));
    const auto none = this->tape().partitions(this->factory_.topic("nowhere"));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, ErrorKind::rejected);
}

TYPED_TEST_P(TapeSuite, MakesATopicOnceAndRefusesAnotherNumberOfPartitions) {
    const auto topic = this->make_topic("twice", 2);
    EXPECT_TRUE(this->tape().ensure_topic(topic, 2));
    const auto other = this->tape().ensure_topic(topic, 3);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().kind, ErrorKind::rejected);
    EXPECT_NE(other.error().what.find(topic), std::string::npos) << other.error().what;
}

TYPED_TEST_P(TapeSuite, FailsAMessageToAnUnknownTopicAlone) {
    const auto topic = this->make_topic("known");
    const auto unknown = this->factory_.topic("unknown");
    const std::vector<OutgoingMessage> messages{this->message(topic, "a", "1"),
                                                this->message(unknown, "b", "2"),
                                                this->message(topic, "c", "3")};
    const auto appended = this->tape().append(messages);
    ASSERT_TRUE(appended) << appended.error().what;
    ASSERT_EQ(appended->size(), 3U);
    EXPECT_TRUE((*appended)[0]);
    ASSERT_FALSE((*appended)[1]);
    EXPECT_EQ((*appended)[1].error().kind, ErrorKind::rejected);
    EXPECT_TRUE((*appended)[2]);
    EXPECT_EQ(this->read_all({topic, Partition(0)}, Offset(0)).size(), 2U);
}

TYPED_TEST_P(TapeSuite, ReadsInChunksOfTheSizeAskedForAndAtLeastOneMessage) {
    const auto topic = this->make_topic("chunks");
    const TopicPartition at{topic, Partition(0)};
    std::vector<OutgoingMessage> messages;
    for (int i = 0; i < 20; ++i) {
        messages.push_back(this->message(topic, "k", std::string(1'000, 'x')));
    }
    this->append(messages);
    auto chunk = this->tape().read(at, Offset(0), 5'000);
    ASSERT_TRUE(chunk) << chunk.error().what;
    EXPECT_GE(chunk->messages.size(), 1U);
    EXPECT_LE(chunk->messages.size(), 5U);
    chunk = this->tape().read(at, Offset(0), 10);
    ASSERT_TRUE(chunk) << chunk.error().what;
    EXPECT_EQ(chunk->messages.size(), 1U);
    EXPECT_EQ(this->read_all(at, Offset(0), 3'500).size(), 20U);
}

TYPED_TEST_P(TapeSuite, KeepsAChunksBytesAfterTheReaderHasGone) {
    const auto topic = this->make_topic("backing");
    this->append({this->message(topic, "key", std::string(100'000, 'y'))});
    std::optional<Chunk> kept;
    {
        auto loop = this->open_loop({topic}, topic + "-group");
        ASSERT_TRUE(loop.reader);
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (!kept && std::chrono::steady_clock::now() < deadline) {
            auto polled = loop.reader->poll(std::chrono::milliseconds(50), kChunkBytes, {});
            ASSERT_TRUE(polled) << polled.error().what;
            if (const auto* news = std::get_if<Assigned>(&*polled)) {
                for (const auto& each : news->partitions) {
                    ASSERT_TRUE(loop.reader->start(each, Offset(0)));
                }
            }
            auto* chunk = std::get_if<Chunk>(&*polled);
            if (chunk && !chunk->messages.empty()) kept = std::move(*chunk);
        }
    }
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->messages[0].key, "key");
    EXPECT_EQ(kept->messages[0].value, std::string(100'000, 'y'));
}

TYPED_TEST_P(TapeSuite, TellsWhatAPartitionHolds) {
    const auto topic = this->make_topic("extent", 2);
    const auto empty = this->tape().extent({topic, Partition(1)});
    ASSERT_TRUE(empty) << empty.error().what;
    EXPECT_EQ(*empty, (Extent{Offset(0), Offset(0)}));
    const auto positions =
        this->append({this->message(topic, "", "1"), this->message(topic, "", "2")});
    ASSERT_EQ(positions.size(), 2U);
    const auto extent = this->tape().extent({topic, Partition(0)});
    ASSERT_TRUE(extent) << extent.error().what;
    EXPECT_EQ(extent->earliest, Offset(0));
    EXPECT_GT(extent->end, positions[1].offset);
}

TYPED_TEST_P(TapeSuite, FindsTheFirstOffsetOfATimeThoughTimesMayGoBack) {
    const auto topic = this->make_topic("times");
    const TopicPartition at{topic, Partition(0)};
    const auto milliseconds = [](std::int64_t count) {
        return Timestamp(std::chrono::milliseconds(count));
    };
    const auto empty = this->tape().offset_at(at, milliseconds(5));
    ASSERT_TRUE(empty) << empty.error().what;
    EXPECT_EQ(*empty, Offset(0));
    std::vector<Position> positions;
    for (const std::int64_t time : {1'000, 3'000, 2'000, 4'000}) {
        const auto one = this->append({this->message(topic, "k", "v", time)});
        ASSERT_EQ(one.size(), 1U);
        positions.push_back(one[0]);
    }
    const auto end = this->tape().extent(at);
    ASSERT_TRUE(end);
    const std::vector<std::pair<Timestamp, Offset>> expected{
        {milliseconds(0), positions[0].offset},
        {milliseconds(1'000), positions[0].offset},
        {milliseconds(1'000) + std::chrono::microseconds(1), positions[1].offset},
        {milliseconds(2'000), positions[1].offset},
        {milliseconds(3'001), positions[3].offset},
        {milliseconds(4'001), end->end}};
    for (const auto& [time, offset] : expected) {
        const auto found = this->tape().offset_at(at, time);
        ASSERT_TRUE(found) << found.error().what;
        EXPECT_EQ(*found, offset) << format_rfc3339(time);
    }
    // What was discarded is no answer.
    ASSERT_TRUE(this->tape().discard(at, positions[2].offset));
    const auto later = this->tape().offset_at(at, milliseconds(0));
    ASSERT_TRUE(later) << later.error().what;
    EXPECT_EQ(*later, positions[2].offset);
    EXPECT_EQ(this->tape().offset_at({topic, Partition(7)}, milliseconds(0)).error().kind,
              ErrorKind::rejected);
}

TYPED_TEST_P(TapeSuite, ForgetsWhatIsDiscardedAndNeverUsesItsOffsetsAgain) {
    const auto topic = this->make_topic("discard");
    const TopicPartition at{topic, Partition(0)};
    const auto positions =
        this->append({this->message(topic, "k", "1"), this->message(topic, "k", "2"),
                      this->message(topic, "k", "3")});
    ASSERT_EQ(positions.size(), 3U);
    ASSERT_TRUE(this->tape().discard(at, positions[2].offset));
    auto extent = this->tape().extent(at);
    ASSERT_TRUE(extent);
    EXPECT_EQ(extent->earliest, positions[2].offset);
    const auto left = this->read_all(at, extent->earliest);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left[0].value, "3");
    const auto gone = this->tape().read(at, Offset(0), kChunkBytes);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().kind, ErrorKind::corrupt);

    ASSERT_TRUE(this->tape().discard(at, extent->end));
    if (TypeParam::kDurable) this->factory_.reopen();
    extent = this->tape().extent(at);
    ASSERT_TRUE(extent);
    EXPECT_EQ(extent->earliest, extent->end);
    const auto later = this->append({this->message(topic, "k", "4")});
    ASSERT_EQ(later.size(), 1U);
    EXPECT_GT(later[0].offset, positions[2].offset);
}

TYPED_TEST_P(TapeSuite, FindsEverythingAgainAfterReopening) {
    if (!TypeParam::kDurable) return;  // a memory is gone with its process: nothing to find
    const auto topic = this->make_topic("durable", 2);
    const auto before =
        this->append({this->message(topic, "a", "1"), this->message(topic, "b", "2")});
    this->factory_.reopen();
    const auto partitions = this->tape().partitions(topic);
    ASSERT_TRUE(partitions) << partitions.error().what;
    EXPECT_EQ(partitions->size(), 2U);
    std::size_t found = 0;
    for (const Partition partition : *partitions) {
        found += this->read_all({topic, partition}, Offset(0)).size();
    }
    EXPECT_EQ(found, 2U);
    const auto after = this->append({this->message(topic, "a", "3")});
    ASSERT_EQ(after.size(), 1U);
    EXPECT_EQ(after[0].at, before[0].at);
    EXPECT_GT(after[0].offset, before[0].offset);
}

TYPED_TEST_P(TapeSuite, AssignsBeforeItReadsAndReadsFromWhereItWasStarted) {
    const auto topic = this->make_topic("start");
    const TopicPartition at{topic, Partition(0)};
    const auto positions =
        this->append({this->message(topic, "k", "1"), this->message(topic, "k", "2"),
                      this->message(topic, "k", "3")});
    ASSERT_EQ(positions.size(), 3U);
    auto loop = this->open_loop({topic}, topic + "-group");
    loop.ledger[at] = positions[1].offset;
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return this->count(loop.seen) >= 2; }));
    ASSERT_EQ(loop.seen[at].size(), 2U);
    EXPECT_EQ(loop.seen[at][0].value, "2");
    EXPECT_EQ(loop.seen[at][1].value, "3");
    EXPECT_TRUE(loop.errors.empty());

    // Back again, as after a reconnect.
    loop.seen.clear();
    ASSERT_TRUE(loop.reader->start(at, Offset(0)));
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return this->count(loop.seen) >= 3; }));
    EXPECT_EQ(loop.seen[at].front().value, "1");
    EXPECT_EQ(loop.seen[at].back().value, "3");
}

TYPED_TEST_P(TapeSuite, LeavesAPausedPartitionAlone) {
    const auto topic = this->make_topic("pause", 2);
    std::string first_key = "a";
    std::string second_key = "b";
    while (partition_of(first_key, 2) != Partition(0)) first_key += "a";
    while (partition_of(second_key, 2) != Partition(1)) second_key += "b";
    auto loop = this->open_loop({topic}, topic + "-group");
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return loop.owned.size() == 2; }));
    const TopicPartition paused{topic, Partition(0)};
    loop.reader->pause(paused);
    this->append(
        {this->message(topic, first_key, "paused"), this->message(topic, second_key, "read")});
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return this->count(loop.seen) >= 1; }));
    for (int i = 0; i < 5; ++i) loop.turn();
    EXPECT_TRUE(loop.seen[paused].empty());
    ASSERT_TRUE(loop.reader->start(paused, Offset(0)));
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return this->count(loop.seen) >= 2; }));
    EXPECT_EQ(loop.seen[paused].size(), 1U);
}

TYPED_TEST_P(TapeSuite, WakesAReaderThatWaitsForEver) {
    const auto topic = this->make_topic("wake");
    auto loop = this->open_loop({topic}, topic + "-group");
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return !loop.owned.empty(); }));
    std::jthread writer([&] { this->append({this->message(topic, "k", "news")}); });
    // Each call waits without end: only the message can end it (or, where offsets have holes,
    // an empty chunk, after which it waits again).
    while (this->count(loop.seen) == 0) {
        auto polled = loop.reader->poll(std::nullopt, kChunkBytes, {});
        ASSERT_TRUE(polled) << polled.error().what;
        if (const auto* chunk = std::get_if<Chunk>(&*polled)) this->keep(*chunk, loop.seen);
    }
    const TopicPartition at{topic, Partition(0)};
    EXPECT_EQ(loop.seen[at][0].value, "news");
}

TYPED_TEST_P(TapeSuite, StopsWaitingWhenItIsToldTo) {
    const auto topic = this->make_topic("stop");
    auto loop = this->open_loop({topic}, topic + "-group");
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return !loop.owned.empty(); }));
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    for (;;) {
        const auto polled = loop.reader->poll(std::nullopt, kChunkBytes, stop.get_token());
        ASSERT_TRUE(polled) << polled.error().what;
        if (std::holds_alternative<Idle>(*polled)) break;
    }
    EXPECT_TRUE(stop.stop_requested());
}

TYPED_TEST_P(TapeSuite, IsIdleWhereNothingComesWithinTheWait) {
    const auto topic = this->make_topic("idle");
    auto loop = this->open_loop({topic}, topic + "-group");
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return !loop.owned.empty(); }));
    bool idle = false;
    for (int i = 0; i < 100 && !idle; ++i) {
        const auto polled = loop.reader->poll(std::chrono::milliseconds(10), kChunkBytes, {});
        ASSERT_TRUE(polled) << polled.error().what;
        idle = std::holds_alternative<Idle>(*polled);
    }
    EXPECT_TRUE(idle);
}

TYPED_TEST_P(TapeSuite, SharesThePartitionsAmongTheReadersOfAGroup) {
    const auto topic = this->make_topic("shared", 4);
    auto first = this->open_loop({topic}, topic + "-group");
    ASSERT_TRUE(this->turn_until({&first}, [&] { return first.owned.size() == 4; }));
    auto second = this->open_loop({topic}, topic + "-group");
    ASSERT_TRUE(this->turn_until(
        {&first, &second}, [&] { return first.owned.size() == 2 && second.owned.size() == 2; }));
    for (const TopicPartition& at : first.owned) EXPECT_FALSE(second.owned.contains(at));

    std::vector<OutgoingMessage> messages;
    for (int i = 0; i < 40; ++i) {
        messages.push_back(this->message(topic, "key" + std::to_string(i), std::to_string(i)));
    }
    this->append(messages);
    ASSERT_TRUE(this->turn_until({&first, &second}, [&] {
        return this->count(first.seen) + this->count(second.seen) >= 40;
    }));
    EXPECT_EQ(this->count(first.seen) + this->count(second.seen), 40U);

    second.reader.reset();
    ASSERT_TRUE(this->turn_until({&first}, [&] { return first.owned.size() == 4; }));
}

TYPED_TEST_P(TapeSuite, GivesEachGroupEveryPartition) {
    const auto topic = this->make_topic("groups", 2);
    auto first = this->open_loop({topic}, topic + "-one");
    auto second = this->open_loop({topic}, topic + "-two");
    ASSERT_TRUE(this->turn_until(
        {&first, &second}, [&] { return first.owned.size() == 2 && second.owned.size() == 2; }));
}

TYPED_TEST_P(TapeSuite, ReadsSeveralTopicsWithOneReader) {
    const auto one = this->make_topic("one");
    const auto two = this->make_topic("two");
    auto loop = this->open_loop({one, two}, one + "-group");
    this->append({this->message(one, "k", "1"), this->message(two, "k", "2")});
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return this->count(loop.seen) >= 2; }));
    const TopicPartition of_one{one, Partition(0)};
    const TopicPartition of_two{two, Partition(0)};
    ASSERT_EQ(loop.seen[of_one].size(), 1U);
    ASSERT_EQ(loop.seen[of_two].size(), 1U);
    EXPECT_EQ(loop.seen[of_two][0].value, "2");
}

TYPED_TEST_P(TapeSuite, SaysThatTheOffsetToStartFromIsGone) {
    const auto topic = this->make_topic("gone");
    const TopicPartition at{topic, Partition(0)};
    const auto positions =
        this->append({this->message(topic, "k", "1"), this->message(topic, "k", "2")});
    ASSERT_EQ(positions.size(), 2U);
    ASSERT_TRUE(this->tape().discard(at, positions[1].offset));
    auto loop = this->open_loop({topic}, topic + "-group");
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return !loop.errors.empty(); }));
    EXPECT_EQ(loop.errors[0].kind, ErrorKind::corrupt);
    EXPECT_TRUE(loop.seen[at].empty());
    // The extent says where to go on; the reader goes on working.
    const auto extent = this->tape().extent(at);
    ASSERT_TRUE(extent);
    ASSERT_TRUE(loop.reader->start(at, extent->earliest));
    ASSERT_TRUE(this->turn_until({&loop}, [&] { return this->count(loop.seen) >= 1; }));
    EXPECT_EQ(loop.seen[at][0].value, "2");
}

TYPED_TEST_P(TapeSuite, TakesAppendsFromManyThreadsWithoutLosingOrder) {
    const auto topic = this->make_topic("threads");
    constexpr int kThreads = 4;
    constexpr int kEach = 25;
    {
        std::vector<std::jthread> writers;
        for (int t = 0; t < kThreads; ++t) {
            writers.emplace_back([&, t] {
                for (int i = 0; i < kEach; ++i) {
                    this->append({this->message(topic, std::to_string(t), std::to_string(i))});
                }
            });
        }
    }
    const auto seen = this->read_all({topic, Partition(0)}, Offset(0));
    ASSERT_EQ(seen.size(), static_cast<std::size_t>(kThreads * kEach));
    std::map<std::string, int> expected;
    for (const auto& each : seen) EXPECT_EQ(each.value, std::to_string(expected[each.key]++));
}

REGISTER_TYPED_TEST_SUITE_P(
    TapeSuite, KeepsKeyValueAndMilliseconds, KeepsAMessageWithoutKeyAndOneWithoutValue,
    GivesPositionsInTheOrderOfAppending, PutsAKeyAlwaysIntoThePartitionThatItsHashSays,
    NamesItsPartitions, MakesATopicOnceAndRefusesAnotherNumberOfPartitions,
    FailsAMessageToAnUnknownTopicAlone, ReadsInChunksOfTheSizeAskedForAndAtLeastOneMessage,
    KeepsAChunksBytesAfterTheReaderHasGone, TellsWhatAPartitionHolds,
    FindsTheFirstOffsetOfATimeThoughTimesMayGoBack,
    ForgetsWhatIsDiscardedAndNeverUsesItsOffsetsAgain, FindsEverythingAgainAfterReopening,
    AssignsBeforeItReadsAndReadsFromWhereItWasStarted, LeavesAPausedPartitionAlone,
    WakesAReaderThatWaitsForEver, StopsWaitingWhenItIsToldTo, IsIdleWhereNothingComesWithinTheWait,
    SharesThePartitionsAmongTheReadersOfAGroup, GivesEachGroupEveryPartition,
    ReadsSeveralTopicsWithOneReader, SaysThatTheOffsetToStartFromIsGone,
    TakesAppendsFromManyThreadsWithoutLosingOrder);

}  // namespace tapedeck
