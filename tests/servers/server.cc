#include "tests/servers/server.h"

#include <fcntl.h>
#include <simdjson.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace tapedeck {
namespace {

// What a program wrote to its standard output; ends this one where it failed.
std::string output_of(const std::vector<std::string>& command) {
    std::array<int, 2> ends{};
    TAPEDECK_ASSERT(pipe(ends.data()) == 0);
    const pid_t child = fork();
    TAPEDECK_ASSERT(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        std::vector<char*> arguments;
        for (const std::string& part : command)
            arguments.push_back(const_cast<char*>(part.c_str()));
        arguments.push_back(nullptr);
        execvp(arguments[0], arguments.data());
        _exit(127);
    }
    close(ends[1]);
    std::string out;
    std::array<char, 4096> part{};
    for (;;) {
        const auto size = read(ends[0], part.data(), part.size());
        if (size <= 0) break;
        out.append(part.data(), static_cast<std::size_t>(size));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        std::fprintf(stderr, "%s failed\n", command[1].c_str());
        std::_Exit(1);  // at once: other threads of the test go on meanwhile
    }
    return out;
}

simdjson::dom::element field(simdjson::dom::parser& parser, const std::string& json,
                             const std::string& name) {
    simdjson::dom::element found;
    const auto fault = parser.parse(json)[name].get(found);
    TAPEDECK_ASSERT(fault == simdjson::SUCCESS);
    return found;
}

}  // namespace

Server::Server(std::string script, std::vector<std::string> arguments)
    : script_(std::move(script)), arguments_(std::move(arguments)) {
    end_with_us();
    start();
}

Server::~Server() {
    stop();
    close(alive_);
}

// A process that waits for our end and then stops the server, which a crash would leave behind.
void Server::end_with_us() {
    std::array<int, 2> ends{};
    TAPEDECK_ASSERT(pipe2(ends.data(), O_CLOEXEC) == 0);
    const std::string path = std::string(TAPEDECK_SERVERS "/") + script_;
    const std::string folder = folder_.file("server");
    const pid_t child = fork();
    TAPEDECK_ASSERT(child >= 0);
    if (child == 0) {
        setsid();
        close(ends[1]);
        // Whoever reads our output must not wait for this process too.
        for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(descriptor);
        char byte = 0;
        while (read(ends[0], &byte, 1) < 0) continue;
        execlp("python3", "python3", path.c_str(), "stop", "--dir", folder.c_str(), nullptr);
        _exit(127);
    }
    close(ends[0]);
    alive_ = ends[1];
}

void Server::start() { answer_ = run("start", arguments_); }

void Server::stop(const std::vector<std::string>& arguments) { run("stop", arguments); }

std::string Server::run(const std::string& verb, const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{"python3", std::string(TAPEDECK_SERVERS "/") + script_, verb,
                                     "--dir", folder_.file("server")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return output_of(command);
}

std::int64_t Server::number(const std::string& name) const { return json_number(answer_, name); }

std::string Server::text(const std::string& name) const {
    simdjson::dom::parser parser;
    return std::string(field(parser, answer_, name).get_string().value());
}

std::int64_t json_number(const std::string& json, const std::string& name) {
    simdjson::dom::parser parser;
    return field(parser, json, name).get_int64().value();
}

}  // namespace tapedeck
