#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "app/config_history.h"
#include "app/output.h"
#include "schedule/schedule.h"

namespace tapedeck {

// A slot that a price of this moment answers, and until when.
struct AnswerableSlot {
    Timestamp slot;
    Timestamp until;
};

// No slot that may be answered: why, with the last slot and the next.
struct SlotRefusal {
    Exit exit;  // usage: its time is not this; not_found: there is no such slot
    std::string what;
};

// The schedules of the DAGs that collect a feed; @once has the instant that a recorder saw.
Result<std::vector<Schedule>> schedules_of(std::span<const DagSpec> dags, const std::string& feed,
                                           const FirstSeen& seen);

// Which slot a collection by hand at `now` answers: by the rules of the recorder, as a live quote
// never answers another slot. `asked`, or the one whose time it is. A slot that comes within a
// minute is answerable once it is there. A feed that no DAG collects has a slot in each minute,
// which is answered within it. Pure.
std::variant<AnswerableSlot, SlotRefusal> slot_to_answer(std::span<const Schedule> schedules,
                                                         const std::string& feed,
                                                         std::optional<Timestamp> asked,
                                                         Timestamp now);

}  // namespace tapedeck
