#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/decimal.h"
#include "base/patience.h"
#include "base/sha256.h"
#include "base/time.h"
#include "market/message.h"
#include "market/outcome.h"
#include "market/price_table.h"
#include "market/record.h"

namespace tapedeck {

// One row of the offset ledger. `last_*` describe the last message loaded, so that a topic that
// was deleted and made anew is noticed; none before the first.
struct LedgerEntry {
    TopicPartition at;
    Offset next;
    std::optional<Timestamp> last_timestamp;
    std::optional<Sha256> last_digest;  // of the message's value
};

// The rows that one partition's messages give to one table; `offsets[i]` is the message of
// `records[i]`. A record without observed_at has the time of its message, which is there then.
struct BatchRows {
    PriceTable table;
    std::size_t advance;  // index into Batch::advances
    std::vector<Record> records;
    std::vector<Offset> offsets;
    std::vector<std::optional<Timestamp>> timestamps;  // of the messages
};

struct DeadLetter {
    TopicPartition at;
    Offset offset;
    std::optional<Timestamp> timestamp;
    std::string key;
    std::string value;
    std::string reason;
};

// A dead letter whose message is loaded after all: `letter` is its id, `by` who wants it.
struct RetriedLetter {
    std::int64_t letter;
    std::string by;
};

struct LoadedOutcomes {
    TopicPartition at;
    Offset offset;
    RunOutcomes run;
};

// Messages that the tape no longer had when they were to be loaded: [from, to).
struct TapeGap {
    TopicPartition at;
    Offset from;
    Offset to;
};

// Everything that one transaction writes: a function of the messages in [from, to) alone.
struct Batch {
    struct Advance {
        TopicPartition at;
        Offset from;
        Offset to;
        std::optional<Timestamp> last_timestamp;
        std::optional<Sha256> last_digest;
        // Then no ledger is moved, which has passed the message: its dead letter ends, and only if
        // it has not ended yet. `at` is as the dead letter has it.
        std::optional<RetriedLetter> retried = std::nullopt;
    };
    // What the coverage ledger says of it is to be derived again.
    struct Reopened {
        std::string feed;
        Timestamp slot;
        std::string instrument;
    };
    std::vector<Advance> advances;  // in the order of (topic, partition)
    std::vector<BatchRows> rows;
    std::vector<DeadLetter> dead_letters;
    std::vector<LoadedOutcomes> outcomes;
    std::vector<TapeGap> gaps;
    std::vector<Reopened> reopened;
    // By Store::prepare, for this batch as it is: known again by the store that made it, and
    // nothing to anybody else. Shared: with that store, which keeps it for the next.
    std::shared_ptr<const void> prepared = nullptr;
};

// A record that the database did not take.
struct Refusal {
    Offset offset;
    std::string reason;
};

struct Committed {
    std::int64_t rows = 0;          // new rows
    std::int64_t absorbed = 0;      // the same slot, instrument, source, revision and price again
    std::int64_t duplicates = 0;    // the same key with another price: kept in `duplicates`
    std::int64_t dead_letters = 0;  // including records that the database refused
    std::int64_t refused = 0;       // those alone
    std::optional<Refusal> first_refused;
    Timestamp recorded_at;
};

using Value = std::variant<std::monostate, std::int64_t, std::string, Timestamp, Decimal,
                           std::vector<std::uint8_t>>;

// One SQL statement in the common subset of SQLite and PostgreSQL; parameters $1, $2, …
// Times are INTEGER microseconds in SQLite and timestamptz in PostgreSQL, prices TEXT and numeric:
// bind and read them as Timestamp and Decimal only.
struct Statement {
    std::string sql;
    std::vector<Value> values;
    std::optional<std::int64_t> expected_changes;  // else the transaction is rolled back: conflict
};

// One row of an answer. The accessors assert the column's type; `is_null` first where it may be.
class RowView {
public:
    virtual ~RowView() = default;
    virtual bool is_null(int column) const = 0;
    virtual std::int64_t integer(int column) const = 0;
    virtual std::string_view text(int column) const = 0;  // valid until the next row
    virtual Timestamp timestamp(int column) const = 0;
    virtual Decimal decimal(int column) const = 0;
    virtual std::span<const std::uint8_t> bytes(int column) const = 0;
};
using RowSink = std::function<Result<>(const RowView&)>;

// Held by the process that runs the schedule; let go by the destructor, or by death.
class Lease {
public:
    virtual ~Lease() = default;
};

// How far the commit of a batch has come, as the store tells whoever keeps the order.
enum class CommitStep {
    begun,    // the time of recording is taken: the batch after may begin, and is younger
    written,  // what may be written ahead is: next the ledger is moved, or the commit made
};

// Whose turn it is.
enum class CommitTurn {
    missed,    // the batch before is not committed, or takes long, as it may be waiting for this
               // one: to be rolled back at once
    last,      // this one's, and none follows
    followed,  // this one's, and another follows at once
};

// The place of a batch among those of its partitions, for the store that commits it. By itself: of
// a batch that nothing goes before and nothing follows.
struct CommitOrder {
    // The batch before is still being committed: rows may be written ahead.
    bool is_early = false;
    // Called on the thread of the commit. At `written` it waits until the batch before is
    // committed; what it says right before the commit counts, and asked again it answers at once.
    std::function<CommitTurn(CommitStep)> wait = {};

    CommitTurn at(CommitStep step) const { return wait ? wait(step) : CommitTurn::last; }
};

// The seam to the database. Every implementation passes tests/conformance/store_suite.h.
// All functions may be called from any thread; readers never wait for the writer. The thread that
// starts slots calls none of them, as each may take as long as its caller's patience lasts.
// Errors: `unavailable` (away, locked, full, or no answer within the limit, which the text then
// names: nothing was changed, or, where the answer to a commit did not come, all of it was),
// `conflict` (a guard failed: nothing was changed), `corrupt`, `rejected`; what a person mends at a
// server, while others wait, is `unavailable` too.
class Store {
public:
    virtual ~Store() = default;

    // The ledger's rows for `partitions`, in their order; made at offset 0 at first sight.
    virtual Result<std::vector<LedgerEntry>> ledger(std::span<const TopicPartition> partitions,
                                                    const Patience& patience = {}) = 0;

    // Does what `commit` need not do while the database waits, and leaves it in batch.prepared. For
    // the thread that made the batch; not needed, and of no effect but on speed.
    virtual void prepare(Batch& batch) = 0;

    // Writes the batch in one transaction in which every advance moves the ledger from `from` to
    // `to`; `conflict` where one is not at `from`: then nothing was written. The dead letter of an
    // advance that has one ends in the same transaction; `conflict` where it has ended, `rejected`
    // where the database refuses a record of it again, with its words. A batch that is
    // followed need not be on the disk on return, as the commit after it brings both there: a crash
    // of the server may take it back, rows and ledger together. Every other is on the disk.
    virtual Result<Committed> commit(const Batch& batch, const CommitOrder& order = {},
                                     const Patience& patience = {}) = 0;

    // Runs one reading statement; `sink` gets the rows in order and may end it with an error.
    virtual Result<> query(const Statement& statement, const RowSink& sink,
                           const Patience& patience = {}) = 0;

    // Runs statements in one transaction; the number of rows that each changed.
    virtual Result<std::vector<std::int64_t>> transact(std::span<const Statement> statements,
                                                       const Patience& patience = {}) = 0;

    // How many batches may be committed at the same time and are so done sooner: 1 or more.
    virtual int commits_at_once() const = 0;

    // `conflict` where another process holds it; its text names the holder where it can be told.
    virtual Result<std::unique_ptr<Lease>> acquire_lease(const std::string& holder) = 0;

    // Who holds the lease, in this process or another; none where nobody does. Only looks: whoever
    // acquires the lease in that moment gets it.
    virtual Result<std::optional<std::string>> lease_holder(const Patience& patience = {}) = 0;

    // Makes a table of prices, its view and its indexes where they are missing.
    virtual Result<> ensure_table(const PriceTable& table) = 0;

    // A consistent copy while others write. `path` must not exist.
    virtual Result<> backup(const std::string& path,
                            const std::function<void(int percent)>& progress) = 0;
};

}  // namespace tapedeck
