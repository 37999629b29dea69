#include "sources/json_tree.h"

#include <fmt/format.h>
#include <simdjson.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <span>

namespace tapedeck {
namespace {

namespace ondemand = simdjson::ondemand;
using Node = JsonTree::Node;
using Kind = JsonTree::Kind;

// RFC 8259 §6.
bool is_number(std::string_view text) {
    std::size_t i = 0;
    const auto digits = [&] {
        const std::size_t from = i;
        while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
        return i - from;
    };
    if (i < text.size() && text[i] == '-') ++i;
    const bool zero = i < text.size() && text[i] == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (i < text.size() && text[i] == '.') {
        ++i;
        if (digits() == 0) return false;
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        ++i;
        if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
        if (digits() == 0) return false;
    }
    return i == text.size();
}

// Walks a document into `nodes`. simdjson's on-demand reader does not watch the depth in release
// builds, and this recurses: the limit is its own.
class Walk {
public:
    // Without a shape everything is taken.
    Walk(std::vector<Node>& nodes, const char* text, const JsonShape* shape)
        : nodes_(nodes), text_(text), shape_(shape) {}

    template <class Value>  // ondemand::value or ondemand::document
    simdjson::error_code add(Value& value, std::string_view key, JsonShape::Index part) {
        if (depth_ == kMaxDepth) return simdjson::DEPTH_ERROR;
        ++depth_;
        const auto index = static_cast<JsonTree::Index>(nodes_.size());
        nodes_.push_back({});
        nodes_[index].key = key;
        ondemand::json_type type{};
        if (const auto error = value.type().get(type)) return error;
        simdjson::error_code error = simdjson::SUCCESS;
        switch (type) {
            case ondemand::json_type::object:
                nodes_[index].kind = Kind::object;
                error = add_members(value, part);
                break;
            case ondemand::json_type::array:
                nodes_[index].kind = Kind::array;
                error = add_elements(value);
                break;
            default:
                error = add_scalar(value, type, nodes_[index]);
        }
        nodes_[index].end = static_cast<JsonTree::Index>(nodes_.size());
        --depth_;
        return error;
    }

private:
    template <class Value>
    simdjson::error_code add_members(Value& value, JsonShape::Index part) {
        ondemand::object object;
        if (const auto error = value.get_object().get(object)) return error;
        const bool whole = part == JsonShape::kWhole || shape_->is_whole(part);
        for (auto next : object) {
            ondemand::field field;
            if (const auto error = std::move(next).get(field)) return error;
            std::string_view key;
            if (const auto error = field.unescaped_key().get(key)) return error;
            const auto inner = whole ? JsonShape::kWhole : shape_->member(part, key);
            if (inner == JsonShape::kNone) continue;
            ondemand::value member = field.value();
            if (const auto error = add(member, key, inner)) return error;
        }
        return simdjson::SUCCESS;
    }

    template <class Value>
    simdjson::error_code add_elements(Value& value) {
        ondemand::array array;
        if (const auto error = value.get_array().get(array)) return error;
        for (auto next : array) {
            ondemand::value element;
            if (const auto error = next.get(element)) return error;
            if (const auto error = add(element, {}, JsonShape::kWhole)) return error;
        }
        return simdjson::SUCCESS;
    }

    template <class Value>
    simdjson::error_code add_scalar(Value& value, ondemand::json_type type, Node& node) {
        std::string_view token;
        if constexpr (std::is_same_v<Value, ondemand::document>) {
            if (const auto error = value.raw_json_token().get(token)) return error;
        } else {
            token = value.raw_json_token();
        }
        token = trim(token);
        node.source_at = static_cast<std::size_t>(token.data() - text_);
        node.source_size = token.size();
        node.text = token;
        switch (type) {
            case ondemand::json_type::string: {
                node.kind = Kind::string;
                node.source_at += 1;
                node.source_size = token.size() < 2 ? 0 : token.size() - 2;
                return value.get_string().get(node.text);
            }
            case ondemand::json_type::number:  // on-demand steps over what was not read
                node.kind = Kind::number;
                return is_number(token) ? simdjson::SUCCESS : simdjson::NUMBER_ERROR;
            case ondemand::json_type::boolean:
                node.kind = Kind::boolean;
                return token == "true" || token == "false" ? simdjson::SUCCESS
                                                           : simdjson::T_ATOM_ERROR;
            default:
                node.kind = Kind::null;
                return token == "null" ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
        }
    }

    static constexpr int kMaxDepth = 1024;

    std::vector<Node>& nodes_;
    const char* text_;
    const JsonShape* shape_;
    int depth_ = 0;
};

void collect(const JsonTree& tree, JsonTree::Index at, std::span<const JsonPath::Segment> path,
             std::size_t most, const Names& names, SearchBudget& budget,
             std::vector<JsonTree::Index>& found);

// The member of an object by its name; of several with one name the last, as browsers have it.
JsonTree::Index member(const JsonTree& tree, JsonTree::Index object, std::string_view name,
                       SearchBudget& budget) {
    JsonTree::Index last = JsonTree::kNone;
    if (tree[object].kind != Kind::object) return last;
    for (auto child = object + 1; child < tree[object].end; child = tree[child].end) {
        budget.pay(1);
        if (tree[child].key == name) last = child;
    }
    return budget.is_spent() ? JsonTree::kNone : last;
}

bool has_member(const JsonTree& tree, JsonTree::Index at, const JsonPath::Segment& segment,
                SearchBudget& budget) {
    const JsonTree::Index scalar = tree.scalar(member(tree, at, segment.text, budget));
    return scalar != JsonTree::kNone && tree[scalar].text == segment.wanted;
}

// An array's element by its number, which counts from the end where it is negative.
JsonTree::Index element(const JsonTree& tree, JsonTree::Index array, std::string_view number,
                        SearchBudget& budget) {
    long wanted = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), wanted);
    if (error != std::errc() || end != number.data() + number.size()) return JsonTree::kNone;
    if (wanted < 0) {
        for (auto child = array + 1; child < tree[array].end; child = tree[child].end) {
            ++wanted;
            budget.pay(1);
        }
        if (wanted < 0) return JsonTree::kNone;
    }
    auto child = array + 1;
    for (; child < tree[array].end && wanted > 0; child = tree[child].end) {
        --wanted;
        budget.pay(1);
    }
    return child < tree[array].end ? child : JsonTree::kNone;
}

void collect_children(const JsonTree& tree, JsonTree::Index at,
                      std::span<const JsonPath::Segment> path, std::size_t most, const Names& names,
                      SearchBudget& budget, std::vector<JsonTree::Index>& found) {
    const JsonPath::Segment& segment = path.front();
    const Node& node = tree[at];
    if (node.kind != Kind::object && node.kind != Kind::array) return;
    if (segment.kind == JsonPath::Segment::Kind::name) {
        const std::string filled = segment.templated ? fill_in(segment.text, names) : std::string();
        const std::string_view name = segment.templated ? filled : std::string_view(segment.text);
        const auto child = node.kind == Kind::object ? member(tree, at, name, budget)
                                                     : element(tree, at, name, budget);
        if (child != JsonTree::kNone) {
            collect(tree, child, path.subspan(1), most, names, budget, found);
        }
        return;
    }
    const bool any = segment.kind == JsonPath::Segment::Kind::any;
    for (auto child = at + 1; child < node.end && found.size() < most && !budget.is_spent();
         child = tree[child].end) {
        budget.pay(1);
        if (any || has_member(tree, child, segment, budget)) {
            collect(tree, child, path.subspan(1), most, names, budget, found);
        }
    }
}

void collect(const JsonTree& tree, JsonTree::Index at, std::span<const JsonPath::Segment> path,
             std::size_t most, const Names& names, SearchBudget& budget,
             std::vector<JsonTree::Index>& found) {
    if (found.size() >= most || budget.is_spent()) return;
    if (path.empty()) {
        found.push_back(at);
    } else if (path.front().kind != JsonPath::Segment::Kind::any_depth) {
        collect_children(tree, at, path, most, names, budget, found);
    } else {
        // One "**" in a path (JsonPath::parse): every node below, itself first.
        for (auto below = at; below < tree[at].end && found.size() < most && !budget.is_spent();
             ++below) {
            budget.pay(1);
            collect(tree, below, path.subspan(1), most, names, budget, found);
        }
    }
}

}  // namespace

struct JsonTree::Owner {
    simdjson::padded_string copy;  // where the text cannot be read where it stands
    simdjson::padded_string_view text;
    ondemand::parser parser;  // its buffer holds the unescaped strings
    ondemand::document document;
};

JsonTree::~JsonTree() = default;

Result<std::unique_ptr<JsonTree>> JsonTree::parse(std::string_view text) {
    std::unique_ptr<JsonTree> tree(new JsonTree);
    tree->owner_ = std::make_unique<Owner>();
    tree->owner_->copy = simdjson::padded_string(text.data(), text.size());
    tree->owner_->text = tree->owner_->copy;
    tree->nodes_.reserve(text.size() / 24 + 8);
    if (auto done = tree->fill(nullptr); !done) return done.error();
    return tree;
}

Result<std::unique_ptr<JsonTree>> JsonTree::parse_part(std::string_view page, std::string_view text,
                                                       const JsonShape& shape) {
    const auto behind = static_cast<std::size_t>(page.data() + page.size() - text.data());
    std::unique_ptr<JsonTree> tree(new JsonTree);
    tree->owner_ = std::make_unique<Owner>();
    if (behind >= text.size() + simdjson::SIMDJSON_PADDING) {
        tree->owner_->text = simdjson::padded_string_view(text.data(), text.size(), behind);
    } else {
        tree->owner_->copy = simdjson::padded_string(text.data(), text.size());
        tree->owner_->text = tree->owner_->copy;
    }
    if (auto done = tree->fill(&shape); !done) return done.error();
    return tree;
}

Result<> JsonTree::fill(const JsonShape* shape) {
    Owner& owner = *owner_;
    if (owner.text.size() > 0xFFFFFFF0u) {
        return Error{ErrorKind::malformed, "the JSON is too long"};
    }
    simdjson::error_code error = owner.parser.iterate(owner.text).get(owner.document);
    if (error == simdjson::SUCCESS) {
        Walk walk(nodes_, owner.text.data(), shape);
        const auto part = shape == nullptr ? JsonShape::kWhole : JsonShape::kRoot;
        error = walk.add(owner.document, {}, part);
        const bool scalar =
            !nodes_.empty() && nodes_[0].kind != Kind::object && nodes_[0].kind != Kind::array;
        if (error == simdjson::SUCCESS && !scalar && !owner.document.current_location().error()) {
            error = simdjson::TRAILING_CONTENT;
        }
    }
    if (error != simdjson::SUCCESS) {
        return Error{ErrorKind::malformed,
                     fmt::format("not JSON: {}", simdjson::error_message(error))};
    }
    return {};
}

std::vector<JsonTree::Index> JsonTree::find(Index from, const JsonPath& path, std::size_t most,
                                            const Names& names, SearchBudget& budget) const {
    std::vector<Index> found;
    collect(*this, from, path.segments(), most, names, budget, found);
    return found;
}

JsonTree::Index JsonTree::scalar(Index index) const {
    if (index == kNone) return kNone;
    const Node& node = nodes_[index];
    if (node.kind == Kind::object) {
        for (Index child = index + 1; child < node.end; child = nodes_[child].end) {
            if (nodes_[child].key == "raw" && nodes_[child].kind != Kind::object) {
                return scalar(child);
            }
        }
        return kNone;
    }
    return node.kind == Kind::null || node.kind == Kind::array ? kNone : index;
}

namespace {

// Of 64 bytes, one bit each, the first byte's the lowest.
struct Marks {
    std::uint64_t quotes = 0;
    std::uint64_t backslashes = 0;
    std::uint64_t opening = 0;  // '{' and '['
    std::uint64_t closing = 0;
};

Marks marks_of(const char* block) {
    Marks marks;
    constexpr char kCase = 0x20;  // all that tells '[' from '{', and ']' from '}'
#ifdef __SSE2__
    for (unsigned part = 0; part < 4; ++part) {
        __m128i bytes;
        std::memcpy(&bytes, block + 16 * part, sizeof bytes);
        const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(kCase));
        const auto bits = [part](__m128i where, char c) {
            const auto mask = _mm_movemask_epi8(_mm_cmpeq_epi8(where, _mm_set1_epi8(c)));
            return std::uint64_t{static_cast<unsigned>(mask)} << (16 * part);
        };
        marks.quotes |= bits(bytes, '"');
        marks.backslashes |= bits(bytes, '\\');
        marks.opening |= bits(folded, '{');
        marks.closing |= bits(folded, '}');
    }
#else
    for (unsigned i = 0; i < 64; ++i) {
        const std::uint64_t bit = std::uint64_t{1} << i;
        const char folded = static_cast<char>(block[i] | kCase);
        if (block[i] == '"') marks.quotes |= bit;
        if (block[i] == '\\') marks.backslashes |= bit;
        if (folded == '{') marks.opening |= bit;
        if (folded == '}') marks.closing |= bit;
    }
#endif
    return marks;
}

// The bytes behind a backslash that is not behind one itself. `carried`: whether the first byte is,
// and afterwards whether the next block's is.
std::uint64_t escaped_by(std::uint64_t backslashes, bool& carried) {
    std::uint64_t escaped = carried ? 1 : 0;
    carried = false;
    for (; backslashes != 0; backslashes &= backslashes - 1) {
        const int at = std::countr_zero(backslashes);
        if ((escaped >> at & 1U) != 0) continue;
        if (at == 63) {
            carried = true;
        } else {
            escaped |= std::uint64_t{1} << (at + 1);
        }
    }
    return escaped;
}

// Each bit the sum, without carry, of those up to it: from a quote up to the next one 1.
std::uint64_t between(std::uint64_t quotes) {
    for (unsigned shift = 1; shift < 64; shift *= 2) quotes ^= quotes << shift;
    return quotes;
}

}  // namespace

std::size_t json_extent(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \n\r\t");
    if (begin == std::string_view::npos || (text[begin] != '{' && text[begin] != '[')) return 0;
    std::int64_t depth = 0;
    bool escaping = false;
    std::uint64_t in_string = 0;  // all bits: the block before ended within a string
    std::array<char, 64> rest{};
    for (std::size_t at = begin; at < text.size(); at += 64) {
        const char* block = text.data() + at;
        if (text.size() - at < 64) {
            std::memcpy(rest.data(), block, text.size() - at);
            block = rest.data();
        }
        const Marks marks = marks_of(block);
        const std::uint64_t quotes = marks.quotes & ~escaped_by(marks.backslashes, escaping);
        const std::uint64_t strings = between(quotes) ^ in_string;
        in_string = (strings >> 63) != 0 ? ~std::uint64_t{0} : 0;
        const std::uint64_t opening = marks.opening & ~strings;
        const std::uint64_t closing = marks.closing & ~strings;
        const std::int64_t before = depth;
        depth += std::popcount(opening) - std::popcount(closing);
        if (before > std::popcount(closing)) continue;  // it does not end here
        for (std::uint64_t left = closing; left != 0; left &= left - 1) {
            const int last = std::countr_zero(left);
            const std::uint64_t up_to = ~std::uint64_t{0} >> (63 - last);
            const int done = std::popcount(closing & up_to);
            if (before + std::popcount(opening & up_to) == done) {
                return at + static_cast<std::size_t>(last) + 1;
            }
        }
    }
    return 0;
}

std::size_t escaped_offset(std::string_view raw, std::size_t at) {
    std::size_t plain = 0;
    std::size_t i = 0;
    const auto hex4 = [&](std::size_t from) {
        unsigned code = 0;
        if (from + 4 <= raw.size()) std::from_chars(&raw[from], &raw[from] + 4, code, 16);
        return code;
    };
    while (i < raw.size() && plain < at) {
        if (raw[i] != '\\') {
            ++i;
            ++plain;
        } else if (i + 1 < raw.size() && raw[i + 1] == 'u') {
            const unsigned code = hex4(i + 2);
            const bool pair = code >= 0xD800 && code < 0xDC00 && raw.substr(i + 6, 2) == "\\u";
            plain += pair ? 4 : code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
            i += pair ? 12 : 6;
        } else {
            i += 2;
            ++plain;
        }
    }
    return std::min(i, raw.size());
}

}  // namespace tapedeck
