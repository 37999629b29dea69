#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "net/curl_client.h"
#include "tests/conformance/temp_folder.h"
#include "tests/integration/http2_server.h"
#include "tests/integration/loopback_server.h"
#include "tests/integration/tls_server.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class HttpClientIntegration : public testing::Test {
protected:
    std::unique_ptr<CurlClient> trusting(const TlsIdentity& identity) {
        CurlOptions options;
        options.ca_file = folder_.file("ca.pem");
        identity.write_certificate(options.ca_file);
        return *CurlClient::open(clock_, options);
    }

    std::unique_ptr<CurlClient> plain() { return *CurlClient::open(clock_); }

    static Request get(std::string url) {
        Request request;
        request.url = std::move(url);
        request.timeout = 60s;
        return request;
    }

    static std::vector<Answer> fetch(CurlClient& client, const Request& request, int times) {
        for (int i = 0; i < times; ++i) {
            client.start(RequestId(static_cast<std::uint64_t>(i)), request);
        }
        std::vector<Answer> answers;
        while (client.under_way() > 0) {
            for (Answer& answer : client.wait(120s, {})) answers.push_back(std::move(answer));
        }
        return answers;
    }

    static Answer fetch(CurlClient& client, const Request& request) {
        return fetch(client, request, 1).at(0);
    }

    static std::string fault(const Answer& answer) {
        return answer.failure ? std::string(row_of(answer.failure->reason).name) : "";
    }

private:
    TempFolder folder_;
    SystemClock clock_;
};

LoopbackServer::Handler answering(std::string body, std::string headers = {}) {
    return [body = std::move(body), headers = std::move(headers)](LoopbackConnection& client) {
        while (!client.request().empty() && client.send(http_answer(200, body, headers))) {
        }
    };
}

TEST_F(HttpClientIntegration, RefusesACertificateThatNobodyVouchesFor) {
    const TlsIdentity identity;
    const LoopbackServer server(answering("secret"), identity.welcome());
    const auto client = plain();
    const Answer answer = fetch(*client, get(server.url("/", "https")));
    EXPECT_EQ(fault(answer), "tls");
    EXPECT_EQ(answer.body, "");
    EXPECT_THAT(answer.failure->what, HasSubstr("certificate"));
}

TEST_F(HttpClientIntegration, TakesTheCertificateOfATrustedAuthority) {
    const TlsIdentity identity;
    const LoopbackServer server(answering("price"), identity.welcome());
    const auto client = trusting(identity);
    const Answer answer = fetch(*client, get(server.url("/", "https")));
    EXPECT_EQ(fault(answer), "");
    EXPECT_EQ(answer.body, "price");
}

TEST_F(HttpClientIntegration, RefusesACertificateForAnotherHost) {
    const TlsIdentity identity;
    const LoopbackServer server(answering("price"), identity.welcome());
    const auto client = trusting(identity);
    const std::string port = std::to_string(server.port());
    const Answer answer = fetch(*client, get("https://[::ffff:127.0.0.1]:" + port + "/"));
    EXPECT_EQ(fault(answer), "tls");
    EXPECT_THAT(answer.failure->what, HasSubstr("name"));
}

TEST_F(HttpClientIntegration, TakesAServerWithoutTlsAsATlsFailure) {
    const LoopbackServer server([](LoopbackConnection& client) {
        client.receive();
        client.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    const auto client = plain();
    EXPECT_EQ(fault(fetch(*client, get(server.url("/", "https")))), "tls");
}

TEST_F(HttpClientIntegration, GivesUpOnAHandshakeThatHangs) {
    const LoopbackServer server([](LoopbackConnection& client) { client.hang(); });
    const auto client = plain();
    Request request = get(server.url("/", "https"));
    request.connect_timeout = 200ms;
    EXPECT_EQ(fault(fetch(*client, request)), "timeout");
}

TEST_F(HttpClientIntegration, SendsASlotOverOneHttp2Connection) {
    const TlsIdentity identity("h2");
    std::atomic<int> streams = 0;
    const LoopbackServer server(serving_http2("price", streams), identity.welcome());
    const auto client = trusting(identity);
    const auto answers = fetch(*client, get(server.url("/", "https")), 30);
    ASSERT_EQ(answers.size(), 30U);
    for (const Answer& answer : answers) {
        EXPECT_EQ(fault(answer), "");
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "price");
    }
    EXPECT_EQ(streams, 30);
    EXPECT_EQ(server.connections(), 1);
}

// PIPEWAIT must wait for the handshake and not for the first answer: the second request is
// answered while the first hangs.
TEST_F(HttpClientIntegration, DoesNotQueueBehindAHangingRequestOverTls) {
    const TlsIdentity identity;
    std::atomic<int> asked = 0;
    const LoopbackServer server(
        [&asked](LoopbackConnection& client) {
            if (client.request().empty()) return;
            if (++asked == 1) {
                client.hang();
            } else {
                client.send(http_answer(200, "price"));
            }
        },
        identity.welcome());
    const auto client = trusting(identity);
    client->start(RequestId(1), get(server.url("/", "https")));
    client->start(RequestId(2), get(server.url("/", "https")));
    const auto answers = client->wait(30s, {});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].body, "price");
}

TEST_F(HttpClientIntegration, TunnelsTlsThroughAProxy) {
    const TlsIdentity identity;
    const auto greet = identity.welcome();
    // The proxy is the site as well: it grants the tunnel, and what comes through is its own.
    const LoopbackServer proxy(answering("price"), [&greet](int fd) {
        std::string asked;
        for (char byte = 0; !asked.ends_with("\r\n\r\n") && ::recv(fd, &byte, 1, 0) == 1;) {
            asked += byte;
        }
        EXPECT_THAT(asked, HasSubstr("CONNECT localhost:9443 HTTP/1.1"));
        constexpr std::string_view kGranted = "HTTP/1.1 200 Granted\r\nX-Proxy: yes\r\n\r\n";
        ::send(fd, kGranted.data(), kGranted.size(), MSG_NOSIGNAL);
        return greet(fd);
    });
    const auto client = trusting(identity);
    Request request = get("https://localhost:9443/");
    request.proxy = Secret("http://127.0.0.1:" + std::to_string(proxy.port()));
    const Answer answer = fetch(*client, request);
    EXPECT_EQ(fault(answer), "");
    EXPECT_EQ(answer.body, "price");
    EXPECT_EQ(answer.header("x-proxy"), "") << "the proxy's headers are not the site's";
}

TEST_F(HttpClientIntegration, TakesARefusedTunnelAsUnreachable) {
    const TlsIdentity identity;
    const LoopbackServer proxy([](LoopbackConnection& client) {
        client.request();
        client.send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    });
    const auto client = trusting(identity);
    Request request = get("https://prices.invalid/");
    request.proxy = Secret("http://joe:hunter2@127.0.0.1:" + std::to_string(proxy.port()));
    const Answer answer = fetch(*client, request);
    EXPECT_EQ(fault(answer), "unreachable") << "the proxy said no";
    EXPECT_EQ(answer.status, 0) << "the proxy's status is not the site's";
    EXPECT_THAT(answer.failure->what, Not(HasSubstr("hunter2")));
}

// `bytes` as one gzip stream (RFC 1952), `repeat` times over.
std::string gzipped(std::string_view bytes, int repeat = 1) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out;
    char piece[64 * 1024];
    for (int i = 0; i < repeat; ++i) {
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
        stream.avail_in = static_cast<uInt>(bytes.size());
        do {
            stream.next_out = reinterpret_cast<Bytef*>(piece);
            stream.avail_out = sizeof piece;
            deflate(&stream, i + 1 == repeat ? Z_FINISH : Z_NO_FLUSH);
            out.append(piece, sizeof piece - stream.avail_out);
        } while (stream.avail_out == 0);
    }
    deflateEnd(&stream);
    return out;
}

TEST_F(HttpClientIntegration, UnpacksGzip) {
    const std::string page(200'000, 'p');
    const LoopbackServer server(answering(gzipped(page), "Content-Encoding: gzip\r\n"));
    const auto client = plain();
    const Answer answer = fetch(*client, get(server.url("/")));
    EXPECT_EQ(fault(answer), "");
    EXPECT_EQ(answer.body, page);
}

TEST_F(HttpClientIntegration, AGzipBombIsTooLarge) {
    const std::string bomb = gzipped(std::string(1024 * 1024, '\0'), 256);
    ASSERT_LT(bomb.size(), 400'000U);
    const LoopbackServer server(answering(bomb, "Content-Encoding: gzip\r\n"));
    const auto client = plain();
    const Answer answer = fetch(*client, get(server.url("/")));
    EXPECT_EQ(fault(answer), "too_large");
    EXPECT_LE(answer.body.size(), 8U * 1024 * 1024);
}

TEST_F(HttpClientIntegration, ABombInsideABombIsTooLarge) {
    const std::string bomb = gzipped(gzipped(std::string(1024 * 1024, '\0'), 64));
    const LoopbackServer server(answering(bomb, "Content-Encoding: gzip, gzip\r\n"));
    const auto client = plain();
    EXPECT_EQ(fault(fetch(*client, get(server.url("/")))), "too_large");
}

}  // namespace
}  // namespace tapedeck
