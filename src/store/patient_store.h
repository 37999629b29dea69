#pragma once

#include "store/store.h"

namespace tapedeck {

// Another's store, asked with one patience whatever its callers say: for code that serves a person
// as well as a thread that has to end. Borrows the store.
class PatientStore : public Store {
public:
    PatientStore(Store& store, Patience patience) : store_(store), patience_(std::move(patience)) {}

    Result<std::vector<LedgerEntry>> ledger(std::span<const TopicPartition> partitions,
                                            const Patience& /*patience*/ = {}) override {
        return store_.ledger(partitions, patience_);
    }
    void prepare(Batch& batch) override { store_.prepare(batch); }
    Result<Committed> commit(const Batch& batch, const CommitOrder& order = {},
                             const Patience& /*patience*/ = {}) override {
        return store_.commit(batch, order, patience_);
    }
    Result<> query(const Statement& statement, const RowSink& sink,
                   const Patience& /*patience*/ = {}) override {
        return store_.query(statement, sink, patience_);
    }
    Result<std::vector<std::int64_t>> transact(std::span<const Statement> statements,
                                               const Patience& /*patience*/ = {}) override {
        return store_.transact(statements, patience_);
    }
    int commits_at_once() const override { return store_.commits_at_once(); }
    Result<std::unique_ptr<Lease>> acquire_lease(const std::string& holder) override {
        return store_.acquire_lease(holder);
    }
    Result<std::optional<std::string>> lease_holder(const Patience& /*patience*/ = {}) override {
        return store_.lease_holder(patience_);
    }
    Result<> ensure_table(const PriceTable& table) override { return store_.ensure_table(table); }
    Result<> backup(const std::string& path,
                    const std::function<void(int percent)>& progress) override {
        return store_.backup(path, progress);
    }

private:
    Store& store_;
    const Patience patience_;
};

}  // namespace tapedeck
