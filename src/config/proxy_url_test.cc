#include "config/proxy_url.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

std::string read_proxy(std::string_view text) {
    const auto proxy = parse_proxy(text);
    return proxy ? proxy->scheme + " " + proxy->host : proxy.error().what;
}

TEST(ProxyAddress, IsReadAsLibcurlReadsIt) {
    EXPECT_EQ(read_proxy("http://proxy.example.com:3128"), "http proxy.example.com:3128");
    EXPECT_EQ(read_proxy("HTTPS://Proxy.example.com/"), "https proxy.example.com");
    EXPECT_EQ(read_proxy("socks5h://[::1]:1080"), "socks5h [::1]:1080");
    EXPECT_EQ(read_proxy("proxy:3128"), "http proxy:3128");
}

TEST(ProxyAddress, KeepsNoUserAndNoPassword) {
    EXPECT_EQ(read_proxy("http://joe:hunter2@proxy:3128"), "http proxy:3128");
    EXPECT_EQ(read_proxy("joe:hun@ter2@proxy:3128"), "http proxy:3128");
}

TEST(ProxyAddress, IsRefusedWithoutShowingWhatMayBeAPassword) {
    for (const std::string_view text :
         {"htp://joe:hunter2@proxy:3128", "http://joe:hunter2@", "http://joe:hunter2@proxy:x",
          "http://joe:hunter2@proxy:70000", "http://joe:hunter2@proxy:0",
          "http://joe:hunter2@proxy/path", "http://joe:hun ter2@proxy", "socks5://[::1",
          "http://joe:hunter2@[::1]x", ""}) {
        const auto proxy = parse_proxy(text);
        ASSERT_FALSE(proxy) << text;
        EXPECT_EQ(proxy.error().what.find("hunter2"), std::string::npos) << proxy.error().what;
        EXPECT_EQ(proxy.error().kind, ErrorKind::malformed);
    }
    EXPECT_NE(read_proxy("htp://joe@proxy").find("\"htp\" is none of http"), std::string::npos);
}

}  // namespace
}  // namespace tapedeck
