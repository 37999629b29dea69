#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "store/postgres/postgres_connection.h"
#include "store/postgres/postgres_copy.h"
#include "store/postgres/postgres_encoded.h"
#include "store/store.h"

namespace tapedeck {

// Writes batches, each in one transaction. What a batch writes is encoded before the transaction
// begins (Store::prepare, or here where that was not called); then guards of the ledger, COPY
// BINARY into the tables and accounts travel as one query of several statements, so that a batch
// costs three round trips with its commit, which waits for the disk unless the batch is followed.
//
// A key that is there already makes the batch go again by way of a staging table that keeps what
// is new and counts the rest, and the next batches too (duplicates come in swarms); data that the
// database refuses are bisected to the record, which becomes a dead letter. Buffers are kept from
// batch to batch. One thread at a time.
//
// What a table keeps is what was sent, or nothing of the batch is kept: COPY's count is compared;
// a column that would round is refused; and where somebody's trigger works on the rows, they go by
// way of staging and are read again before the commit. `unavailable`, naming table and column.
class BatchCommitter {
public:
    explicit BatchCommitter(std::string loader) : loader_(std::move(loader)) {}

    // `prepared` is the batch, encoded before; none: it is encoded here. Errors as Store::commit;
    // the connection is without a transaction afterwards, or broken.
    Result<Committed> commit(PostgresConnection& connection, const Batch& batch,
                             EncodedBatch* prepared, Timestamp recorded_at,
                             const CommitOrder& order);

private:
    using Part = EncodedBatch::Part;

    Result<Committed> commit_some_way(PostgresConnection& connection, const Batch& batch,
                                      const CommitOrder& order);
    void begin(const Batch& batch);
    void encode_dead_letters(std::span<const DeadLetter> letters);
    Result<> take_refused(const Batch& batch, std::span<const DeadLetter> refused);
    std::string guards_sql(const Batch& batch) const;
    std::string accounts_sql(const Batch& batch) const;
    std::string batches_sql(const Batch& batch) const;

    Result<Committed> commit_directly(PostgresConnection& connection, const Batch& batch,
                                      const CommitOrder& order);
    Result<> move_ledger(PostgresConnection& connection, const Batch& batch);
    Result<> read_guards(PostgresConnection& connection, const Batch& batch);
    Result<> read_answers(PostgresConnection& connection, const Batch& batch, bool has_guards);
    Result<Committed> commit_staged(PostgresConnection& connection, const Batch& batch,
                                    const CommitOrder& order);
    Result<> stage(PostgresConnection& connection, const Batch& batch, const Part& part);
    Result<> load_staged(PostgresConnection& connection, const Batch& batch, const Part& part,
                         std::size_t from, std::size_t to);
    Result<std::int64_t> insert_staged(PostgresConnection& connection, const PriceTable& table);
    Result<> settle_staged(PostgresConnection& connection, const Batch& batch, const Part& part,
                           std::size_t from, std::size_t to);
    Result<std::int64_t> count_losers(PostgresConnection& connection, const Batch& batch,
                                      const Part& part);
    Error not_at(PostgresConnection& connection, const Batch::Advance& advance);

    const std::string loader_;
    Timestamp recorded_at_;
    EncodedBatch own_;                  // for a batch that was not prepared
    EncodedBatch* prepared_ = nullptr;  // the batch in hand, as it was handed over
    EncodedBatch* encoded_ = nullptr;   // and as it is used
    std::vector<DeadLetter> refused_by_database_;
    CopyBuffer staged_;
    CopyBuffer letters_;
    std::string_view letters_bytes_;
    std::vector<std::int64_t> rows_of_;  // new rows by advance
    Committed counts_;
    bool refused_again_ = false;  // a record of a dead letter's
    int staged_batches_left_ = 0;
    bool has_triggers_ = false;   // the table that is staged
    bool writing_rows_ = false;   // while rows themselves may be refused
    bool needs_staging_ = false;  // of the batch in hand: one of its tables has triggers
};

}  // namespace tapedeck
