#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sources/json_path.h"

namespace tapedeck {

// The parts of a JSON text that some paths lead to or through: what is not among them need not be
// read. Of an array that a path goes through, every element is.
class JsonShape {
public:
    using Index = std::uint32_t;
    static constexpr Index kNone = 0xFFFFFFFF;  // nobody looks there
    static constexpr Index kWhole = 0;          // the value with everything in it
    static constexpr Index kRoot = 1;

    // `inner` goes on where `outer` ends; of {"raw": 1} at its end all is taken.
    void add(const JsonPath& outer, const JsonPath& inner);
    // What `path` leads to will be there, but not what is in it.
    void add_way(const JsonPath& path);

    // What is looked at of a member of the object at `at`, which is not kWhole.
    Index member(Index at, std::string_view name) const;
    bool is_whole(Index at) const { return nodes_[at].whole; }

private:
    struct Node {
        bool whole = false;
        std::vector<std::pair<std::string, Index>> members = {};
    };
    Index follow(Index at, const JsonPath& path);

    std::vector<Node> nodes_{{true}, {}};
};

}  // namespace tapedeck
