#include "run/workers.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "tape/memory_tape.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

// A site that never answers, however often it is asked: only a stop ends the wait.
class SilentClient : public HttpClient {
public:
    explicit SilentClient(std::stop_source asked) : asked_(std::move(asked)) {}
    void start(RequestId, Request) override {
        ++under_way_;
        asked_.request_stop();
    }
    std::vector<Answer> wait(std::chrono::milliseconds, std::stop_token stop) override {
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable_any changed;
        if (stop.stop_possible()) changed.wait(lock, stop, [] { return false; });
        return {};
    }
    void cancel_all() override { under_way_ = 0; }
    std::size_t under_way() const override { return under_way_; }
    void rest() override {}

private:
    std::stop_source asked_;
    std::size_t under_way_ = 0;
};

// Whether it came to that; false after some seconds.
bool came(const std::stop_source& what) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any changed;
    changed.wait_for(lock, what.get_token(), 10s, [] { return false; });
    return what.stop_requested();
}

TEST(Workers, StopsATryWhoseTimeIsOverThoughItsTaskDoesNotEnd) {
    const Timestamp start = parts::kSlot;
    ManualClock clock(start);
    MemoryTape tape;
    const Feed feed = parts::feed_of({"bitcoin"}, {parts::json_source("alpha")});
    ASSERT_TRUE(tape.ensure_topic(feed.topic, 1));
    ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
    Log log(-1, LogFormat::text, Severity::error, clock);
    SourceStates states(log);
    const SecretLookup secrets = [](const std::string&) -> Result<Secret> {
        return Error{ErrorKind::rejected, "none"};
    };
    std::stop_source asked;
    std::stop_source ended;
    Workers workers({clock, tape, nullptr, states, secrets, log,
                     [&]() -> Result<std::unique_ptr<HttpClient>> {
                         return std::unique_ptr<HttpClient>(std::make_unique<SilentClient>(asked));
                     },
                     "test:1", [&] { ended.request_stop(); }});
    StartTask task;
    task.dag = "dag";
    task.task = "collect";
    task.slot = start;
    task.try_number = 1;
    CollectJob job;
    job.run_id = "run";
    job.slot = start;
    job.instruments = {"bitcoin"};
    job.deadline = start + 30s;
    workers.start(task, feed, job);
    ASSERT_TRUE(came(asked));
    EXPECT_EQ(workers.stop_overdue(start + 30s), start + 90s);
    EXPECT_TRUE(workers.take_ended().empty());
    clock.advance(90s);
    EXPECT_EQ(workers.stop_overdue(clock.now()), Timestamp::max());
    ASSERT_TRUE(came(ended));
    const auto all = workers.take_ended();
    ASSERT_EQ(all.size(), 1U);
    ASSERT_TRUE(all[0].account) << all[0].account.error().what;
    ASSERT_EQ(all[0].account->outcomes.size(), 1U);
    EXPECT_EQ(all[0].account->outcomes[0].reason, Reason::out_of_time);
    EXPECT_EQ(workers.stop_overdue(clock.now()), Timestamp::max());
}

}  // namespace
}  // namespace tapedeck
