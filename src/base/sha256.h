#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tapedeck {

using Sha256 = std::array<std::uint8_t, 32>;

// FIPS 180-4, by OpenSSL.
Sha256 sha256(std::string_view bytes);
std::string hex(std::span<const std::uint8_t> bytes);  // lower case
// Reads what `hex` gives; nothing where the text is no digest.
std::optional<Sha256> sha256_from_hex(std::string_view text);

// SHA-256 of bytes that come in pieces.
class Sha256Stream {
public:
    Sha256Stream();
    ~Sha256Stream();
    Sha256Stream(const Sha256Stream&) = delete;
    Sha256Stream& operator=(const Sha256Stream&) = delete;
    void add(std::string_view bytes);
    Sha256 finish();  // once

private:
    void* context_;
};

}  // namespace tapedeck
