#pragma once

#include <map>
#include <optional>
#include <string>

#include "collect/feed.h"
#include "store/store.h"

namespace tapedeck {

// What came into the table of a feed, whoever asked for it: the schedule, a collection by hand or
// under another scheduler, somebody else's messages. The ledger of coverage knows the first alone.
struct LoadedRows {
    std::int64_t rows_last_day = 0;         // of the last 200,000 batches at most
    std::optional<Timestamp> last_row;      // when the last of them was loaded
    std::optional<Timestamp> last_message;  // when the last message was made that is loaded

    // Rows that no message of the ledger gave and that came after loading had begun.
    static constexpr std::int64_t kMostOthers = 100'000;  // as many are counted
    std::int64_t others = 0;
    std::optional<Timestamp> others_from;  // their dates
    std::optional<Timestamp> others_to;
    std::optional<Timestamp> since;  // when loading began
};

// By feed. Costs as little for a large table as for a small one.
Result<std::map<std::string, LoadedRows>> loaded_rows(Store& store,
                                                      const std::map<std::string, Feed>& feeds,
                                                      Timestamp now);

}  // namespace tapedeck
