#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coverage/audit_windows.h"
#include "coverage/audit_work.h"

namespace tapedeck {

struct AuditColumn {
    std::string_view name;
    bool is_time = false;  // microseconds, to be shown as RFC 3339
};

// A table that is compared. What an entry is known by comes first among its columns.
struct AuditTable {
    std::string name;
    std::vector<AuditColumn> columns;
    std::vector<std::size_t> shown;  // that say in a word what a missing entry is
    AuditKind altered;
    AuditKind missing;
    AuditKind without_message;
};

// A row, or what a message says must be one: its values one after the other in `content`, in the
// order of the table's columns.
struct AuditEntry {
    std::size_t table = 0;
    Timestamp at;  // its slot, or its date where it has none
    bool has_slot = true;
    bool is_late = false;         // of a message: a dead letter, whose row was made by a retry
    std::size_t key_columns = 0;  // no two rows have these alike; 0: each entry is a row
    std::string feed;
    std::string instrument;
    std::string content;
    std::optional<Position> message;       // of a row: where it says which
    std::string row;                       // id or key; of a message: empty
    std::optional<Timestamp> recorded_at;  // of a row, where known
};
using AuditSink = std::function<Result<>(AuditEntry&&)>;

// Builds the content of an entry.
class AuditContent {
public:
    AuditContent& add(std::string_view value);
    AuditContent& add(std::int64_t value);
    AuditContent& add(Timestamp time) { return add(time.time_since_epoch().count()); }
    AuditContent& add(const RowView& row, int column);  // a text; null is as good as empty
    std::string take() { return std::move(text_); }

private:
    std::string text_;
    bool begun_ = false;
};
std::vector<std::string_view> audit_values(std::string_view content);

// Messages and rows of some windows, put beside one another.
struct AuditPair {
    std::optional<AuditEntry> message;
    std::optional<AuditEntry> row;
};
// `surplus` says what must be kept of a message whose key another one has taken: an earlier one, or
// that of a row whose message `is_gone`.
std::vector<AuditPair> audit_pairs(
    std::vector<AuditEntry> messages, std::vector<AuditEntry> rows,
    const std::function<std::optional<AuditEntry>(const AuditEntry& kept, const AuditEntry& other)>&
        surplus,
    const std::function<bool(const AuditEntry& row)>& is_gone);

struct AuditSpan {
    Timestamp first;
    Timestamp last;  // included: a row may have the last instant of all
};

// Whether one of the spans, which are in order, holds `at`.
bool in_spans(std::span<const AuditSpan> spans, Timestamp at);

struct Unreadable {
    const TapeMessage* message;
    std::string_view value;  // the message's, or that of one of its records
    std::string why;
};

// What is compared: some topics with some tables.
class AuditSubject {
public:
    virtual ~AuditSubject() = default;
    virtual std::span<const AuditTable> tables() const = 0;
    // All rows, in any order. `is_first`: they are counted and their captures noted.
    virtual Result<> each_row(bool is_first, const AuditSink& sink) = 0;
    // Those of the spans, which are in order; `expected` of each table, as counted before.
    virtual Result<> rows_in(std::span<const AuditSpan> spans,
                             std::optional<std::array<std::int64_t, 2>> expected, bool is_first,
                             const AuditSink& sink) = 0;
    // The entries of a chunk's messages but those that the store refused.
    virtual Result<> read(const Chunk& chunk, AuditedLetters& letters,
                          std::vector<Unreadable>& unreadable, const AuditSink& sink) = 0;
    virtual std::optional<AuditEntry> surplus(const AuditEntry& kept, const AuditEntry& other) = 0;
    // Whether the batches say how many rows of the first table they wrote.
    virtual bool is_counted_by_batches() const = 0;
    // How many rows to ask for at once where they are only looked at.
    virtual std::int64_t most_rows() const = 0;
};

// The batches of some partitions whose messages are gone, all of them or some, by time of commit.
class GoneBatches {
public:
    Result<> read(AuditWork& work, std::span<AuditedPartition* const> partitions);
    bool empty() const { return batches_.empty(); }
    // Whether one of them was committed then.
    bool hold(Timestamp committed_at) const;
    void count_row(Timestamp recorded_at);
    // What they wrote and what is there.
    void compare(AuditWork& work, const std::string& table) const;

private:
    struct Batch {
        Timestamp committed_at;
        std::int64_t rows;
        std::int64_t seen;
        std::size_t partition;
        std::int64_t from;
        std::int64_t to;
        bool is_whole;
    };
    std::vector<Batch> batches_;  // by committed_at
    std::vector<TopicPartition> partitions_;
};

// Compares a subject both ways: first by sums over windows of time, then, where they differ, entry
// by entry.
class AuditCompare {
public:
    AuditCompare(AuditWork& work, AuditSubject& subject, std::vector<AuditedPartition*> partitions)
        : work_(work), subject_(subject), partitions_(std::move(partitions)) {}
    Result<> run();
    const GoneBatches& gone() const { return gone_; }
    std::int64_t messages() const { return entries_; }

private:
    struct Group;
    Result<> sum_messages();
    Result<> sum_rows();
    Result<> check_letters(const AuditedPartition& partition, const Chunk& chunk,
                           AuditedLetters& letters, const std::vector<Unreadable>& unreadable);
    Result<> check_other_letters(const AuditedPartition& partition);
    void check_digest(const AuditedPartition& partition, const std::optional<Sha256>& last);
    Result<std::vector<AuditWindows::Window>> without_gone(
        std::vector<AuditWindows::Window> windows);
    Result<> compare(std::span<const AuditWindows::Window> windows);
    Result<> compare_part(const Group& group, std::size_t part, std::size_t parts);
    Result<> explain_rows(std::vector<AuditEntry> rows);
    Result<> read_entries(std::size_t partition, Offset from, Offset to, const AuditSink& sink);
    Result<> read_retried(const AuditedPartition& partition, Offset from, Offset to,
                          const AuditSink& sink);
    Result<> each_retried(const AuditedPartition& partition, Offset from, Offset to, bool gone_only,
                          const AuditSink& sink);
    bool is_gone(const AuditEntry& row) const;
    void tell(const AuditPair& pair, std::string derived = "(no message)");
    std::string describe(const AuditEntry& entry) const;

    AuditWork& work_;
    AuditSubject& subject_;
    std::vector<AuditedPartition*> partitions_;
    AuditWindows windows_;
    GoneBatches gone_;
    std::int64_t entries_ = 0;
};

}  // namespace tapedeck
