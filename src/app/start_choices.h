#pragma once

#include "app/assembly.h"
#include "app/verbs.h"

namespace tapedeck {

// What the options say of topics that nothing is loaded of yet. `malformed` names the text that is
// no time, or the topic that is not loaded.
Result<StartChoices> start_choices(const StartOptions& options, const Settings& settings);

// Decides where loading begins, before anything is asked or loaded: see LoadingStarts::begin. Gives
// the choices that are left to the loader: those of a tape, or a topic, that is not there yet.
Result<StartChoices> begin_loading(Assembly& assembly, const LoaderOptions& loading);

}  // namespace tapedeck
