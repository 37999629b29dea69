#pragma once

#include <chrono>
#include <stop_token>

namespace tapedeck {

// How long a caller waits for somebody who may never answer, and what ends its waiting before. The
// default is for those who have nothing better to do; a thread that others wait for says less.
struct Patience {
    std::chrono::milliseconds limit{120'000};  // without a sign of progress: a row is one
    std::stop_token stop{};                    // once requested, kLastPatience is left
};
inline constexpr std::chrono::milliseconds kLastPatience{2'000};

}  // namespace tapedeck
