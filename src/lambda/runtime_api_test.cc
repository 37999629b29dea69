#include "lambda/runtime_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "lambda/request_lines.h"
#include "net/memory_http_client.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A runtime interface that is a function: calls in turn, then it stops the loop.
class RuntimeApiTest : public ::testing::Test {
protected:
    parts::SkippingClock clock{*parse_rfc3339("2026-11-24T00:00:00Z")};
    std::vector<WebAnswer> calls;
    int reply_status = 202;
    std::vector<std::string> heard;  // "PATH BODY" of each POST
    std::vector<std::string> lines;

    static WebAnswer call(std::string id, std::string event,
                          std::string deadline = "1795478430000") {
        WebAnswer answer;
        answer.headers = {{"Lambda-Runtime-Aws-Request-Id", std::move(id)},
                          {"Lambda-Runtime-Deadline-Ms", std::move(deadline)},
                          {"Lambda-Runtime-Trace-Id", "Root=1-a"}};
        answer.body = std::move(event);
        return answer;
    }

    Result<> serve(const HandleInvocation& handle) {
        std::size_t next = 0;
        std::stop_source stop;
        auto client = MemoryHttpClient::advancing(clock, [&](const Request& request) {
            WebAnswer answer;
            const std::string path = request.url.substr(request.url.find("/runtime/") + 9);
            if (request.method == Method::get) {
                EXPECT_EQ(path, "invocation/next");
                if (next < calls.size()) return calls[next++];
                stop.request_stop();
                answer.hangs = true;
                return answer;
            }
            EXPECT_FALSE(request.repeatable) << "a reply is given once";
            heard.push_back(path + " " + request.body);
            answer.status = reply_status;
            return answer;
        });
        Log log([this](std::string_view, std::string_view line) { lines.emplace_back(line); },
                LogFormat::json, Severity::info, clock);
        RuntimeApi api(client, clock, "127.0.0.1:9001", 60s);
        return serve_invocations(api, clock, log, handle, stop.get_token());
    }
};

TEST_F(RuntimeApiTest, TakesCallsInTurnAndGivesRepliesAndErrors) {
    calls = {call("one", "{\"a\":1}"), call("two", "{}")};
    std::vector<Invocation> taken;
    ASSERT_TRUE(serve([&](const Invocation& invocation) {
        taken.push_back(invocation);
        if (invocation.request_id == "one") return LambdaReply{"[1]", {}};
        return LambdaReply{{}, LambdaFault{"BadEvent", "no \"feed\""}};
    }));
    EXPECT_THAT(
        heard,
        ElementsAre("invocation/one/response [1]",
                    "invocation/two/error "
                    R"({"errorMessage":"no \"feed\"","errorType":"BadEvent","stackTrace":[]})"));
    ASSERT_EQ(taken.size(), 2U);
    EXPECT_EQ(taken[0].event, "{\"a\":1}");
    EXPECT_EQ(taken[0].trace, "Root=1-a");
    EXPECT_EQ(taken[0].deadline, *parse_rfc3339("2026-11-24T00:00:30Z"));
}

TEST_F(RuntimeApiTest, TakesNoDeadlineThatCannotBeOne) {
    for (const char* told : {"", "600", "-1", "soon", "99999999999999999999", "1795478400000000"}) {
        calls = {call("id", "{}", told)};
        Timestamp deadline;
        ASSERT_TRUE(serve([&](const Invocation& invocation) {
            deadline = invocation.deadline;
            return LambdaReply{"{}", {}};
        }));
        EXPECT_EQ(deadline, clock.now() + 60s) << told;
    }
}

TEST_F(RuntimeApiTest, LivesOnWhereTheInterfaceAnswersWhatItMustNot) {
    WebAnswer cut;
    cut.failure = Failure{Reason::truncated, "cut"};
    WebAnswer angry;
    angry.status = 503;
    WebAnswer nameless;
    calls = {cut, angry, nameless, call("one", "{}")};
    ASSERT_TRUE(serve([](const Invocation&) { return LambdaReply{"{}", {}}; }));
    EXPECT_EQ(heard.size(), 1U);
    EXPECT_EQ(lines.size(), 3U);
}

TEST_F(RuntimeApiTest, EndsWhereTheInterfaceIsGone) {
    WebAnswer gone;
    gone.failure = Failure{Reason::refused, "127.0.0.1:9001 refused the connection"};
    calls.assign(9, gone);
    const auto served = serve([](const Invocation&) { return LambdaReply{}; });
    ASSERT_FALSE(served);
    EXPECT_THAT(served.error().what, HasSubstr("refused the connection"));
    calls = {call("one", "{}"), call("two", "{}")};
    reply_status = 500;  // the interface has given this process up
    EXPECT_FALSE(serve([](const Invocation&) { return LambdaReply{"{}", {}}; }));
}

TEST_F(RuntimeApiTest, SaysThatAnAnswerWasNotTaken) {
    calls = {call("one", "{}")};
    reply_status = 413;
    ASSERT_TRUE(serve([](const Invocation&) { return LambdaReply{"large", {}}; }));
    ASSERT_EQ(heard.size(), 2U);
    EXPECT_THAT(heard[1], HasSubstr("invocation/one/error"));
    EXPECT_THAT(heard[1], HasSubstr("answered 413"));
}

TEST(RequestLines, PutTheCallsIdIntoItsLinesAlone) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    RequestLines lines(ends[1]);
    lines.write(R"({"at":1})");
    lines.begin("id-\"1\"");
    lines.write(R"({"at":2})");
    lines.end();
    lines.write(R"({"at":3})");
    ::close(ends[1]);
    std::string text(1000, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(ends[0], text.data(), 1000))));
    ::close(ends[0]);
    EXPECT_EQ(text, "{\"at\":1}\n{\"requestId\":\"id-\\\"1\\\"\",\"at\":2}\n{\"at\":3}\n");
}

}  // namespace
}  // namespace tapedeck
