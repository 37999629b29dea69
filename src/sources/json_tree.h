#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sources/text.h"

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

    // "" is the whole; otherwise it begins with '/'. `malformed` else.
    static Result<JsonPath> parse(std::string_view text);
    const std::vector<Segment>& segments() const { return segments_; }
    bool has_placeholder() const;

private:
    std::vector<Segment> segments_;
};

// A JSON text read whole (RFC 8259, by simdjson), numbers as they were written.
class JsonTree {
public:
    using Index = std::uint32_t;
    static constexpr Index kNone = 0xFFFFFFFF;
    enum class Kind : std::uint8_t { object, array, string, number, boolean, null };

    struct Node {
        Kind kind = Kind::null;
        Index end = 0;                // one past the last node inside
        std::string_view key;         // of an object's member
        std::string_view text;        // string: unescaped; number, true, false, null: as written
        std::size_t source_at = 0;    // of a scalar: where its token stands in the text
        std::size_t source_size = 0;  // without a string's quotes
    };

    // `malformed` says what is wrong; deeper than 1024 levels is refused.
    static Result<std::unique_ptr<JsonTree>> parse(std::string_view text);
    ~JsonTree();
    JsonTree(const JsonTree&) = delete;
    JsonTree& operator=(const JsonTree&) = delete;

    const Node& operator[](Index index) const { return nodes_[index]; }

    // Every node that `path` leads to from `from`, in document order, at most `most`.
    std::vector<Index> find(Index from, const JsonPath& path, std::size_t most,
                            const Names& names) const;

    // A scalar as text; of {"raw": 1.5, "fmt": "1.50"} the raw one. Nothing (kNone) for null, other
    // objects and arrays.
    Index scalar(Index index) const;

private:
    JsonTree() = default;
    struct Owner;
    std::unique_ptr<Owner> owner_;
    std::vector<Node> nodes_;
};

// The length of the JSON value at the start of `text`, by its brackets and strings; 0 where it does
// not end. For "root.App.main = {…};" what stands behind is not looked at.
std::size_t json_extent(std::string_view text);

// Where byte `at` of the unescaped form of a JSON string stands in its escaped form `raw`.
std::size_t escaped_offset(std::string_view raw, std::size_t at);

}  // namespace tapedeck
