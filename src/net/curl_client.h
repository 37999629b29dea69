#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "net/http_client.h"

namespace tapedeck {

struct CurlOptions {
    int max_connections = 100;            // requests on the wire at once, and so connections
    int max_per_host = 100;               // of them to one host
    std::string ca_file;                  // PEM; empty: the system's authorities
    std::string user_agent = "tapedeck";  // where a request has no User-Agent of its own
    bool private_redirects = false;       // from the internet into our own network
};

// The HttpClient on libcurl's multi interface: HTTP/1.1 and, over TLS, HTTP/2; gzip, deflate, br
// and zstd unpacked; certificates verified; names looked up beside the loop. One thread.
//
// - A request beyond max_connections waits its turn here, hosts in rotation; its timeout, `started`
//   and `connect_timeout` count from when it has its turn.
// - Timeouts and `at_most` are real time, whatever `clock` says: the network is real. The answers'
//   timestamps are the clock's.
// - max_bytes holds for the unpacked body and for the packed bytes, and is checked while they come:
//   a zip bomb costs max_bytes and no more. Answer headers may be 256 KiB in all.
// - Without a proxy of the request's own the environment's (https_proxy, no_proxy…) are used,
//   except for loopback.
// - Redirects: net/redirect.h. Cookies live in memory, one jar per name, until the client ends.
// - Failures name the host and never the query, headers or proxy, as those hold secrets.
// - While nobody is in `wait` nothing runs: idle connections cause no wake-ups.
// - A packed body that is cut inside an otherwise complete answer is not noticed by libcurl 7.88:
//   the unpacked part counts as the body.
class CurlClient : public HttpClient {
public:
    // `rejected` where ca_file cannot be read. The clock must outlive the client.
    static Result<std::unique_ptr<CurlClient>> open(const Clock& clock, CurlOptions options = {});

    ~CurlClient() override;
    CurlClient(const CurlClient&) = delete;
    CurlClient& operator=(const CurlClient&) = delete;

    void start(RequestId id, Request request) override;
    std::vector<Answer> wait(std::chrono::milliseconds at_most, std::stop_token stop) override;
    void cancel_all() override;
    std::size_t under_way() const override;  // started, and not yet given out by `wait`

    // Closes idle connections and frees what libcurl keeps for the next request (certificates,
    // names, buffers); cookies stay. For the pause between two slots. Nothing may be under way.
    void close_idle();
    void rest() override { close_idle(); }

private:
    struct Impl;
    explicit CurlClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace tapedeck
