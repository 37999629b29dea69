#pragma once

#include "app/settings_layers.h"

namespace tapedeck {

// Judges what one key alone cannot tell: feeds against sources and each other, DAGs against feeds,
// schedules, zones and calendars, tasks against one another, secrets. Adds to faults and notes.
void check_settings(const ConfigChecks& checks, ReadConfig& config);

}  // namespace tapedeck
