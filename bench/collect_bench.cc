// Question: how long does a slot of 1,000 instruments take the whole collector, and how much
// memory? Collector, sources, captures and tape as `tapedeck run` has them, pace lifted; every
// answer is read by a rule, kept as a capture and put on the tape, and the account of the run
// closes it. Data: a server on loopback, in a process of its own, that takes 100 ms an answer: JSON
// of 2 kB, or a page of 1 MB that a CSS rule reads; at most 100 connections. Limit: 1,000 / 100 *
// 100 ms = 1 s. To hold: 1.3 times that, and 64 MiB, with 2 kB an answer. Peer: the HTTP client
// alone on the same answers, in the same run.
#include <fmt/format.h>

#include "bench/slow_server.h"
#include "captures/sqlite/sqlite_captures.h"
#include "collect/collector.h"
#include "net/curl_client.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

using namespace bench;

constexpr std::size_t kInstruments = 1'000;
constexpr int kConnections = 100;

std::string json_of_2_kb() {
    return R"({"note": ")" + std::string(kNumber) + std::string(1'948, 'x') +
           R"(", "price": "22470.52"})";
}

// In the shape of quote pages: some 3,500 elements, and the rest is the state of a script.
std::string page_of_1_mb() {
    std::string page = "<html><!--" + std::string(kNumber) +
                       "--><body><div class=\"price\">$22,470.52</div><table>";
    for (int i = 0; i < 1'170; ++i) {
        page +=
            fmt::format("<tr><td class=\"row\"><a href=\"/coins/{0}/\">coin {0}</a></td></tr>", i);
    }
    page += "</table><script>window.state = {";
    for (int i = 0; page.size() < 999'900; ++i)
        page += fmt::format("\"coin-{0}\":{{\"id\":{0}}},", i);
    return page + "};</script></body></html>";
}

std::shared_ptr<const Source> source_of(int port, bool page) {
    auto source = parse_source(fmt::format(R"(
[source]
name = "bench"
url = "http://127.0.0.1:{}/price/{{instrument}}"
pace = "6000000/min"
timeout = "60s"
identity = "url"
[[rule]]
name = "price"
price = {}
currency = "USD"
)",
                                           port, page ? "{ css = \".price\" }" : "\"/price\""),
                               "bench.toml");
    TAPEDECK_ASSERT(source);
    return std::make_shared<const Source>(*std::move(source));
}

struct Measured {
    std::chrono::milliseconds wall;
    std::chrono::milliseconds cpu;
    long peak_mb;
};

template <class Work>
Measured measured(Work work) {
    std::ofstream("/proc/self/clear_refs") << 5;  // peak resident memory counts from here
    const auto cpu_before = cpu();
    const auto before = SteadyClock::now();
    work();
    const auto wall =
        std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - before);
    return {wall, cpu() - cpu_before, memory_kb("VmHWM:") / 1'024};
}

void fetch_alone(CurlClient& client, int port) {
    for (std::size_t i = 0; i < kInstruments; ++i) {
        Request request;
        request.url = fmt::format("http://127.0.0.1:{}/price/coin-{}", port, i);
        request.timeout = 60s;
        client.start(RequestId(i), std::move(request));
    }
    std::size_t good = 0;
    while (client.under_way() > 0) {
        for (const Answer& answer : client.wait(60s, {})) good += answer.failure ? 0 : 1;
    }
    TAPEDECK_ASSERT(good == kInstruments);
}

class Bench {
public:
    Bench(const TempFolder& folder, int port, bool page, CurlClient& client)
        : tape_(open_tape(folder)),
          captures_(open_captures(folder)),
          states_(log_),
          collector_(
              {clock_, *tape_, client, captures_.get(), states_, secrets_, log_, "bench:1"}) {
        feed_.name = "coin";
        feed_.topic = "coin_topic";
        feed_.table = {"coin_records", RecordForm::coin};
        feed_.sources = {source_of(port, page)};
        for (std::size_t i = 0; i < kInstruments; ++i) {
            feed_.instruments.push_back(fmt::format("coin-{}", i));
        }
        TAPEDECK_ASSERT(tape_->ensure_topic(feed_.topic, 1));
        TAPEDECK_ASSERT(tape_->ensure_topic(std::string(kOutcomesTopic), 1));
    }

    void slot(int number) {
        const Timestamp now = clock_.now();
        CollectJob job{
            fmt::format("run/{}", number), now, 1, feed_.instruments, now + 120s, "digest"};
        const auto run = collector_.collect(feed_, job, {});
        TAPEDECK_ASSERT(run);
        const auto sent = std::ranges::count_if(
            run->outcomes, [](const Outcome& one) { return one.sent.has_value(); });
        for (const Outcome& one : run->outcomes) {
            if (one.sent) continue;
            fmt::print(stderr, "{}: {}\n", one.instrument, one.what);
            break;
        }
        TAPEDECK_ASSERT(sent == static_cast<std::ptrdiff_t>(kInstruments));
    }

private:
    std::unique_ptr<SqliteTape> open_tape(const TempFolder& folder) {
        auto tape = SqliteTape::open(folder.file("t.db"), clock_);
        TAPEDECK_ASSERT(tape);
        return *std::move(tape);
    }
    std::unique_ptr<SqliteCaptures> open_captures(const TempFolder& folder) {
        auto captures = SqliteCaptures::open(folder.file("t.captures.db"), clock_);
        TAPEDECK_ASSERT(captures);
        return *std::move(captures);
    }

    SystemClock clock_;
    Log log_{-1, LogFormat::text, Severity::error, clock_};
    SecretLookup secrets_ = [](const std::string&) -> Result<Secret> {
        return Error{ErrorKind::rejected, "none"};
    };
    std::unique_ptr<SqliteTape> tape_;
    std::unique_ptr<SqliteCaptures> captures_;
    SourceStates states_;
    Collector collector_;
    Feed feed_;
};

int run() {
    fmt::print("{} instruments, {} connections, {} ms an answer; limit 1000 ms\n", kInstruments,
               kConnections, kLatency.count());
    fmt::print("{:>9} {:>10} {:>4} {:>8} {:>8} {:>7} {:>13}\n", "answer", "who", "run", "wall ms",
               "x limit", "cpu ms", "peak RSS MiB");
    bool held = true;
    for (const bool page : {false, true}) {
        const std::string body = page ? page_of_1_mb() : json_of_2_kb();
        const ServerProcess server(body);
        const TempFolder folder;
        const SystemClock clock;
        CurlOptions options;
        options.max_connections = options.max_per_host = kConnections;
        const auto client = CurlClient::open(clock, options);
        TAPEDECK_ASSERT(client);
        {
            Bench bench(folder, server.port(), page, **client);
            for (int i = 1; i <= 6; ++i) {
                const bool whole = i % 2 == 0;  // in turns: the machine's mood meets both
                const Measured one = measured([&] {
                    if (whole) {
                        bench.slot(i);
                    } else {
                        fetch_alone(**client, server.port());
                    }
                });
                fmt::print("{:>9} {:>10} {:>4} {:>8} {:>8.2f} {:>7} {:>13}\n", body.size(),
                           whole ? "collector" : "client", (i + 1) / 2, one.wall.count(),
                           static_cast<double>(one.wall.count()) / 1'000, one.cpu.count(),
                           one.peak_mb);
                if (whole && !page) held = held && one.wall <= 1'300ms && one.peak_mb < 64;
            }
        }
    }
    fmt::print("2 kB an answer, 1.3 times the limit and 64 MiB: {}\n", held ? "held" : "NOT held");
    return held ? 0 : 1;
}

}  // namespace
}  // namespace tapedeck

int main() { return tapedeck::run(); }
