#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>

#include "app/core_dumps.h"
#include "app/verbs.h"
#include "base/system_fault.h"

namespace {

// A file of ours must not take the number of a standard descriptor that the caller has closed: what
// is printed would be written into it. Each is opened the wrong way round, so that whoever uses it
// is told, as if it were closed.
void hold_standard_descriptors() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        if (::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return;
    }
}

}  // namespace

int main(int argc, char** argv) {
    hold_standard_descriptors();
    tapedeck::forbid_core_dumps();
    tapedeck::raise_descriptor_limit();
    // A reader that leaves is an error of write(2); at the end it is what it always is.
    const bool reader_may_leave = std::signal(SIGPIPE, SIG_IGN) != SIG_IGN;
    tapedeck::Exit exit = tapedeck::Exit::failed;
    try {
        exit = tapedeck::command_line(argc, argv);
    } catch (const std::exception& error) {
        const auto missing = tapedeck::missing_descriptors();
        tapedeck::fail(tapedeck::Exit::failed, missing ? *missing : error.what());
    }
    return static_cast<int>(tapedeck::end_output(exit, reader_may_leave));
}
