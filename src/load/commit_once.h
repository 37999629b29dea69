#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <variant>

#include "base/clock.h"
#include "store/store.h"

namespace tapedeck {

// A try to commit that has failed; its number is counted from 1.
struct FailedTry {
    int number;
    const Error& error;
};

// How long a commit is tried, and who hears of it meanwhile.
struct CommitTries {
    int give_up_after = 0;     // failed tries, seconds apart; 0: never
    std::stop_token stop;      // ends the wait of a try, and the tries
    bool may_be_ours = false;  // an earlier try may have been made, and its answer lost
    // After each failed try, before the ledger is asked.
    std::function<void(const FailedTry&)> failed = {};
    // The store answers, and takes nothing: a person may have to mend something.
    std::function<void(const FailedTry&)> refused = {};
};

// The batch is in the store.
struct CommittedOnce {
    Committed counts;        // nothing, where it was there
    int tries = 1;           // of this call
    bool was_there = false;  // by a try before, whose answer was lost
};

// Nothing of the batch was written, as a ledger is not where it begins: behind it where the
// store's server lost what it had committed, elsewhere where somebody else loaded.
struct LedgerElsewhere {
    Offset ledger;
    std::string why;
};

// Commits a batch, and answers once it is known what has become of it: where the answer to a try
// did not come, the ledger and the digest of its last message say whether that try was made.
//
// Errors: the store's, where waiting cannot help; and its last after a stop, or after
// `give_up_after` tries: then it is not known.
Result<std::variant<CommittedOnce, LedgerElsewhere>> commit_once(Store& store, Clock& clock,
                                                                 const Batch& batch,
                                                                 const CommitOrder& order,
                                                                 const CommitTries& tries);

}  // namespace tapedeck
