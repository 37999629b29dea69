#pragma once

#include <cstdint>
#include <string_view>

#include "events/log.h"

namespace tapedeck {

// A call came.
struct InvocationBegan {
    static constexpr std::string_view kName = "invocation_began";
    static constexpr Severity kSeverity = Severity::info;
    std::string_view feed;
    std::int64_t milliseconds_left;
    std::string_view trace;
    void fields(EventFields& out) const {
        out.field("feed", feed).field("milliseconds_left", milliseconds_left).field("trace", trace);
    }
};

// A call was answered with an error.
struct InvocationFailed {
    static constexpr std::string_view kName = "invocation_failed";
    static constexpr Severity kSeverity = Severity::error;
    std::string_view type, what;
    void fields(EventFields& out) const { out.field("type", type).field("what", what); }
};

// Something in an event that is not taken as it is written.
struct EventWarned {
    static constexpr std::string_view kName = "event_warning";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view what;
    void fields(EventFields& out) const { out.field("what", what); }
};

// The runtime interface did what it must not, or was not there.
struct RuntimeFaulted {
    static constexpr std::string_view kName = "runtime_interface";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view what;
    void fields(EventFields& out) const { out.field("what", what); }
};

}  // namespace tapedeck
