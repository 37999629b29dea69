#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tapedeck {

// Whether every other thread of this process waits for something: one that only waits for its turn
// on a busy machine is running in the kernel's eyes. For clocks whose time passes when nothing
// happens.
inline bool others_sleep() {
    const pid_t self = ::gettid();
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        if (entry.path().filename() == std::to_string(self)) continue;
        std::ifstream file(entry.path() / "stat");
        std::string stat;
        std::getline(file, stat);
        const auto name_end = stat.rfind(')');
        if (name_end == std::string::npos) continue;  // it has just ended
        if (stat.compare(name_end, 3, ") S") != 0) return false;
    }
    return true;
}

}  // namespace tapedeck
