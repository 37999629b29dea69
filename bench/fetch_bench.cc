// Question: how long does a slot of 1,000 requests take, and how much memory?
// Data: a server on loopback that takes 100 ms an answer, of 2 kB or of 1 MB, in a process of its
// own, so that the memory is the client's alone; at most 100 connections.
// Limit: 1,000 / 100 * 100 ms = 1 s. To hold: 1.3 times that, and 64 MiB, with 2 kB an answer.
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
#include <csignal>
#include <deque>
#include <fstream>
#include <map>

#include "net/curl_client.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kLatency = 100ms;
constexpr std::size_t kRequests = 1'000;
constexpr int kConnections = 100;

// Answers every request with `answer` after kLatency, on one thread, for ever.
class SlowServer {
public:
    SlowServer(int listener, std::string answer)
        : listener_(listener), epoll_(::epoll_create1(0)), answer_(std::move(answer)) {
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
                sent_[fd] = 0;
                push(fd);
            }
        }
    }

private:
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
        std::size_t& sent = sent_[fd];
        while (sent < answer_.size()) {
            const ssize_t now =
                ::send(fd, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
            if (now <= 0) return watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            sent += static_cast<std::size_t>(now);
        }
        watch(fd, EPOLLIN, EPOLL_CTL_MOD);
    }

    const int listener_;
    const int epoll_;
    const std::string answer_;
    std::deque<Due> due_;  // all wait equally long, so they are in order
    std::map<int, std::size_t> sent_;
};

// The server's process, ended with the object.
class ServerProcess {
public:
    explicit ServerProcess(std::size_t body) {
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
                                             body, std::string(body, 'x')))
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

long memory_kb(std::string_view field) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(field)) return std::stol(line.substr(field.size() + 1));
    }
    return 0;
}

std::chrono::milliseconds cpu() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return std::chrono::milliseconds((used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000 +
                                     (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1'000);
}

struct Measured {
    std::chrono::milliseconds wall;
    std::chrono::milliseconds cpu;
    long peak_kb;
};

Measured slot(CurlClient& client, int port, std::size_t body) {
    std::ofstream("/proc/self/clear_refs") << 5;  // peak resident memory counts from here
    const auto cpu_before = cpu();
    const auto before = SteadyClock::now();
    for (std::size_t i = 0; i < kRequests; ++i) {
        Request request;
        request.url = fmt::format("http://127.0.0.1:{}/price/{}", port, i);
        request.timeout = 60s;
        client.start(RequestId(i), std::move(request));
    }
    std::size_t good = 0;
    while (client.under_way() > 0) {
        for (const Answer& answer : client.wait(60s, {})) {
            if (!answer.failure && answer.body.size() == body) ++good;
        }
    }
    TAPEDECK_ASSERT(good == kRequests);
    const auto wall = SteadyClock::now() - before;
    return {std::chrono::duration_cast<std::chrono::milliseconds>(wall), cpu() - cpu_before,
            memory_kb("VmHWM:")};
}

int run() {
    const SystemClock clock;
    fmt::print("{} requests, {} connections, {} ms an answer; limit 1000 ms\n", kRequests,
               kConnections, kLatency.count());
    fmt::print("{:>8} {:>5} {:>9} {:>9} {:>10} {:>14}\n", "body", "run", "wall ms", "x limit",
               "client cpu", "peak RSS MiB");
    bool held = true;
    for (const std::size_t body : {std::size_t{2'000}, std::size_t{1'000'000}}) {
        const ServerProcess server(body);
        CurlOptions options;
        options.max_connections = kConnections;
        const auto client = CurlClient::open(clock, options);
        TAPEDECK_ASSERT(client);
        for (int i = 1; i <= 3; ++i) {
            const Measured measured = slot(**client, server.port(), body);
            const auto peak = measured.peak_kb / 1'024;
            fmt::print("{:>8} {:>5} {:>9} {:>9.2f} {:>10} {:>14}\n", body, i, measured.wall.count(),
                       static_cast<double>(measured.wall.count()) / 1'000, measured.cpu.count(),
                       peak);
            if (body == 2'000) held = held && measured.wall <= 1'300ms && peak < 64;
        }
        (*client)->close_idle();
        fmt::print("{:>8} {:>5} {:>45} idle RSS MiB\n", body, "after", memory_kb("VmRSS:") / 1'024);
    }
    fmt::print("1.3 times the limit and 64 MiB: {}\n", held ? "held" : "NOT held");
    return held ? 0 : 1;
}

}  // namespace
}  // namespace tapedeck

int main() { return tapedeck::run(); }
