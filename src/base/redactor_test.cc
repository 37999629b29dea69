#include "base/redactor.h"

#include <gtest/gtest.h>

#include <string>

namespace tapedeck {
namespace {

constexpr std::string_view kKey = "sk/Canary+7 x\"&q%41=";

class RedactorTest : public testing::Test {
protected:
    RedactorTest() { redactor_.know(Secret(std::string(kKey)), SecretReach::site); }
    std::string clean(std::string_view text) const { return redactor_.clean(text); }
    Redactor redactor_;
};

TEST_F(RedactorTest, TakesTheSecretOutAsItIs) {
    EXPECT_EQ(clean("a sk/Canary+7 x\"&q%41= b sk/Canary+7 x\"&q%41="), "a *** b ***");
    EXPECT_EQ(clean(kKey), "***");
}

TEST_F(RedactorTest, TakesItOutPercentEncodedInEitherCaseInPartAndAgain) {
    EXPECT_EQ(clean("?key=sk%2FCanary%2B7%20x%22%26q%2541%3D&b"), "?key=***&b");
    EXPECT_EQ(clean("?key=sk%2fCanary%2b7+x%22%26q%2541%3d&b"), "?key=***&b");
    EXPECT_EQ(clean("?key=%73%6b/Canary+7%20x%22&q%41=;b"), "?key=***;b");
    EXPECT_EQ(clean("?to=sk%252FCanary%252B7%2520x%2522%2526q%252541%253D#"), "?to=***#");
}

TEST_F(RedactorTest, TakesItOutOfJsonAndHtml) {
    EXPECT_EQ(clean(R"({"key":"sk\/Canary+7 x\"&q%41="})"), R"({"key":"***"})");
    EXPECT_EQ(clean(R"({"key":"sk\u002FCanary\u002b7 x\u0022\u0026q%41\u003d"})"),
              R"({"key":"***"})");
    EXPECT_EQ(clean("<p>sk/Canary&#43;7 x&quot;&amp;q%41&#x3d;</p>"), "<p>***</p>");
}

TEST_F(RedactorTest, TakesItOutOfBase64WhereverItStands) {
    Redactor redactor;
    redactor.know(Secret("open sesame?>"), SecretReach::site);
    // printf '…open sesame?>' | base64, with 0 to 4 bytes before it and some behind.
    EXPECT_EQ(redactor.clean("b3BlbiBzZXNhbWU/Pg=="), "***g==");
    EXPECT_EQ(redactor.clean("dTpvcGVuIHNlc2FtZT8+"), "dTp***");
    EXPECT_EQ(redactor.clean("dTpvcGVuIHNlc2FtZT8-"), "dTp***");
    EXPECT_EQ(redactor.clean("dXM6b3BlbiBzZXNhbWU/Png="), "dXM6***ng=");
    EXPECT_EQ(redactor.clean("Basic dXNlOm9wZW4gc2VzYW1lPz4="), "Basic dXNlOm***4=");
    EXPECT_EQ(redactor.clean("Basic dXNlOm9wZW4gc2VzYW1lPz4%3D"), "Basic dXNlOm***4%3D");
}

TEST_F(RedactorTest, TakesOutWhatIsLeftOfOneThatWasCut) {
    EXPECT_EQ(clean("'...key=sk/Canary+7 x' is no price"), "'...key=***' is no price");
    EXPECT_EQ(clean("sk%2FCanary%2B7%20"), "***");
}

TEST_F(RedactorTest, LeavesEverythingElseAsItIs) {
    const std::string text = "sk/Canary+8 x\"&q%41= %2F 50% \\ & \xE2\x82\xAC sk/Canary";
    EXPECT_EQ(clean(text), text);
    EXPECT_FALSE(redactor_.clean_answer(text));
    EXPECT_FALSE(redactor_.holds(text));
    EXPECT_EQ(clean(""), "");
    EXPECT_EQ(clean("sk%2"), "sk%2");
    EXPECT_EQ(clean("sk\\"), "sk\\");
    EXPECT_EQ(clean("sk&#"), "sk&#");
}

TEST_F(RedactorTest, KnowsNothingThatAPriceATimeOrAWordCouldBe) {
    Redactor redactor;
    for (const char* text :
         {"tapedeck", "bitcoin", "216530", "2026-11-24T00:05:00Z", "22,470.52", "short", ""}) {
        redactor.know(Secret(text), SecretReach::site);
        EXPECT_EQ(redactor.clean(std::string("price ") + text), std::string("price ") + text);
    }
    EXPECT_FALSE(Redactor::is_recognisable("123456"));
    EXPECT_TRUE(Redactor::is_recognisable("12345a"));
}

TEST_F(RedactorTest, TakesOutOfAnAnswerWhatSitesWereToldAlone) {
    redactor_.know(Secret("bitcoin-7"), SecretReach::service);
    EXPECT_EQ(clean("bitcoin-7"), "***");
    EXPECT_FALSE(redactor_.clean_answer("<h1>bitcoin-7</h1>"));
    const auto cleaned =
        redactor_.clean_answer(std::string(kKey) + "bitcoin-7" + std::string(kKey));
    ASSERT_TRUE(cleaned);
    EXPECT_EQ(cleaned->text, "***bitcoin-7***");
    EXPECT_EQ(cleaned->replaced, 2);
    redactor_.know(Secret("bitcoin-7"), SecretReach::site);  // the same password, told to a site
    EXPECT_TRUE(redactor_.clean_answer("<h1>bitcoin-7</h1>"));
}

TEST_F(RedactorTest, TakesTheLongestOfThoseThatBeginAlike) {
    redactor_.know(Secret("canary-one"), SecretReach::site);
    redactor_.know(Secret("canary-one-two"), SecretReach::site);
    EXPECT_EQ(clean("canary-one-two canary-one"), "*** ***");
}

TEST_F(RedactorTest, ForgetsTheOldestOfASessionAndNoneOfTheOthers) {
    for (std::size_t i = 0; i <= Redactor::kMostPassing; ++i) {
        redactor_.know_passing(Secret("crumb-" + std::string(1, static_cast<char>('A' + i))));
    }
    EXPECT_EQ(clean("crumb-A crumb-B"), "crumb-A ***");
    EXPECT_EQ(clean(kKey), "***");
}

}  // namespace
}  // namespace tapedeck
