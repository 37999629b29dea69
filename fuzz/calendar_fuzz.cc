#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "schedule/calendar_file.h"

// Whatever is taken as a calendar gives sessions that are in order, on every day of some years.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tapedeck;
    const auto calendar =
        parse_calendar("fuzz.toml", std::string_view(reinterpret_cast<const char*>(data), size));
    if (!calendar) {
        TAPEDECK_ASSERT(!calendar.error().what.empty());
        return 0;
    }
    const LocalDate last = std::chrono::local_days(std::chrono::year(2031) / 1 / 1);
    for (LocalDate day = std::chrono::local_days(std::chrono::year(2026) / 1 / 1); day < last;
         day += std::chrono::days(1)) {
        Timestamp reached = Timestamp::min();
        for (const Calendar::Session& session : calendar->sessions(day)) {
            TAPEDECK_ASSERT(session.open >= reached && session.close >= session.open);
            reached = session.close;
        }
    }
    return 0;
}
