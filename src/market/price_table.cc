#include "market/price_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "market/own_tables.h"
#include "market/sql_words.h"

namespace tapedeck {
namespace {

// Leaves room for the names of indexes and views within PostgreSQL's 63 bytes.
constexpr std::size_t kLongestName = 50;

bool is_small(char c) { return c >= 'a' && c <= 'z'; }
bool is_name_char(char c) { return is_small(c) || is_digit(c) || c == '_'; }

// What a table's views are named by: "coin" of "coin_records" and of "coin".
std::string stem_of(const std::string& table) {
    constexpr std::string_view kSuffix = "_records";
    return table.ends_with(kSuffix) ? table.substr(0, table.size() - kSuffix.size()) : table;
}

}  // namespace

std::string table_name_fault(std::string_view name) {
    if (name.empty() || name.size() > kLongestName || !is_small(name.front()) ||
        !std::ranges::all_of(name, is_name_char)) {
        return "a table's name of small letters, digits and _, a letter first, such as "
               "coin_records";
    }
    if (is_sql_word(name)) return "a table's name, and no word of SQL";
    for (const std::string_view taken : {"sqlite_", "pg_"}) {
        if (name.starts_with(taken)) {
            return fmt::format("a table's name, and {}… is the database's own", taken);
        }
    }
    return {};
}

Result<> check_table_name(const std::string& name) {
    const std::string fault = table_name_fault(name);
    if (is_own_table(name)) {
        return Error{ErrorKind::rejected,
                     fmt::format("table \"{}\" is a table of tapedeck's own", name)};
    }
    if (fault.empty()) return {};
    return Error{ErrorKind::rejected, fmt::format("table \"{}\" must be {}", name, fault)};
}

std::string view_of(const std::string& table) { return stem_of(table) + "_prices"; }
std::string latest_view_of(const std::string& table) { return stem_of(table) + "_latest"; }

IndexNames indexes_of(const std::string& table) {
    return {table + "_key", table + "_brin", table + "_other"};
}

}  // namespace tapedeck
