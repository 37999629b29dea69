// Servers that hang, drip, close early, lie about length, redirect in a circle, answer garbage or a
// bomb: each gives its named reason, in time, and costs bounded memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <fstream>

#include "net/curl_client.h"
#include "tests/integration/loopback_server.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 400ms;  // where the server is one to be given up on
constexpr auto kSoon = 20s;       // far below the minute that other requests may take

class HostileServers : public testing::Test {
protected:
    static Request get(const LoopbackServer& server) {
        Request request;
        request.url = server.url("/");
        request.timeout = 60s;
        return request;
    }

    Answer fetch(Request request) {
        const auto before = std::chrono::steady_clock::now();
        client_->start(RequestId(1), std::move(request));
        auto answers = client_->wait(120s, {});
        EXPECT_LT(std::chrono::steady_clock::now() - before, kSoon);
        EXPECT_EQ(answers.size(), 1U);
        return answers.empty() ? Answer{} : std::move(answers.front());
    }

    // What is made of a server that reads one request and says `bytes`, then closes.
    Answer answer_to(const std::string& bytes) {
        LoopbackServer server([&bytes](LoopbackConnection& client) {
            client.request();
            client.send(bytes);
        });
        return fetch(get(server));
    }

    static std::string fault(const Answer& answer) {
        return answer.failure ? std::string(row_of(answer.failure->reason).name) : "";
    }

private:
    SystemClock clock_;
    std::unique_ptr<CurlClient> client_ = *CurlClient::open(clock_);
};

// Peak resident memory in kB since the last reset, by proc(5).
class PeakMemory {
public:
    PeakMemory() {
        std::ofstream("/proc/self/clear_refs") << 5;
        before_ = now();
    }
    long grown() const { return now() - before_; }

private:
    static long now() {
        std::ifstream status("/proc/self/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
        }
        ADD_FAILURE() << "no VmHWM";
        return 0;
    }
    long before_;
};

TEST_F(HostileServers, HangingIsATimeout) {
    LoopbackServer server([](LoopbackConnection& client) { client.hang(); });
    Request request = get(server);
    request.timeout = kTimeout;
    EXPECT_EQ(fault(fetch(request)), "timeout");
}

TEST_F(HostileServers, HangingInTheBodyIsATimeoutThatKeepsWhatCame) {
    LoopbackServer server([](LoopbackConnection& client) {
        client.request();
        client.send("HTTP/1.1 200 OK\r\nX-Here: yes\r\nContent-Length: 10\r\n\r\n01234");
        client.hang();
    });
    Request request = get(server);
    request.timeout = kTimeout;
    const Answer answer = fetch(request);
    EXPECT_EQ(fault(answer), "timeout");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("x-here"), "yes");
    EXPECT_EQ(answer.body, "01234");
}

TEST_F(HostileServers, DrippingIsATimeout) {
    LoopbackServer server([](LoopbackConnection& client) {
        client.request();
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while (client.linger(10ms) && client.send("x")) {
        }
    });
    Request request = get(server);
    request.timeout = kTimeout;
    const Answer answer = fetch(request);
    EXPECT_EQ(fault(answer), "timeout");
    EXPECT_LT(answer.body.size(), 100U);
}

TEST_F(HostileServers, DrippingHeadersIsATimeout) {
    LoopbackServer server([](LoopbackConnection& client) {
        client.request();
        client.send("HTTP/1.1 200 OK\r\n");
        while (client.linger(10ms) && client.send("X-A: b\r\n")) {
        }
    });
    Request request = get(server);
    request.timeout = kTimeout;
    EXPECT_EQ(fault(fetch(request)), "timeout");
}

TEST_F(HostileServers, ARedirectThatDripsSharesTheOneTimeout) {
    LoopbackServer server([](LoopbackConnection& client) {
        for (std::string asked = client.request(); !asked.empty(); asked = client.request()) {
            if (!client.linger(kTimeout / 3)) return;
            client.send(http_answer(302, "", "Location: /\r\n"));
        }
    });
    Request request = get(server);
    request.timeout = kTimeout;
    request.max_redirects = 1'000;
    EXPECT_EQ(fault(fetch(request)), "timeout");
}

TEST_F(HostileServers, ClosingWithoutAWordIsTruncated) {
    EXPECT_EQ(fault(answer_to("")), "truncated");
}

TEST_F(HostileServers, ClosingInTheHeadersIsTruncated) {
    EXPECT_EQ(fault(answer_to("HTTP/1.1 200 OK\r\nContent-Le")), "truncated");
}

TEST_F(HostileServers, ClosingBeforeThePromisedLengthIsTruncated) {
    const Answer answer = answer_to("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    EXPECT_EQ(fault(answer), "truncated");
    EXPECT_EQ(answer.body, "half");
}

TEST_F(HostileServers, ClosingBetweenChunksIsTruncated) {
    EXPECT_EQ(
        fault(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")),
        "truncated");
}

TEST_F(HostileServers, ResettingIsUnreachable) {
    LoopbackServer server([](LoopbackConnection& client) {
        client.request();
        client.reset();
    });
    EXPECT_EQ(fault(fetch(get(server))), "unreachable");
}

TEST_F(HostileServers, ResettingInTheBodyIsTruncated) {
    LoopbackServer server([](LoopbackConnection& client) {
        client.request();
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        client.linger(100ms);  // so that the reset does not overtake what was said
        client.reset();
    });
    EXPECT_EQ(fault(fetch(get(server))), "truncated");
}

TEST_F(HostileServers, SayingMoreThanTheLengthSpoilsNoLaterAnswer) {
    int asked = 0;
    LoopbackServer server([&asked](LoopbackConnection& client) {
        while (!client.request().empty()) {
            ++asked;
            client.send(
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrueHTTP/1.1 200 OK\r\n"
                "Content-Length: 5\r\n\r\nfalse");
        }
    });
    for (int i = 0; i < 5; ++i) {
        const Answer answer = fetch(get(server));
        EXPECT_EQ(fault(answer), "");
        EXPECT_EQ(answer.body, "true");
    }
    EXPECT_EQ(asked, 5);
}

TEST_F(HostileServers, RefusingIsRefused) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);  // bound, never listening
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    Request request;
    request.url = "http://127.0.0.1:" + std::to_string(::ntohs(address.sin_port)) + "/";
    EXPECT_EQ(fault(fetch(request)), "refused");
    ::close(fd);
}

TEST_F(HostileServers, AnAddressWithoutAWayThereIsUnreachable) {
    Request request;
    request.url = "http://255.255.255.255/";
    EXPECT_EQ(fault(fetch(request)), "unreachable");
}

TEST_F(HostileServers, GarbageIsMalformed) {
    EXPECT_EQ(fault(answer_to("SSH-2.0-OpenSSH_9.2\r\n")), "malformed");
    EXPECT_EQ(fault(answer_to(std::string("\0\x01\xff\xfe\r\n\r\n", 8))), "malformed");
    EXPECT_EQ(fault(answer_to("HTTP/1.1 abc\r\n\r\n")), "malformed");
    EXPECT_EQ(fault(answer_to("HTTP/7.3 200 OK\r\n\r\n")), "malformed");
}

TEST_F(HostileServers, WhatDoesNotUnpackIsMalformed) {
    for (const char* encoding : {"gzip", "br", "zstd", "deflate"}) {
        EXPECT_EQ(
            fault(answer_to(http_answer(200, "this is no packed text at all",
                                        "Content-Encoding: " + std::string(encoding) + "\r\n"))),
            "malformed")
            << encoding;
    }
}

TEST_F(HostileServers, AnUnknownPackingIsMalformed) {
    EXPECT_EQ(fault(answer_to(http_answer(200, "x", "Content-Encoding: rot13\r\n"))), "malformed");
}

TEST_F(HostileServers, AnnouncingTooMuchIsTooLargeBeforeItComes) {
    LoopbackServer server([](LoopbackConnection& client) {
        client.request();
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
        client.hang();
    });
    const Answer answer = fetch(get(server));
    EXPECT_EQ(fault(answer), "too_large");
    EXPECT_LE(answer.body.size(), 1U);
}

// Says one thing again and again until the client has had enough.
LoopbackServer::Handler repeating(std::string head, std::string part) {
    return [head, part](LoopbackConnection& client) {
        client.request();
        if (!client.send(head)) return;
        while (client.send(part)) {
        }
    };
}

TEST_F(HostileServers, NeverEndingIsTooLarge) {
    LoopbackServer server(repeating("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                                    "1000\r\n" + std::string(4'096, 'x') + "\r\n"));
    Request request = get(server);
    request.max_bytes = 1'000'000;
    const PeakMemory memory;
    const Answer answer = fetch(request);
    EXPECT_EQ(fault(answer), "too_large");
    EXPECT_LE(answer.body.size(), 1'000'000U);
    EXPECT_LT(memory.grown(), 32 * 1024);
}

TEST_F(HostileServers, HeadersWithoutEndAreTooLarge) {
    LoopbackServer server(
        repeating("HTTP/1.1 200 OK\r\n", "X-Again: " + std::string(1'000, 'x') + "\r\n"));
    EXPECT_EQ(fault(fetch(get(server))), "too_large");
}

TEST_F(HostileServers, InterimAnswersWithoutEndAreTooLarge) {
    LoopbackServer server(repeating("", "HTTP/1.1 100 Continue\r\nX-Again: yes\r\n\r\n"));
    EXPECT_EQ(fault(fetch(get(server))), "too_large");
}

TEST_F(HostileServers, AZipBombCostsTheBytesAllowedAndNoMore) {
    const std::string zeros(64 * 1024 * 1024, '\0');
    std::string bomb(ZSTD_compressBound(zeros.size()), '\0');
    bomb.resize(ZSTD_compress(bomb.data(), bomb.size(), zeros.data(), zeros.size(), 3));
    ASSERT_LT(bomb.size(), 20'000U);
    std::string bombs;  // frames follow one another: 2 GiB in all
    for (int i = 0; i < 32; ++i) bombs += bomb;
    LoopbackServer server([&bombs](LoopbackConnection& client) {
        client.request();
        client.send(http_answer(200, bombs, "Content-Encoding: zstd\r\n"));
    });
    Request request = get(server);
    request.max_bytes = 1'000'000;
    const PeakMemory memory;
    const Answer answer = fetch(request);
    EXPECT_EQ(fault(answer), "too_large");
    EXPECT_LE(answer.body.size(), 1'000'000U);
    EXPECT_LT(memory.grown(), 32 * 1024);
}

TEST_F(HostileServers, PackedBytesThatUnpackToNothingAreTooLarge) {
    // A skippable frame (RFC 8878 §3.1.2) holds bytes that never come out.
    const std::string frame =
        std::string("\x50\x2a\x4d\x18\x00\x10\x00\x00", 8) + std::string(4'096, 'x');
    LoopbackServer server(
        repeating("HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nTransfer-Encoding: chunked\r\n\r\n",
                  "1008\r\n" + frame + "\r\n"));
    Request request = get(server);
    request.max_bytes = 1'000'000;
    const Answer answer = fetch(request);
    EXPECT_EQ(fault(answer), "too_large");
    EXPECT_EQ(answer.body, "");
}

TEST_F(HostileServers, ARedirectWithAnEndlessBodyEnds) {
    LoopbackServer server(
        repeating("HTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n",
                  "1000\r\n" + std::string(4'096, 'x') + "\r\n"));
    Request request = get(server);
    request.max_bytes = 1'000'000;
    EXPECT_EQ(fault(fetch(request)), "too_large");
}

TEST_F(HostileServers, ACircleOfTwoEndsAtTheCount) {
    LoopbackServer server([](LoopbackConnection& client) {
        for (std::string asked = client.request(); !asked.empty(); asked = client.request()) {
            const std::string other = path_of(asked) == "/" ? "/other" : "/";
            client.send(http_answer(302, "", "Location: " + other + "\r\n"));
        }
    });
    const Answer answer = fetch(get(server));
    EXPECT_EQ(fault(answer), "redirects");
    EXPECT_THAT(answer.failure->what, testing::HasSubstr("6 times"));
}

}  // namespace
}  // namespace tapedeck
