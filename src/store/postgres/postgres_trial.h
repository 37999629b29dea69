#pragma once

#include <span>
#include <string>
#include <vector>

#include "store/postgres/postgres_connection.h"
#include "store/store.h"

namespace tapedeck {

// Writes a row of everything that recorders and loaders write, reads the prices again, and takes it
// all back: what stands in the way of recording, a sentence each; empty where nothing does. Rights,
// triggers, constraints, columns of somebody's, types that round, letters that the encoding has
// not, a server that only reads. Nothing remains but gaps in sequences, nobody's rows are touched,
// and a lock of somebody's is waited for a moment only. An error: it could not be tried.
Result<std::vector<std::string>> try_writing(PostgresConnection& connection,
                                             std::span<const PriceTable> tables, Timestamp now);

}  // namespace tapedeck
