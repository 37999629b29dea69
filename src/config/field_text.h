#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/fields.h"
#include "config/read_fields.h"

namespace tapedeck {

// All that is known of one key, in words; or of a table, which has no `key`.
struct KeyDoc {
    std::string table;  // "feed.NAME"
    std::string key;
    std::string type;
    std::string default_text;  // TOML; or words where `default_is_words`; empty: must be given
    bool default_is_words = false;
    std::string limits;  // "from 1 to 100", or empty
    std::string other_key;
    std::string example;  // TOML, or empty
    std::string help;
};

// A value in force, as TOML, secrets masked.
struct ShownValue {
    std::vector<std::string> table;
    std::string key;
    std::string toml;
};

// Writes down what a table of options says, tables within it after its own keys.
class FieldDescriber {
public:
    explicit FieldDescriber(std::vector<KeyDoc>& out) : out_(out) {}

    template <class Owner, class... Rows>
    void describe(const Owner& defaults, const std::tuple<Rows...>& rows,
                  const std::string& table) {
        std::apply([&](const auto&... row) { (add(defaults, row, table), ...); }, rows);
    }

private:
    template <class Owner, class Base, class Value>
    void add(const Owner& defaults, const Field<Base, Value>& row, const std::string& table) {
        KeyDoc doc{table, std::string(row.key), ValueKind<Value>::name(), {}, false, {}, {}, {},
                   {}};
        const std::string shown = ValueKind<Value>::show(defaults.*row.member);
        doc.default_is_words = !row.unset.empty();
        if (!row.is_needed) doc.default_text = row.unset.empty() ? shown : std::string(row.unset);
        doc.limits = limits_text(row);
        doc.other_key = row.other_key;
        doc.example = row.example;
        doc.help = row.help;
        out_.push_back(std::move(doc));
    }
    template <class Owner, class Sub, class Fields>
    void add(const Owner& defaults, const TablePart<Owner, Sub, Fields>& row,
             const std::string& table) {
        describe(defaults.*row.member, *row.fields, table);
    }
    template <class Owner, class Sub, class Fields>
    void add(const Owner& defaults, const Group<Owner, Sub, Fields>& row,
             const std::string& table) {
        open(table, row.key, row.help);
        describe(defaults.*row.member, *row.fields, std::string(out_.back().table));
    }
    template <class Owner, class Tables, class Fields>
    void add(const Owner&, const NamedGroup<Owner, Tables, Fields>& row, const std::string& table) {
        open(table, std::string(row.key) + "." + std::string(row.placeholder), row.help);
        describe(typename TablesOf<Tables>::Table{}, *row.fields, std::string(out_.back().table));
    }
    void open(const std::string& table, std::string_view name, std::string_view help) {
        KeyDoc doc;
        doc.table = table.empty() ? std::string(name) : table + "." + std::string(name);
        doc.help = help;
        out_.push_back(std::move(doc));
    }

    std::vector<KeyDoc>& out_;
};

// Lists every value of a struct, in the order of its table of options. Options that may be unset
// and are so are left out.
class ValueLister {
public:
    explicit ValueLister(std::vector<ShownValue>& out) : out_(out) {}

    template <class Owner, class... Rows>
    void list(const Owner& owner, const std::tuple<Rows...>& rows) {
        std::apply([&](const auto&... row) { (add(owner, row), ...); }, rows);
    }

private:
    template <class Owner, class Base, class Value>
    void add(const Owner& owner, const Field<Base, Value>& row) {
        std::string toml = ValueKind<Value>::show(owner.*row.member);
        // An empty text means unset; written out it would only ask to be read again.
        if (toml.empty() || (toml == "\"\"" && !row.unset.empty())) return;
        out_.push_back({path_, std::string(row.key), std::move(toml)});
    }
    template <class Owner, class Sub, class Fields>
    void add(const Owner& owner, const TablePart<Owner, Sub, Fields>& row) {
        list(owner.*row.member, *row.fields);
    }
    template <class Owner, class Sub, class Fields>
    void add(const Owner& owner, const Group<Owner, Sub, Fields>& row) {
        path_.emplace_back(row.key);
        list(owner.*row.member, *row.fields);
        path_.pop_back();
    }
    template <class Owner, class Tables, class Fields>
    void add(const Owner& owner, const NamedGroup<Owner, Tables, Fields>& row) {
        path_.emplace_back(row.key);
        TablesOf<Tables>::each(owner.*row.member, [&](const std::string& name, const auto& entry) {
            path_.push_back(name);
            list(entry, *row.fields);
            path_.pop_back();
        });
        path_.pop_back();
    }

    std::vector<ShownValue>& out_;
    std::vector<std::string> path_;
};

}  // namespace tapedeck
