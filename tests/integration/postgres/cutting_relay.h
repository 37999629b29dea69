#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tapedeck {

// Stands between a client of PostgreSQL and its server on loopback, counts what the client says,
// message by message, and cuts the line at one of them: as every effect on the database is such a
// message, counting once and cutting at each enumerates every crash of a client, or of its line.
class CuttingRelay {
public:
    enum class Cut { before, after };  // the message does not arrive; it does, and no answer to it

    // `at` counts from 1; 0: no line is cut.
    CuttingRelay(std::uint16_t server, int at, Cut cut) : server_(server), at_(at), cut_(cut) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_, 16), 0);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::jthread([this] { accept_all(); });
    }
    // What uses it must be gone.
    ~CuttingRelay() {
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        lines_.clear();
        ::close(listener_);
    }
    CuttingRelay(const CuttingRelay&) = delete;
    CuttingRelay& operator=(const CuttingRelay&) = delete;

    std::uint16_t port() const { return port_; }
    int messages() const { return count_; }

private:
    static sockaddr_in loopback(std::uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        return address;
    }

    void accept_all() {
        for (;;) {
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) return;
            const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr_in address = loopback(server_);
            const bool is_there =
                ::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
            EXPECT_TRUE(is_there);
            lines_.emplace_back([this, client, server] {
                carry(client, server);
                ::close(client);
                ::close(server);
            });
        }
    }

    static bool send_all(int to, std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    // Moves what is there; false at the end of the line.
    static bool take(int from, std::string& into) {
        std::array<char, 1U << 16U> part{};
        const ssize_t got = ::recv(from, part.data(), part.size(), 0);
        if (got <= 0) return false;
        into.append(part.data(), static_cast<std::size_t>(got));
        return true;
    }

    // The size of the first whole message in `bytes`, 0 where there is none. Before the server was
    // told who the client is, messages have a length and no letter before it.
    static std::size_t first_message(const std::string& bytes, bool is_begun) {
        const std::size_t letter = is_begun ? 1 : 0;
        if (bytes.size() < letter + 4) return 0;
        std::uint32_t length = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            length = length << 8U | static_cast<unsigned char>(bytes[letter + i]);
        }
        return bytes.size() < letter + length ? 0 : letter + length;
    }

    void carry(int client, int server) {
        std::string asked;
        std::string answered;
        bool is_begun = false;
        for (;;) {
            std::array<pollfd, 2> both{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
            if (::poll(both.data(), both.size(), -1) < 0) return;
            if (both[1].revents != 0) {
                if (!take(server, answered) || !send_all(client, answered)) return;
                answered.clear();
            }
            if (both[0].revents == 0) continue;
            if (!take(client, asked)) return;
            while (const std::size_t size = first_message(asked, is_begun)) {
                const std::string message = asked.substr(0, size);
                asked.erase(0, size);
                const bool is_cut = ++count_ == at_;
                if (is_cut && cut_ == Cut::before) return;
                if (!send_all(server, message)) return;
                if (is_cut) return let_end(server);
                // 196608 is version 3.0; what else comes before asks for encryption.
                is_begun = is_begun || message.substr(4, 4) == std::string("\0\3\0\0", 4);
            }
        }
    }

    // The server does what it was told, finds nobody there, and ends the session.
    static void let_end(int server) {
        ::shutdown(server, SHUT_WR);
        std::string unread;
        while (take(server, unread)) unread.clear();
    }

    const std::uint16_t server_;
    const int at_;
    const Cut cut_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<int> count_ = 0;
    std::vector<std::jthread> lines_;  // the acceptor's, until it has ended
    std::jthread acceptor_;
};

}  // namespace tapedeck
