#pragma once

#include <string>

#include "store/store.h"

namespace tapedeck {

// The text of a column, and of a null nothing.
inline std::string text_or_empty(const RowView& row, int column) {
    return row.is_null(column) ? std::string() : std::string(row.text(column));
}

}  // namespace tapedeck
