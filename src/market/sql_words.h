#pragma once

#include <string_view>

namespace tapedeck {

// Whether SQLite or PostgreSQL takes a lower-case word for one of their own, so that no table can
// go by it: SQLite's keywords, and those of PostgreSQL 15 that are reserved for tables (appendix C
// of its manual).
bool is_sql_word(std::string_view word);

}  // namespace tapedeck
