#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <deque>
#include <fstream>
#include <map>
#include <string>

#include "base/assert.h"

// A slow site in a process of its own, so that memory and time are the client's alone; and what a
// benchmark reads of its own process.
namespace tapedeck::bench {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

inline constexpr auto kLatency = 100ms;

// Stands once in every body, so that no two answers are alike: equal bytes would be kept once.
inline constexpr std::string_view kNumber = "@@@@@@@@@@@@";

// Answers every request with `answer`, its kNumber counted up, after kLatency; on one thread, for
// ever.
class SlowServer {
public:
    SlowServer(int listener, const std::string& answer)
        : listener_(listener),
          epoll_(::epoll_create1(0)),
          head_(answer.substr(0, answer.find(kNumber))),
          rest_(answer.substr(head_.size() + kNumber.size())) {
        watch(listener_, EPOLLIN);
    }

    [[noreturn]] void run() {
        epoll_event events[256];
        while (true) {
            const int count = ::epoll_wait(epoll_, events, 256, next_due());
            for (int i = 0; i < count; ++i) serve(events[i]);
            while (!due_.empty() && due_.front().at <= SteadyClock::now()) {
                const int fd = due_.front().fd;
                due_.pop_front();
                sent_[fd] = {fmt::format("{}{:012}", head_, ++answers_), 0};
                push(fd);
            }
        }
    }

private:
    struct Sending {
        std::string head;
        std::size_t sent = 0;
    };
    struct Due {
        SteadyClock::time_point at;
        int fd;
    };

    void watch(int fd, std::uint32_t what, int operation = EPOLL_CTL_ADD) const {
        epoll_event event{};
        event.events = what;
        event.data.fd = fd;
        ::epoll_ctl(epoll_, operation, fd, &event);
    }

    int next_due() const {
        if (due_.empty()) return -1;
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(due_.front().at - SteadyClock::now());
        return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }

    void serve(const epoll_event& event) {
        const int fd = event.data.fd;
        if (fd == listener_) {
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
            if (client < 0) return;
            const int on = 1;
            ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            watch(client, EPOLLIN);
            return;
        }
        if ((event.events & EPOLLOUT) != 0) return push(fd);
        char bytes[4'096];  // a request is one small segment here
        if (::recv(fd, bytes, sizeof bytes, 0) > 0) {
            due_.push_back({SteadyClock::now() + kLatency, fd});
        } else {
            ::close(fd);
            std::erase_if(due_, [fd](const Due& due) { return due.fd == fd; });
        }
    }

    void push(int fd) {
        Sending& sending = sent_[fd];
        while (sending.sent < sending.head.size() + rest_.size()) {
            const bool head = sending.sent < sending.head.size();
            const std::string_view piece =
                head ? std::string_view(sending.head).substr(sending.sent)
                     : std::string_view(rest_).substr(sending.sent - sending.head.size());
            const ssize_t now = ::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL);
            if (now <= 0) return watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            sending.sent += static_cast<std::size_t>(now);
        }
        watch(fd, EPOLLIN, EPOLL_CTL_MOD);
    }

    const int listener_;
    const int epoll_;
    const std::string head_;  // up to the number
    const std::string rest_;
    std::uint64_t answers_ = 0;
    std::deque<Due> due_;  // all wait equally long, so they are in order
    std::map<int, Sending> sent_;
};

// The server's process, ended with the object. Answers 200 with `body` (with a kNumber) to
// everything.
class ServerProcess {
public:
    explicit ServerProcess(const std::string& body) {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        TAPEDECK_ASSERT(::bind(listener, generic, size) == 0 && ::listen(listener, 1'024) == 0);
        TAPEDECK_ASSERT(::getsockname(listener, generic, &size) == 0);
        port_ = ::ntohs(address.sin_port);
        process_ = ::fork();
        TAPEDECK_ASSERT(process_ >= 0);
        if (process_ == 0) {
            SlowServer(listener, fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
                                             body.size(), body))
                .run();
        }
        ::close(listener);
    }
    ~ServerProcess() {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;
    int port() const { return port_; }

private:
    pid_t process_ = -1;
    int port_ = 0;
};

inline long memory_kb(std::string_view field) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(field)) return std::stol(line.substr(field.size() + 1));
    }
    return 0;
}

inline std::chrono::milliseconds cpu() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return std::chrono::milliseconds((used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000 +
                                     (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1'000);
}

}  // namespace tapedeck::bench
