#include "net/address_reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace tapedeck {
namespace {

struct Block {
    std::uint32_t address;
    int bits;
};

constexpr std::array<Block, 12> kNotPublic{{{0x00000000, 8},     // 0.0.0.0/8
                                            {0x0A000000, 8},     // 10.0.0.0/8
                                            {0x64400000, 10},    // 100.64.0.0/10
                                            {0x7F000000, 8},     // 127.0.0.0/8
                                            {0xA9FE0000, 16},    // 169.254.0.0/16
                                            {0xAC100000, 12},    // 172.16.0.0/12
                                            {0xC0000000, 24},    // 192.0.0.0/24
                                            {0xC0A80000, 16},    // 192.168.0.0/16
                                            {0xC6120000, 15},    // 198.18.0.0/15
                                            {0xE0000000, 4},     // 224.0.0.0/4
                                            {0xF0000000, 4},     // 240.0.0.0/4
                                            {0xFFFFFFFF, 32}}};  // broadcast

bool is_public(std::uint32_t address) {
    return std::ranges::none_of(kNotPublic, [&](const Block& block) {
        return (address ^ block.address) >> (32 - block.bits) == 0;
    });
}

std::uint32_t word(std::span<const std::uint8_t> bytes) {
    return std::uint32_t{bytes[0]} << 24U | std::uint32_t{bytes[1]} << 16U |
           std::uint32_t{bytes[2]} << 8U | bytes[3];
}

bool is_public(const in6_addr& address) {
    const std::span<const std::uint8_t, 16> bytes(address.s6_addr);
    const auto begins = [&](std::initializer_list<std::uint8_t> front) {
        return std::equal(front.begin(), front.end(), bytes.begin());
    };
    if (begins({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}))
        return is_public(word(bytes.subspan(12)));
    if (begins({0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) {
        return is_public(word(bytes.subspan(12)));
    }
    if (begins({0x20, 0x02})) return is_public(word(bytes.subspan(2)));
    return (bytes[0] & 0xE0U) == 0x20U;  // 2000::/3, all that is given out
}

}  // namespace

bool is_public_address(const sockaddr& address) {
    if (address.sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        return is_public(ntohl(v4.sin_addr.s_addr));
    }
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        return is_public(v6.sin6_addr);
    }
    return false;
}

bool is_public_address(std::string_view text) {
    const std::string copy(text);
    in_addr v4{};
    in6_addr v6{};
    if (::inet_pton(AF_INET, copy.c_str(), &v4) == 1) return is_public(ntohl(v4.s_addr));
    return ::inet_pton(AF_INET6, copy.c_str(), &v6) == 1 && is_public(v6);
}

}  // namespace tapedeck
