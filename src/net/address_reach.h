#pragma once

#include <sys/socket.h>

#include <string_view>

namespace tapedeck {

// Whether an address is of the internet at large (IANA's special-purpose registries, RFC 6890): not
// loopback, private, shared (RFC 6598), link-local, where a cloud's metadata is, unspecified,
// multicast or reserved; an IPv4 address within an IPv6 one (mapped, NAT64, 6to4) is judged itself.
bool is_public_address(const sockaddr& address);

// The same of "93.184.216.34" or "2606:2800::1"; false where it is no address.
bool is_public_address(std::string_view text);

// Whether a redirect may lead to this address: a site of the internet may not send us to machines
// that only we can reach, unless the configuration allows it ([net] private_redirects).
constexpr bool may_be_led_to(bool from_public, bool to_public, bool allowed) {
    return allowed || to_public || !from_public;
}

}  // namespace tapedeck
