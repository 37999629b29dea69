#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/assert.h"

namespace tapedeck {

// One client's connection to a LoopbackServer, as its handler sees it: plain bytes, so that a
// handler can misbehave in any way. Nothing here blocks past the server's end.
class LoopbackConnection {
public:
    explicit LoopbackConnection(int fd) : fd_(fd) {}
    virtual ~LoopbackConnection() { ::close(fd_); }
    LoopbackConnection(const LoopbackConnection&) = delete;
    LoopbackConnection& operator=(const LoopbackConnection&) = delete;

    // Some bytes; empty once the client has gone.
    virtual std::string receive() {
        char bytes[16 * 1024];
        const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
        return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : std::string();
    }

    // False once the client has gone.
    virtual bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    // The next request, head and body as they came; empty once the client has gone.
    std::string request() {
        while (true) {
            const std::size_t end = received_.find("\r\n\r\n");
            if (end != std::string::npos) {
                const std::size_t size = end + 4 + body_size(received_.substr(0, end));
                if (received_.size() >= size) {
                    std::string whole = received_.substr(0, size);
                    received_.erase(0, size);
                    return whole;
                }
            }
            const std::string more = receive();
            if (more.empty()) return {};
            received_ += more;
        }
    }

    // Lets time pass, as long as the client is there; false once it has gone.
    bool linger(std::chrono::milliseconds span) {
        pollfd fd{fd_, POLLRDHUP, 0};
        return ::poll(&fd, 1, static_cast<int>(span.count())) == 0;
    }

    // Says nothing more until the client goes.
    void hang() {
        while (linger(std::chrono::hours(1))) {
        }
    }

    // Closes with a reset in place of an orderly end.
    void reset() {
        const linger_option now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }

    int descriptor() const { return fd_; }

private:
    using linger_option = struct ::linger;

    static std::size_t body_size(const std::string& head) {
        std::string low = head;
        std::ranges::transform(low, low.begin(), [](unsigned char c) { return std::tolower(c); });
        const std::size_t at = low.find("content-length:");
        return at == std::string::npos ? 0 : std::stoul(low.substr(at + 15));
    }

    const int fd_;
    std::string received_;
};

// A server on 127.0.0.1 with a thread for each connection; `handler` serves one and returns to
// close it. Threads end with the server.
class LoopbackServer {
public:
    using Handler = std::function<void(LoopbackConnection&)>;
    // Makes a connection of an accepted socket; null where its handshake failed.
    using Welcome = std::function<std::unique_ptr<LoopbackConnection>(int)>;

    explicit LoopbackServer(Handler handler, Welcome welcome = {})
        : handler_(std::move(handler)), welcome_(std::move(welcome)) {
        ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        TAPEDECK_ASSERT(listener_ >= 0 && ::bind(listener_, generic, size) == 0);
        TAPEDECK_ASSERT(::getsockname(listener_, generic, &size) == 0);
        TAPEDECK_ASSERT(::listen(listener_, 1'024) == 0);
        port_ = ::ntohs(address.sin_port);
        acceptor_ = std::jthread([this] { accept_all(); });
    }

    ~LoopbackServer() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
            ::shutdown(listener_, SHUT_RDWR);
            for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
        }
        acceptor_.join();
        threads_.clear();
        ::close(listener_);
    }

    LoopbackServer(const LoopbackServer&) = delete;
    LoopbackServer& operator=(const LoopbackServer&) = delete;

    int port() const { return port_; }
    std::string url(const std::string& path, const std::string& scheme = "http") const {
        return scheme + "://127.0.0.1:" + std::to_string(port_) + path;
    }
    int connections() const { return connections_; }  // accepted so far

private:
    void accept_all() {
        while (true) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            const std::lock_guard lock(mutex_);
            if (stopping_ || fd < 0) {
                if (fd >= 0) ::close(fd);
                return;
            }
            ++connections_;
            open_.push_back(fd);
            threads_.emplace_back([this, fd] { serve(fd); });
        }
    }

    void serve(int fd) {
        auto connection = welcome_ ? welcome_(fd) : std::make_unique<LoopbackConnection>(fd);
        if (connection) handler_(*connection);
        const std::lock_guard lock(mutex_);
        std::erase(open_, fd);  // before the number is used again
        if (connection) {
            connection.reset();
        } else {
            ::close(fd);
        }
    }

    const Handler handler_;
    const Welcome welcome_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<int> connections_{0};
    std::mutex mutex_;
    bool stopping_ = false;  // guarded by mutex_
    std::vector<int> open_;  // guarded by mutex_
    std::list<std::jthread> threads_;
    std::jthread acceptor_;
};

// The path of a request line.
inline std::string path_of(const std::string& request) {
    const std::size_t begin = request.find(' ') + 1;
    return request.substr(begin, request.find(' ', begin) - begin);
}

// The value of a header of a request, by its exact name; empty where there is none.
inline std::string header_of(const std::string& request, const std::string& name) {
    const std::size_t at = request.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
}

inline std::string body_of(const std::string& request) {
    return request.substr(request.find("\r\n\r\n") + 4);
}

// A whole HTTP/1.1 answer; `headers` are lines that each end in \r\n.
inline std::string http_answer(int status, std::string_view body, std::string_view headers = {}) {
    std::string text = "HTTP/1.1 " + std::to_string(status) + " Said\r\n";
    text += headers;
    if (status != 204 && status != 304) {
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    text += "\r\n";
    return text.append(body);
}

}  // namespace tapedeck
