#include <cstdint>

#include "base/assert.h"
#include "tape/tape.h"

namespace tapedeck {
namespace {

std::uint32_t byte_at(std::string_view text, std::size_t index) {
    return static_cast<unsigned char>(text[index]);
}

// MurmurHash2, 32 bits, with the seed that Kafka's clients use
// (org.apache.kafka.common.utils.Utils.murmur2).
std::uint32_t murmur2(std::string_view key) {
    constexpr std::uint32_t kSeed = 0x9747b28c;
    constexpr std::uint32_t kMix = 0x5bd1e995;
    std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(key.size());
    std::size_t at = 0;
    for (; at + 4 <= key.size(); at += 4) {
        std::uint32_t word = byte_at(key, at) | byte_at(key, at + 1) << 8U |
                             byte_at(key, at + 2) << 16U | byte_at(key, at + 3) << 24U;
        word *= kMix;
        word ^= word >> 24U;
        word *= kMix;
        hash *= kMix;
        hash ^= word;
    }
    const std::size_t left = key.size() - at;
    if (left == 3) hash ^= byte_at(key, at + 2) << 16U;
    if (left >= 2) hash ^= byte_at(key, at + 1) << 8U;
    if (left >= 1) {
        hash ^= byte_at(key, at);
        hash *= kMix;
    }
    hash ^= hash >> 13U;
    hash *= kMix;
    hash ^= hash >> 15U;
    return hash;
}

}  // namespace

Partition partition_of(std::string_view key, int partitions) {
    TAPEDECK_ASSERT(partitions > 0);
    if (key.empty()) return Partition(0);
    const auto positive = static_cast<std::int32_t>(murmur2(key) & 0x7fffffffU);
    return Partition(positive % partitions);
}

}  // namespace tapedeck
