#include "pipeline/problem_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "events/recording.h"

extern char** environ;

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

}  // namespace

ProblemCommand::ProblemCommand(std::string command, Log& log)
    : command_(std::move(command)), log_(log), told_(kMostWaiting) {
    if (command_.empty()) return;
    thread_ = std::jthread([this] {
        while (const auto one = told_.pop()) {
            if (auto done = run_problem_command(command_, one->recovered, one->problem); !done) {
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

Result<> run_problem_command(const std::string& command, bool recovered, const Problem& problem) {
    const std::vector<std::string> added{
        fmt::format("TAPEDECK_EVENT={}", recovered ? "recovery" : "problem"),
        "TAPEDECK_PROBLEM=" + problem.key, "TAPEDECK_FEED=" + problem.feed,
        "TAPEDECK_WHAT=" + problem.what};
    std::vector<char*> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
    for (const std::string& entry : added) environment.push_back(const_cast<char*>(entry.c_str()));
    environment.push_back(nullptr);
    const char* const arguments[] = {"sh", "-c", command.c_str(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
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
    const int failed = ::posix_spawn(&child, "/bin/sh", &actions, &attributes,
                                     const_cast<char* const*>(arguments), environment.data());
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
