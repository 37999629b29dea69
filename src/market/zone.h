#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tapedeck {

// A wall clock's reading, of a zone that the context names; never mixed up with a Timestamp.
using LocalTime = std::chrono::local_time<std::chrono::seconds>;

// A time zone of the machine's tzdata ("America/New_York"), or of the program's own where it
// carries them (market/carried_zones.h). Cheap to copy; safe from any thread. Compiled zone files
// list changes up to 2037; later times keep the last offset.
class Zone {
public:
    // A run of time in which the zone's offset does not change: [begin, end).
    struct Span {
        Timestamp begin;
        Timestamp end;
        std::chrono::seconds offset;  // local time minus UTC

        LocalTime to_local(Timestamp time) const;
        Timestamp to_utc(LocalTime local) const;
    };

    Zone() : name_("UTC") {}

    // "UTC" needs no tzdata. `rejected` where the machine knows no such zone.
    static Result<Zone> named(std::string_view name);

    const std::string& name() const { return name_; }

    // The span that holds `time`.
    Span span_at(Timestamp time) const;

    // The first instant at which the zone's clocks show `local`; where they never do, as it lies
    // in a gap, the first instant after the gap.
    Timestamp to_utc(LocalTime local) const;

    LocalTime to_local(Timestamp time) const { return span_at(time).to_local(time); }

    struct Changes;

private:
    Span span(std::size_t index) const;
    std::size_t index_at(std::int64_t time) const;

    std::string name_;
    std::shared_ptr<const Changes> changes_;  // shared: read once for all copies; none: UTC
};

}  // namespace tapedeck
