#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

namespace tapedeck {

// kafka_child (child.cc) in a process of its own. Its lines are read as they come; its input is
// closed, and it is waited for, with this object.
class Child {
public:
    explicit Child(const std::vector<std::string>& arguments) {
        std::array<int, 2> input{};
        std::array<int, 2> output{};
        EXPECT_EQ(pipe2(input.data(), O_CLOEXEC), 0);
        EXPECT_EQ(pipe2(output.data(), O_CLOEXEC), 0);
        std::vector<char*> words{const_cast<char*>(KAFKA_CHILD)};
        for (const std::string& each : arguments) words.push_back(const_cast<char*>(each.c_str()));
        words.push_back(nullptr);
        pid_ = fork();
        if (pid_ == 0) {
            dup2(input[0], STDIN_FILENO);
            dup2(output[1], STDOUT_FILENO);
            execv(words[0], words.data());
            _exit(127);
        }
        close(input[0]);
        close(output[1]);
        input_ = input[1];
        output_ = output[0];
    }
    ~Child() {
        close_input();
        kill(pid_, SIGCONT);
        waitpid(pid_, nullptr, 0);
        close(output_);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    void signal(int number) const { kill(pid_, number); }
    void close_input() {
        if (input_ >= 0) close(std::exchange(input_, -1));
    }

    // Reads on until a line that starts with `start` has come `times` in all; false where it has
    // not within a minute.
    bool wait_for(const std::string& start, int times = 1) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (count(start) < times) {
            if (std::chrono::steady_clock::now() > deadline || !read_some()) return false;
        }
        return true;
    }

    int count(const std::string& start) const {
        int out = 0;
        for (const std::string& line : lines_) out += line.starts_with(start) ? 1 : 0;
        return out;
    }
    // How many partitions it has now.
    int owned() const { return count("assigned ") - count("revoked "); }

    // What stands after the first `start`.
    std::string after(const std::string& start) const {
        for (const std::string& line : lines_) {
            if (line.starts_with(start)) return line.substr(start.size());
        }
        return "";
    }
    const std::vector<std::string>& lines() const { return lines_; }

    // Takes the lines that came, waiting a moment for one; false when the child has ended.
    bool read_some() {
        constexpr int kMomentMs = 100;
        pollfd watched{output_, POLLIN, 0};
        if (::poll(&watched, 1, kMomentMs) <= 0) return true;
        std::array<char, 4096> part{};
        const auto size = read(output_, part.data(), part.size());
        if (size <= 0) return false;
        rest_.append(part.data(), static_cast<std::size_t>(size));
        for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
            lines_.push_back(rest_.substr(0, end));
            rest_.erase(0, end + 1);
        }
        return true;
    }

private:
    pid_t pid_ = -1;
    int input_ = -1;
    int output_ = -1;
    std::string rest_;
    std::vector<std::string> lines_;
};

}  // namespace tapedeck
