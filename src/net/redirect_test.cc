#include "net/redirect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tapedeck {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Request asked(std::string url) {
    Request request;
    request.url = std::move(url);
    request.headers = {{"Accept", Secret("text/html")},
                       {"X-Api-Key", Secret("hunter2")},
                       {"content-type", Secret("application/json")}};
    return request;
}

std::vector<std::string> names(const Request& request) {
    std::vector<std::string> all;
    for (const Header& header : request.headers) all.push_back(header.name);
    return all;
}

TEST(Redirect, FollowsToTheSameHostWithEveryHeader) {
    Request request = asked("https://a.com/x");
    EXPECT_FALSE(redirect(request, 302, "/y", 0));
    EXPECT_EQ(request.url, "https://a.com/y");
    EXPECT_THAT(names(request), ElementsAre("Accept", "X-Api-Key", "content-type"));
}

TEST(Redirect, TellsAnotherHostNoSecrets) {
    Request request = asked("https://a.com/x");
    EXPECT_FALSE(redirect(request, 301, "https://b.com/y", 0));
    EXPECT_EQ(request.url, "https://b.com/y");
    EXPECT_THAT(names(request), ElementsAre("Accept"));
}

TEST(Redirect, TellsNoSecretsWithoutTls) {
    Request request = asked("https://a.com/x");
    EXPECT_FALSE(redirect(request, 301, "http://a.com/y", 0));
    EXPECT_THAT(names(request), ElementsAre("Accept"));
}

// A site that repeats the key in an address of somebody else's would have us carry it there.
TEST(Redirect, CarriesNoSecretToAnotherHostWhateverItsForm) {
    const std::string key = "k3y/with+signs=";
    for (const char* target :
         {"https://b.com/?to=k3y/with+signs=", "https://b.com/?to=k3y%2fwith%2Bsigns%3D",
          "https://b.com/?to=k3y%252Fwith%252Bsigns%253D", "https://b.com/azN5L3dpdGgrc2lnbnM9",
          "http://a.com/?key=k3y/with+signs="}) {
        Request request = asked("https://a.com/x");
        request.confidential = {Secret(key)};
        const auto failure = redirect(request, 302, target, 0);
        ASSERT_TRUE(failure) << target;
        EXPECT_EQ(failure->reason, Reason::redirects);
        EXPECT_THAT(failure->what, Not(HasSubstr("k3y")));
        EXPECT_EQ(request.url, "https://a.com/x");
    }
    Request request = asked("https://a.com/x");
    request.confidential = {Secret("123456")};
    EXPECT_TRUE(redirect(request, 302, "https://b.com/?to=123456", 0));
    EXPECT_FALSE(redirect(request, 302, "https://a.com/?to=123456", 0));
    EXPECT_FALSE(redirect(request, 302, "https://b.com/?to=1234", 0));
}

TEST(Redirect, EndsAtTheCount) {
    Request request = asked("https://a.com/x");
    request.max_redirects = 2;
    EXPECT_FALSE(redirect(request, 302, "/y", 0));
    EXPECT_FALSE(redirect(request, 302, "/x", 1));
    const auto failure = redirect(request, 302, "/y?key=hunter2", 2);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->reason, Reason::redirects);
    EXPECT_THAT(failure->what, HasSubstr("3 times"));
    EXPECT_THAT(failure->what, Not(HasSubstr("hunter2")));
    EXPECT_EQ(request.url, "https://a.com/x");
}

TEST(Redirect, StaysOnTheWeb) {
    for (const char* target : {"file:///etc/passwd", "gopher://a.com/", "ftp://a.com/x"}) {
        Request request = asked("https://a.com/x");
        const auto failure = redirect(request, 302, target, 0);
        ASSERT_TRUE(failure) << target;
        EXPECT_EQ(failure->reason, Reason::redirects);
    }
}

TEST(Redirect, MakesAGetOfAPostExceptWhereTheStatusKeepsIt) {
    for (const int status : {301, 302, 303}) {
        Request request = asked("https://a.com/x");
        request.method = Method::post;
        request.body = "{}";
        EXPECT_FALSE(redirect(request, status, "/y", 0));
        EXPECT_EQ(request.body, "");
        EXPECT_THAT(names(request), ElementsAre("Accept", "X-Api-Key"));
    }
    for (const int status : {307, 308}) {
        Request request = asked("https://a.com/x");
        request.method = Method::post;
        request.body = "{}";
        EXPECT_FALSE(redirect(request, status, "/y", 0));
        EXPECT_EQ(request.body, "{}");
        EXPECT_TRUE(redirect(request, status, "https://b.com/", 0)) << "what was posted stays";
    }
}

TEST(Redirect, PutsAndDeletesWhereItPointsAndNowhereElse) {
    for (const Method method : {Method::put, Method::remove}) {
        Request request = asked("https://a.com/x");
        request.method = method;
        if (method == Method::put) request.body = "{}";
        EXPECT_FALSE(redirect(request, 301, "/y", 0));
        EXPECT_EQ(request.method, method);
        EXPECT_EQ(request.body, method == Method::put ? "{}" : "");
        EXPECT_TRUE(redirect(request, 301, "https://b.com/", 0));
    }
}

}  // namespace
}  // namespace tapedeck
