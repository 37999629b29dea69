#include "store/postgres/postgres_kept.h"

#include <fmt/format.h>

#include <vector>

#include "store/batch_rules.h"
#include "store/postgres/postgres_copy.h"
#include "store/postgres/postgres_rows.h"

namespace tapedeck {
namespace {

std::vector<std::string_view> split_columns(std::string_view list) {
    std::vector<std::string_view> out;
    for (;;) {
        const std::size_t comma = list.find(", ");
        out.push_back(list.substr(0, comma));
        if (comma == list.npos) return out;
        list.remove_prefix(comma + 2);
    }
}

}  // namespace

std::string copy_sql(const PriceTable& table) {
    return fmt::format("copy \"{}\" ({}) from stdin (format binary);", table.name,
                       copied_columns(table.form));
}

Result<std::int64_t> copy_into(PostgresConnection& connection, const std::string& sql,
                               std::string_view bytes) {
    if (auto sent = connection.send(sql); !sent) return sent.error();
    const auto ready = connection.next();
    if (!ready) return ready.error();
    if (auto copied = connection.copy(bytes); !copied) return copied.error();
    if (auto ended = connection.end_copy(); !ended) return ended.error();
    const auto counted = connection.next();
    if (!counted) return counted.error();
    const std::int64_t kept = *counted ? changed_rows(counted->get()) : 0;
    if (auto rest = connection.drain(); !rest) return rest.error();
    return kept;
}

Error kept_too_few(const PostgresConnection& connection, std::string_view table, std::int64_t kept,
                   std::int64_t sent) {
    return {
        ErrorKind::unavailable,
        fmt::format("{}: the table {} took {} rows of {} and said nothing: is there a trigger or "
                    "a constraint that ignores rows?",
                    connection.place(), table, kept, sent)};
}

std::string look_sql(const PriceTable& table) {
    return fmt::format(
        "select (select count(*) from pg_trigger where tgrelid = '\"{0}\"'::regclass and not"
        " tgisinternal and tgenabled in ('O', 'A') and tgtype & 4 <> 0)::text,"
        " (select string_agg(attname || ' is ' || format_type(atttypid, atttypmod), ', ' order by"
        " attnum) from pg_attribute where attrelid = '\"{0}\"'::regclass and ((attname in ('price',"
        " 'previous_close') and atttypid <> 'numeric'::regtype) or (attname in ('{1}') and "
        "atttypmod"
        " <> -1 and atttypid in ('numeric'::regtype, 'timestamptz'::regtype,"
        " 'timestamp'::regtype))));",
        table.name, fmt::join(filled_columns(), "', '"));
}

Result<bool> has_triggers(const PostgresConnection& connection, const PriceTable& table,
                          const PGresult* look) {
    if (PQgetisnull(look, 0, 1) != 0) return std::string_view(PQgetvalue(look, 0, 0)) != "0";
    return Error{
        ErrorKind::unavailable,
        fmt::format("{}: the table {} would keep other values than it is given: its column "
                    "{}; `alter table` gives it a type without limits",
                    connection.place(), table.name, PQgetvalue(look, 0, 1))};
}

Result<> check_kept(PostgresConnection& connection, const PriceTable& table,
                    std::int64_t inserted) {
    const auto range =
        connection.run("select min(id)::bigint, max(id)::bigint from tapedeck_stage", {});
    if (!range) return range.error();
    const PostgresRow ids(range->get(), 0);
    const std::string both = fmt::format(
        " from tapedeck_stage s join (select * from \"{}\" where id between {} and {})"
        " k on k.id = s.id",
        table.name, ids.integer(0), ids.integer(1));
    const auto found = connection.run("select count(*)" + both, {});
    if (!found) return found.error();
    const std::int64_t kept = PostgresRow(found->get(), 0).integer(0);
    if (kept != inserted) return kept_too_few(connection, table.name, kept, inserted);
    std::vector<std::string> columns;
    const std::string all = copied_columns(table.form);
    for (const std::string_view one : split_columns(all)) {
        columns.push_back(fmt::format("('{0}', s.{0}::text, k.{0}::text)", one));
    }
    const auto other = connection.run(
        fmt::format("select c.name, coalesce(c.sent, 'null'), coalesce(c.kept, 'null'){} cross join"
                    " lateral (values {}) as c (name, sent, kept) where c.sent is distinct from"
                    " c.kept order by s.n limit 1",
                    both, fmt::join(columns, ", ")),
        {});
    if (!other) return other.error();
    if (PQntuples(other->get()) == 0) return {};
    const PostgresRow row(other->get(), 0);
    return Error{ErrorKind::unavailable,
                 fmt::format("{}: the table {} keeps {} in its column {} where it was given {}: is "
                             "there a trigger that changes rows?",
                             connection.place(), table.name, in_quotes(row.text(2)), row.text(0),
                             in_quotes(row.text(1)))};
}

}  // namespace tapedeck
