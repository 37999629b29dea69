#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tapedeck {

// A path into JSON: a JSON pointer (RFC 6901), with four things more: "*" is any element or
// member, "**" anything at any depth, "[name=USD]" any element or member whose own member "name" is
// "USD", and a negative index counts from an array's end ("-1" the last). {symbol} and {instrument}
// may stand in a segment.
class JsonPath {
public:
    struct Segment {
        enum class Kind { name, any, any_depth, having } kind = Kind::name;
        std::string text;    // the name; of `having` the member's
        std::string wanted;  // of `having`: the member's text
        bool templated = false;
    };

    static constexpr std::size_t kMostBytes = 1'024;
    static constexpr std::size_t kMostSegments = 64;

    // "" is the whole; otherwise it begins with '/'. `malformed` else, and beyond the limits.
    static Result<JsonPath> parse(std::string_view text);
    const std::vector<Segment>& segments() const { return segments_; }
    bool has_placeholder() const;

private:
    std::vector<Segment> segments_;
};

}  // namespace tapedeck
