#pragma once

#include <algorithm>
#include <cstdint>

namespace tapedeck {

// What searching one page may cost, whatever page and source are made of: combinators backtrack, a
// class list is compared word by word, members are looked for one by one. One unit is a comparison
// of some 32 bytes, about 10 ns: a large page and source of today spend 2 % of the whole.
struct SearchBudget {
    static constexpr std::uint64_t kPage = 30'000'000;
    static constexpr std::uint64_t kInstrument = 100'000;  // more for each that is looked for

    std::uint64_t left = kPage;
    bool is_spent() const { return left == 0; }
    void pay(std::uint64_t units) { left -= std::min(left, units); }
};

}  // namespace tapedeck
