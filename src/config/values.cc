#include "config/values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>

#include "config/nearest.h"

namespace tapedeck {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t bytes;
};
// The largest first, so that `format_bytes` finds the shortest text.
constexpr std::array<Unit, 9> kUnits{{{"TiB", std::int64_t{1} << 40},
                                      {"TB", 1'000'000'000'000},
                                      {"GiB", std::int64_t{1} << 30},
                                      {"GB", 1'000'000'000},
                                      {"MiB", std::int64_t{1} << 20},
                                      {"MB", 1'000'000},
                                      {"KiB", std::int64_t{1} << 10},
                                      {"kB", 1'000},
                                      {"B", 1}}};

bool is_text(const TomlNode& node) {
    const bool plain = node.kind != TomlKind::table && node.kind != TomlKind::array;
    return node.kind == TomlKind::string || (node.loose && plain);
}

}  // namespace

Result<ByteCount> parse_bytes(std::string_view text) {
    const Error fault{
        ErrorKind::malformed,
        fmt::format("not a number of bytes such as 512kB, 8MiB or 10GiB: '{}'", text)};
    std::int64_t count = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (problem != std::errc() || count < 0) return fault;
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (unit.empty()) return ByteCount(count);
    for (const Unit& known : kUnits) {
        if (unit != known.name) continue;
        if (count > std::numeric_limits<std::int64_t>::max() / known.bytes) return fault;
        return ByteCount(count * known.bytes);
    }
    return fault;
}

std::string format_bytes(ByteCount bytes) {
    if (bytes.value() == 0) return "0B";
    std::string best;
    for (const Unit& unit : kUnits) {
        if (bytes.value() % unit.bytes != 0) continue;
        std::string text = fmt::format("{}{}", bytes.value() / unit.bytes, unit.name);
        if (best.empty() || text.size() < best.size()) best = std::move(text);
    }
    return best;
}

Error wrong_type(std::string_view needed, const TomlNode& node) {
    return {ErrorKind::malformed, fmt::format("must be {}, not {}", needed, describe(node))};
}

Error wrong_choice(const std::vector<std::string>& names, const TomlNode& node) {
    return {ErrorKind::malformed,
            fmt::format("must be one of {}, not {}{}", fmt::join(names, ", "), describe(node),
                        node.kind == TomlKind::string ? did_you_mean(node.text, names) : "")};
}

Result<std::int64_t> read_integer(const TomlNode& node, std::int64_t least, std::int64_t most) {
    if (node.kind != TomlKind::integer) return wrong_type("a whole number", node);
    if (node.integer < least || node.integer > most) {
        return wrong_type(fmt::format("from {} to {}", least, most), node);
    }
    return node.integer;
}

Result<std::string> ValueKind<std::string>::read(const TomlNode& node) {
    if (!is_text(node)) return wrong_type("a string", node);
    if (node.text.find('\0') != std::string::npos) return wrong_type("a text without NUL", node);
    return node.text;
}

Result<Secret> ValueKind<Secret>::read(const TomlNode& node) {
    // The value is not shown: a number in place of a string may well be the secret itself.
    if (!is_text(node)) return Error{ErrorKind::malformed, "must be a string"};
    return Secret(node.text);
}

Result<bool> ValueKind<bool>::read(const TomlNode& node) {
    if (node.kind != TomlKind::boolean) return wrong_type("true or false", node);
    return node.boolean;
}

Result<std::chrono::milliseconds> ValueKind<std::chrono::milliseconds>::read(const TomlNode& node) {
    constexpr std::string_view kNeeded = "a duration such as \"10s\", \"5m\" or \"1h30m\"";
    if (!is_text(node)) return wrong_type(kNeeded, node);
    const auto duration = parse_duration(node.text);
    if (!duration) return wrong_type(kNeeded, node);
    return *duration;
}

Result<ByteCount> ValueKind<ByteCount>::read(const TomlNode& node) {
    constexpr std::string_view kNeeded =
        "a number of bytes such as \"512kB\", \"8MiB\" or \"10GiB\"";
    if (!is_text(node)) return wrong_type(kNeeded, node);
    const auto bytes = parse_bytes(node.text);
    if (!bytes) return wrong_type(kNeeded, node);
    return *bytes;
}

Result<std::vector<std::string>> ValueKind<std::vector<std::string>>::read(const TomlNode& node) {
    constexpr std::string_view kNeeded = "a list of strings such as [\"a\", \"b\"]";
    if (node.kind != TomlKind::array) return wrong_type(kNeeded, node);
    std::vector<std::string> out;
    for (const TomlNode& item : node.items) {
        auto text = ValueKind<std::string>::read(item);
        if (!text) {
            return Error{ErrorKind::malformed,
                         fmt::format("must be {}, not a list with {}", kNeeded, describe(item))};
        }
        out.push_back(*std::move(text));
    }
    return out;
}

std::string ValueKind<std::vector<std::string>>::show(const std::vector<std::string>& value) {
    std::string out = "[";
    for (const std::string& text : value) {
        if (out.size() > 1) out += ", ";
        out += toml_string(text);
    }
    return out + "]";
}

Result<StoreUrl> ValueKind<StoreUrl>::read(const TomlNode& node) {
    if (!is_text(node)) return Error{ErrorKind::malformed, "must be a string"};
    return parse_store_url(node.text);
}

Result<TapeUrl> ValueKind<TapeUrl>::read(const TomlNode& node) {
    if (!is_text(node)) return wrong_type("a string", node);
    return parse_tape_url(node.text);
}

}  // namespace tapedeck
