#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "base/sha256.h"
#include "base/strong.h"
#include "base/time.h"

namespace tapedeck {

// Two sides of a comparison, summed up by windows of time: a window whose sums agree holds the same
// on both sides, whatever the order in which it was read. The windows widen as there come to be
// many, so that the memory needed has a limit.
class AuditWindows {
public:
    // Where the messages of a window stand: offsets [from, to) of a partition, by index.
    struct Stretch {
        std::size_t partition;
        Offset from;
        Offset to;
    };
    struct Window {
        Timestamp first;
        Timestamp last;
        std::int64_t messages = 0;
        std::array<std::int64_t, 2> rows{};  // by table
        std::vector<Stretch> stretches;

        std::int64_t entries() const { return messages + rows[0] + rows[1]; }
    };

    void add_message(Timestamp at, const Sha256& hash, std::size_t partition, Offset offset);
    void add_row(Timestamp at, const Sha256& hash, std::size_t table);

    // Those whose sums differ, in order of time.
    std::vector<Window> differing() const;

private:
    __extension__ using Sum = unsigned __int128;
    struct Sums {
        Sum messages_hash = 0;
        Sum rows_hash = 0;
        std::int64_t messages = 0;
        std::array<std::int64_t, 2> rows{};
        std::vector<Stretch> stretches;
    };
    static Sum number_of(const Sha256& hash);
    Sums& sums_at(Timestamp at);
    void widen();

    int shift_ = 24;  // of microseconds: 17 s
    std::map<std::int64_t, Sums> sums_;
};

}  // namespace tapedeck
