#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace tapedeck {

// `tapedeck load` in a process of its own, what it says in a file. Killed with this object, and
// when the test program dies.
class LoaderProcess {
public:
    // `command`: the program and its arguments. `log`: a file that it adds to.
    LoaderProcess(const std::vector<std::string>& command, std::string log);
    ~LoaderProcess();
    LoaderProcess(const LoaderProcess&) = delete;
    LoaderProcess& operator=(const LoaderProcess&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    void kill();  // -9, and waits for its end

    // Its exit code, 128 and the signal's number where it was ended by one; none while it runs.
    std::optional<int> ended();
    // Asks it to end with SIGTERM, or just waits; its exit code. Kills it after two minutes.
    int stop();
    int wait();

    // What it has said so far. Lines of earlier processes with the same log are in it.
    std::string said() const;

private:
    const std::string log_;
    pid_t pid_ = -1;
    std::optional<int> ended_;
};

}  // namespace tapedeck
