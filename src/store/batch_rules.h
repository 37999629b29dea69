#pragma once

#include <span>
#include <string>
#include <string_view>

#include "store/store.h"

namespace tapedeck {

// What every store does alike with a batch, so that all of them hold the same rows.

// PostgreSQL refuses texts with a zero byte, and SQLite cuts them in most functions: no store
// takes them.
bool holds_zero_byte(const Record& record);

// The columns of a table of prices that are filled from messages, of either form.
std::span<const std::string_view> filled_columns();
bool is_filled_column(std::string_view column);

// When the price was seen: as its record says, else the time of its message.
Timestamp date_of(const BatchRows& rows, std::size_t index);

// How the reason of a dead letter begins whose message could be read.
inline constexpr std::string_view kRefusedByStore = "refused by the store: ";

// A record that the database does not take is kept in the form in which it travels.
DeadLetter refused_record(const BatchRows& rows, std::size_t index, const TopicPartition& at,
                          const std::string& reason);

// How a text is refused that holds one.
inline constexpr const char* kZeroByte = "a text holds a zero byte";

// Counts a record that the database did not take.
void note_refusal(Committed& counts, Offset offset, const std::string& reason);

// What of a dead letter's message is refused again: the whole is left as it was.
Error refused_again(const std::string& reason);

// `conflict`: somebody else was first, or it was settled long ago.
Error letter_has_ended(const Batch::Advance& advance);

// The state of a slot and instrument is to be derived again; the arguments are SQL.
std::string reopen_sql(std::string_view feed, std::string_view slot, std::string_view instrument);

// Why a batch is not committed though nothing is wrong with it: see CommitOrder.
Error out_of_turn();

// The page that the outcome rests on: the one that gave the price, else the last one seen.
std::string_view capture_of(const Outcome& outcome);

}  // namespace tapedeck
