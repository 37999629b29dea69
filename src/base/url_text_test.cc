#include "base/url_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tapedeck {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> secrets(std::string_view url) {
    std::vector<std::string> texts;
    for (const Secret& one : secrets_in_url(url)) texts.push_back(one.reveal());
    return texts;
}

TEST(UrlText, HidesWhoAsksAndValuesThatAreNamedAsSecrets) {
    EXPECT_EQ(shown_url("https://user:p%40ss@a.com:8/x?api_key=12&b=3"),
              "https://***@a.com:8/x?api_key=***&b=3");
    EXPECT_EQ(shown_url("https://token@a.com"), "https://***@a.com");
    EXPECT_EQ(shown_url("http://a.com/@x?q=a@b&Access-Token=zzz#key=7"),
              "http://a.com/@x?q=a@b&Access-Token=***#key=7");
    EXPECT_EQ(shown_url("https://a.com/?sig=1&signature=2&%6Bey=3"),
              "https://a.com/?sig=***&signature=***&%6Bey=***");
}

TEST(UrlText, LeavesPlaceholdersAndAllElse) {
    for (const char* url :
         {"https://a.com/{instrument}?key={key}&crumb={crumb}",
          "https://a.com/?key=", "a.com?key=1", "https://a.com/?symbols=BTC,ETH&per_page=100", "",
          "https://", "https://a.com/?", "://@?"}) {
        EXPECT_EQ(shown_url(url), url);
        EXPECT_THAT(secrets(url), IsEmpty()) << url;
    }
}

TEST(UrlText, GivesWhatItHides) {
    EXPECT_THAT(secrets("https://user:p%40ss@a.com/?api_key=1%202"), ElementsAre("p@ss", "1 2"));
    EXPECT_THAT(secrets("https://token@a.com/"), ElementsAre("token"));
    EXPECT_THAT(secrets("postgresql://tapedeck@db/market"), IsEmpty());  // a name alone
    EXPECT_THAT(secrets("postgresql://u:pw@db/market?sslpassword=x"), ElementsAre("pw", "x"));
    EXPECT_THAT(secrets("jdbc:postgresql://db/m?user=u&password=pw"), ElementsAre("pw"));
    EXPECT_THAT(secrets("kafka://u:pw@b:9092"), ElementsAre("pw"));
}

TEST(UrlText, KnowsTheNamesOfSecrets) {
    for (const char* name :
         {"Authorization", "Cookie", "X-CMC_PRO_API_KEY", "token", "pw", "accessToken",
          "clientSecret", "x_cg_demo_api_key", "apikey", "sslpassword"}) {
        EXPECT_TRUE(is_secret_name(name)) << name;
    }
    for (const char* name : {"User-Agent", "Accept-Language", "symbol", "page", "vs_currencies",
                             "keyword", "author", "compass", "monkey", ""}) {
        EXPECT_FALSE(is_secret_name(name)) << name;
    }
}

}  // namespace
}  // namespace tapedeck
