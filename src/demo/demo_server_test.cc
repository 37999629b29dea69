#include "demo/demo_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "demo/demo_testing.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A client of plain bytes, which can misbehave in ways that a library would not.
class Client {
public:
    explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        const timeval limit{20, 0};  // a test that hangs is a test that fails
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~Client() { ::close(fd_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool connected() const { return connected_; }

    bool send(std::string_view bytes) {
        return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(bytes.size());
    }

    // Some bytes; none at the end.
    std::string receive() {
        char bytes[64 * 1024];
        const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
        return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : std::string();
    }

    std::string receive_all() {
        std::string all;
        while (true) {
            const std::string some = receive();
            if (some.empty()) return all;
            all += some;
        }
    }

    // One answer, head and body, by its Content-Length.
    std::string answer() {
        while (true) {
            const auto head = received_.find("\r\n\r\n");
            const auto length = received_.find("Content-Length: ");
            if (head != std::string::npos && length < head) {
                const std::size_t size = head + 4 + std::stoul(received_.substr(length + 16));
                if (received_.size() >= size) {
                    std::string whole = received_.substr(0, size);
                    received_.erase(0, size);
                    return whole;
                }
            }
            const std::string some = receive();
            if (some.empty()) return {};
            received_ += some;
        }
    }

    std::string get(std::string_view target) {
        return send("GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                   ? answer()
                   : std::string();
    }

private:
    int fd_;
    bool connected_ = false;
    std::string received_;
};

constexpr std::string_view kCoin = "/coinmarketcap.com/currencies/bitcoin/";

class DemoServerTest : public ::testing::Test {
protected:
    DemoServerTest() : clock_(at("2026-11-24T15:00:00Z")) { start({}, quiet_options(30'000)); }

    void start(DemoServerOptions options, DemoSiteOptions site) {
        server_.reset();
        site_ = std::make_unique<DemoSite>(clock_, stock_calendar(), std::move(site));
        auto started = DemoServer::start(*site_, options);
        ASSERT_TRUE(started) << started.error().what;
        server_ = std::move(*started);
    }
    std::string bitcoin() {
        return "$" + grouped(site_->walk().shown(*coin_by_slug("bitcoin"), clock_.now()));
    }

    ManualClock clock_;
    std::unique_ptr<DemoSite> site_;
    std::unique_ptr<DemoServer> server_;
};

TEST_F(DemoServerTest, AnswersOnTheFreePortThatItNames) {
    EXPECT_EQ(server_->base_url(), "http://127.0.0.1:" + std::to_string(server_->port()));
    Client client(server_->port());
    const std::string answer = client.get("/api.coinbase.com/v2/prices/BTC-USD/spot");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nServer: tapedeck demo\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/json"));
    EXPECT_THAT(answer, HasSubstr("\"amount\":\""));
}

TEST_F(DemoServerTest, RefusesAPortThatIsTaken) {
    DemoServerOptions options;
    options.port = server_->port();
    const auto second = DemoServer::start(*site_, options);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(second.error().what, HasSubstr(std::to_string(options.port)));
}

TEST_F(DemoServerTest, KeepsAConnectionForManyRequestsPipelinedOnesToo) {
    Client client(server_->port());
    for (int i = 0; i < 20; ++i) EXPECT_THAT(client.get(kCoin), HasSubstr(bitcoin()));
    const std::string request = "GET " + std::string(kCoin) + " HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_TRUE(client.send(request + request + request));
    for (int i = 0; i < 3; ++i) EXPECT_THAT(client.answer(), HasSubstr(bitcoin()));
    EXPECT_EQ(server_->counts().connections, 1U);
    EXPECT_EQ(server_->counts().requests, 23U);
}

TEST_F(DemoServerTest, ClosesWhenAskedTo) {
    Client client(server_->port());
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    EXPECT_THAT(client.receive_all(), HasSubstr("Connection: close"));
}

TEST_F(DemoServerTest, TakesTheSiteFromAHostUnderLocalhost) {
    Client client(server_->port());
    ASSERT_TRUE(client.send(
        "GET /currencies/bitcoin/ HTTP/1.1\r\nHost: coinmarketcap.com.localhost:1\r\n\r\n"));
    EXPECT_THAT(client.answer(), HasSubstr(bitcoin()));
}

TEST_F(DemoServerTest, AnswersAHundredAtOnce) {
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 100; ++i) {
        clients.push_back(std::make_unique<Client>(server_->port()));
        ASSERT_TRUE(clients.back()->connected());
        ASSERT_TRUE(
            clients.back()->send("GET " + std::string(kCoin) + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    }
    for (auto& client : clients) EXPECT_THAT(client->answer(), HasSubstr(bitcoin()));
}

TEST_F(DemoServerTest, ClosesConnectionsBeyondItsLimitAndServesTheOthers) {
    DemoServerOptions options;
    options.most_connections = 2;
    start(options, quiet_options());
    Client first(server_->port());
    Client second(server_->port());
    EXPECT_THAT(first.get(kCoin), HasSubstr("200 OK"));
    EXPECT_THAT(second.get(kCoin), HasSubstr("200 OK"));
    Client third(server_->port());
    EXPECT_EQ(third.get(kCoin), "");
    EXPECT_THAT(first.get(kCoin), HasSubstr("200 OK"));
}

TEST_F(DemoServerTest, RefusesGarbageLongHeadersBodiesAndMethods) {
    const auto told = [&](std::string_view bytes) {
        Client client(server_->port());
        // The server may hang up before all is sent: what it said counts.
        client.send(bytes);
        return client.receive_all();
    };
    EXPECT_THAT(told("\x16\x03\x01 no http at all\r\n\r\n"), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(told("GET / HTTP/9.9\r\n\r\n"), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(told("GET / HTTP/1.1\r\nX: " + std::string(17'000, 'a') + "\r\n\r\n"),
                StartsWith("HTTP/1.1 431"));
    EXPECT_THAT(told("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n"),
                StartsWith("HTTP/1.1 413"));
    Client client(server_->port());
    ASSERT_TRUE(client.send("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_THAT(client.answer(), StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(Client(server_->port()).get(kCoin), HasSubstr(bitcoin()));
    EXPECT_GE(server_->counts().refused, 4U);
}

TEST_F(DemoServerTest, AnswersHeadWithoutABody) {
    Client client(server_->port());
    ASSERT_TRUE(client.send("HEAD " + std::string(kCoin) +
                            " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    const std::string answer = client.receive_all();
    EXPECT_THAT(answer, HasSubstr("Content-Length: "));
    EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(DemoServerTest, HangsUpOnAClientThatNeverFinishesItsRequest) {
    DemoServerOptions options;
    options.request_timeout = 50ms;
    start(options, quiet_options());
    Client client(server_->port());
    ASSERT_TRUE(client.send("GET / HT"));
    EXPECT_EQ(client.receive_all(), "");
}

TEST_F(DemoServerTest, SurvivesAClientThatNeverReads) {
    DemoServerOptions options;
    options.write_timeout = 50ms;
    start(options, quiet_options(3'000'000));
    Client idle(server_->port());
    for (int i = 0; i < 8; ++i) {
        idle.send("GET " + std::string(kCoin) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    EXPECT_THAT(Client(server_->port()).get("/api.coinbase.com/v2/prices/BTC-USD/spot"),
                HasSubstr("200 OK"));
    // What was promised and not taken is cut off: fewer than eight pages are there to read.
    while (server_->counts().open > 0) std::this_thread::yield();
    EXPECT_LT(idle.receive_all().size(), 8U * 2'000'000);
}

TEST_F(DemoServerTest, CutsHalfOfWhatItPromised) {
    site_->plan().script("", Misbehaviour::cut, 1);
    Client client(server_->port());
    ASSERT_TRUE(client.send("GET " + std::string(kCoin) + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    const std::string got = client.receive_all();
    const std::size_t promised = std::stoul(got.substr(got.find("Content-Length: ") + 16));
    EXPECT_EQ(got.size() - got.find("\r\n\r\n") - 4, promised / 2);
}

TEST_F(DemoServerTest, DripsByteByByte) {
    auto options = quiet_options();
    options.rates.drip_pause = 1ms;
    start({}, std::move(options));
    site_->plan().script("", Misbehaviour::drip, 1);
    Client client(server_->port());
    ASSERT_TRUE(
        client.send("GET /api.coinbase.com/v2/prices/BTC-USD/spot HTTP/1.1\r\nHost: x\r\n\r\n"));
    int pieces = 0;
    std::string all;
    for (std::string some = client.receive(); !some.empty(); some = client.receive()) {
        all += some;
        ++pieces;
    }
    EXPECT_THAT(all, HasSubstr("\"amount\""));
    EXPECT_GT(pieces, 5);
}

TEST_F(DemoServerTest, IsSlowOnlyToWhomItIsSlow) {
    auto options = quiet_options();
    options.rates.slow_by = 400ms;
    start({}, std::move(options));
    site_->plan().script("coinmarketcap.com", Misbehaviour::slow, 1);
    Client slow(server_->port());
    const auto began = std::chrono::steady_clock::now();
    ASSERT_TRUE(slow.send("GET " + std::string(kCoin) + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_THAT(Client(server_->port()).get("/finance.yahoo.com/quote/AAPL"), HasSubstr("200 OK"));
    EXPECT_THAT(slow.answer(), HasSubstr(bitcoin()));
    EXPECT_GE(std::chrono::steady_clock::now() - began, 400ms);
}

TEST_F(DemoServerTest, StopsAtOnceWhileIdleConnectionsAreOpen) {
    Client idle(server_->port());
    EXPECT_THAT(idle.get(kCoin), HasSubstr("200 OK"));
    const auto began = std::chrono::steady_clock::now();
    server_->stop();
    server_->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    EXPECT_EQ(idle.receive_all(), "");
    EXPECT_FALSE(Client(server_->port()).connected());
}

TEST_F(DemoServerTest, StopsWhileBusyWithSlowHangingAndGreedyClients) {
    auto options = quiet_options(1'000'000);
    options.rates.slow_by = 60s;
    options.rates.hang_for = 60s;
    start({}, std::move(options));
    site_->plan().script("coinmarketcap.com", Misbehaviour::slow, 1);
    site_->plan().script("finance.yahoo.com", Misbehaviour::hang, 1);
    Client slow(server_->port());
    Client hung(server_->port());
    Client greedy(server_->port());
    ASSERT_TRUE(slow.send("GET " + std::string(kCoin) + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    ASSERT_TRUE(hung.send("GET /finance.yahoo.com/quote/AAPL HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (server_->counts().requests < 2) std::this_thread::yield();
    for (int i = 0; i < 8; ++i) greedy.send("GET /coinmarketcap.com/ HTTP/1.1\r\nHost: x\r\n\r\n");
    while (server_->counts().requests < 3) std::this_thread::yield();
    const auto began = std::chrono::steady_clock::now();
    server_->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
    EXPECT_THAT(slow.receive_all(), HasSubstr(bitcoin()));  // the slowness ends with the server
    EXPECT_EQ(hung.receive_all(), "");
    EXPECT_EQ(server_->counts().open, 0U);
}

}  // namespace
}  // namespace tapedeck
