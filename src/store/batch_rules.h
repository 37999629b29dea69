#pragma once

#include <string>
#include <string_view>

#include "store/store.h"

namespace tapedeck {

// What every store does alike with a batch, so that all of them hold the same rows.

// PostgreSQL refuses texts with a zero byte, and SQLite cuts them in most functions: no store
// takes them.
bool holds_zero_byte(const Record& record);

// When the price was seen: as its record says, else the time of its message.
Timestamp date_of(const BatchRows& rows, std::size_t index);

// A record that the database does not take is kept in the form in which it travels.
DeadLetter refused_record(const BatchRows& rows, std::size_t index, const TopicPartition& at,
                          const std::string& reason);

// Why a batch is not committed though nothing is wrong with it: see CommitOrder.
Error out_of_turn();

// The page that the outcome rests on: the one that gave the price, else the last one seen.
std::string_view capture_of(const Outcome& outcome);

}  // namespace tapedeck
