#include "tests/crash/cluster/loader_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/assert.h"

namespace tapedeck {

using namespace std::chrono_literals;

LoaderProcess::LoaderProcess(const std::vector<std::string>& command, std::string log)
    : log_(std::move(log)) {
    std::vector<char*> words;
    for (const std::string& each : command) words.push_back(const_cast<char*>(each.c_str()));
    words.push_back(nullptr);
    const int output = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    TAPEDECK_ASSERT(output >= 0);
    pid_ = fork();
    TAPEDECK_ASSERT(pid_ >= 0);
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        // What the program may leave behind is left in the test's folder.
        if (chdir(std::filesystem::path(log_).parent_path().c_str()) != 0) _exit(127);
        execv(words[0], words.data());
        _exit(127);
    }
    close(output);
}

LoaderProcess::~LoaderProcess() { kill(); }

void LoaderProcess::signal(int number) const {
    if (!ended_) ::kill(pid_, number);
}

void LoaderProcess::kill() {
    signal(SIGKILL);
    wait();
}

std::optional<int> LoaderProcess::ended() {
    int status = 0;
    if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) {
        ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return ended_;
}

int LoaderProcess::stop() {
    signal(SIGTERM);
    return wait();
}

int LoaderProcess::wait() {
    const auto deadline = std::chrono::steady_clock::now() + 120s;
    while (!ended()) {
        if (std::chrono::steady_clock::now() > deadline) signal(SIGKILL);
        std::this_thread::sleep_for(5ms);
    }
    return *ended_;
}

std::string LoaderProcess::said() const {
    std::ifstream file(log_);
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
}

}  // namespace tapedeck
