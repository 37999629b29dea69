#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/strong.h"
#include "base/time.h"
#include "config/toml_document.h"
#include "config/urls.h"

namespace tapedeck {

// A number of bytes; "8MiB" in a file.
using ByteCount = Strong<struct ByteCountTag, std::int64_t>;

// "8MiB", "10GiB", "64kB", "512B", "1000": binary and decimal units, no fraction. `malformed`.
Result<ByteCount> parse_bytes(std::string_view text);
std::string format_bytes(ByteCount bytes);  // the shortest such text

// One of an option's named values. An enum E is an option's type once there is a function
// `std::span<const Choice<E>> choices(E)` beside it, which lists its names.
template <class E>
struct Choice {
    E value;
    std::string_view name;
};
template <class T>
concept Chosen = requires(T value) {
    { choices(value) } -> std::same_as<std::span<const Choice<T>>>;
};
template <class T>
concept WholeNumber = std::integral<T> && !std::same_as<T, bool>;

// How a value of one type is named, read from a document and written as TOML. `read` gives
// `malformed` with the end of a sentence that begins with the key: "must be a string, not 5".
// `show` never gives a secret away.
template <class T>
struct ValueKind;

// What every kind but the templates below shares: the message for a value of another type.
Error wrong_type(std::string_view needed, const TomlNode& node);
Result<std::int64_t> read_integer(const TomlNode& node, std::int64_t least, std::int64_t most);
Error wrong_choice(const std::vector<std::string>& names, const TomlNode& node);

template <>
struct ValueKind<std::string> {
    static std::string name() { return "string"; }
    static Result<std::string> read(const TomlNode& node);
    static std::string show(const std::string& value) { return toml_string(value); }
};
template <>
struct ValueKind<Secret> {
    static std::string name() { return "secret string"; }
    static Result<Secret> read(const TomlNode& node);
    static std::string show(const Secret& value) { return toml_string(to_string(value)); }
};
template <>
struct ValueKind<bool> {
    static std::string name() { return "true or false"; }
    static Result<bool> read(const TomlNode& node);
    static std::string show(bool value) { return value ? "true" : "false"; }
};
template <>
struct ValueKind<std::chrono::milliseconds> {
    static std::string name() { return "duration"; }
    static Result<std::chrono::milliseconds> read(const TomlNode& node);
    static std::string show(std::chrono::milliseconds value) {
        return toml_string(format_duration(value));
    }
};
template <>
struct ValueKind<ByteCount> {
    static std::string name() { return "bytes"; }
    static Result<ByteCount> read(const TomlNode& node);
    static std::string show(ByteCount value) { return toml_string(format_bytes(value)); }
};
template <>
struct ValueKind<std::vector<std::string>> {
    static std::string name() { return "list of strings"; }
    static Result<std::vector<std::string>> read(const TomlNode& node);
    static std::string show(const std::vector<std::string>& value);
};
template <>
struct ValueKind<StoreUrl> {
    static std::string name() { return "URL"; }
    static Result<StoreUrl> read(const TomlNode& node);
    static std::string show(const StoreUrl& value) { return toml_string(to_string(value)); }
};
template <>
struct ValueKind<TapeUrl> {
    static std::string name() { return "URL"; }
    static Result<TapeUrl> read(const TomlNode& node);
    static std::string show(const TapeUrl& value) { return toml_string(to_string(value)); }
};

template <WholeNumber T>
struct ValueKind<T> {
    static std::string name() { return "whole number"; }
    static Result<T> read(const TomlNode& node) {
        constexpr auto kMost = std::numeric_limits<T>::max();
        const auto number = read_integer(node, std::int64_t{std::numeric_limits<T>::min()},
                                         sizeof(T) < 8 ? static_cast<std::int64_t>(kMost)
                                                       : std::numeric_limits<std::int64_t>::max());
        if (!number) return number.error();
        return static_cast<T>(*number);
    }
    static std::string show(T value) { return std::to_string(value); }
};

template <Chosen E>
struct ValueKind<E> {
    static std::string name() {
        std::string all;
        for (const Choice<E>& choice : choices(E{})) {
            if (!all.empty()) all += " | ";
            all += choice.name;
        }
        return all;
    }
    static Result<E> read(const TomlNode& node) {
        std::vector<std::string> names;
        for (const Choice<E>& choice : choices(E{})) {
            if ((node.kind == TomlKind::string || node.loose) && node.text == choice.name) {
                return choice.value;
            }
            names.emplace_back(choice.name);
        }
        return wrong_choice(names, node);
    }
    static std::string show(E value) {
        for (const Choice<E>& choice : choices(value)) {
            if (choice.value == value) return toml_string(choice.name);
        }
        TAPEDECK_ASSERT(false);
        return {};
    }
};

// An option that may be left unset shows nothing then.
template <class T>
struct ValueKind<std::optional<T>> {
    static std::string name() { return ValueKind<T>::name(); }
    static Result<std::optional<T>> read(const TomlNode& node) {
        auto value = ValueKind<T>::read(node);
        if (!value) return value.error();
        return std::optional<T>(*std::move(value));
    }
    static std::string show(const std::optional<T>& value) {
        return value ? ValueKind<T>::show(*value) : std::string();
    }
};

}  // namespace tapedeck
