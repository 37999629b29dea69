#pragma once

#include <optional>

#include "base/time.h"
#include "market/calendar.h"

namespace tapedeck {

// Where the demo's clock starts: a ScaledClock from this instant on. The demo keeps the time it
// has reached in its database, passes it here as `last_kept`, and so never goes back.
//
// The first start is at `wall_now` where `calendar` has a session then, with at least half an hour
// of it left; else one hour into the latest session before. A start with `last_kept` is at the
// first second after it where that is within a session, with a minute of it left; else one hour
// into the next session, so that a demo that was left in the evening goes on in the next morning.
// Pure. A calendar that is always open gives `wall_now`, or the second after `last_kept` where
// that is later.
Timestamp demo_start(std::optional<Timestamp> last_kept, Timestamp wall_now,
                     const Calendar& calendar);

}  // namespace tapedeck
