#include "aws/encoding.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/assert.h"

namespace tapedeck {
namespace {

bool is_plain(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

}  // namespace

std::string uri_encoded(std::string_view text, bool keep_slash) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (is_plain(c) || (c == '/' && keep_slash)) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
    return out;
}

std::string query_text(QueryValues values) {
    for (auto& [name, value] : values) {
        name = uri_encoded(name);
        value = uri_encoded(value);
    }
    std::ranges::sort(values);
    std::string out;
    for (const auto& [name, value] : values) {
        out += (out.empty() ? "" : "&") + name + "=" + value;
    }
    return out;
}

std::string base64(std::span<const std::uint8_t> bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

Sha256 hmac_sha256(std::string_view key, std::string_view text) {
    Sha256 digest{};
    unsigned size = 0;
    const auto* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                            reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                            digest.data(), &size);
    TAPEDECK_ASSERT(done != nullptr && size == digest.size());
    return digest;
}

}  // namespace tapedeck
