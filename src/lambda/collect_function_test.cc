#include "lambda/collect_function.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "net/memory_http_client.h"
#include "tape/memory_tape.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

const Timestamp kSlot = *parse_rfc3339("2026-11-24T00:05:00Z");

Feed coins() {
    Feed feed;
    feed.name = "coin";
    feed.instruments = {"bitcoin", "ethereum", "solana"};
    feed.topic = "coin_topic";
    feed.table = {"coin_records", RecordForm::coin};
    auto source = parse_source(R"(
[source]
name = "alpha"
url = "https://alpha.example/price/{instrument}"
pace = "6000/min"
identity = "url"
[[rule]]
name = "json"
price = "/price"
currency = "USD"
)",
                               "alpha.toml");
    EXPECT_TRUE(source);
    feed.sources = {std::make_shared<const Source>(*std::move(source))};
    return feed;
}

// A feed of three coins on one site, called by its function.
class CollectFunctionTest : public ::testing::Test {
protected:
    void SetUp() override {
        const Feed coin = coins();
        Feed stock = coin;
        stock.name = "stock";
        stock.topic = "stock_topic";
        stock.table = {"stock_records", RecordForm::stock};
        feeds = {{"coin", coin}, {"stock", stock}};
        for (const std::string& topic :
             {coin.topic, stock.topic, std::string("my_topic"), std::string(kOutcomesTopic)}) {
            ASSERT_TRUE(tape.ensure_topic(topic, 1));
        }
    }

    LambdaReply call(std::string event, std::chrono::milliseconds left = 60s) {
        auto client = MemoryHttpClient::advancing(clock, [this](const Request& request) {
            asked.push_back(request.url);
            return site(request);
        });
        CollectFunction function(
            {clock, client, log, secrets, nullptr, "test", feeds,
             [this](const std::string& brokers, std::chrono::milliseconds, Timestamp) {
                 tapes.push_back(brokers);
                 if (tape_away) return Result<Tape*>(*tape_away);
                 return Result<Tape*>(&tape);
             },
             [this](const std::string&, std::optional<Timestamp> slot,
                    Timestamp) -> Result<CallSlot> {
                 if (slot && *slot != kSlot) {
                     return Error{ErrorKind::rejected, "no such slot"};
                 }
                 return CallSlot{kSlot, kSlot + 150s};
             },
             "digest", ""});
        return function.handle({"request-1", std::move(event), clock.now() + left, "Root=1"});
    }

    std::int64_t messages(const std::string& topic) {
        return tape.extent({topic, Partition(0)})->end.value();
    }

    static std::string event_of(const std::string& list, const std::string& topic) {
        return "{\"" + list + R"(":["bitcoin","solana"],"base_url":"https://pages.example/",)" +
               (list == "stock_list"
                    ? R"("stock_name_html_class":"name","previouse_close_html_class":"close",)"
                    : "") +
               R"("price_html_class":"priceValue","kafka_server":"k:9092","kafka_topic":")" +
               topic + "\"}";
    }

    parts::SkippingClock clock{kSlot};
    Log log{2, LogFormat::text, Severity::error, clock};
    MemoryTape tape;
    std::optional<Error> tape_away;
    SecretLookup secrets = [](const std::string& name) -> Result<Secret> {
        return Error{ErrorKind::rejected, "no secret " + name};
    };
    std::map<std::string, Feed> feeds;
    std::vector<std::string> asked;
    std::vector<std::string> tapes;
    Site site = [](const Request& request) {
        WebAnswer answer;
        answer.latency = 100ms;
        answer.body = R"({"price": 22470.52})";
        if (request.url.starts_with("https://pages.example/")) {
            const std::string name = request.url.substr(request.url.rfind('/') + 1);
            answer.body = "<html><head><title>" + name + "</title></head><body><h1 class='name'>" +
                          name +
                          "</h1><p class='priceValue'>$1,234.56</p><i class='close'>1.5</i>" +
                          "</body></html>";
        }
        return answer;
    };
};

TEST_F(CollectFunctionTest, AnswersInTheEarlierShapeWithWhatWasRecorded) {
    const LambdaReply reply = call(R"({"feed":"coin"})");
    ASSERT_FALSE(reply.fault) << reply.fault->what;
    EXPECT_THAT(reply.body, HasSubstr(R"("statusCode":200)"));
    EXPECT_THAT(reply.body, HasSubstr(R"(\"coin_name\":\"bitcoin\",\"current_price\":22470.52)"));
    EXPECT_THAT(reply.body, HasSubstr(R"("slot":"2026-)"));
    EXPECT_THAT(reply.body, HasSubstr(R"("failed":[])"));
    EXPECT_THAT(reply.body, HasSubstr("\"evidence\":\"none"));
    EXPECT_EQ(messages("coin_topic"), 3);
    EXPECT_EQ(messages(std::string(kOutcomesTopic)), 1);
    EXPECT_EQ(tapes.front(), "");
}

TEST_F(CollectFunctionTest, TakesTheEarlierPipelinesEventWithItsPagesAndItsBrokers) {
    const LambdaReply reply = call(event_of("coin_list", "my_topic"));
    ASSERT_FALSE(reply.fault) << reply.fault->what;
    EXPECT_EQ(asked.front(), "https://pages.example/bitcoin");
    EXPECT_EQ(tapes.front(), "k:9092");
    EXPECT_THAT(reply.body, HasSubstr(R"(\"current_price\":1234.56)"));
    EXPECT_THAT(reply.body, Not(HasSubstr("ethereum"))) << "the event's list alone";
    EXPECT_EQ(messages("my_topic"), 2);
}

// The earlier pipeline's DAG hands its function of stocks the topic of coins.
TEST_F(CollectFunctionTest, SendsStocksToTheirOwnTopicWithAWarning) {
    const LambdaReply reply = call(event_of("stock_list", "coin_topic"));
    ASSERT_FALSE(reply.fault) << reply.fault->what;
    EXPECT_EQ(messages("coin_topic"), 0);
    EXPECT_EQ(messages("stock_topic"), 2);
    EXPECT_THAT(reply.body, HasSubstr("coin_topic is the topic of the feed coin"));
}

TEST_F(CollectFunctionTest, AccountsForWhatCannotBeFetchedInTimeBeforeTheEnd) {
    site = [](const Request& request) {
        WebAnswer answer;
        answer.body = R"({"price": 5})";
        answer.hangs = request.url.find("bitcoin") == std::string::npos;
        return answer;
    };
    const Timestamp begun = clock.now();
    const LambdaReply reply = call(R"({"feed":"coin"})", 3s);
    ASSERT_FALSE(reply.fault) << reply.fault->what;
    EXPECT_LT(clock.now() - begun, 3s);
    EXPECT_THAT(reply.body, HasSubstr("the time of the function was over"));
    EXPECT_EQ(messages("coin_topic"), 1);
    EXPECT_EQ(messages(std::string(kOutcomesTopic)), 1);
    EXPECT_EQ(call(R"({"feed":"coin"})", 100ms).fault->type, "OutOfTime");
}

TEST_F(CollectFunctionTest, IsAnErrorThatIsAskedAgainWhereTheTapeIsAway) {
    tape_away = Error{ErrorKind::unavailable, "no broker answers"};
    const LambdaReply reply = call(R"({"feed":"coin"})");
    ASSERT_TRUE(reply.fault);
    EXPECT_EQ(reply.fault->type, "TapeAway");
    EXPECT_THAT(reply.fault->what, HasSubstr("no broker answers"));
    EXPECT_TRUE(reply.body.empty());
}

TEST_F(CollectFunctionTest, SaysSoWhereNothingWasRecorded) {
    site = [](const Request&) {
        WebAnswer answer;
        answer.status = 503;
        return answer;
    };
    const LambdaReply ours = call(R"({"feed":"coin"})");
    ASSERT_FALSE(ours.fault);
    EXPECT_THAT(ours.body, HasSubstr(R"("statusCode":502)"));
    // Who called the earlier function knows errors alone.
    EXPECT_EQ(call(event_of("coin_list", "my_topic")).fault->type, "NothingRecorded");
    EXPECT_EQ(messages(std::string(kOutcomesTopic)), 2) << "accounted for all the same";
}

TEST_F(CollectFunctionTest, NamesWhatIsWrongWithAnEventAndLivesOn) {
    EXPECT_EQ(call("{}").fault->type, "BadEvent");
    EXPECT_THAT(call(R"({"feed":"bonds"})").fault->what, HasSubstr("there is no feed 'bonds'"));
    EXPECT_EQ(call(R"({"feed":"coin","slot":"2020-01-01T00:00:00Z"})").fault->type, "NoSlot");
    EXPECT_EQ(messages("coin_topic"), 0);
    EXPECT_FALSE(call(R"({"feed":"coin"})").fault);
}

// A caller repeats a call whose answer it did not hear: the same slot, and so the same rows.
TEST_F(CollectFunctionTest, GivesNoSecondRowToASlotThatIsAskedForAgain) {
    const std::string event = R"({"feed":"coin","slot":")" + format_rfc3339(kSlot) + R"("})";
    for (int i = 0; i < 8; ++i) ASSERT_FALSE(call(event).fault);
    const auto chunk = tape.read({"coin_topic", Partition(0)}, Offset(0), 1 << 20);
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->messages.size(), 24U);
    std::set<std::string> keys;  // what makes a row one: slot, instrument, source
    for (const auto& message : chunk->messages) {
        ASSERT_THAT(std::string(message.value), HasSubstr(R"("slot":"2026-11-24T00:05:00Z")"));
        ASSERT_THAT(std::string(message.value), HasSubstr(R"("source":"alpha")"));
        keys.emplace(message.key);
    }
    EXPECT_EQ(keys.size(), 3U);
}

}  // namespace
}  // namespace tapedeck
