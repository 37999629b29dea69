#include "store/postgres/postgres_lens.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/assert.h"
#include "store/postgres/postgres_rows.h"
#include "store/postgres/postgres_schema.h"
#include "store/postgres/postgres_tables.h"

namespace tapedeck {
namespace {

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Whether `word` stands in `sql`, with no sign of a name beside it.
bool names(std::string_view sql, std::string_view word) {
    for (std::size_t at = sql.find(word); at != std::string_view::npos;
         at = sql.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        const bool begins = at == 0 || !is_name_char(sql[at - 1]);
        if (begins && (end == sql.size() || !is_name_char(sql[end]))) return true;
    }
    return false;
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \n") - first + 1);
}

// The parts of `text` between the signs `apart` that stand in no brackets.
std::vector<std::string_view> split(std::string_view text, char apart) {
    std::vector<std::string_view> out;
    std::size_t start = 0;
    int depth = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && text[i] == '(') ++depth;
        if (i < text.size() && text[i] == ')') --depth;
        if (i < text.size() && (text[i] != apart || depth > 0)) continue;
        const auto part = trimmed(text.substr(start, i - start));
        if (!part.empty()) out.push_back(part);
        start = i + 1;
    }
    return out;
}

std::string_view take_word(std::string_view& text) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text = trimmed(text.substr(end));
    return word;
}

// "name type ..." of a definition; none where it is a constraint of the whole table.
std::optional<OwnTable::Column> column_of(std::string_view text) {
    OwnTable::Column column;
    column.name = take_word(text);
    if (column.name == "primary" || column.name == "unique" || column.name == "check") return {};
    column.type = take_word(text);
    column.initial = "null";
    while (!text.empty()) {
        const std::string_view word = take_word(text);
        if (word == "collate") column.collation = take_word(text);
        if (word == "default" && !text.starts_with("as identity")) column.initial = take_word(text);
    }
    return column;
}

// What stands in the first brackets of `text`.
std::string_view in_brackets(std::string_view text) {
    const std::size_t first = text.find('(');
    int depth = 0;
    for (std::size_t i = first; i < text.size(); ++i) {
        if (text[i] == '(') ++depth;
        if (text[i] == ')' && --depth == 0) return text.substr(first + 1, i - first - 1);
    }
    TAPEDECK_ASSERT(false);
}

constexpr std::string_view kCreate = "create table ";
constexpr std::string_view kAlter = "alter table ";
constexpr std::string_view kAdd = "add column ";

void follow(std::string_view statement, std::vector<OwnTable>& tables) {
    if (statement.starts_with(kCreate)) {
        statement.remove_prefix(kCreate.size());
        OwnTable& table = tables.emplace_back();
        table.name = take_word(statement);
        for (const std::string_view part : split(in_brackets(statement), ',')) {
            if (auto column = column_of(part)) table.columns.push_back(*std::move(column));
        }
    } else if (statement.starts_with(kAlter)) {
        statement.remove_prefix(kAlter.size());
        const std::string_view name = take_word(statement);
        const auto table = std::ranges::find(tables, name, &OwnTable::name);
        TAPEDECK_ASSERT(table != tables.end());
        for (std::string_view part : split(statement, ',')) {
            if (!part.starts_with(kAdd)) continue;
            part.remove_prefix(kAdd.size());
            if (auto column = column_of(part)) table->columns.push_back(*std::move(column));
        }
    }
}

struct Present {
    std::string address;
    std::vector<std::string> columns;
};

Result<std::map<std::string, Present>> present_among(PostgresConnection& connection,
                                                     const std::vector<OwnTable>& tables) {
    std::string names;
    for (const OwnTable& table : tables) {
        names += (names.empty() ? "" : ", ") + literal(table.name);
    }
    const auto found = connection.run(
        fmt::format("select w.name, format('%I.%I', n.nspname, c.relname), a.attname::text"
                    " from unnest(array[{}]) as w (name) join pg_class c on c.oid ="
                    " to_regclass(w.name) join pg_namespace n on n.oid = c.relnamespace"
                    " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not"
                    " a.attisdropped",
                    names),
        {});
    if (!found) return found.error();
    std::map<std::string, Present> out;
    for (int i = 0; i < PQntuples(found->get()); ++i) {
        const PostgresRow row(found->get(), i);
        Present& one = out[std::string(row.text(0))];
        one.address = row.text(1);
        one.columns.emplace_back(row.text(2));
    }
    return out;
}

bool has(const std::vector<std::string>& columns, const std::string& name) {
    return std::ranges::count(columns, name) > 0;
}

std::string missing_column(const OwnTable::Column& column) {
    return fmt::format("cast({} as {}){}{} as \"{}\"", column.initial, column.type,
                       column.collation.empty() ? "" : " collate ", column.collation, column.name);
}

// A table whose rows are those at `address`; empty where there is none.
std::string query_of(const std::vector<OwnTable::Column>& wanted, const std::string& address,
                     const std::vector<std::string>& there,
                     const std::map<std::string, std::string>& converted = {}) {
    std::string columns;
    for (const OwnTable::Column& column : wanted) {
        const auto conversion = converted.find(column.name);
        fmt::format_to(std::back_inserter(columns), "{}{}", columns.empty() ? "" : ", ",
                       !has(there, column.name)        ? missing_column(column)
                       : conversion != converted.end() ? conversion->second
                                                       : fmt::format("\"{}\"", column.name));
    }
    return fmt::format("select {} {}", columns,
                       address.empty() ? "where false" : "from " + address);
}

// The time of a row of the original's. tsrange takes a timestamp without a zone and nothing else:
// of a column that has become another since, the statement fails, and no time is shifted.
std::string time_of_original(const std::string& zone) {
    return fmt::format("lower(tsrange(date, date, '[]')) at time zone {} as date", literal(zone));
}

}  // namespace

std::vector<OwnTable> own_tables() {
    std::vector<OwnTable> tables;
    for (const std::string_view step : schema_steps()) {
        for (const std::string_view statement : split(step, ';')) follow(statement, tables);
    }
    return tables;
}

Result<PostgresLens> PostgresLens::of_own_tables(PostgresConnection& connection) {
    PostgresLens lens;
    const auto version = find_schema(connection);
    if (!version) return version.error();
    if (*version == static_cast<std::int64_t>(schema_steps().size())) return lens;
    const auto tables = own_tables();
    std::map<std::string, Present> present;
    if (*version > 0) {  // else what has one of the names is somebody else's
        auto found = present_among(connection, tables);
        if (!found) return found.error();
        present = *std::move(found);
    }
    for (const OwnTable& table : tables) {
        const Present& there = present[table.name];
        const bool whole = std::ranges::all_of(table.columns, [&](const OwnTable::Column& column) {
            return has(there.columns, column.name);
        });
        if (whole) continue;
        lens.stand_ins_.push_back(
            {table.name, query_of(table.columns, there.address, there.columns)});
    }
    return lens;
}

Result<> PostgresLens::look_at(PostgresConnection& connection, const PriceTable& table,
                               const std::string& zone) {
    const auto found = find_table(connection, table);
    if (!found) return found.error();
    if (auto fine = check_found(connection, table, *found); !fine) return fine;
    const std::string view = view_of(table.name);
    const std::string latest = latest_view_of(table.name);
    std::erase_if(stand_ins_, [&](const StandIn& one) {  // seen before
        return one.name == table.name || one.name == view || one.name == latest;
    });
    const bool is_ours = found->kind == FoundTable::Kind::ours;
    if (!is_ours) {
        std::vector<OwnTable> made;
        follow(table_sql(table), made);
        std::map<std::string, std::string> converted;
        if (found->zoneless) converted.emplace("date", time_of_original(zone));
        stand_ins_.push_back({table.name, query_of(made.front().columns, found->address,
                                                   found->columns, converted)});
    }
    if (!is_ours || !found->has_view) {
        stand_ins_.push_back({view, prices_query(table)});
    }
    if (!is_ours || !found->has_latest) {
        stand_ins_.push_back({latest, latest_query(table)});
    }
    return {};
}

std::string PostgresLens::before(std::string_view sql) const {
    constexpr std::string_view kRecursive = "with recursive ";
    constexpr std::string_view kWith = "with ";
    std::string text(sql);  // and what stands in for what it names
    std::vector<const StandIn*> needed;
    for (auto one = stand_ins_.rbegin(); one != stand_ins_.rend(); ++one) {
        if (!names(text, one->name)) continue;
        text += " " + one->query;
        needed.push_back(&*one);
    }
    if (needed.empty()) return text;
    const bool recursive = sql.starts_with(kRecursive);
    const bool with = recursive || sql.starts_with(kWith);
    std::string out(recursive ? kRecursive : kWith);
    for (auto one = needed.rbegin(); one != needed.rend(); ++one) {
        fmt::format_to(std::back_inserter(out), "{}\"{}\" as not materialized ({})",
                       one == needed.rbegin() ? "" : ", ", (*one)->name, (*one)->query);
    }
    out += with ? ", " : " ";
    return out.append(sql.substr(recursive ? kRecursive.size() : with ? kWith.size() : 0));
}

}  // namespace tapedeck
