#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "demo/demo_site.h"

namespace tapedeck {

struct DemoServerOptions {
    std::uint16_t port = 0;               // 0: one that is free
    std::size_t most_connections = 1024;  // one more is closed at once
    std::uint32_t most_header_bytes = 16 * 1024;
    std::uint64_t most_body_bytes = 64 * 1024;
    std::chrono::milliseconds request_timeout{10'000};  // from a request's first byte to its last,
                                                        // and of a connection that asks nothing
    std::chrono::milliseconds write_timeout{30'000};    // of one answer, its planned slowness apart
    std::chrono::milliseconds stop_grace{300};          // for answers that are under way
};

// Serves a DemoSite over HTTP/1.1 on 127.0.0.1 and nowhere else, on a thread of its own, with
// keep-alive. What is no HTTP gets 400 or a closed connection, a header beyond the limit 431, a
// body 413, a method other than GET, HEAD and POST 405. Every answer carries "Server: tapedeck
// demo".
//
// `site` must outlive the server. All functions may be called from any thread.
class DemoServer {
public:
    struct Counts {
        std::uint64_t connections = 0;  // ever accepted
        std::uint64_t open = 0;
        std::uint64_t requests = 0;  // understood as HTTP
        std::uint64_t refused = 0;   // bad requests, and connections beyond the limit
    };

    // `unavailable` where the port is taken.
    static Result<std::unique_ptr<DemoServer>> start(DemoSite& site, DemoServerOptions options);

    // Stops.
    ~DemoServer();
    DemoServer(const DemoServer&) = delete;
    DemoServer& operator=(const DemoServer&) = delete;

    std::uint16_t port() const;
    std::string base_url() const;  // "http://127.0.0.1:8123", for demo_url
    Counts counts() const;

    // Takes no more connections, lets answers under way finish for `stop_grace`, closes what is
    // left and joins the thread. Once; further calls do nothing.
    void stop();

private:
    struct Impl;
    explicit DemoServer(std::unique_ptr<Impl> impl);

    std::unique_ptr<Impl> impl_;
};

}  // namespace tapedeck
