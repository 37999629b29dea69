#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/assert.h"
#include "schedule/cron.h"

// Whatever is taken as a cron expression names a minute of the next ten years that it also matches;
// only @once names none.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tapedeck;
    const auto cron = Cron::parse(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!cron) {
        TAPEDECK_ASSERT(!cron.error().what.empty());
        return 0;
    }
    const LocalTime from =
        std::chrono::local_days(std::chrono::year(2026) / 11 / 24) + std::chrono::minutes(1);
    const auto next = cron->next(from);
    TAPEDECK_ASSERT(next.has_value() != cron->is_once());
    if (!next) return 0;
    TAPEDECK_ASSERT(*next >= from && cron->matches(*next));
    const auto after = cron->next(*next + std::chrono::minutes(1));
    TAPEDECK_ASSERT(after && *after > *next && cron->matches(*after));
    return 0;
}
