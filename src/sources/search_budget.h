#pragma once

#include <algorithm>
#include <cstdint>

namespace tapedeck {

// What searching one page may cost, whatever page and source are made of: combinators backtrack, a
// class list is compared word by word, members are looked for one by one. One unit is one such step
// or a comparison of 32 bytes: far more than a page of 8 MiB and a dozen rules take.
struct SearchBudget {
    static constexpr std::uint64_t kPage = 150'000'000;
    static constexpr std::uint64_t kInstrument = 100'000;  // more for each that is looked for

    std::uint64_t left = kPage;
    bool is_spent() const { return left == 0; }
    void pay(std::uint64_t units) { left -= std::min(left, units); }
};

}  // namespace tapedeck
