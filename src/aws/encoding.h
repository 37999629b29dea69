#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sha256.h"

namespace tapedeck {

// What AWS's signature calls UriEncode (RFC 3986 §2.3: all but letters, digits and "-._~"); a slash
// stays where `keep_slash`.
std::string uri_encoded(std::string_view text, bool keep_slash = false);

// The names and values of a query, encoded and in the signature's order: "a=1&b=".
using QueryValues = std::vector<std::pair<std::string, std::string>>;
std::string query_text(QueryValues values);

// RFC 4648 §4.
std::string base64(std::span<const std::uint8_t> bytes);

// RFC 2104 with SHA-256.
Sha256 hmac_sha256(std::string_view key, std::string_view text);

// The bytes of a digest as text: the key of a further HMAC.
inline std::string_view as_text(const Sha256& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace tapedeck
