// Question: how long does a slot of 1,000 requests take, and how much memory?
// Data: a server on loopback that takes 100 ms an answer, of 2 kB or of 1 MB, in a process of its
// own, so that the memory is the client's alone; at most 100 connections.
// Limit: 1,000 / 100 * 100 ms = 1 s. To hold: 1.3 times that, and 64 MiB, with 2 kB an answer.
#include <fmt/format.h>

#include "bench/slow_server.h"
#include "net/curl_client.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using namespace bench;

constexpr std::size_t kRequests = 1'000;
constexpr int kConnections = 100;

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
        const ServerProcess server(std::string(kNumber) + std::string(body - kNumber.size(), 'x'));
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
