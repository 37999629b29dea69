#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/values.h"

// An option is declared once: a row of its component's table says its key, where its value goes,
// what it is for and what it may be. config/read_fields.h makes the reading of that, and
// config/field_text.h all that is shown of it.
namespace tapedeck {

// The longest that a duration of an option may be: a hundred years.
namespace fields {
inline constexpr std::chrono::milliseconds kYears = std::chrono::hours(24 * 36'500);
}

// Judges a text or an item of a list: "" where it is fine, else the end of a sentence that begins
// with the key, "must be a name such as coin_topic".
using TextCheck = std::string (*)(std::string_view text);

// A value as a plain number, for limits.
constexpr std::int64_t as_number(std::chrono::milliseconds value) { return value.count(); }
constexpr std::int64_t as_number(ByteCount value) { return value.value(); }
template <WholeNumber T>
constexpr std::int64_t as_number(T value) {
    return static_cast<std::int64_t>(value);
}

template <class T>
struct Unwrapped {
    using type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
    using type = T;
};

// One key with a plain value or a list.
template <class Owner, class Value>
struct Field {
    using Plain = typename Unwrapped<Value>::type;

    std::string_view key;
    Value Owner::*member;
    std::string_view help;
    std::string_view other_key = {};  // read as well, never written
    std::string_view example = {};
    std::string_view unset = {};  // what an absent or empty value means, for people
    std::int64_t from = 0;
    std::int64_t to = 0;
    bool is_limited = false;
    bool is_needed = false;
    bool is_distinct = false;
    TextCheck check = nullptr;

    // Both ends included.
    constexpr Field between(Plain low, Plain high) const {
        Field copy = *this;
        copy.from = as_number(low);
        copy.to = as_number(high);
        copy.is_limited = true;
        return copy;
    }
    // Some layer of the configuration must give it.
    constexpr Field required() const {
        Field copy = *this;
        copy.is_needed = true;
        return copy;
    }
    // A text, or every item of a list, must pass.
    constexpr Field checked(TextCheck judge) const {
        Field copy = *this;
        copy.check = judge;
        return copy;
    }
    // No item of the list may stand there twice.
    constexpr Field distinct() const {
        Field copy = *this;
        copy.is_distinct = true;
        return copy;
    }
    constexpr Field also_read_as(std::string_view name) const {
        Field copy = *this;
        copy.other_key = name;
        return copy;
    }
    constexpr Field for_example(std::string_view toml) const {
        Field copy = *this;
        copy.example = toml;
        return copy;
    }
    constexpr Field if_unset(std::string_view words) const {
        Field copy = *this;
        copy.unset = words;
        return copy;
    }
};

template <class Owner, class Value>
constexpr Field<Owner, Value> field(std::string_view key, Value Owner::*member,
                                    std::string_view help) {
    return {key, member, help};
}

// The keys of another component that stand in the same table.
template <class Owner, class Sub, class Fields>
struct TablePart {
    Sub Owner::*member;
    const Fields* fields;
};

template <class Owner, class Sub, class... Rows>
constexpr TablePart<Owner, Sub, std::tuple<Rows...>> part(Sub Owner::*member,
                                                          const std::tuple<Rows...>& fields) {
    return {member, &fields};
}

// A table of one component: [store].
template <class Owner, class Sub, class Fields>
struct Group {
    std::string_view key;
    Sub Owner::*member;
    const Fields* fields;
    std::string_view help;
};

template <class Owner, class Sub, class... Rows>
constexpr Group<Owner, Sub, std::tuple<Rows...>> group(std::string_view key, Sub Owner::*member,
                                                       const std::tuple<Rows...>& fields,
                                                       std::string_view help) {
    return {key, member, &fields, help};
}

// One thing that is wrong with a component's options together: `what` is a sentence that begins
// with the key, or speaks of the whole table where there is none.
struct OptionFault {
    std::string_view key;
    std::string what;
};

template <class Sub>
using Named = std::map<std::string, Sub, std::less<>>;

// Where a group's tables are kept: by their names, in the names' order; or in a list of structs
// that have a `name`, in the order of the file.
template <class Tables>
struct TablesOf;
template <class Sub>
struct TablesOf<Named<Sub>> {
    using Table = Sub;
    static void each(const Named<Sub>& all, auto&& visit) {
        for (const auto& [name, table] : all) visit(name, table);
    }
    explicit TablesOf(Named<Sub>& all) : all_(all) {}
    Sub& at(const std::string& name) { return all_[name]; }  // is made where there is none

private:
    Named<Sub>& all_;
};
template <class Sub>
struct TablesOf<std::vector<Sub>> {
    using Table = Sub;
    static void each(const std::vector<Sub>& all, auto&& visit) {
        for (const Sub& table : all) visit(table.name, table);
    }
    explicit TablesOf(std::vector<Sub>& all) : all_(all) {
        for (std::size_t i = 0; i < all.size(); ++i) indexes_.emplace(all[i].name, i);
    }
    Sub& at(const std::string& name) {
        const auto [known, is_new] = indexes_.emplace(name, all_.size());
        if (is_new) all_.emplace_back();
        return all_[known->second];
    }

private:
    std::vector<Sub>& all_;
    std::map<std::string, std::size_t> indexes_;
};

// Any number of tables with names of the user's choice: [feed.NAME].
template <class Owner, class Tables, class Fields>
struct NamedGroup {
    std::string_view key;
    Tables Owner::*member;
    const Fields* fields;
    std::string_view placeholder;  // "NAME", in what is shown
    std::string_view help;
};

template <class Owner, class Tables, class... Rows>
constexpr NamedGroup<Owner, Tables, std::tuple<Rows...>> named_group(
    std::string_view key, Tables Owner::*member, const std::tuple<Rows...>& fields,
    std::string_view placeholder, std::string_view help) {
    return {key, member, &fields, placeholder, help};
}

}  // namespace tapedeck
