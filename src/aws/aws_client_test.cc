#include "aws/aws_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/s3.h"
#include "aws/xml_text.h"
#include "net/memory_http_client.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class AwsClientTest : public testing::Test {
protected:
    ManualClock clock{*parse_rfc3339("2026-11-24T00:00:00Z")};
    std::map<std::string, std::string> variables{{"AWS_ACCESS_KEY_ID", "KEY"},
                                                 {"AWS_SECRET_ACCESS_KEY", "hunter2hunter2"},
                                                 {"AWS_REGION", "eu-west-1"}};
    std::vector<Request> asked;
    std::vector<WebAnswer> answers;  // in turn; the last one again

    AwsClient& aws() {
        client_.emplace(MemoryHttpClient::advancing(clock, [this](const Request& request) {
            asked.push_back(request);
            return answers.at(std::min(asked.size(), answers.size()) - 1);
        }));
        const AwsSurroundings around{
            [this](const std::string& name) -> std::optional<std::string> {
                const auto found = variables.find(name);
                return found == variables.end() ? std::nullopt : std::optional(found->second);
            },
            [](const std::string&) { return std::nullopt; }};
        auto made = AwsClient::make({around, *client_, clock_, {}, {}}, {});
        EXPECT_TRUE(made);
        aws_.emplace(*std::move(made));
        return *aws_;
    }

    static WebAnswer said(int status, std::string body,
                          std::vector<std::pair<std::string, std::string>> headers = {}) {
        return {status, std::move(headers), std::move(body), 0us, false, {}};
    }

    static AwsCall a_call(Method method = Method::get) {
        AwsCall call;
        call.service = "lambda";
        call.path = "/2015-03-31/functions/";
        call.doing = "listing functions";
        call.request.method = method;
        return call;
    }

    std::string refusal(const AwsCall& call) {
        const auto answer = aws().call(call);
        EXPECT_FALSE(answer);
        if (answer) return "";
        EXPECT_THAT(answer.error().what, Not(HasSubstr("hunter2")));
        return answer.error().what;
    }

private:
    // Sleeps by advancing, as one thread has nobody else who would.
    class Passing : public Clock {
    public:
        explicit Passing(ManualClock& clock) : clock_(clock) {}
        Timestamp now() const override { return clock_.now(); }
        std::chrono::microseconds steady() const override { return clock_.steady(); }
        void sleep_until(Timestamp instant, std::stop_token) override {
            clock_.advance(instant - clock_.now());
        }

    private:
        ManualClock& clock_;
    };
    Passing clock_{clock};
    std::optional<MemoryHttpClient> client_;
    std::optional<AwsClient> aws_;
};

TEST_F(AwsClientTest, AsksTheRegionsEndpointOrTheOneThatIsNamed) {
    answers = {said(200, "{}")};
    ASSERT_TRUE(aws().call(a_call()));
    EXPECT_EQ(asked.back().url, "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/");
    variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1/";
    variables["AWS_ENDPOINT_URL_S3"] = "http://127.0.0.1:2";
    EXPECT_EQ(*aws().endpoint("lambda"), "http://127.0.0.1:1");
    EXPECT_EQ(*aws().endpoint("s3"), "http://127.0.0.1:2");
    variables = {{"AWS_REGION", "cn-north-1"}};
    EXPECT_EQ(*aws().endpoint("iam"), "https://iam.amazonaws.com.cn");
    variables.clear();
    EXPECT_THAT(aws().endpoint("s3").error().what, HasSubstr("no region"));
}

TEST_F(AwsClientTest, AsksAgainWhatFailsInPassingAndNothingElse) {
    answers = {said(503, ""), said(429, R"({"message":"Rate exceeded"})"), said(200, "{}")};
    EXPECT_TRUE(aws().call(a_call()));
    EXPECT_EQ(asked.size(), 3U);
    EXPECT_GT(clock.now(), *parse_rfc3339("2026-11-24T00:00:00Z")) << "with a pause";
    asked.clear();
    answers = {said(500, "")};
    EXPECT_THAT(refusal(a_call()), HasSubstr("listing functions: AWS says 500"));
    EXPECT_EQ(asked.size(), 4U);
    asked.clear();
    EXPECT_FALSE(aws().call(a_call(Method::post)));
    EXPECT_EQ(asked.size(), 1U) << "what a POST did before the server failed is not known";
    asked.clear();
    answers = {said(400, R"({"__type":"ThrottlingException","message":"slower"})"),
               said(200, "{}")};
    EXPECT_TRUE(aws().call(a_call(Method::post))) << "throttled is not done";
}

TEST_F(AwsClientTest, ExplainsWhatIsWrongAndWhatToDo) {
    answers = {said(403, R"({"message":"The security token included in the request is invalid."})",
                    {{"x-amzn-ErrorType", "UnrecognizedClientException:http://internal"}})};
    EXPECT_THAT(refusal(a_call()), HasSubstr("does not know this access key"));
    answers = {said(400, R"({"__type":"com.amazon.coral.service#ExpiredTokenException"})")};
    EXPECT_THAT(refusal(a_call()), HasSubstr("aws sso login"));
    answers = {
        said(403, R"({"Code":"AccessDeniedException","Message":"not authorized to perform"})")};
    EXPECT_THAT(refusal(a_call()), HasSubstr("permission is missing"));
    answers = {said(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>")};
    EXPECT_THAT(refusal(a_call()), HasSubstr("secret key does not belong"));
    answers = {said(301, "<Error><Code>PermanentRedirect</Code></Error>",
                    {{"x-amz-bucket-region", "us-west-2"}})};
    EXPECT_THAT(refusal(a_call()), HasSubstr("it is in us-west-2"));
    answers = {
        said(404, "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>")};
    EXPECT_THAT(refusal(a_call()), HasSubstr("there is no such thing"));
}

TEST_F(AwsClientTest, TakesAwsTimeOnceAndElseSaysThatTheClockIsWrong) {
    const std::string late = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    answers = {said(403, late, {{"Date", "Tue, 24 Nov 2026 03:00:00 GMT"}}), said(200, "")};
    ASSERT_TRUE(aws().call(a_call()));
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[1].headers.at(0).value.reveal(), "20261124T030000Z");
    answers = {said(403, late)};
    EXPECT_THAT(refusal(a_call()), HasSubstr("clock is wrong"));
}

TEST_F(AwsClientTest, NamesBucketsBeforeTheHostAndOthersInThePath) {
    answers = {said(200, "", {{"Content-Length", "3"}, {"ETag", "\"e\""}})};
    ASSERT_TRUE(S3(aws(), S3UrlStyle::automatic).head({"bucket", "a b/c"}));
    EXPECT_EQ(asked.back().url, "https://bucket.s3.eu-west-1.amazonaws.com/a%20b/c");
    ASSERT_TRUE(S3(aws(), S3UrlStyle::automatic).head({"has.dots", "k"}));
    EXPECT_EQ(asked.back().url, "https://s3.eu-west-1.amazonaws.com/has.dots/k");
    ASSERT_TRUE(S3(aws(), S3UrlStyle::path).head({"bucket", "k"}));
    EXPECT_EQ(asked.back().url, "https://s3.eu-west-1.amazonaws.com/bucket/k");
    variables["AWS_ENDPOINT_URL_S3"] = "http://127.0.0.1:9";
    ASSERT_TRUE(S3(aws(), S3UrlStyle::automatic).head({"bucket", "k"}));
    EXPECT_EQ(asked.back().url, "http://127.0.0.1:9/bucket/k");
}

TEST_F(AwsClientTest, ListsPageAfterPage) {
    answers = {said(200,
                    "<ListBucketResult><NextContinuationToken>t 1</NextContinuationToken>"
                    "<Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>"),
               said(200,
                    "<ListBucketResult><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>"
                    "<Contents><Key>c&amp;d</Key><Size>2</Size></Contents></ListBucketResult>")};
    std::vector<std::string> seen;
    ASSERT_TRUE(
        S3(aws(), S3UrlStyle::path).list({"bucket", ""}, false, [&](const S3::Entry& entry) {
            seen.push_back(entry.prefix + entry.object.key);
            return Result<>();
        }));
    EXPECT_THAT(seen, ElementsAre("a", "b/", "c&d"));
    EXPECT_THAT(asked.back().url, HasSubstr("continuation-token=t%201"));
}

// S3 may answer 200 and then say that putting the parts together failed.
TEST_F(AwsClientTest, TakesNoErrorWithinA200ForAnEnd) {
    answers = {said(200, "<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>")};
    const auto ended = S3(aws(), S3UrlStyle::path).end_multipart({"bucket", "k"}, "id", {});
    ASSERT_FALSE(ended);
    EXPECT_THAT(ended.error().what, HasSubstr("InternalError"));
}

TEST(S3Url, IsReadOrRefused) {
    EXPECT_EQ(parse_s3_url("s3://bucket/a/b")->key, "a/b");
    EXPECT_EQ(parse_s3_url("s3://bucket")->key, "");
    for (const char* url :
         {"", "bucket/key", "s3://", "s3://b/k", "s3://bucket/a/../b", "s3://bu cket/x"}) {
        EXPECT_FALSE(parse_s3_url(url)) << url;
    }
}

TEST(XmlText, ReadsElementsTextAndEntities) {
    const auto xml = parse_xml(
        "<?xml version='1.0'?><!-- c --><ns:a x='1>'><b>&lt;&#65;&#x20AC;</b>"
        "<b><![CDATA[<raw>]]></b><c/></ns:a>\n");
    ASSERT_TRUE(xml);
    EXPECT_EQ(xml->name, "a");
    EXPECT_EQ(xml->value("b"), "<A€");
    EXPECT_EQ(xml->all("b")[1]->text, "<raw>");
}

TEST(XmlText, RefusesWhatIsNone) {
    std::string deep;
    for (int i = 0; i < 40; ++i) deep += "<a>";
    for (const std::string& text :
         {std::string(), std::string("<a>"), std::string("<a></b>"), std::string("<a>&x;</a>"),
          std::string("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"), std::string("<a/><b/>"),
          std::string("<a x></a>"), std::string("<a>&#0;</a>"), std::string("{}"), deep}) {
        EXPECT_FALSE(parse_xml(text)) << text;
    }
}

}  // namespace
}  // namespace tapedeck
