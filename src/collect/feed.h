#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "market/price_table.h"
#include "sources/source.h"

namespace tapedeck {

// A named list of instruments with its chain of sources, its topic and its table.
struct Feed {
    std::string name;
    std::vector<std::string> instruments;
    std::vector<std::shared_ptr<const Source>> sources;  // the first is asked first
    std::string topic;
    PriceTable table;
    std::string currency;                  // what prices must be in; empty: whatever is shown
    std::chrono::milliseconds max_age{0};  // of a price; 0: as the source says
    int max_attempts = 2;                  // questions to one source for one instrument in a slot
    bool sends_arrays = false;             // one array a run, as the original's readers take them
    bool lift_age_checks = false;          // saved pages are as old as they are
    std::string function{};                // that collects it elsewhere; empty: this process
};

// What a feed asks of every price.
inline Demands demands_of(const Feed& feed) {
    return {feed.currency, feed.max_age, feed.lift_age_checks};
}

// What a collector is to do: ask for `instruments` of `feed`, for one slot.
struct CollectJob {
    std::string run_id;
    Timestamp slot;
    int try_number = 1;
    std::vector<std::string> instruments;
    Timestamp deadline;  // nothing is asked after it: slot and grace
    std::string config;  // digest of the configuration in force
    // Answers no slot: the prices have none, `slot` is the moment, and run_id begins with
    // kOffSchedule.
    bool off_schedule = false;
    std::string deployment = {};  // its id, for the account
    // When whoever runs this is stopped: what is not there by then has failed. None: a minute after
    // the deadline.
    std::optional<Timestamp> ends_by = std::nullopt;
};

}  // namespace tapedeck
