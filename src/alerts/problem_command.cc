#include "alerts/problem_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "base/child_environment.h"
#include "events/recording.h"

namespace tapedeck {

using namespace std::chrono_literals;

ProblemCommand::ProblemCommand(std::string command, Log& log, std::vector<std::string> passed_on)
    : command_(std::move(command)),
      passed_on_(std::move(passed_on)),
      log_(log),
      told_(kMostWaiting) {
    if (command_.empty()) return;
    thread_ = std::jthread([this] {
        while (const auto one = told_.pop()) {
            if (auto done = run_problem_command(command_, one->recovered, one->problem, passed_on_);
                !done) {
                log_.emit(StepFailed{"on_problem", done.error().what});
            }
        }
    });
}

ProblemCommand::~ProblemCommand() { told_.close(); }

Result<> ProblemCommand::tell(bool recovered, const Problem& problem) {
    if (command_.empty()) return {};
    std::stop_source no_waiting;
    no_waiting.request_stop();
    if (told_.push({recovered, problem}, no_waiting.get_token())) return {};
    return Error{ErrorKind::unavailable, fmt::format("{} was not told: {} commands are waiting",
                                                     problem.key, kMostWaiting)};
}

Result<> run_problem_command(const std::string& command, bool recovered, const Problem& problem,
                             const std::vector<std::string>& passed_on) {
    std::vector<std::string> environment = child_environment(passed_on);
    environment.push_back(fmt::format("TAPEDECK_EVENT={}", recovered ? "recovery" : "problem"));
    environment.push_back("TAPEDECK_PROBLEM=" + problem.key);
    environment.push_back("TAPEDECK_FEED=" + problem.feed);
    environment.push_back("TAPEDECK_WHAT=" + problem.what);
    const char* const arguments[] = {"sh", "-c", command.c_str(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);  // sockets, databases
    pid_t child = 0;
    // The command is a program of its own: signals that this process blocks or ignores are its to
    // obey.
    sigset_t none;
    sigset_t ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    const int failed =
        ::posix_spawn(&child, "/bin/sh", &actions, &attributes, const_cast<char* const*>(arguments),
                      pointers_to(environment).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return Error{ErrorKind::unavailable,
                     fmt::format("on_problem could not be started: errno {}", failed)};
    }
    int status = 0;
    for (int waited = 0; ::waitpid(child, &status, WNOHANG) == 0; ++waited) {
        if (waited == 300) {
            ::kill(child, SIGKILL);
            ::waitpid(child, &status, 0);
            return Error{ErrorKind::unavailable, "on_problem did not end within 30 s"};
        }
        std::this_thread::sleep_for(100ms);
    }
    if (status != 0) {
        return Error{ErrorKind::rejected,
                     fmt::format("on_problem ended with {}",
                                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) + 128)};
    }
    return {};
}

}  // namespace tapedeck
