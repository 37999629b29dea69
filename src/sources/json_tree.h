#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sources/json_path.h"
#include "sources/json_shape.h"
#include "sources/search_budget.h"
#include "sources/text.h"

namespace tapedeck {

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

    // Of a text within `page`, which outlives the tree, only what `shape` asks for. What is passed
    // over must have its brackets, commas and UTF-8 right, and no more.
    static Result<std::unique_ptr<JsonTree>> parse_part(std::string_view page,
                                                        std::string_view text,
                                                        const JsonShape& shape);
    ~JsonTree();
    JsonTree(const JsonTree&) = delete;
    JsonTree& operator=(const JsonTree&) = delete;

    const Node& operator[](Index index) const { return nodes_[index]; }

    // Every node that `path` leads to from `from`, in document order, at most `most`. Where the
    // budget is spent, what was found until then.
    std::vector<Index> find(Index from, const JsonPath& path, std::size_t most, const Names& names,
                            SearchBudget& budget) const;
    std::vector<Index> find(Index from, const JsonPath& path, std::size_t most,
                            const Names& names) const {
        SearchBudget budget;
        return find(from, path, most, names, budget);
    }

    // A scalar as text; of {"raw": 1.5, "fmt": "1.50"} the raw one. Nothing (kNone) for null, other
    // objects and arrays.
    Index scalar(Index index) const;

private:
    JsonTree() = default;
    struct Owner;
    Result<> fill(const JsonShape* shape);

    std::unique_ptr<Owner> owner_;
    std::vector<Node> nodes_;
};

// The length of the JSON value at the start of `text`, by its brackets and strings; 0 where it does
// not end. For "root.App.main = {…};" what stands behind is not looked at.
std::size_t json_extent(std::string_view text);

// Where byte `at` of the unescaped form of a JSON string stands in its escaped form `raw`.
std::size_t escaped_offset(std::string_view raw, std::size_t at);

}  // namespace tapedeck
