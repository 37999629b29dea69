#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <utility>

namespace tapedeck {

// One type per concept: explicit both ways, comparable, and with no arithmetic of its own.
template <class Tag, class Rep>
class Strong {
public:
    constexpr Strong() = default;
    constexpr explicit Strong(Rep value) : value_(std::move(value)) {}
    constexpr const Rep& value() const { return value_; }
    friend constexpr auto operator<=>(const Strong&, const Strong&) = default;

private:
    Rep value_{};
};

// Position of a message within one partition of a topic, >= 0.
using Offset = Strong<struct OffsetTag, std::int64_t>;
using Partition = Strong<struct PartitionTag, std::int32_t>;

// The offset after `offset`.
constexpr Offset next(Offset offset) { return Offset(offset.value() + 1); }

}  // namespace tapedeck

template <class Tag, class Rep>
struct std::hash<tapedeck::Strong<Tag, Rep>> {
    std::size_t operator()(const tapedeck::Strong<Tag, Rep>& strong) const {
        return std::hash<Rep>{}(strong.value());
    }
};
