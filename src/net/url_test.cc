#include "net/url.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

TEST(HostOf, IsTheHostInLowerCaseWithAPortThatIsNotTheSchemesOwn) {
    EXPECT_EQ(host_of("https://API.Example.com/v3/x?y=1"), "api.example.com");
    EXPECT_EQ(host_of("https://example.com:443/"), "example.com");
    EXPECT_EQ(host_of("http://example.com:443/"), "example.com:443");
    EXPECT_EQ(host_of("http://127.0.0.1:8080"), "127.0.0.1:8080");
    EXPECT_EQ(host_of("http://[::1]:8080/a"), "[::1]:8080");
    EXPECT_EQ(host_of("https://user:password@example.com/"), "example.com");
}

TEST(HostOf, IsEmptyForWhatIsNoWebAddress) {
    for (const char* url : {"", "example.com", "file:///etc/passwd", "ftp://example.com/",
                            "http://", "javascript:alert(1)", "http://a b/", "//example.com"}) {
        EXPECT_EQ(host_of(url), "") << url;
    }
    EXPECT_EQ(host_of(std::string_view("http://a\0.com/", 14)), "");
}

TEST(IsLoopback, KnowsTheNamesOfThisMachine) {
    for (const char* host :
         {"localhost", "localhost:80", "127.0.0.1:8080", "127.1.2.3", "[::1]:80", "[::1]"}) {
        EXPECT_TRUE(is_loopback(host)) << host;
    }
    for (const char* host : {"example.com", "128.0.0.1", "localhost.example.com:80", "[::2]:80"}) {
        EXPECT_FALSE(is_loopback(host)) << host;
    }
}

TEST(SameConfidence, HoldsForOneOriginAndForTheStepUpToTls) {
    EXPECT_TRUE(same_confidence("https://a.com/x", "https://A.com/y"));
    EXPECT_TRUE(same_confidence("http://a.com/x", "https://a.com/y"));
    EXPECT_FALSE(same_confidence("https://a.com/x", "http://a.com/y"));
    EXPECT_FALSE(same_confidence("https://a.com/x", "https://b.com/y"));
    EXPECT_FALSE(same_confidence("https://a.com/x", "https://a.com:8443/y"));
    EXPECT_FALSE(same_confidence("https://a.com/x", "https://a.com.evil.com/y"));
}

TEST(ResolvedUrl, FollowsTheReference) {
    EXPECT_EQ(resolved_url("http://a.com/x/y?z", "/b"), "http://a.com/b");
    EXPECT_EQ(resolved_url("http://a.com/x/y?z", "b?c=d"), "http://a.com/x/b?c=d");
    EXPECT_EQ(resolved_url("https://a.com/x", "//b.com/y"), "https://b.com/y");
    EXPECT_EQ(resolved_url("https://a.com/x", "http://b.com:81/y"), "http://b.com:81/y");
    EXPECT_EQ(resolved_url("https://a.com/x", "/a b"), "https://a.com/a%20b");
}

TEST(ResolvedUrl, IsEmptyForOtherSchemes) {
    EXPECT_EQ(resolved_url("https://a.com/x", "file:///etc/passwd"), "");
    EXPECT_EQ(resolved_url("https://a.com/x", "gopher://b.com/"), "");
    EXPECT_EQ(resolved_url("nothing", "/x"), "");
}

TEST(MaskedUrl, ShowsNeitherUserNorPasswordNorQuery) {
    EXPECT_EQ(masked_url("https://joe:hunter2@a.com:8443/path?key=hunter2#hunter2"),
              "https://***@a.com:8443/path?...");
    EXPECT_EQ(masked_url("https://hunter2@a.com/"), "https://***@a.com/");
    EXPECT_EQ(masked_url("https://a.com"), "https://a.com/");
    EXPECT_EQ(masked_url("hunter2"), "(no http URL)");
}

}  // namespace
}  // namespace tapedeck
