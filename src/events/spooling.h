#pragma once

#include "events/log.h"

// The events of a tape whose brokers are away.
namespace tapedeck {

struct Spooling {
    static constexpr std::string_view kName = "spooling";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view spool, why;
    void fields(EventFields& out) const { out.field("spool", spool).field("why", why); }
};

struct SpoolDrained {
    static constexpr std::string_view kName = "spool_drained";
    static constexpr Severity kSeverity = Severity::info;
    std::string_view spool;
    std::int64_t messages, milliseconds;
    void fields(EventFields& out) const {
        out.field("spool", spool).field("messages", messages).field("ms", milliseconds);
    }
};

// Prices are lost from now on; their runs say so.
struct SpoolFull {
    static constexpr std::string_view kName = "spool_full";
    static constexpr Severity kSeverity = Severity::error;
    std::string_view spool;
    std::int64_t budget;
    void fields(EventFields& out) const { out.field("spool", spool).field("budget", budget); }
};

// The tape refused a spooled message (or topic) for good; the message is kept aside.
struct SpoolRefused {
    static constexpr std::string_view kName = "spool_refused";
    static constexpr Severity kSeverity = Severity::error;
    std::string_view topic, key, what;
    void fields(EventFields& out) const {
        out.field("topic", topic).field("key", key).field("what", what);
    }
};

}  // namespace tapedeck
