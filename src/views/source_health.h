#pragma once

#include <optional>
#include <string>

#include "market/reason.h"
#include "store/store.h"

namespace tapedeck {

// How a source is doing, by its attempts in the store: what a person wants to know at a glance.
// Attempts of more than eight days ago are not looked at.
struct SourceHealth {
    enum class State {
        unasked,    // in these days
        answering,  // it gave a price in the last slot that it was asked for
        failing,    // it gave none
        resting,    // it is not asked for a while, as it failed
    };
    std::string source;
    State state = State::unasked;
    std::optional<Timestamp> last_price;
    std::optional<Timestamp> since;  // of the first failure after the last price
    std::optional<Reason> reason;    // of the last failure of a question that was put
    std::string what;
};
std::string_view to_string(SourceHealth::State state);

Result<SourceHealth> source_health(Store& store, const std::string& source, Timestamp now);

}  // namespace tapedeck
