#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/temp_folder.h"

namespace tapedeck {

// A real server, started by a script of this folder (kafka.py, postgres.py, toxiproxy.py) in a
// temporary folder of its own, and stopped with this object, or when the program dies. A script
// that fails ends the program: without its server a test can say nothing.
class Server {
public:
    // `arguments` go with every start.
    explicit Server(std::string script, std::vector<std::string> arguments = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void start();  // again after `stop`: same ports, same data
    void stop(const std::vector<std::string>& arguments = {});  // e.g. {"--kill"}

    // Runs another verb of the script, and returns what it answered.
    std::string run(const std::string& verb, const std::vector<std::string>& arguments = {}) const;

    // Of the answer to `start`.
    std::int64_t number(const std::string& name) const;
    std::string text(const std::string& name) const;
    std::string address() const { return "127.0.0.1:" + std::to_string(number("port")); }
    pid_t pid() const { return static_cast<pid_t>(number("pid")); }

private:
    void end_with_us();

    const std::string script_;
    const std::vector<std::string> arguments_;
    const TempFolder folder_;
    std::string answer_;
    int alive_ = -1;  // closed by our end, however it comes
};

// A number from one line of JSON as the scripts answer it.
std::int64_t json_number(const std::string& json, const std::string& name);

}  // namespace tapedeck
