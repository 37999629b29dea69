#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tapedeck {

// What a call asks for: the event of the earlier pipeline's functions, or ours.
struct CollectEvent {
    std::string feed;               // "coin" and "stock" where the event is the earlier pipeline's
    std::optional<Timestamp> slot;  // none: the present one
    // Of ours, from a scheduler that keeps the account of runs itself:
    std::string run_id;
    int try_number = 1;
    std::vector<std::string> instruments;  // none: the feed's
    bool off_schedule = false;
    std::string deployment;  // whose run it is; empty: the configured one's
    std::string config;      // digest of the scheduler's configuration

    // The earlier pipeline's, in its words.
    struct Original {
        std::string base_url;
        std::string price_html_class;
        std::string stock_name_html_class;      // of stocks
        std::string previous_close_html_class;  // of stocks
        std::string kafka_server;
        std::string kafka_topic;
    };
    std::optional<Original> original;
    std::vector<std::string> unused;  // fields that nobody knows
};

// `malformed` names each field that is missing or is not what it must be. Pure; foreign bytes.
Result<CollectEvent> parse_event(std::string_view text);

}  // namespace tapedeck
