#include <csignal>
#include <exception>

#include "app/core_dumps.h"
#include "app/verbs.h"

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a reader that leaves is an error of write(2)
    tapedeck::forbid_core_dumps();
    try {
        return tapedeck::command_line(argc, argv);
    } catch (const std::exception& error) {
        return static_cast<int>(tapedeck::fail(tapedeck::Exit::failed, error.what()));
    }
}
