#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/fields.h"
#include "config/toml_document.h"

namespace tapedeck {

inline constexpr std::string_view kBuiltInName = "built in";

// Where a value was given. `file` is a path, kBuiltInName, or "--set KEY"; line 0 where there are
// no lines.
struct Origin {
    std::string file;
    TomlPosition at;
    friend bool operator==(const Origin&, const Origin&) = default;
};
std::string to_string(const Origin& origin);  // "tapedeck.toml:12"

// By the key's whole path ("feed.coin.topic", and "feed.coin" for the table's first appearance).
// What is not here has its default.
using Origins = std::map<std::string, Origin, std::less<>>;

// One mistake in a configuration.
struct ConfigFault {
    Origin origin;
    std::string table;  // "feed.coin"; empty at the top
    std::string what;   // begins with the key
    friend bool operator==(const ConfigFault&, const ConfigFault&) = default;
};
std::string to_string(const ConfigFault& fault);  // tapedeck.toml:12: [feed.coin] topic must be …

// "from 1 to 100", in the option's own unit; "" where there are no limits.
template <class Owner, class Value>
std::string limits_text(const Field<Owner, Value>& row) {
    using Plain = typename Field<Owner, Value>::Plain;
    if constexpr (requires(Plain plain) { as_number(plain); }) {
        if (!row.is_limited) return {};
        const auto shown = [](std::int64_t number) {
            if constexpr (WholeNumber<Plain>) {
                return ValueKind<Plain>::show(static_cast<Plain>(number));
            } else {
                return ValueKind<Plain>::show(Plain(number));
            }
        };
        return "from " + shown(row.from) + " to " + shown(row.to);
    }
    return {};
}

// Reads one document into a struct by its table of options, and gathers every mistake. Keys that
// the document does not have are left as they are, so that several documents can be read one
// upon the other. One thread.
class FieldReader {
public:
    FieldReader(std::string file, Origins& origins, std::vector<ConfigFault>& faults)
        : file_(std::move(file)), origins_(origins), faults_(faults) {}

    template <class Owner, class... Rows>
    void read(const TomlNode& table, Owner& out, const std::tuple<Rows...>& rows) {
        for (const TomlMember& member : table.members) {
            const bool known = std::apply(
                [&](const auto&... row) { return (take(member, out, row) || ...); }, rows);
            if (!known) unknown(member, keys_of(rows));
        }
    }

private:
    template <class... Rows>
    static std::vector<std::string> keys_of(const std::tuple<Rows...>& rows) {
        std::vector<std::string> keys;
        std::apply([&](const auto&... row) { (add_keys(row, keys), ...); }, rows);
        return keys;
    }
    static void add_keys(const auto& row, std::vector<std::string>& keys) {
        keys.emplace_back(row.key);
    }
    template <class Owner, class Sub, class Fields>
    static void add_keys(const TablePart<Owner, Sub, Fields>& row, std::vector<std::string>& keys) {
        for (std::string& key : keys_of(*row.fields)) keys.push_back(std::move(key));
    }

    template <class Owner, class Sub, class Fields>
    bool take(const TomlMember& member, Owner& out, const TablePart<Owner, Sub, Fields>& row) {
        return std::apply(
            [&](const auto&... its) { return (take(member, out.*row.member, its) || ...); },
            *row.fields);
    }

    // A row may be of a struct that `Owner` is made upon.
    template <class Owner, class Base, class Value>
    bool take(const TomlMember& member, Owner& out, const Field<Base, Value>& row) {
        if (member.key != row.key && (row.other_key.empty() || member.key != row.other_key)) {
            return false;
        }
        note_origin(std::string(row.key), member.value);
        // Before the value is narrowed to its type, whose limits mean nothing to people.
        if (WholeNumber<typename Field<Base, Value>::Plain> && row.is_limited &&
            member.value.kind == TomlKind::integer &&
            (member.value.integer < row.from || member.value.integer > row.to)) {
            out_of_range(member, limits_text(row));
            return true;
        }
        auto value = ValueKind<Value>::read(member.value);
        if (!value) {
            fault(member, member.value, value.error().what);
        } else if (allowed(member, *value, row)) {
            out.*row.member = *std::move(value);
        }
        return true;
    }

    template <class Owner, class Sub, class Fields>
    bool take(const TomlMember& member, Owner& out, const Group<Owner, Sub, Fields>& row) {
        if (member.key != row.key) return false;
        if (enter(member)) {
            read(member.value, out.*row.member, *row.fields);
            path_.pop_back();
        }
        return true;
    }

    template <class Owner, class Tables, class Fields>
    bool take(const TomlMember& member, Owner& out, const NamedGroup<Owner, Tables, Fields>& row) {
        if (member.key != row.key) return false;
        if (!enter(member)) return true;
        TablesOf<Tables> tables(out.*row.member);
        for (const TomlMember& entry : member.value.members) {
            if (!is_name(entry) || !enter(entry)) continue;
            auto& sub = tables.at(entry.key);
            if constexpr (requires { sub.name = entry.key; }) sub.name = entry.key;
            read(entry.value, sub, *row.fields);
            path_.pop_back();
        }
        path_.pop_back();
        return true;
    }

    template <class Owner, class Value>
    bool allowed(const TomlMember& member, const Value& value, const Field<Owner, Value>& row) {
        if constexpr (requires(typename Field<Owner, Value>::Plain plain) { as_number(plain); }) {
            using Plain = typename Field<Owner, Value>::Plain;
            std::int64_t number = 0;
            if constexpr (std::is_same_v<Plain, Value>) {
                number = as_number(value);
            } else {
                number = as_number(*value);
            }
            if (row.is_limited && (number < row.from || number > row.to)) {
                out_of_range(member, limits_text(row));
                return false;
            }
        }
        if constexpr (requires { value.empty(); }) {
            if (row.is_needed && value.empty()) {
                fault(member, member.value, "must not be empty");
                return false;
            }
        }
        if constexpr (std::is_same_v<Value, std::string>) {
            return row.check == nullptr || text_allowed(member, member.value, value, row.check);
        }
        if constexpr (std::is_same_v<Value, Secret>) {
            return row.check == nullptr ||
                   text_allowed(member, member.value, value.reveal(), row.check);
        }
        if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
            return list_allowed(member, row.check, row.is_distinct);
        }
        return true;
    }

    bool enter(const TomlMember& member);  // false, and a fault, where it is no table
    bool is_name(const TomlMember& member);
    void unknown(const TomlMember& member, const std::vector<std::string>& known);
    void fault(const TomlMember& member, const TomlNode& where, std::string_view what);
    void out_of_range(const TomlMember& member, std::string_view limits);
    bool text_allowed(const TomlMember& member, const TomlNode& where, const std::string& text,
                      TextCheck check);
    bool list_allowed(const TomlMember& member, TextCheck check, bool distinct);
    void note_origin(const std::string& key, const TomlNode& value);

    const std::string file_;
    Origins& origins_;
    std::vector<ConfigFault>& faults_;
    std::vector<std::string> path_;
};

// Adds a fault for every required key that no document gave.
class MissingFinder {
public:
    MissingFinder(const Origins& origins, std::vector<ConfigFault>& faults)
        : origins_(origins), faults_(faults) {}

    template <class Owner, class... Rows>
    void find(const Owner& owner, const std::tuple<Rows...>& rows) {
        std::apply([&](const auto&... row) { (look(owner, row), ...); }, rows);
    }

private:
    template <class Owner, class Base, class Value>
    void look(const Owner&, const Field<Base, Value>& row) {
        if (row.is_needed) need(std::string(row.key));
    }
    template <class Owner, class Sub, class Fields>
    void look(const Owner& owner, const TablePart<Owner, Sub, Fields>& row) {
        find(owner.*row.member, *row.fields);
    }
    template <class Owner, class Sub, class Fields>
    void look(const Owner& owner, const Group<Owner, Sub, Fields>& row) {
        path_.emplace_back(row.key);
        find(owner.*row.member, *row.fields);
        path_.pop_back();
    }
    template <class Owner, class Tables, class Fields>
    void look(const Owner& owner, const NamedGroup<Owner, Tables, Fields>& row) {
        path_.emplace_back(row.key);
        TablesOf<Tables>::each(owner.*row.member, [&](const std::string& name, const auto& entry) {
            path_.push_back(name);
            find(entry, *row.fields);
            path_.pop_back();
        });
        path_.pop_back();
    }
    void need(const std::string& key);

    const Origins& origins_;
    std::vector<ConfigFault>& faults_;
    std::vector<std::string> path_;
};

}  // namespace tapedeck
