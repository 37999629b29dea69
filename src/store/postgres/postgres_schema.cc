#include "store/postgres/postgres_schema.h"

#include <fmt/format.h>

#include <array>

#include "base/assert.h"
#include "store/postgres/postgres_rows.h"
#include "store/postgres/postgres_tables.h"

namespace tapedeck {
namespace {

// "tapedeck" as a number: the advisory lock under which tables are made.
constexpr std::string_view kTablesLock = "8385524741126153067";

// The first row of an answer; `row` is not called where there is none.
Result<> ask(PostgresConnection& connection, const std::string& sql,
             const std::vector<Value>& values, const RowSink& row) {
    const auto result = connection.run(sql, values);
    if (!result) return result.error();
    for (int i = 0; i < PQntuples(result->get()); ++i) {
        if (auto taken = row(PostgresRow(result->get(), i)); !taken) return taken;
    }
    return {};
}

Result<std::int64_t> schema_version(PostgresConnection& connection) {
    std::int64_t version = 0;
    bool there = false;
    // The catalogue is read, and not to_regclass alone: that believes what this connection looked
    // up before it waited for the lock, and so misses what the lock's last holder made.
    auto done =
        ask(connection, "select count(*) from pg_class where oid = to_regclass('schema_version')",
            {}, [&](const RowView& row) -> Result<> {
                there = row.integer(0) != 0;
                return {};
            });
    if (!done) return done.error();
    if (!there) return version;
    done =
        ask(connection, "select coalesce(max(version), 0) from schema_version where part = 'store'",
            {}, [&](const RowView& row) -> Result<> {
                version = row.integer(0);
                return {};
            });
    if (!done) return done.error();
    return version;
}

Result<> check_not_newer(PostgresConnection& connection, std::int64_t version) {
    if (version <= static_cast<std::int64_t>(schema_steps().size())) return {};
    return Error{ErrorKind::rejected,
                 fmt::format("{}: its tables have version {}, and this program knows versions up "
                             "to {}: a newer tapedeck made them",
                             connection.place(), version, schema_steps().size())};
}

// Runs `steps` in one transaction under the advisory lock. The lock is taken before the transaction
// begins: an advisory lock does not make a transaction see what others have made meanwhile, its
// beginning does.
Result<> under_lock(PostgresConnection& connection, const std::function<Result<>()>& steps) {
    auto done = connection.execute(fmt::format("select pg_advisory_lock({})", kTablesLock));
    if (!done) return done;
    done = connection.execute("begin");
    if (done) done = steps();
    if (done) done = connection.execute("commit");
    if (!done) connection.reset();
    const auto released =
        connection.execute(fmt::format("select pg_advisory_unlock({})", kTablesLock));
    return done ? released : done;
}

// A name may hold any letter; in another encoding there is none for most of them, or none is
// known to be a letter.
Result<> check_encoding(PostgresConnection& connection) {
    std::string encoding;
    auto done = ask(connection, "select current_setting('server_encoding')", {},
                    [&](const RowView& row) -> Result<> {
                        encoding = row.text(0);
                        return {};
                    });
    if (!done || encoding == "UTF8") return done;
    return Error{
        ErrorKind::rejected,
        fmt::format("{}: the database's encoding is {}, and names may hold letters that it "
                    "has not: make another with `createdb -T template0 -E UTF8 NAME`",
                    connection.place(), encoding)};
}

Result<> bring_up_to_date(PostgresConnection& connection, Timestamp now) {
    const auto version = find_schema(connection);  // somebody else may have been first
    if (!version) return version.error();
    auto done = connection.execute(
        "create table if not exists schema_version (part text collate \"C\" not null,"
        " version bigint not null, at timestamptz not null, primary key (part, version))");
    for (auto i = static_cast<std::size_t>(*version); done && i < schema_steps().size(); ++i) {
        done = connection.execute(std::string(schema_steps()[i]));
        if (!done) break;
        const std::vector<Value> values{std::string("store"), static_cast<std::int64_t>(i + 1),
                                        now};
        const auto noted = connection.run("insert into schema_version values ($1, $2, $3)", values);
        if (!noted) done = noted.error();
    }
    return done;
}

struct Column {
    std::string name;
    std::string type;
    bool limited = false;  // numeric(10, 2) would round
};

struct TableFacts {
    std::string kind;  // pg_class.relkind; empty where nothing has the name
    std::string address;
    std::int64_t bytes = 0;
    std::vector<Column> columns;
    bool has_key = false;
    bool has_brin = false;
    bool has_view = false;
    bool has_latest = false;
    bool has_other = false;  // the index of other programs' rows
    bool is_keyword = false;

    const Column* column(std::string_view name) const {
        for (const Column& one : columns) {
            if (one.name == name) return &one;
        }
        return nullptr;
    }
};

Result<TableFacts> facts_of(PostgresConnection& connection, const std::string& name) {
    TableFacts facts;
    const IndexNames names = indexes_of(name);
    auto done =
        ask(connection,
            "select c.relkind::text, case when c.relkind in ('r', 'p') then"
            " pg_total_relation_size(c.oid) else 0 end,"
            " to_regclass($2) is not null, to_regclass($3) is not null,"
            " to_regclass($4) is not null, to_regclass($5) is not null,"
            " to_regclass($6) is not null, format('%I.%I', n.nspname, c.relname)"
            " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.oid = to_regclass($1)",
            {name, names.key, names.times, view_of(name), latest_view_of(name), names.others},
            [&](const RowView& row) -> Result<> {
                facts.kind = row.text(0);
                facts.bytes = row.integer(1);
                facts.has_key = row.integer(2) != 0;
                facts.has_brin = row.integer(3) != 0;
                facts.has_view = row.integer(4) != 0;
                facts.has_latest = row.integer(5) != 0;
                facts.has_other = row.integer(6) != 0;
                facts.address = row.text(7);
                return {};
            });
    if (!done) return done.error();
    done = ask(connection,
               "select count(*) from pg_get_keywords() where word = $1 and catcode in ('R', 'T')",
               {name}, [&](const RowView& row) -> Result<> {
                   facts.is_keyword = row.integer(0) != 0;
                   return {};
               });
    if (!done) return done.error();
    done = ask(connection,
               "select attname::text, format_type(atttypid, null), atttypmod <> -1"
               " from pg_attribute where attrelid = to_regclass($1) and attnum > 0"
               " and not attisdropped order by attnum",
               {name}, [&](const RowView& row) -> Result<> {
                   facts.columns.push_back(
                       {std::string(row.text(0)), std::string(row.text(1)), row.integer(2) != 0});
                   return {};
               });
    if (!done) return done.error();
    return facts;
}

bool is_text(const std::string& type) {
    return type == "text" || type == "character varying" || type == "character";
}
bool is_time(const std::string& type) {
    return type == "timestamp with time zone" || type == "timestamp without time zone";
}
bool is_whole(const std::string& type) {
    return type == "bigint" || type == "integer" || type == "smallint";
}

// Why a table with this name is none of prices; empty where it is.
std::vector<std::string> problems_of(const TableFacts& facts, const PriceTable& table) {
    if (facts.kind != "r" && facts.kind != "p") return {"it is no table"};
    std::vector<std::string> out;
    const bool stock = table.form == RecordForm::stock;
    const auto expect = [&](std::string_view name, bool (*fits)(const std::string&),
                            std::string_view type) {
        const Column* column = facts.column(name);
        if (column == nullptr) {
            out.push_back(fmt::format("it has no column {}", name));
        } else if (!fits(column->type)) {
            out.push_back(fmt::format("its column {} is {}, not {}", name, column->type, type));
        }
    };
    const auto is_exact = [](const std::string& type) { return type == "numeric"; };
    expect("id", is_whole, "a whole number");
    expect(stock ? "stock" : "coin", is_text, "text");
    expect("price", is_exact, "numeric, which alone is exact");
    if (stock) expect("previous_close", is_exact, "numeric, which alone is exact");
    expect("date", is_time, "a timestamp");
    return out;
}

// The primary key's name; empty where there is none.
Result<std::string> primary_key(PostgresConnection& connection, const std::string& table) {
    std::string name;
    auto done = ask(connection,
                    "select conname::text from pg_constraint where contype = 'p' and conrelid ="
                    " to_regclass($1)",
                    {table}, [&](const RowView& row) -> Result<> {
                        name = row.text(0);
                        return {};
                    });
    if (!done) return done.error();
    return name;
}

Result<> migrate(PostgresConnection& connection, const PriceTable& table, const TableFacts& facts,
                 const TakeOver& how) {
    const auto key = primary_key(connection, table.name);
    if (!key) return key.error();
    std::vector<std::string> steps;
    for (const char* price : {"price", "previous_close"}) {
        const Column* column = facts.column(price);
        // numeric(10, 2) would round what is loaded.
        if (column != nullptr && column->limited) {
            steps.push_back(fmt::format("alter column {} type numeric", price));
        }
    }
    if (!how.keep_types) {
        if (!key->empty()) steps.push_back(fmt::format("drop constraint \"{}\"", *key));
        if (facts.column("id")->type != "bigint") steps.push_back("alter column id type bigint");
        if (facts.column("date")->type != "timestamp with time zone") {
            steps.push_back(
                fmt::format("alter column date type timestamptz using date at time zone {}",
                            literal(how.zone)));
        }
    }
    for (const std::string_view column : added_columns()) {
        steps.push_back(fmt::format("add column if not exists {}", column));
    }
    auto done = connection.execute(
        fmt::format("alter table \"{}\" {}", table.name, fmt::join(steps, ", ")));
    if (!done || how.keep_types) return done;
    // A serial's sequence would end at 2^31 - 1.
    return connection.execute(fmt::format(
        "do $$ declare s text := pg_get_serial_sequence('\"{}\"', 'id'); begin"
        " if s is not null then execute 'alter sequence ' || s || ' as bigint'; end if; end $$",
        table.name));
}

FoundTable judged(const TableFacts& facts, const PriceTable& table) {
    FoundTable found;
    if (facts.is_keyword) found.problems = {"the name is a word of SQL"};
    if (facts.kind.empty() || facts.is_keyword) return found;
    found.problems = problems_of(facts, table);
    found.kind =
        facts.column("slot") == nullptr ? FoundTable::Kind::original : FoundTable::Kind::ours;
    found.bytes = facts.bytes;
    found.address = facts.address;
    for (const Column& column : facts.columns) found.columns.push_back(column.name);
    found.has_view = facts.has_view;
    found.has_latest = facts.has_latest;
    found.whole =
        facts.has_key && facts.has_brin && facts.has_other && facts.has_view && facts.has_latest;
    const Column* id = facts.column("id");
    const Column* date = facts.column("date");
    found.wide_types = id != nullptr && id->type == "bigint" && date != nullptr &&
                       date->type == "timestamp with time zone";
    found.zoneless = date != nullptr && date->type == "timestamp without time zone";
    return found;
}

}  // namespace

Result<std::int64_t> find_schema(PostgresConnection& connection) {
    const auto version = schema_version(connection);
    if (!version) {  // a right that somebody took away meanwhile
        const bool mended = is_for_a_person(connection.sqlstate());
        return Error{mended ? ErrorKind::unavailable : version.error().kind, version.error().what};
    }
    if (auto fine = check_not_newer(connection, *version); !fine) return fine.error();
    return version;
}

Result<> make_schema(PostgresConnection& connection, Timestamp now) {
    const auto version = find_schema(connection);
    if (!version) return version.error();
    if (*version == 0) {
        if (auto fine = check_encoding(connection); !fine) return fine;
    }
    if (*version == static_cast<std::int64_t>(schema_steps().size())) return {};
    auto done = under_lock(connection, [&] { return bring_up_to_date(connection, now); });
    if (done || done.error().kind != ErrorKind::rejected) return done;
    return Error{ErrorKind::rejected,
                 fmt::format("{}; the tables are of version {}, and this program's are of version "
                             "{}: their owner makes them once, then grants rights to what is new",
                             done.error().what, *version, schema_steps().size())};
}

Result<FoundTable> find_table(PostgresConnection& connection, const PriceTable& table) {
    if (auto named = check_table_name(table.name); !named) return named.error();
    auto facts = facts_of(connection, table.name);
    if (!facts) return facts.error();
    return judged(*facts, table);
}

Result<> check_found(const PostgresConnection& connection, const PriceTable& table,
                     const FoundTable& found) {
    if (found.problems.empty()) return {};
    return Error{ErrorKind::rejected,
                 fmt::format("{}: {} is no table of prices of this form: {}", connection.place(),
                             table.name, fmt::join(found.problems, ", "))};
}

std::string migration_sentence(const PriceTable& table, const FoundTable& found,
                               const TakeOver& how) {
    if (found.kind == FoundTable::Kind::ours) {
        return fmt::format("table {} lacks its key, an index or a view, which it gets", table.name);
    }
    if (how.keep_types || found.wide_types) {
        return fmt::format(
            "table {} of the original gets seven columns, a key and an index; its {} MiB stay as "
            "they are, and nobody else can use it for a moment",
            table.name, found.bytes / 1'048'576);
    }
    return fmt::format(
        "table {} of the original is migrated in place: its {} MiB are written anew, which takes "
        "that much space once more, and nobody else can use it meanwhile; its timestamps are read "
        "as {} ([store] original_zone), and its primary key on id gives way to a key that refuses "
        "doubles ([store] keep_types leaves serial, timestamp and primary key as they are)",
        table.name, found.bytes / 1'048'576, how.zone);
}

Result<> make_price_table(PostgresConnection& connection, const PriceTable& table,
                          const TakeOver& how, const std::function<void(const std::string&)>& say) {
    auto found = find_table(connection, table);
    if (!found) return found.error();
    if (auto fine = check_found(connection, table, *found); !fine) return fine;
    if (found->kind == FoundTable::Kind::ours && found->whole) return {};
    if (found->kind == FoundTable::Kind::original && say) {
        say(migration_sentence(table, *found, how));
    }
    return under_lock(connection, [&]() -> Result<> {
        auto facts = facts_of(connection, table.name);  // somebody else may have been first
        if (!facts) return facts.error();
        const FoundTable now = judged(*facts, table);
        if (auto fine = check_found(connection, table, now); !fine) return fine;
        Result<> done;
        if (now.kind == FoundTable::Kind::missing) done = connection.execute(table_sql(table));
        if (now.kind == FoundTable::Kind::original) {
            done = migrate(connection, table, *facts, how);
        }
        if (!done || (now.kind == FoundTable::Kind::ours && now.whole)) return done;
        return connection.execute(indexes_sql(table.name) + views_sql(table));
    });
}

Result<> make_missing(PostgresConnection& connection, std::span<const PriceTable> tables,
                      Timestamp now) {
    const auto version = find_schema(connection);
    if (!version) return version.error();
    if (*version == 0) {
        if (auto made = bring_up_to_date(connection, now); !made) return made;
    }
    for (const PriceTable& table : tables) {
        const auto found = find_table(connection, table);
        if (!found) return found.error();
        if (found->kind != FoundTable::Kind::missing) continue;
        auto made =
            connection.execute(table_sql(table) + indexes_sql(table.name) + views_sql(table));
        if (!made) return made;
    }
    return {};
}

}  // namespace tapedeck
