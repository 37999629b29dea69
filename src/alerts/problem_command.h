#pragma once

#include <string>
#include <thread>
#include <vector>

#include "alerts/problems.h"
#include "base/queue.h"
#include "events/log.h"

namespace tapedeck {

// Runs `command` by /bin/sh with what happened in its environment: TAPEDECK_EVENT (problem or
// recovery), TAPEDECK_PROBLEM, TAPEDECK_FEED, TAPEDECK_WHAT, beside what
// child_environment(passed_on) gives: none of our secrets. Waits up to 30 s, then ends it.
Result<> run_problem_command(const std::string& command, bool recovered, const Problem& problem,
                             const std::vector<std::string>& passed_on = {});

// Runs the user's command for one thing told after the other, on a thread of its own: a command
// that takes its time must not keep the schedule from its next slot. The destructor waits for what
// was told; a command that fails is logged.
class ProblemCommand {
public:
    ProblemCommand(std::string command, Log& log, std::vector<std::string> passed_on = {});
    ~ProblemCommand();
    ProblemCommand(const ProblemCommand&) = delete;
    ProblemCommand& operator=(const ProblemCommand&) = delete;

    // `unavailable` where kMostWaiting are waiting already: this one is not run.
    Result<> tell(bool recovered, const Problem& problem);

    static constexpr std::size_t kMostWaiting = 1'000;

private:
    struct Told {
        bool recovered;
        Problem problem;
    };

    const std::string command_;                 // empty: nothing is run
    const std::vector<std::string> passed_on_;  // names of the environment
    Log& log_;
    Queue<Told> told_;
    std::jthread thread_;
};

}  // namespace tapedeck
