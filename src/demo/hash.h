#pragma once

#include <cstdint>
#include <string_view>

namespace tapedeck {

// Spreads 64 bits evenly: the finalizer of SplitMix64 (Steele, Lea, Flood, 2014). The simulation's
// only source of chance, so that the same seed gives the same day on every machine.
constexpr std::uint64_t mixed(std::uint64_t value) {
    value += 0x9E3779B97F4A7C15ULL;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
}

constexpr std::uint64_t mixed(std::uint64_t left, std::uint64_t right) {
    return mixed(left ^ mixed(right));
}

// FNV-1a, then spread.
constexpr std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    }
    return mixed(hash);
}

}  // namespace tapedeck
