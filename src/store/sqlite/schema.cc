#include "store/sqlite/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tapedeck {
namespace {

// Times are microseconds since 1970, UTC; prices are decimal texts with every digit.
constexpr std::string_view kTables = R"(
create table offsets (
  topic text not null,
  partition integer not null,
  next_offset integer not null,
  last_timestamp integer,
  last_digest text,
  primary key (topic, partition)
) strict, without rowid;
create table batches (
  id integer primary key,
  topic text not null,
  partition integer not null,
  from_offset integer not null,
  to_offset integer not null,
  rows integer not null,
  committed_at integer not null,
  loader text not null
) strict;
create index batches_at on batches (topic, partition, from_offset);
create table dead_letters (
  id integer primary key,
  topic text not null,
  partition integer not null,
  message_offset integer not null,
  timestamp integer not null,
  key blob,
  value blob not null,
  reason text not null,
  recorded_at integer not null
) strict;
create index dead_letters_at on dead_letters (topic, partition, message_offset);
create table tape_gaps (
  id integer primary key,
  topic text not null,
  partition integer not null,
  from_offset integer not null,
  to_offset integer not null,
  recorded_at integer not null
) strict;
create index tape_gaps_at on tape_gaps (topic, partition, from_offset);
create table duplicates (
  id integer primary key,
  price_table text not null,
  instrument text not null,
  slot integer not null,
  source text not null,
  revision integer not null,
  kept_price text not null,
  other_price text not null,
  other_date integer not null,
  topic text not null,
  partition integer not null,
  message_offset integer not null,
  recorded_at integer not null
) strict;
create index duplicates_of on duplicates (price_table, slot, instrument);
create table outcomes (
  id integer primary key,
  run_id text not null,
  feed text not null,
  slot integer not null,
  try integer not null,
  instrument text not null,
  state text not null check (state in ('sent', 'failed')),
  reason text,
  what text not null,
  source text not null,
  rule text not null,
  topic text,
  partition integer,
  message_offset integer,
  capture text,
  config text not null,
  collector text not null,
  started integer not null,
  ended integer not null,
  recorded_at integer not null,
  unique (run_id, try, instrument)
) strict;
create index outcomes_of on outcomes (feed, slot, instrument);
create index outcomes_at on outcomes (topic, partition, message_offset) where topic is not null;
create table attempts (
  run_id text not null,
  try integer not null,
  instrument text not null,
  ordinal integer not null,
  feed text not null,
  slot integer not null,
  source text not null,
  url text not null,
  started integer not null,
  took_ms integer not null,
  status integer not null,
  bytes integer not null,
  capture text,
  reason text,
  what text not null,
  primary key (run_id, try, instrument, ordinal)
) strict, without rowid;
create index attempts_by on attempts (source, started);
create table coverage (
  feed text not null,
  slot integer not null,
  instrument text not null,
  state text not null,
  reason text,
  what text,
  settled_at integer not null,
  primary key (feed, slot, instrument)
) strict, without rowid;
create index coverage_pending on coverage (feed, slot) where state = 'pending';
create table config_history (
  id integer primary key,
  at integer not null,
  digest text not null,
  text text not null
) strict;
create table dag_runs (
  run_id text primary key,
  dag text not null,
  slot integer not null,
  kind text not null,
  state text not null,
  created_at integer not null,
  started_at integer,
  ended_at integer,
  config text
) strict, without rowid;
create unique index dag_runs_scheduled on dag_runs (dag, slot) where kind = 'scheduled';
create index dag_runs_of on dag_runs (dag, slot);
create table task_tries (
  run_id text not null,
  task text not null,
  try integer not null,
  state text not null,
  started_at integer,
  ended_at integer,
  what text,
  primary key (run_id, task, try)
) strict, without rowid;
create table dag_states (
  dag text primary key,
  paused integer not null default 0,
  handled_until integer,
  since integer
) strict, without rowid;
create table variables (
  name text primary key,
  value text not null,
  is_secret integer not null default 0
) strict, without rowid;
create table problems (
  key text primary key,
  feed text not null,
  what text not null,
  since integer not null,
  told_at integer
) strict, without rowid;
)";

constexpr std::string_view kReplacements = R"(
create table leases (
  name text primary key,
  holder text not null,
  boot text not null,
  pid integer not null,
  started integer not null,
  file text not null,
  taken_at integer not null
) strict, without rowid;
create table replacements (
  id integer primary key,
  since integer not null,
  noticed_at integer not null,
  what text not null,
  rescued text not null,
  unique (since, noticed_at)
) strict;
)";

// What `gaps` asks for, in its words.
constexpr std::string_view kGapsIndex = R"(
create index coverage_gaps on coverage (feed, slot, instrument)
  where state in ('failed', 'missed', 'lost', 'quarantined');
)";

// The time of a message from outside may be none at all.
constexpr std::string_view kLettersWithoutTime = R"(
create table letters_kept (
  id integer primary key,
  topic text not null,
  partition integer not null,
  message_offset integer not null,
  timestamp integer,
  key blob,
  value blob not null,
  reason text not null,
  recorded_at integer not null
) strict;
insert into letters_kept select * from dead_letters;
drop table dead_letters;
alter table letters_kept rename to dead_letters;
create index dead_letters_at on dead_letters (topic, partition, message_offset);
)";

// The tapes that were loaded from, and what the store calls their topics: tape_label.h.
constexpr std::string_view kTapes = R"(
create table tapes (
  identity text primary key,
  suffix text not null unique,
  place text not null,
  used_at integer not null
) strict, without rowid;
)";

// Whose runs these are: deployment.h. `until`: a copy of the database has an id of its own since.
constexpr std::string_view kDeployments = R"(
create table deployments (
  id text primary key,
  until integer
) strict, without rowid;
insert into deployments (id) values (lower(hex(randomblob(8))));
)";

// Which table each topic is loaded into, by all loaders alike.
constexpr std::string_view kLoadedTopics = R"(
create table loaded_topics (
  topic text primary key,
  price_table text not null
) strict, without rowid;
)";

// What became of dead letters: a row each of those that a person has settled, and one for each
// retry that failed. Nothing of it is ever changed.
constexpr std::string_view kLetterEnds = R"(
create table dead_letter_ends (
  letter integer primary key,
  how text not null check (how in ('retried', 'dropped')),
  at integer not null,
  by_whom text not null,
  why text not null
) strict;
create table dead_letter_tries (
  id integer primary key,
  letter integer not null,
  at integer not null,
  by_whom text not null,
  reason text not null
) strict;
create index dead_letter_tries_of on dead_letter_tries (letter);
create table stalls (
  topic text not null,
  partition integer not null,
  from_offset integer not null,
  since integer not null,
  what text not null,
  primary key (topic, partition)
) strict, without rowid;
)";

// Where the loading of each topic began, and which rows were there before: load/loading_start.
constexpr std::string_view kLoadingStarts = R"(
create table loading_starts (
  topic text not null,
  partition integer not null,
  start_offset integer not null,
  how text not null check (how in ('first', 'start', 'end', 'time')),
  asked integer,
  price_table text not null,
  others integer not null,
  last_other integer not null,
  last_before integer not null,
  decided_at integer not null,
  primary key (topic, partition)
) strict, without rowid;
)";

constexpr std::array kSteps{kTables,      kReplacements, kGapsIndex,  kLettersWithoutTime, kTapes,
                            kDeployments, kLoadedTopics, kLetterEnds, kLoadingStarts};

constexpr std::string_view kSharedColumns =
    "instrument text, slot integer, source text, revision integer, recorded_at integer, "
    "capture text, currency text";

// "table" or "view" and so on; empty where nothing has the name.
Result<std::string> type_of(Database& database, const std::string& name) {
    auto query = database.prepare("select type from sqlite_schema where name = ?1");
    if (!query) return query.error();
    query->bind(1, name);
    const auto row = query->step();
    if (!row) return row.error();
    return *row ? query->text(0) : std::string();
}

Result<bool> has_column(Database& database, const std::string& table, std::string_view column) {
    auto query = database.prepare("select count(*) from pragma_table_info(?1) where name = ?2");
    if (!query) return query.error();
    query->bind(1, table);
    query->bind(2, column);
    const auto row = query->step();
    if (!row) return row.error();
    return query->integer(0) != 0;
}

Error taken(const Database& database, const std::string& name, std::string_view by) {
    return {ErrorKind::rejected, fmt::format("{}: the name {} is taken by {}, which is no table of "
                                             "prices of this form",
                                             database.path(), name, by)};
}

// The columns that tell the forms from one another and from everything else.
Result<> check_form(Database& database, const PriceTable& table) {
    const bool stock = table.form == RecordForm::stock;
    for (const std::string_view column : {stock ? "stock" : "coin", "price", "date", "slot"}) {
        const auto has = has_column(database, table.name, column);
        if (!has) return has.error();
        if (!*has) {
            return taken(database, table.name, fmt::format("a table without column {}", column));
        }
    }
    return {};
}

}  // namespace

SchemaPart store_part() { return {"store", kSteps}; }

Result<> make_price_table(Database& database, const PriceTable& table) {
    if (auto named = check_table_name(table.name); !named) return named;
    const std::string view = view_of(table.name);
    const auto table_type = type_of(database, table.name);
    if (!table_type) return table_type.error();
    const auto view_type = type_of(database, view);
    if (!view_type) return view_type.error();
    if (!table_type->empty() && *table_type != "table") {
        return taken(database, table.name, "a " + *table_type);
    }
    if (!view_type->empty() && *view_type != "view") {
        return taken(database, view, "a " + *view_type);
    }
    if (*table_type == "table") {
        if (auto form = check_form(database, table); !form) return form;
    }
    const bool stock = table.form == RecordForm::stock;
    const IndexNames names = indexes_of(table.name);
    return database.execute(fmt::format(
        "create table if not exists \"{0}\" (id integer primary key, {1},"
        " date integer not null, {2}) strict;"
        "create unique index if not exists \"{4}\" on \"{0}\""
        " (slot, instrument, source, revision) where slot is not null;"
        // Rows of other programs are few or old; they are counted at every look.
        "create index if not exists \"{5}\" on \"{0}\" (recorded_at, id)"
        " where recorded_at is null;"
        // The original's messages have no slot: each of them is a price of its own.
        "create view if not exists \"{3}\" as select * from \"{0}\" r where r.slot is null"
        " or r.id = (select o.id from \"{0}\" o where o.slot = r.slot and o.instrument ="
        " r.instrument order by o.revision desc, o.recorded_at, o.id limit 1);",
        table.name, stock ? "stock text, price text, previous_close text" : "coin text, price text",
        kSharedColumns, view, names.key, names.others));
}

std::string insert_sql(const PriceTable& table) {
    const bool stock = table.form == RecordForm::stock;
    return fmt::format(
        "insert into \"{}\" ({}, price, {}date, instrument, slot, source, revision, capture,"
        " currency, recorded_at) values ({}, ?3, {}?5, ?1, ?6, ?7, ?8, ?9, ?10, ?11)"
        " on conflict do nothing",
        table.name, stock ? "stock" : "coin", stock ? "previous_close, " : "", stock ? "?2" : "?1",
        stock ? "?4, " : "");
}

}  // namespace tapedeck
