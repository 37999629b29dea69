#include "net/curl_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <future>
#include <set>

#include "tests/conformance/http_client_suite.h"
#include "tests/conformance/temp_folder.h"
#include "tests/integration/loopback_server.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// Serves a Site over HTTP/1.1 with connections that are kept.
LoopbackServer::Handler serving(Site site) {
    return [site = std::move(site)](LoopbackConnection& client) {
        for (std::string asked = client.request(); !asked.empty(); asked = client.request()) {
            Request request;
            request.url = "http://127.0.0.1" + path_of(asked);
            request.body = body_of(asked);
            for (const Method method : {Method::head, Method::put, Method::post, Method::remove}) {
                if (asked.starts_with(std::string(to_string(method)) + " "))
                    request.method = method;
            }
            request.headers = {{"X-Asked", Secret(header_of(asked, "X-Asked"))}};
            const WebAnswer answer = site(request);
            if (answer.hangs) return client.hang();
            const auto latency = std::chrono::ceil<std::chrono::milliseconds>(answer.latency);
            if (latency > 0ms && !client.linger(latency)) return;
            std::string headers;
            for (const auto& [name, value] : answer.headers)
                headers += name + ": " + value + "\r\n";
            if (!client.send(http_answer(answer.status, answer.body, headers))) return;
        }
    };
}

std::unique_ptr<CurlClient> opened(const Clock& clock, CurlOptions options = {}) {
    auto client = CurlClient::open(clock, std::move(options));
    EXPECT_TRUE(client);
    return *std::move(client);
}

class Loopback {
public:
    explicit Loopback(Site site) : server_(serving(std::move(site))) {}
    HttpClient& client() { return *client_; }
    std::string url(const std::string& path) { return server_.url(path); }

private:
    SystemClock clock_;
    LoopbackServer server_;
    std::unique_ptr<CurlClient> client_ = opened(clock_);
};

INSTANTIATE_TYPED_TEST_SUITE_P(Curl, HttpClientSuite, Loopback);

class CurlClientTest : public testing::Test {
protected:
    static Request get(std::string url) {
        Request request;
        request.url = std::move(url);
        request.timeout = 60s;
        return request;
    }

    Answer fetch(Request request) { return fetch(*client_, std::move(request)); }

    static Answer fetch(CurlClient& client, Request request) {
        client.start(RequestId(1), std::move(request));
        auto answers = client.wait(120s, {});
        EXPECT_EQ(answers.size(), 1U);
        return answers.empty() ? Answer{} : std::move(answers.front());
    }

    // With 30 connections, 20 to a host; the addresses in rotation.
    void ask_two_hundred(const std::vector<std::string>& urls) {
        CurlOptions options;
        options.max_connections = 30;
        options.max_per_host = 20;
        const auto client = opened(clock_, options);
        for (std::uint64_t i = 0; i < 200; ++i)
            client->start(RequestId(i), get(urls[i % urls.size()]));
        std::set<RequestId> answered;
        while (client->under_way() > 0) {
            for (const Answer& answer : client->wait(60s, {})) {
                EXPECT_EQ(answer.body, "x");
                EXPECT_TRUE(answered.insert(answer.id).second);
            }
        }
        EXPECT_EQ(answered.size(), 200U);
    }

    SystemClock clock_;
    std::unique_ptr<CurlClient> client_ = opened(clock_);
};

LoopbackServer::Handler answering_paths() {
    return [](LoopbackConnection& client) {
        for (std::string asked = client.request(); !asked.empty(); asked = client.request()) {
            if (!client.send(http_answer(200, path_of(asked)))) return;
        }
    };
}

TEST_F(CurlClientTest, UsesAConnectionAgain) {
    LoopbackServer server(answering_paths());
    for (int i = 0; i < 20; ++i) EXPECT_EQ(fetch(get(server.url("/x"))).body, "/x");
    EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlClientTest, OpensANewConnectionAfterIdleOnesWereClosed) {
    LoopbackServer server(answering_paths());
    fetch(get(server.url("/x")));
    client_->close_idle();
    EXPECT_EQ(fetch(get(server.url("/y"))).body, "/y");
    EXPECT_EQ(server.connections(), 2);
}

// How many requests were being answered at once, at most.
class Crowd {
public:
    void enter() {
        const std::lock_guard lock(mutex_);
        most_ = std::max(most_, ++now_);
    }
    void leave() {
        const std::lock_guard lock(mutex_);
        --now_;
    }
    int most() const { return most_; }  // once the last has left

private:
    std::mutex mutex_;
    int now_ = 0;
    int most_ = 0;
};

LoopbackServer::Handler busy(const std::vector<Crowd*>& crowds) {
    return [crowds](LoopbackConnection& client) {
        while (!client.request().empty()) {
            for (Crowd* crowd : crowds) crowd->enter();
            const bool is_there = client.linger(5ms);
            // Before the answer goes: the next request may follow it at once.
            for (Crowd* crowd : crowds) crowd->leave();
            if (!is_there || !client.send(http_answer(200, "x"))) return;
        }
    };
}

TEST_F(CurlClientTest, AsksTwoHundredAtOnceWithinTheCaps) {
    Crowd at_one;
    Crowd at_other;
    Crowd at_both;
    {
        const LoopbackServer one(busy({&at_one, &at_both}));
        const LoopbackServer other(busy({&at_other, &at_both}));
        ask_two_hundred({one.url("/"), other.url("/")});
    }
    EXPECT_LE(at_one.most(), 20);
    EXPECT_LE(at_other.most(), 20);
    EXPECT_LE(at_both.most(), 30);
}

// Of one host alone: hosts that share a full pool close each other's idle connections.
TEST_F(CurlClientTest, OpensNoMoreConnectionsToAHostThanItsCap) {
    const LoopbackServer server(busy({}));
    ask_two_hundred({server.url("/")});
    EXPECT_LE(server.connections(), 20);
}

TEST_F(CurlClientTest, GivesAHostItsTurnThoughAnotherHasAskedForMuchMore) {
    LoopbackServer busy(serving(suite_site));
    LoopbackServer quiet(serving(suite_site));
    CurlOptions options;
    options.max_connections = 2;
    const auto client = opened(clock_, options);
    for (std::uint64_t i = 1; i <= 50; ++i) {
        client->start(RequestId(i), get(busy.url("/text/busy")));
    }
    client->start(RequestId(51), get(quiet.url("/text/quiet")));
    std::vector<Timestamp> of_busy;
    std::optional<Timestamp> of_quiet;
    while (client->under_way() > 0) {
        for (const Answer& answer : client->wait(60s, {})) {
            if (answer.id == RequestId(51)) {
                of_quiet = answer.started;
            } else {
                of_busy.push_back(answer.started);
            }
        }
    }
    ASSERT_TRUE(of_quiet);
    ASSERT_EQ(of_busy.size(), 50U);
    // Those that had its connections when it came, and nobody else.
    EXPECT_LE(std::ranges::count_if(of_busy, [&](Timestamp at) { return at < *of_quiet; }), 2);
}

TEST_F(CurlClientTest, KeepsCookiesByJarAndToTheJar) {
    LoopbackServer server([](LoopbackConnection& client) {
        for (std::string asked = client.request(); !asked.empty(); asked = client.request()) {
            client.send(path_of(asked) == "/set"
                            ? http_answer(302, "", "Set-Cookie: a=1\r\nLocation: /shown\r\n")
                            : http_answer(200, header_of(asked, "Cookie")));
        }
    });
    Request request = get(server.url("/set"));
    request.cookie_jar = "yahoo";
    EXPECT_EQ(fetch(request).body, "a=1") << "already on the way that the redirect shows";
    request.url = server.url("/shown");
    EXPECT_EQ(fetch(request).body, "a=1");
    client_->close_idle();
    EXPECT_EQ(fetch(request).body, "a=1") << "idle connections close, cookies stay";
    request.cookie_jar = "other";
    EXPECT_EQ(fetch(request).body, "");
    request.cookie_jar.clear();
    EXPECT_EQ(fetch(request).body, "");
}

// Issue 11: a site that sets a cookie and redirects to itself until it comes back.
TEST_F(CurlClientTest, SendsWhatARedirectSetAlongItsOwnWayAndForgetsIt) {
    LoopbackServer server([](LoopbackConnection& client) {
        for (std::string asked = client.request(); !asked.empty(); asked = client.request()) {
            const std::string cookie = header_of(asked, "Cookie");
            const std::string here = path_of(asked);
            const bool first = here == "/price" && cookie.empty();
            const bool second = here == "/price" && cookie == "a=1";
            client.send(first    ? http_answer(302, "", "Set-Cookie: a=1\r\nLocation: /price\r\n")
                        : second ? http_answer(302, "", "Set-Cookie: b=2\r\nLocation: /price\r\n")
                                 : http_answer(200, cookie));
        }
    });
    const Answer answer = fetch(get(server.url("/price")));
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.body, testing::AnyOf("a=1; b=2", "b=2; a=1"));
    EXPECT_EQ(fetch(get(server.url("/shown"))).body, "") << "of another request";
}

TEST_F(CurlClientTest, TellsAKeyToNoOtherHost) {
    const auto telling = [](LoopbackConnection& client) {
        client.send(http_answer(200, "key=" + header_of(client.request(), "X-Api-Key")));
    };
    LoopbackServer other(telling);
    LoopbackServer first([&other](LoopbackConnection& client) {
        client.request();
        client.send(http_answer(302, "", "Location: " + other.url("/") + "\r\n"));
    });
    Request request = get(first.url("/"));
    request.headers = {{"X-Api-Key", Secret("hunter2")}};
    EXPECT_EQ(fetch(request).body, "key=");
    request.url = other.url("/");
    EXPECT_EQ(fetch(request).body, "key=hunter2");
}

TEST_F(CurlClientTest, AsksByAProxyWithItsPassword) {
    LoopbackServer proxy([](LoopbackConnection& client) {
        const std::string asked = client.request();
        client.send(
            http_answer(200, path_of(asked) + " " + header_of(asked, "Proxy-Authorization")));
    });
    Request request = get("http://prices.invalid/x");
    request.proxy = Secret("http://joe:hunter2@127.0.0.1:" + std::to_string(proxy.port()));
    const Answer answer = fetch(request);
    EXPECT_FALSE(answer.failure);
    EXPECT_EQ(answer.body, "http://prices.invalid/x Basic am9lOmh1bnRlcjI=");
}

// Bound and not listening: it refuses.
class DeadPort {
public:
    DeadPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address_), size), 0);
        EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
    }
    ~DeadPort() { ::close(socket_); }
    DeadPort(const DeadPort&) = delete;
    DeadPort& operator=(const DeadPort&) = delete;
    std::string address() const { return "127.0.0.1:" + std::to_string(ntohs(address_.sin_port)); }

private:
    int socket_;
    sockaddr_in address_{};
};

TEST_F(CurlClientTest, SendsAPartOfAFile) {
    std::string got;
    const LoopbackServer server([&got](LoopbackConnection& client) {
        got = client.request();
        client.send(http_answer(200, "kept"));
    });
    const TempFolder folder;
    const std::string path = folder.file("part");
    std::string bytes(300'000, 'x');
    bytes.replace(100'000, 5, "first");
    std::ofstream(path, std::ios::binary) << bytes;
    Request request = get(server.url("/"));
    request.method = Method::put;
    request.file = FilePart{path, 100'000, 150'000};
    const Answer answer = fetch(request);
    EXPECT_FALSE(answer.failure);
    EXPECT_EQ(answer.body, "kept");
    EXPECT_EQ(got.substr(0, 4), "PUT ");
    EXPECT_EQ(header_of(got, "Content-Type"), "");
    EXPECT_TRUE(body_of(got) == bytes.substr(100'000, 150'000));
    request.file->size = 250'000;
    EXPECT_EQ(fetch(request).failure->reason, Reason::malformed) << "the file ends before";
    request.file->path = folder.file("absent");
    EXPECT_EQ(fetch(request).failure->reason, Reason::malformed);
}

// A connection that was kept and has died unnoticed is no reason to send a body twice: whether the
// first arrived, nobody knows.
TEST_F(CurlClientTest, SendsABodyAgainOnlyWhereItsCallerSaysSo) {
    std::atomic<int> posted = 0;
    const LoopbackServer server([&posted](LoopbackConnection& client) {
        if (client.request().empty()) return;
        client.send(http_answer(200, "first"));
        if (!client.request().empty()) ++posted;  // and leaves without an answer
    });
    Request request = get(server.url("/"));
    EXPECT_EQ(fetch(request).body, "first");
    request.method = Method::post;
    request.body = "once";
    EXPECT_EQ(fetch(request).body, "first") << "on a connection of its own";
    EXPECT_EQ(posted, 0);
    request.repeatable = true;
    EXPECT_EQ(fetch(request).body, "first") << "sent again by itself";
    EXPECT_GE(posted, 1);
}

TEST_F(CurlClientTest, NamesAProxyThatRefusesAndNotTheSite) {
    const DeadPort dead;
    for (const std::string url : {"http://prices.invalid/x", "https://prices.invalid/x"}) {
        for (const std::string scheme : {"http", "https", "socks5h", "socks4a"}) {
            Request request = get(url);
            request.proxy = Secret(scheme + "://joe:hunter2@" + dead.address());
            const Answer answer = fetch(request);
            ASSERT_TRUE(answer.failure);
            EXPECT_EQ(answer.failure->reason, Reason::unreachable);
            EXPECT_EQ(answer.failure->what,
                      "the proxy " + dead.address() + " refused the connection");
        }
    }
}

TEST_F(CurlClientTest, NamesAProxyThatIsNowhere) {
    Request request = get("https://prices.invalid/x");
    request.proxy = Secret("http://joe:hunter2@proxy.invalid:3128");
    const Answer answer = fetch(request);
    ASSERT_TRUE(answer.failure);
    EXPECT_EQ(answer.failure->reason, Reason::unreachable);
    EXPECT_EQ(answer.failure->what, "no such proxy: proxy.invalid:3128");
}

TEST_F(CurlClientTest, NamesAProxyThatAnswersForItself) {
    LoopbackServer proxy([](LoopbackConnection& client) {
        const bool wants_password = client.request().starts_with("GET");
        client.send(http_answer(wants_password ? 407 : 403, "no"));
    });
    const std::string name = "127.0.0.1:" + std::to_string(proxy.port());
    Request request = get("https://prices.invalid/x");
    request.proxy = Secret("http://joe:hunter2@" + name);
    EXPECT_EQ(fetch(request).failure->what,
              "the proxy " + name + " answered 403 when asked for the way to prices.invalid");
    request.url = "http://prices.invalid/x";
    const Answer answer = fetch(request);
    ASSERT_TRUE(answer.failure);
    EXPECT_EQ(answer.failure->what, "the proxy " + name + " wants another user or password");
}

TEST_F(CurlClientTest, NamesAProxyThatSaysNothingInTime) {
    LoopbackServer proxy([](LoopbackConnection& client) { client.hang(); });
    const std::string name = "127.0.0.1:" + std::to_string(proxy.port());
    Request request = get("https://prices.invalid/x");
    request.proxy = Secret("http://joe:hunter2@" + name);
    request.timeout = 100ms;
    const Answer answer = fetch(request);
    ASSERT_TRUE(answer.failure);
    EXPECT_EQ(answer.failure->reason, Reason::timeout);
    EXPECT_EQ(answer.failure->what,
              "no way to prices.invalid through the proxy " + name + " in time");
}

// The environment's proxies are libcurl's to choose; whom it asked stands in its message.
TEST_F(CurlClientTest, NamesTheProxyOfTheEnvironment) {
    const DeadPort dead;
    ::setenv("https_proxy", ("http://joe:hunter2@" + dead.address()).c_str(), 1);
    const Answer answer = fetch(get("https://prices.invalid/x"));
    ::unsetenv("https_proxy");
    ASSERT_TRUE(answer.failure);
    EXPECT_THAT(answer.failure->what, HasSubstr("the proxy 127.0.0.1"));
    EXPECT_THAT(answer.failure->what, HasSubstr("refused the connection"));
}

TEST_F(CurlClientTest, SaysHowManyDescriptorsItMayHaveWhereTheyRanOut) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "UBSan looks at an object through a pipe, and there is no descriptor for one; the "
           "build with the thread sanitizer runs this";
#endif
    LoopbackServer server(answering_paths());
    fetch(get(server.url("/")));  // what libraries open once is open
    client_->close_idle();
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
    const Answer answer = fetch(get(server.url("/")));
    ::setrlimit(RLIMIT_NOFILE, &before);
    ASSERT_TRUE(answer.failure);
    EXPECT_EQ(answer.failure->reason, Reason::unreachable);
    EXPECT_THAT(answer.failure->what, HasSubstr("too many open files: this process may have 0"));
}

TEST_F(CurlClientTest, UnpacksZstdAndBrotli) {
    const std::string text(50'000, 'p');
    std::string packed(ZSTD_compressBound(text.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
    const std::string hello("\x0b\x02\x80hello\x03", 9);  // RFC 7932: one stored meta-block
    LoopbackServer server([&](LoopbackConnection& client) {
        for (std::string asked = client.request(); !asked.empty(); asked = client.request()) {
            EXPECT_THAT(header_of(asked, "Accept-Encoding"), HasSubstr("gzip"));
            client.send(path_of(asked) == "/br"
                            ? http_answer(200, hello, "Content-Encoding: br\r\n")
                            : http_answer(200, packed, "Content-Encoding: zstd\r\n"));
        }
    });
    EXPECT_EQ(fetch(get(server.url("/zstd"))).body, text);
    EXPECT_EQ(fetch(get(server.url("/br"))).body, "hello");
}

TEST_F(CurlClientTest, StampsAnswersWithTheGivenClock) {
    LoopbackServer server(answering_paths());
    const Timestamp then = *parse_rfc3339("2023-03-01T12:00:00Z");
    const ManualClock clock(then);
    const auto client = opened(clock);
    const Answer answer = fetch(*client, get(server.url("/")));
    EXPECT_EQ(answer.started, then);
    EXPECT_EQ(answer.ended, then);
}

TEST_F(CurlClientTest, WakesWhenAStopIsRequested) {
    std::promise<void> asked;
    LoopbackServer server([&asked](LoopbackConnection& client) {
        client.request();
        asked.set_value();
        client.hang();
    });
    client_->start(RequestId(1), get(server.url("/")));
    std::stop_source stop;
    std::jthread stopper([&] {
        asked.get_future().wait();
        stop.request_stop();
    });
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(client_->wait(50s, stop.get_token()).empty());
    EXPECT_LT(std::chrono::steady_clock::now() - before, 40s);
}

std::chrono::microseconds cpu_of_this_thread() {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    return std::chrono::seconds(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           std::chrono::microseconds(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

TEST_F(CurlClientTest, DoesNotSpinWhileItWaits) {
    LoopbackServer server([](LoopbackConnection& client) { client.hang(); });
    for (std::uint64_t i = 0; i < 50; ++i) client_->start(RequestId(i), get(server.url("/")));
    EXPECT_TRUE(client_->wait(100ms, {}).empty());
    const auto before = cpu_of_this_thread();
    EXPECT_TRUE(client_->wait(500ms, {}).empty());
    EXPECT_LT(cpu_of_this_thread() - before, 100ms);
}

TEST_F(CurlClientTest, RefusesAHeaderThatBreaksTheLine) {
    LoopbackServer server(answering_paths());
    for (const char* value : {"a\r\nX-Other: b", "a\nb", "a\rb"}) {
        Request request = get(server.url("/"));
        request.headers = {{"X-Asked", Secret(value)}};
        const Answer answer = fetch(request);
        ASSERT_TRUE(answer.failure);
        EXPECT_EQ(answer.failure->reason, Reason::malformed);
    }
    EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlClientTest, NamesNoSecretInAFailure) {
    LoopbackServer server([](LoopbackConnection& client) { client.hang(); });
    Request request = get("http://joe:hunter2@127.0.0.1:" + std::to_string(server.port()) +
                          "/hunter2?key=hunter2");
    request.headers = {{"X-Api-Key", Secret("hunter2")}};
    request.timeout = 50ms;
    Answer answer = fetch(request);
    ASSERT_TRUE(answer.failure);
    EXPECT_THAT(answer.failure->what, Not(HasSubstr("hunter2")));
    EXPECT_THAT(answer.failure->what, HasSubstr("127.0.0.1"));
    request.proxy = Secret("http://joe:hunter2@127.0.0.1:1");
    answer = fetch(request);
    ASSERT_TRUE(answer.failure);
    EXPECT_THAT(answer.failure->what, Not(HasSubstr("hunter2")));
}

TEST(CurlClientOpen, RefusesAFileOfAuthoritiesThatIsNotThere) {
    const SystemClock clock;
    CurlOptions options;
    options.ca_file = "/nowhere/ca.pem";
    const auto client = CurlClient::open(clock, options);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().kind, ErrorKind::rejected);
    EXPECT_THAT(client.error().what, HasSubstr("/nowhere/ca.pem"));
}

}  // namespace
}  // namespace tapedeck
