#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sqlite/sqlite.h"
#include "store/store.h"

namespace tapedeck {

// Writes one batch within the caller's transaction. A row costs its bindings and one step of a
// prepared statement: nothing is allocated per row. One thread, that of the Database.
class BatchWriter {
public:
    BatchWriter(Database& database, std::string_view loader, Timestamp recorded_at)
        : database_(database), loader_(loader) {
        counts_.recorded_at = recorded_at;
    }

    // `conflict` where an advance is not at its `from`; the caller rolls back on any error.
    Result<Committed> write(const Batch& batch);

private:
    Result<> move_ledger(const Batch::Advance& advance);
    Result<> end_letter(const Batch::Advance& advance);
    Error not_at(const Batch::Advance& advance);
    Result<> insert_rows(const BatchRows& rows, const Batch::Advance& advance);
    void bind(Query& insert, const BatchRows& rows, std::size_t index);
    Result<> settle_same_key(const BatchRows& rows, std::size_t index, const TopicPartition& at);
    Result<> refuse(const BatchRows& rows, std::size_t index, const Batch::Advance& advance,
                    const std::string& reason);
    Error takes_none(const PriceTable& table, const std::string& why);
    Error ignored(const PriceTable& table, const Record& record);
    Result<> reopen(const Batch::Reopened& one);
    Result<> insert_dead_letter(const DeadLetter& letter);
    Result<> insert_outcomes(const RunOutcomes& run);
    Result<> insert_outcome(const RunOutcomes& run, const Outcome& outcome);
    Result<> insert_attempts(const RunOutcomes& run, const Outcome& outcome);
    Result<> insert_gap(const TapeGap& gap);
    Result<> insert_batch(const Batch::Advance& advance, std::int64_t rows);

    Database& database_;
    const std::string_view loader_;
    Committed counts_;
    std::string price_;           // the text of the row's price, used again for every row
    std::string previous_close_;  // as price_
};

}  // namespace tapedeck
