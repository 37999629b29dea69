#pragma once

#include <string>
#include <vector>

#include "store/store.h"

namespace tapedeck {

// The instrument of a row: its own column, or what its name means where another program wrote it.
std::string row_instrument(const RowView& row, int instrument, int name, RecordForm form);

// The condition of a query that finds all rows of an instrument, and a few that are not: they are
// to be told apart by `row_instrument`. Its values are added to those of the statement.
std::string rows_of_instrument(const PriceTable& table, const std::string& instrument,
                               std::vector<Value>& values);

}  // namespace tapedeck
