#include "net/memory_http_client.h"

#include <gtest/gtest.h>

#include "tests/conformance/http_client_suite.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kStart = *parse_rfc3339("2026-11-24T00:05:00Z");

class Advancing {
public:
    explicit Advancing(Site site) : client_(MemoryHttpClient::advancing(clock_, std::move(site))) {}
    HttpClient& client() { return client_; }
    std::string url(const std::string& path) { return "https://example.com" + path; }

private:
    ManualClock clock_{kStart};
    MemoryHttpClient client_;
};

class Sleeping {
public:
    explicit Sleeping(Site site) : client_(clock_, std::move(site)) {}
    HttpClient& client() { return client_; }
    std::string url(const std::string& path) { return "http://example.com" + path; }

private:
    ScaledClock clock_{kStart, 100};
    MemoryHttpClient client_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Advancing, HttpClientSuite, Advancing);
INSTANTIATE_TYPED_TEST_SUITE_P(Sleeping, HttpClientSuite, Sleeping);

Site always(WebAnswer answer) {
    return [answer = std::move(answer)](const Request&) { return answer; };
}

Request get(std::string url) {
    Request request;
    request.url = std::move(url);
    return request;
}

TEST(MemoryHttpClient, TakesExactlyTheLatencyOfTheClocksTime) {
    ManualClock clock(kStart);
    WebAnswer slow;
    slow.latency = 7s;
    auto client = MemoryHttpClient::advancing(clock, always(slow));
    client.start(RequestId(1), get("https://a.com/"));
    EXPECT_TRUE(client.wait(2s, {}).empty());
    EXPECT_EQ(clock.now(), kStart + 2s);
    const auto answers = client.wait(60s, {});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].started, kStart);
    EXPECT_EQ(answers[0].ended, kStart + 7s);
    EXPECT_EQ(clock.now(), kStart + 7s);
}

TEST(MemoryHttpClient, EndsAtTheTimeoutThoughTheClockWasSetBackMeanwhile) {
    ManualClock clock(kStart);
    WebAnswer hanging;
    hanging.hangs = true;
    auto client = MemoryHttpClient::advancing(clock, always(hanging));
    client.start(RequestId(1), get("https://a.com/"));
    clock.step(-1h);
    const auto answers = client.wait(60s, {});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].failure->reason, Reason::timeout);
    EXPECT_EQ(clock.now(), kStart - 1h + 10s);
}

TEST(MemoryHttpClient, PassesOnTheFailureThatTheSiteNames) {
    ManualClock clock(kStart);
    WebAnswer broken;
    broken.failure = Failure{Reason::tls, "a.com: self-signed certificate"};
    auto client = MemoryHttpClient::advancing(clock, always(broken));
    client.start(RequestId(1), get("https://a.com/"));
    const auto answers = client.wait(1s, {});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].failure->reason, Reason::tls);
    EXPECT_EQ(answers[0].status, 0);
}

TEST(MemoryHttpClient, WakesWhenAStopIsRequestedWhileItSleeps) {
    ManualClock clock(kStart);  // nobody advances it: only the stop can end the wait
    WebAnswer hanging;
    hanging.hangs = true;
    MemoryHttpClient client(clock, always(hanging));
    client.start(RequestId(1), get("https://a.com/"));
    std::stop_source stop;
    std::jthread stopper([&stop] { stop.request_stop(); });
    EXPECT_TRUE(client.wait(60s, stop.get_token()).empty());
}

}  // namespace
}  // namespace tapedeck
