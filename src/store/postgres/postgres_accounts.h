#pragma once

#include <string>

#include "store/postgres/postgres_connection.h"
#include "store/store.h"

namespace tapedeck {

// A time as an SQL literal; years 0000 to 9999.
std::string literal_time(Timestamp time);

// Appends the statements that write the account of a run: its outcomes and attempts. The account
// may be sent twice; it is the same account, and is kept once.
void append_account(std::string& sql, const RunOutcomes& run, Timestamp recorded_at);

}  // namespace tapedeck
