#include "net/address_reach.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

namespace tapedeck {
namespace {

TEST(AddressReach, KnowsWhatOnlyWeCanReach) {
    for (const char* text : {"127.0.0.1",
                             "127.255.255.254",
                             "0.0.0.0",
                             "10.1.2.3",
                             "100.64.0.1",
                             "169.254.169.254",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.168.1.1",
                             "192.0.0.8",
                             "198.18.0.1",
                             "224.0.0.1",
                             "255.255.255.255",
                             "::",
                             "::1",
                             "fe80::1",
                             "fd00:ec2::254",
                             "fc00::1",
                             "ff02::1",
                             "::ffff:127.0.0.1",
                             "::ffff:10.0.0.1",
                             "64:ff9b::a9fe:a9fe",
                             "2002:7f00:1::",
                             ""}) {
        EXPECT_FALSE(is_public_address(std::string_view(text))) << text;
    }
    for (const char* text : {"93.184.216.34", "8.8.8.8", "172.32.0.1", "172.15.255.255",
                             "100.128.0.1", "11.0.0.1", "192.169.0.1", "2606:2800:220:1::1",
                             "::ffff:93.184.216.34", "64:ff9b::5db8:d822", "2002:5db8:d822::"}) {
        EXPECT_TRUE(is_public_address(std::string_view(text))) << text;
    }
}

TEST(AddressReach, ReadsWhatASocketIsOpenedWith) {
    sockaddr_storage storage{};
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    ASSERT_EQ(::inet_pton(AF_INET, "169.254.169.254", &v4->sin_addr), 1);
    EXPECT_FALSE(is_public_address(reinterpret_cast<const sockaddr&>(storage)));
    ASSERT_EQ(::inet_pton(AF_INET, "93.184.216.34", &v4->sin_addr), 1);
    EXPECT_TRUE(is_public_address(reinterpret_cast<const sockaddr&>(storage)));
    storage.ss_family = AF_UNIX;
    EXPECT_FALSE(is_public_address(reinterpret_cast<const sockaddr&>(storage)));
}

TEST(AddressReach, ASiteOfTheInternetLeadsNobodyIntoTheirOwnNetwork) {
    EXPECT_FALSE(may_be_led_to(true, false, false));
    EXPECT_TRUE(may_be_led_to(true, false, true));    // allowed
    EXPECT_TRUE(may_be_led_to(true, true, false));    // from site to site
    EXPECT_TRUE(may_be_led_to(false, false, false));  // within one's own network
    EXPECT_TRUE(may_be_led_to(false, true, false));
}

}  // namespace
}  // namespace tapedeck
