#include "base/queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace tapedeck {
namespace {

TEST(Queue, GivesValuesInTheOrderTheyCame) {
    Queue<int> queue(3);
    for (const int value : {1, 2, 3}) EXPECT_TRUE(queue.push(value));
    EXPECT_EQ(queue.pop(), 1);
    EXPECT_EQ(queue.pop(), 2);
    EXPECT_EQ(queue.pop(), 3);
}

TEST(Queue, CarriesValuesThatCannotBeCopied) {
    Queue<std::unique_ptr<int>> queue(1);
    EXPECT_TRUE(queue.push(std::make_unique<int>(7)));
    EXPECT_EQ(**queue.pop(), 7);
}

TEST(Queue, NeverHoldsMoreThanItsCapacity) {
    Queue<int> queue(4);
    std::atomic<int> pushed = 0;
    std::jthread producer([&] {
        for (int i = 0; i < 1000; ++i) {
            queue.push(i);
            ++pushed;
        }
    });
    for (int popped = 0; popped < 1000; ++popped) {
        EXPECT_EQ(queue.pop(), popped);
        // Counted after the value went in: what is in the queue, and one on its way.
        EXPECT_LE(pushed, popped + 1 + 4 + 1);
    }
}

TEST(Queue, LosesNothingBetweenManyProducersAndConsumers) {
    Queue<int> queue(8);
    std::vector<std::atomic<int>> seen(4000);
    {
        std::vector<std::jthread> consumers;
        for (int i = 0; i < 3; ++i) {
            consumers.emplace_back([&] {
                while (const auto value = queue.pop()) ++seen[static_cast<std::size_t>(*value)];
            });
        }
        {
            std::vector<std::jthread> producers;
            for (int p = 0; p < 4; ++p) {
                producers.emplace_back([&queue, p] {
                    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(queue.push(p * 1000 + i));
                });
            }
        }
        queue.close();
    }
    for (const auto& count : seen) EXPECT_EQ(count, 1);
}

TEST(Queue, AClosedQueueGivesOutWhatIsInsideAndThenNothing) {
    Queue<int> queue(2);
    queue.push(1);
    queue.close();
    EXPECT_FALSE(queue.push(2));
    EXPECT_EQ(queue.pop(), 1);
    EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(Queue, ClosingWakesThoseWhoWait) {
    Queue<int> full(1);
    full.push(1);
    Queue<int> empty(1);
    std::jthread producer([&] { EXPECT_FALSE(full.push(2)); });
    std::jthread consumer([&] { EXPECT_EQ(empty.pop(), std::nullopt); });
    full.close();
    empty.close();
}

TEST(Queue, AStopWakesThoseWhoWait) {
    Queue<int> full(1);
    full.push(1);
    Queue<int> empty(1);
    std::jthread producer([&](std::stop_token stop) { EXPECT_FALSE(full.push(2, stop)); });
    std::jthread consumer([&](std::stop_token stop) { EXPECT_EQ(empty.pop(stop), std::nullopt); });
    producer.request_stop();
    consumer.request_stop();
    producer.join();
    consumer.join();
    EXPECT_EQ(full.pop(), 1);
}

}  // namespace
}  // namespace tapedeck
