#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "captures/captures.h"
#include "coverage/coverage.h"

namespace tapedeck {

// What kind of thing the store has otherwise than schedule, calendar, history and tape give it.
enum class AuditKind {
    coverage,             // a state of the coverage ledger
    row_altered,          // a price's row has other values than its message
    row_missing,          // a message below the ledger has no row
    row_without_message,  // no message gave this row
    rows_of_others,       // another program writes into a table that is being loaded
    duplicate_altered,    // the same of the table `duplicates`
    duplicate_missing,
    duplicate_without_message,
    outcome_altered,  // … of `outcomes`
    outcome_missing,
    outcome_without_message,
    attempt_altered,  // … of `attempts`
    attempt_missing,
    attempt_without_message,
    dead_letter_altered,  // … of `dead_letters`
    dead_letter_missing,
    dead_letter_without_message,
    message_missing,  // a hole in the tape
    topic_missing,    // the tape does not know a topic that was loaded from
    ledger,           // the offset ledger stands elsewhere than batches and tape say
    batch,            // batches that do not follow one another, or a count that is not so
    tape_gap,         // messages that are there after all
    capture_missing,  // named by an attempt, an outcome or a row, and not kept
    capture_damaged,  // the bytes are not what their SHA-256 says
    capture_unnamed,  // an answer that no account tells of
};
std::string_view to_string(AuditKind kind);

// RFC 3339, or the microseconds where it is no time of the years 0 to 9999: rows may hold anything.
std::string audit_time(Timestamp time);

// One difference: where it is, what is stored there, and what re-deriving gives.
struct AuditDifference {
    AuditKind kind;
    std::string feed;  // empty where it belongs to none
    std::optional<Timestamp> slot;
    std::string instrument;
    std::string stored;
    std::string derived;
    std::optional<TopicPartition> at;
    std::optional<Offset> offset;
    std::string table;  // and the row in it: its id, or its key
    std::string row;
    std::vector<std::string> columns;  // that differ, of an altered row
};

// What could not be compared, which is no difference.
struct NotCompared {
    std::map<TopicPartition, std::int64_t> messages_gone;          // from the tape, by retention
    std::map<TopicPartition, std::int64_t> messages_before_start;  // not loaded, by choice
    std::map<std::string, std::int64_t> rows_gone;       // by table: their messages are gone
    std::map<std::string, std::int64_t> rows_of_others;  // by table: there before it was loaded
    std::int64_t dead_letters_gone = 0;
    std::int64_t captures_pruned = 0;           // by retention or budget: the bytes alone are gone
    std::int64_t captures_left_out = 0;         // of the copy that was restored here
    std::int64_t captures_without_account = 0;  // of tries whose account is not loaded
    bool captures_looked_at = false;
    friend bool operator==(const NotCompared&, const NotCompared&) = default;
};

struct AuditReport {
    static constexpr std::size_t kMostKept = 10'000;

    std::map<std::string, CoverageSum> feeds;  // as derived, closed ones included
    std::int64_t messages = 0;                 // read again on the tape
    std::int64_t prices = 0;                   // of those messages, compared with their rows
    std::int64_t outcomes = 0;
    std::int64_t attempts = 0;
    std::int64_t dead_letters = 0;
    std::int64_t captures = 0;   // whose bytes were hashed again
    std::int64_t unsettled = 0;  // derived, and not in the ledger yet: nobody records since
    NotCompared not_compared;
    std::int64_t differences_found = 0;
    std::vector<AuditDifference> differences;  // the first of them
};

// What is compared with what. `feeds` gives topic and table of every feed ever recorded.
struct AuditParts {
    Store& store;
    Tape& tape;
    Captures* captures;  // none: they are kept elsewhere, or not at all
    const std::map<std::string, Feed>& feeds;
    std::span<const Expectation> expectations;
    std::string captures_file = {};   // where they must be if any are named; empty: not known
    std::string captures_fault = {};  // why they are there and cannot be read; empty: they can
};

// Slots and, of rows without one, dates in [from, to); everything beside them whatever its time.
struct AuditScope {
    Timestamp from;
    Timestamp to;
    Timestamp now;
    std::string feed = {};                   // of all: empty
    std::optional<HeldBack> held_back = {};  // what waits on this machine, seen before
};

struct AuditTalk {
    std::function<void(const AuditDifference&)> difference = {};  // each, as it is found
    std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

// Derives again what the store must hold, and compares both ways: each state of the coverage
// ledger; each message below the ledger with its row, digit by digit, and each row with its
// message; dead letters, duplicates, outcomes and attempts likewise; the offset ledger with batches
// and tape; the captures with their SHA-256 and with those that name them. Reads only, never holds
// more than a window of it in memory, and may run beside a recorder: what is loaded meanwhile is no
// difference. A copy of a store and a tape is checked by the same call.
Result<AuditReport> audit(const AuditParts& parts, const AuditScope& scope,
                          const AuditTalk& talk = {});

// The same of all feeds, without captures.
Result<AuditReport> audit(Store& store, Tape& tape, const std::map<std::string, Feed>& feeds,
                          std::span<const Expectation> expectations, Timestamp from, Timestamp to,
                          Timestamp now,
                          const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace tapedeck
