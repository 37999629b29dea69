#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/postgres/postgres_connection.h"
#include "store/store.h"

namespace tapedeck {

// Whether a table of prices keeps what it is sent: somebody's triggers, rules and types may ignore
// rows, or change them, without a word.

// COPY BINARY of the columns that a loader writes.
std::string copy_sql(const PriceTable& table);

// Runs one such statement with its rows; how many of them were kept.
Result<std::int64_t> copy_into(PostgresConnection& connection, const std::string& sql,
                               std::string_view bytes);

// The messages are well, and wait until a person has looked: `unavailable`.
Error kept_too_few(const PostgresConnection& connection, std::string_view table, std::int64_t kept,
                   std::int64_t sent);

// Asks for triggers that work on rows as they are written, and for columns that keep less than
// they are given. To be sent once the table is locked by a write: until the commit nobody can
// change it then.
std::string look_sql(const PriceTable& table);

// By the answer to that, in either format: whether there are such triggers. `unavailable`, naming
// the column, where one would round.
Result<bool> has_triggers(const PostgresConnection& connection, const PriceTable& table,
                          const PGresult* look);

// Reads again the rows of tapedeck_stage of which `inserted` are new in the table, as triggers may
// have worked on them. Ids are given in arrival order, and few of them to others meanwhile: a
// range of the BRIN is read. `unavailable`, naming the column, where one is not what was sent.
Result<> check_kept(PostgresConnection& connection, const PriceTable& table, std::int64_t inserted);

}  // namespace tapedeck
