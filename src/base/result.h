#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.h"

namespace tapedeck {

// What a caller can do about an error; one function, `retryable`, decides the policy.
enum class ErrorKind {
    unavailable,  // the far side is away or slow: the same call may succeed later
    malformed,    // bytes or text that cannot be read
    rejected,     // understood and refused: the same call fails again
    conflict,     // somebody else went first: read the state again
    corrupt,      // stored data contradicts itself: a person must look
};

// `what` is for people: it names the object and the value seen. It never holds a secret.
struct Error {
    ErrorKind kind;
    std::string what;
};

std::string_view to_string(ErrorKind kind);

// Only a far side that is away is worth the same call again.
constexpr bool retryable(ErrorKind kind) { return kind == ErrorKind::unavailable; }

// The value of an action that yields nothing.
struct Done {
    friend bool operator==(Done, Done) = default;
};

// A value or an Error; must be looked at. Member names follow std::expected.
template <class T = Done>
class [[nodiscard]] Result {
public:
    Result() requires std::is_same_v<T, Done> : state_(Done{}) {}
    // NOLINTNEXTLINE(google-explicit-constructor): built from either
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    // NOLINTNEXTLINE(google-explicit-constructor): built from either
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return state_.index() == 0; }
    bool has_value() const { return state_.index() == 0; }

    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(value()); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    T& value() & {
        TAPEDECK_ASSERT(has_value());
        return *std::get_if<0>(&state_);
    }
    const T& value() const& {
        TAPEDECK_ASSERT(has_value());
        return *std::get_if<0>(&state_);
    }
    T&& value() && {
        TAPEDECK_ASSERT(has_value());
        return std::move(*std::get_if<0>(&state_));
    }
    const Error& error() const {
        TAPEDECK_ASSERT(!has_value());
        return *std::get_if<1>(&state_);
    }
    T value_or(T other) const& { return has_value() ? value() : std::move(other); }

    template <class F>
    auto transform(F&& f) && -> Result<std::invoke_result_t<F, T&&>> {
        if (!has_value()) return error();
        return std::forward<F>(f)(std::move(value()));
    }

private:
    std::variant<T, Error> state_;
};

// A value as an error shows it: in single quotes, control bytes and what is no UTF-8 as \xNN,
// the middle left out where it is longer than 80 bytes.
std::string in_quotes(std::string_view value);

// The same error with the place it was met put before it: "reading tape.db: " + what.
Error in_context(std::string_view place, const Error& error);

}  // namespace tapedeck
