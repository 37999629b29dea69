#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "net/http_client.h"
#include "net/memory_http_client.h"

// What every HttpClient must do. An implementation is tested by a factory:
//
//     class Factory {
//         explicit Factory(Site site);           // puts the site on the web that the client sees
//         HttpClient& client();
//         std::string url(const std::string& path);
//     };
//
// and INSTANTIATE_TYPED_TEST_SUITE_P(Name, HttpClientSuite, Factory). Latencies are tens of
// milliseconds, as they may be real.
namespace tapedeck {

// The site that the suite asks. By path:
//   /text/T        200 with the body T       /status/N   status N, no body
//   /late/M/T      T after M milliseconds    /hang       never answers
//   /bytes/N       N bytes                   /echo       what was posted, and header X-Asked
//   /hop/N         redirects N times, then to /text/arrived
//   /method        what was sent, and the method as header X-Method
//   /circle        redirects to itself       /away       redirects to file:///etc/passwd
inline WebAnswer suite_site(const Request& request) {
    const std::size_t begin = request.url.find('/', std::string("https://").size());
    const std::string path = begin == std::string::npos ? "/" : request.url.substr(begin);
    const std::size_t slash = path.find('/', 1);
    const std::string verb = path.substr(0, slash);
    const std::string rest = slash == std::string::npos ? "" : path.substr(slash + 1);
    WebAnswer answer;
    answer.headers = {{"X-Mixed-Case", "One"}, {"x-twice", "a"}, {"X-Twice", "b"}};
    if (verb == "/text") {
        answer.body = rest;
    } else if (verb == "/status") {
        answer.status = std::stoi(rest);
    } else if (verb == "/late") {
        const std::size_t second = rest.find('/');
        answer.latency = std::chrono::milliseconds(std::stoi(rest.substr(0, second)));
        answer.body = rest.substr(second + 1);
    } else if (verb == "/hang") {
        answer.hangs = true;
    } else if (verb == "/bytes") {
        answer.body = std::string(std::stoul(rest), 'x');
    } else if (verb == "/echo") {
        answer.body = request.body;
        for (const Header& header : request.headers) {
            if (header.name == "X-Asked")
                answer.headers.emplace_back("X-Asked", header.value.reveal());
        }
    } else if (verb == "/method") {
        answer.headers.emplace_back("X-Method", std::string(to_string(request.method)));
        if (request.method != Method::head) answer.body = request.body;
    } else if (verb == "/hop") {
        const int left = std::stoi(rest);
        answer.status = 302;
        answer.headers.emplace_back(
            "Location", left > 1 ? "/hop/" + std::to_string(left - 1) : "/text/arrived");
    } else if (verb == "/circle" || verb == "/away") {
        answer.status = 301;
        answer.headers.emplace_back("Location", verb == "/away" ? "file:///etc/passwd" : "/circle");
    } else {
        answer.status = 404;
    }
    return answer;
}

template <class Factory>
class HttpClientSuite : public ::testing::Test {
protected:
    static constexpr std::chrono::seconds kPatience{60};

    HttpClient& client() { return factory_.client(); }

    Request get(const std::string& path) {
        Request request;
        request.url = factory_.url(path);
        request.timeout = kPatience;
        return request;
    }

    RequestId start(Request request) {
        const RequestId id(++last_);
        client().start(id, std::move(request));
        return id;
    }

    // Everything that is under way, in the order of its end.
    std::vector<Answer> all() {
        std::vector<Answer> answers;
        while (client().under_way() > 0) {
            auto ended = client().wait(kPatience, {});
            if (ended.empty()) {
                ADD_FAILURE() << "no answer within " << kPatience.count() << " seconds";
                break;
            }
            for (Answer& answer : ended) answers.push_back(std::move(answer));
        }
        return answers;
    }

    Answer only(Request request) {
        const RequestId id = start(std::move(request));
        auto answers = all();
        EXPECT_EQ(answers.size(), 1U);
        if (answers.empty()) return {};
        EXPECT_EQ(answers.front().id, id);
        return std::move(answers.front());
    }

    static std::string fault(const Answer& answer) {
        return answer.failure ? std::string(row_of(answer.failure->reason).name) : "";
    }

private:
    Factory factory_{suite_site};
    std::uint64_t last_ = 0;
};

TYPED_TEST_SUITE_P(HttpClientSuite);

TYPED_TEST_P(HttpClientSuite, GivesStatusHeadersBodyAndUrl) {
    const Request asked = this->get("/text/hello");
    const Answer answer = this->only(asked);
    EXPECT_EQ(this->fault(answer), "");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.url, asked.url);
    EXPECT_EQ(answer.header("x-mixed-case"), "One");
    EXPECT_EQ(answer.header("x-twice"), "b") << "the last of a name";
    EXPECT_EQ(answer.header("x-absent"), "");
    EXPECT_LE(answer.started, answer.ended);
}

TYPED_TEST_P(HttpClientSuite, TakesAnErrorStatusAsAnAnswer) {
    for (const int status : {204, 404, 429, 500, 503}) {
        const Answer answer = this->only(this->get("/status/" + std::to_string(status)));
        EXPECT_EQ(this->fault(answer), "");
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer.body, "");
    }
}

TYPED_TEST_P(HttpClientSuite, SendsBodyAndHeaders) {
    Request request = this->get("/echo");
    request.method = Method::post;
    request.body = std::string("a\0b", 3) + std::string(100'000, 'c');
    request.headers = {{"X-Asked", Secret("this")}};
    const std::string body = request.body;
    const Answer answer = this->only(request);
    EXPECT_EQ(answer.body, body);
    EXPECT_EQ(answer.header("x-asked"), "this");
}

TYPED_TEST_P(HttpClientSuite, AsksByEveryMethod) {
    for (const Method method :
         {Method::get, Method::head, Method::put, Method::post, Method::remove}) {
        Request request = this->get("/method");
        request.method = method;
        if (has_body(request)) request.body = "sent";
        const Answer answer = this->only(request);
        EXPECT_EQ(this->fault(answer), "");
        EXPECT_EQ(answer.header("x-method"), to_string(method));
        EXPECT_EQ(answer.body, request.body);
    }
}

TYPED_TEST_P(HttpClientSuite, AnswersEachRequestExactlyOnce) {
    std::map<RequestId, std::string> expected;
    for (int i = 0; i < 200; ++i) {
        const std::string text = "number-" + std::to_string(i);
        expected[this->start(this->get("/text/" + text))] = text;
    }
    EXPECT_EQ(this->client().under_way(), 200U);
    for (const Answer& answer : this->all()) {
        ASSERT_TRUE(expected.contains(answer.id)) << "twice, or never asked";
        EXPECT_EQ(answer.body, expected[answer.id]);
        expected.erase(answer.id);
    }
    EXPECT_TRUE(expected.empty());
    EXPECT_TRUE(this->client().wait(this->kPatience, {}).empty());
}

TYPED_TEST_P(HttpClientSuite, GivesAnswersInTheOrderOfTheirEnds) {
    const RequestId late = this->start(this->get("/late/300/late"));
    const RequestId soon = this->start(this->get("/late/20/soon"));
    const auto answers = this->all();
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers[0].id, soon);
    EXPECT_EQ(answers[1].id, late);
    EXPECT_LE(answers[0].ended, answers[1].ended);
}

TYPED_TEST_P(HttpClientSuite, ReturnsAtOnceWhereNothingIsUnderWay) {
    EXPECT_TRUE(this->client().wait(std::chrono::hours(100'000), {}).empty());
}

TYPED_TEST_P(HttpClientSuite, ReturnsEmptyHandedOnceAtMostHasPassed) {
    this->start(this->get("/hang"));
    EXPECT_TRUE(this->client().wait(std::chrono::milliseconds(20), {}).empty());
    EXPECT_EQ(this->client().under_way(), 1U);
}

TYPED_TEST_P(HttpClientSuite, ReturnsWhereAStopWasRequested) {
    this->start(this->get("/hang"));
    std::stop_source stop;
    stop.request_stop();
    EXPECT_TRUE(this->client().wait(this->kPatience, stop.get_token()).empty());
    EXPECT_EQ(this->client().under_way(), 1U) << "stopping to wait drops nothing";
}

TYPED_TEST_P(HttpClientSuite, EndsAHangingRequestAtItsTimeout) {
    Request request = this->get("/hang");
    request.timeout = std::chrono::milliseconds(150);
    const Answer answer = this->only(request);
    EXPECT_EQ(this->fault(answer), "timeout");
    EXPECT_EQ(answer.status, 0);
}

TYPED_TEST_P(HttpClientSuite, TakesABodyOfExactlyTheBytesAllowedAndNoMore) {
    Request request = this->get("/bytes/10000");
    request.max_bytes = 10'000;
    EXPECT_EQ(this->only(request).body.size(), 10'000U);
    request.max_bytes = 9'999;
    const Answer answer = this->only(request);
    EXPECT_EQ(this->fault(answer), "too_large");
    EXPECT_LE(answer.body.size(), 9'999U);
}

TYPED_TEST_P(HttpClientSuite, FollowsRedirectsUpToTheCount) {
    Request request = this->get("/hop/3");
    request.max_redirects = 3;
    const Answer arrived = this->only(request);
    EXPECT_EQ(this->fault(arrived), "");
    EXPECT_EQ(arrived.body, "arrived");
    EXPECT_THAT(arrived.url, ::testing::EndsWith("/text/arrived"));
    request.max_redirects = 2;
    EXPECT_EQ(this->fault(this->only(request)), "redirects");
    request.max_redirects = 0;
    EXPECT_EQ(this->fault(this->only(request)), "redirects");
}

TYPED_TEST_P(HttpClientSuite, EndsARedirectInACircle) {
    EXPECT_EQ(this->fault(this->only(this->get("/circle"))), "redirects");
}

TYPED_TEST_P(HttpClientSuite, FollowsNoRedirectOffTheWeb) {
    const Answer answer = this->only(this->get("/away"));
    EXPECT_EQ(this->fault(answer), "redirects");
    EXPECT_EQ(answer.body, "");
}

TYPED_TEST_P(HttpClientSuite, AnswersAnAddressThatIsNoneAsMalformed) {
    for (const char* url : {"", "nothing", "file:///etc/passwd", "ftp://127.0.0.1/"}) {
        Request request = this->get("/");
        request.url = url;
        EXPECT_EQ(this->fault(this->only(request)), "malformed") << url;
    }
}

TYPED_TEST_P(HttpClientSuite, DropsEverythingWhenCancelled) {
    for (int i = 0; i < 150; ++i) this->start(this->get(i % 2 == 0 ? "/hang" : "/text/x"));
    EXPECT_TRUE(this->client().under_way() == 150U);
    static_cast<void>(this->client().wait(std::chrono::milliseconds(0), {}));
    this->client().cancel_all();
    EXPECT_EQ(this->client().under_way(), 0U);
    EXPECT_TRUE(this->client().wait(this->kPatience, {}).empty());
    EXPECT_EQ(this->only(this->get("/text/again")).body, "again");
}

TYPED_TEST_P(HttpClientSuite, OneFailureCostsTheOthersNothing) {
    Request hanging = this->get("/hang");
    hanging.timeout = std::chrono::milliseconds(100);
    const std::set<RequestId> bad{this->start(hanging), this->start(this->get("/circle")),
                                  this->start(this->get("/away"))};
    for (int i = 0; i < 20; ++i) this->start(this->get("/late/20/good"));
    int good = 0;
    for (const Answer& answer : this->all()) {
        EXPECT_EQ(answer.failure.has_value(), bad.contains(answer.id)) << this->fault(answer);
        if (answer.body == "good") ++good;
    }
    EXPECT_EQ(good, 20);
}

REGISTER_TYPED_TEST_SUITE_P(HttpClientSuite, GivesStatusHeadersBodyAndUrl,
                            TakesAnErrorStatusAsAnAnswer, SendsBodyAndHeaders, AsksByEveryMethod,
                            AnswersEachRequestExactlyOnce, GivesAnswersInTheOrderOfTheirEnds,
                            ReturnsAtOnceWhereNothingIsUnderWay,
                            ReturnsEmptyHandedOnceAtMostHasPassed, ReturnsWhereAStopWasRequested,
                            EndsAHangingRequestAtItsTimeout,
                            TakesABodyOfExactlyTheBytesAllowedAndNoMore,
                            FollowsRedirectsUpToTheCount, EndsARedirectInACircle,
                            FollowsNoRedirectOffTheWeb, AnswersAnAddressThatIsNoneAsMalformed,
                            DropsEverythingWhenCancelled, OneFailureCostsTheOthersNothing);

}  // namespace tapedeck
