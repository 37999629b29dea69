#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/assert.h"

namespace tapedeck {

Sha256Stream::Sha256Stream() : context_(EVP_MD_CTX_new()) {
    TAPEDECK_ASSERT(context_ != nullptr);
    TAPEDECK_ASSERT(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr));
}

Sha256Stream::~Sha256Stream() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

void Sha256Stream::add(std::string_view bytes) {
    TAPEDECK_ASSERT(
        EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size()));
}

Sha256 Sha256Stream::finish() {
    Sha256 digest{};
    unsigned size = 0;
    TAPEDECK_ASSERT(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), &size));
    TAPEDECK_ASSERT(size == digest.size());
    return digest;
}

Sha256 sha256(std::string_view bytes) {
    Sha256Stream stream;
    stream.add(bytes);
    return stream.finish();
}

std::string hex(std::span<const std::uint8_t> bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
    return out;
}

std::optional<Sha256> sha256_from_hex(std::string_view text) {
    Sha256 digest{};
    if (text.size() != digest.size() * 2) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return std::nullopt;
        const int nibble = c <= '9' ? c - '0' : c - 'a' + 10;
        digest[i / 2] = static_cast<std::uint8_t>(digest[i / 2] * 16 + nibble);
    }
    return digest;
}

}  // namespace tapedeck
