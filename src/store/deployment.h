#pragma once

#include <map>
#include <set>
#include <string>

#include "store/store.h"

namespace tapedeck {

// A deployment is a store and all that works for it. Several of them may share a Kafka, and so the
// topic of accounts: each account names the deployment whose run it was by the id that was made
// with the store.

// The id; empty where the store is a copy, restored beside a Kafka, that nobody has recorded into
// yet, or older and only looked at.
Result<std::string> deployment_id(Store& store, const Patience& patience = {});

// For who records, with the lease: a restored copy gets an id of its own. What was recorded before
// it was restored, under the one that it has from its original, is its own all the same.
Result<std::string> recording_deployment(Store& store);

// For a copy: what its original records from `now` on is not its own.
Statement end_deployments(Timestamp now);

// Tells the store's own accounts from those of other deployments.
class AccountOwner {
public:
    AccountOwner() = default;  // takes every account for its own
    static Result<AccountOwner> read(Store& store, const Patience& patience = {});

    // By its id. One without, of a program before this one, belongs to the store whose history of
    // configurations has its digest; where there is no history, to any.
    bool is_own(const RunOutcomes& run) const;

private:
    std::map<std::string, std::optional<Timestamp>, std::less<>> ids_;  // with their ends
    std::set<std::string, std::less<>> configs_;                        // digests
};

}  // namespace tapedeck
