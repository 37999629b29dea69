#include "sources/json_tree.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
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
             std::size_t most, const Names& names, std::vector<JsonTree::Index>& found);

// The member of an object by its name; of several with one name the last, as browsers have it.
JsonTree::Index member(const JsonTree& tree, JsonTree::Index object, std::string_view name) {
    JsonTree::Index last = JsonTree::kNone;
    if (tree[object].kind != Kind::object) return last;
    for (auto child = object + 1; child < tree[object].end; child = tree[child].end) {
        if (tree[child].key == name) last = child;
    }
    return last;
}

bool has_member(const JsonTree& tree, JsonTree::Index at, const JsonPath::Segment& segment) {
    const JsonTree::Index scalar = tree.scalar(member(tree, at, segment.text));
    return scalar != JsonTree::kNone && tree[scalar].text == segment.wanted;
}

// An array's element by its number, which counts from the end where it is negative.
JsonTree::Index element(const JsonTree& tree, JsonTree::Index array, std::string_view number) {
    long wanted = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), wanted);
    if (error != std::errc() || end != number.data() + number.size()) return JsonTree::kNone;
    if (wanted < 0) {
        for (auto child = array + 1; child < tree[array].end; child = tree[child].end) ++wanted;
        if (wanted < 0) return JsonTree::kNone;
    }
    auto child = array + 1;
    for (; child < tree[array].end && wanted > 0; child = tree[child].end) --wanted;
    return child < tree[array].end ? child : JsonTree::kNone;
}

void collect_children(const JsonTree& tree, JsonTree::Index at,
                      std::span<const JsonPath::Segment> path, std::size_t most, const Names& names,
                      std::vector<JsonTree::Index>& found) {
    const JsonPath::Segment& segment = path.front();
    const Node& node = tree[at];
    if (node.kind != Kind::object && node.kind != Kind::array) return;
    if (segment.kind == JsonPath::Segment::Kind::name) {
        const std::string filled = segment.templated ? fill_in(segment.text, names) : std::string();
        const std::string_view name = segment.templated ? filled : std::string_view(segment.text);
        const auto child =
            node.kind == Kind::object ? member(tree, at, name) : element(tree, at, name);
        if (child != JsonTree::kNone) {
            collect(tree, child, path.subspan(1), most, names, found);
        }
        return;
    }
    const bool any = segment.kind == JsonPath::Segment::Kind::any;
    for (auto child = at + 1; child < node.end && found.size() < most; child = tree[child].end) {
        if (any || has_member(tree, child, segment)) {
            collect(tree, child, path.subspan(1), most, names, found);
        }
    }
}

void collect(const JsonTree& tree, JsonTree::Index at, std::span<const JsonPath::Segment> path,
             std::size_t most, const Names& names, std::vector<JsonTree::Index>& found) {
    if (found.size() >= most) return;
    if (path.empty()) {
        found.push_back(at);
    } else if (path.front().kind != JsonPath::Segment::Kind::any_depth) {
        collect_children(tree, at, path, most, names, found);
    } else {
        // One "**" in a path (JsonPath::parse): every node below, itself first.
        for (auto below = at; below < tree[at].end && found.size() < most; ++below) {
            collect(tree, below, path.subspan(1), most, names, found);
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
                                            const Names& names) const {
    std::vector<Index> found;
    collect(*this, from, path.segments(), most, names, found);
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

// The quote that ends the string whose first quote is at `from`: one that an even number of
// backslashes stands before. npos where there is none.
std::size_t string_end(std::string_view text, std::size_t from) {
    for (std::size_t at = from; (at = text.find('"', at + 1)) != std::string_view::npos;) {
        std::size_t plain = at;
        while (text[plain - 1] == '\\') --plain;  // the first quote ends this at the latest
        if ((at - plain) % 2 == 0) return at;
    }
    return std::string_view::npos;
}

}  // namespace

std::size_t json_extent(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size() &&
           (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
        ++at;
    }
    if (at >= text.size() || (text[at] != '{' && text[at] != '[')) return 0;
    std::size_t depth = 0;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '"') {
            at = string_end(text, at);
            if (at == std::string_view::npos) return 0;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            if (--depth == 0) return at + 1;
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
