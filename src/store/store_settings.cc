#include "store/store_settings.h"

#include <fmt/format.h>

#include "market/zone.h"

namespace tapedeck {

std::vector<OptionFault> option_faults(const StoreSettings& settings) {
    if (const auto zone = Zone::named(settings.original_zone); !zone) {
        return {{"original_zone", fmt::format("original_zone is wrong: {}", zone.error().what)}};
    }
    if (!settings.keep_types || settings.original_zone == "UTC") return {};
    return {{"original_zone",
             "original_zone goes with times that are brought to UTC: not with keep_types"}};
}

}  // namespace tapedeck
