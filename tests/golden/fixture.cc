#include "tests/golden/fixture.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "alerts/problems.h"
#include "app/assembly.h"
#include "app/demo.h"
#include "net/memory_http_client.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/sqlite/sqlite_tape.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

const Timestamp kFirst = *parse_rfc3339("2026-11-25T15:00:00Z");

constexpr std::string_view kConfig = R"([captures]
enabled = true
[sources]
folder = "FOLDER"
[feed.coin]
instruments = ["bitcoin", "ethereum"]
sources = ["site", "api"]
[feed.stock]
instruments = ["AAPL"]
sources = ["api"]
)";

constexpr std::string_view kSite = R"([source]
name = "site"
url = "https://site.example/coins/{instrument}/"
pace = "600/min"
identity = "url"
[[rule]]
name = "shown"
price = { css = ".price" }
currency = "USD"
[[rule]]
name = "inside"
script = "#data"
price = "/price"
currency = "USD"
)";

constexpr std::string_view kApi = R"([source]
name = "api"
url = "https://api.example/v1/{instrument}"
pace = "600/min"
identity = "url"
[[rule]]
name = "json"
price = "/price"
currency = "USD"
)";

std::string page_of(std::string_view shown, std::string_view inside) {
    return fmt::format(
        "<html><body><h1>Prices</h1><div class=\"price\">${}</div>"
        "<script id=\"data\" type=\"application/json\">{{\"price\": {}}}</script></body></html>",
        shown, inside);
}

// What the two sites answer in each slot.
WebAnswer answer(const Request& request, int slot) {
    WebAnswer web;
    web.latency = 120ms;
    const bool bitcoin = request.url.find("bitcoin") != std::string::npos;
    if (request.url.find("site.example") != std::string::npos) {
        web.body = bitcoin ? page_of(fmt::format("22,470.5{}", slot), "22470.4999")
                           : page_of("1,641.10", "1641.0987654321");
        if (slot == 1 && bitcoin) web.status = 429;
        if (slot == 1 && !bitcoin) web.body = "<html><body>sold out</body></html>";
        return web;
    }
    web.body = fmt::format(R"({{"price": {}}})", bitcoin ? "22471.00" : "276.9700");
    if (request.url.find("ethereum") != std::string::npos) web.status = 404;
    return web;
}

Result<> write(const std::string& path, std::string_view text) {
    std::ofstream file(path);
    file << text;
    if (file.flush()) return {};
    return Error{ErrorKind::unavailable, "cannot write " + path};
}

class World {
public:
    World(Assembly& assembly, ManualClock& clock)
        : assembly_(assembly),
          clock_(clock),
          client_(MemoryHttpClient::advancing(
              clock, [this](const Request& request) { return answer(request, slot_); })),
          states_(assembly.log()),
          collector_({clock, assembly.tape(), client_, assembly.captures(), states_,
                      assembly.secrets(), assembly.log(), "recorder:1"}) {}

    // One run of the DAG that collects `feed`, as the recorder makes it.
    Result<> collect(const std::string& dag, const std::string& feed, int slot) {
        slot_ = slot;
        const Timestamp at = kFirst + slot * 5min;
        const std::string id = dag + "/" + format_rfc3339(at);
        const Timestamp began = clock_.now();
        auto done = write({RunTable::run_begun({id, dag, at, "scheduled", "running", began, {}},
                                               assembly_.config().digest),
                           RunTable::try_begun(id, {"collect", 1, "running", began, {}, ""})});
        if (!done) return done;
        const Feed& asked = assembly_.feeds().at(feed);
        auto run = collector_.collect(
            asked, {id, at, 1, asked.instruments, at + 150s, assembly_.config().digest}, {});
        if (!run) return run.error();
        return write({RunTable::try_ended(id, {"collect", 1, "success", began, clock_.now(), ""}),
                      RunTable::run_ended(id, "success", clock_.now())});
    }

    // Asked by hand for a slot before the history began, in vain.
    Result<> collect_by_hand(const std::string& feed, const std::string& instrument) {
        slot_ = 1;
        const Timestamp at = kFirst - 1h;
        const CollectJob job{fmt::format("manual/{}/{}", feed, format_rfc3339(at)),
                             at,
                             1,
                             {instrument},
                             clock_.now() + 150s,
                             assembly_.config().digest};
        auto run = collector_.collect(assembly_.feeds().at(feed), job, {});
        return run ? Result<>() : run.error();
    }

    Result<> lose_messages() {
        const std::vector<Statement> lost{
            {"insert into tape_gaps (topic, partition, from_offset, to_offset, recorded_at) values "
             "('old_topic', 3, 40, 45, $1)",
             {clock_.now()},
             1}};
        auto done = assembly_.store().transact(lost);
        return done ? Result<>() : done.error();
    }

    Result<> load_and_settle() {
        Loader loader(assembly_.tape(), assembly_.store(), clock_, assembly_.log(),
                      loader_options(assembly_.settings()));
        if (auto loaded = loader.run({}, true); !loaded) return loaded.error();
        auto expectations = assembly_.expectations();
        if (!expectations) return expectations.error();
        CoverageLedger coverage(assembly_.store(), assembly_.tape(), assembly_.feeds());
        if (auto settled = coverage.settle(*expectations, clock_.now()); !settled) {
            return settled.error();
        }
        ProblemTeller teller(assembly_.store(), clock_, assembly_.log(),
                             [](bool, const Problem&) { return Result<>(); });
        for (const auto& [name, feed] : assembly_.feeds()) {
            if (auto looked = teller.look(assembly_.feeds(), name, {}); !looked) return looked;
        }
        return {};
    }

private:
    Result<> write(const std::vector<Statement>& statements) {
        auto done = assembly_.store().transact(statements);
        return done ? Result<>() : Result<>(done.error());
    }

    Assembly& assembly_;
    ManualClock& clock_;
    int slot_ = 0;
    MemoryHttpClient client_;
    SourceStates states_;
    Collector collector_;
};

Result<> record(Assembly& assembly, ManualClock& clock) {
    if (auto noted = assembly.begin_schedule(); !noted) return noted;
    World world(assembly, clock);
    for (int slot = 0; slot < 3; ++slot) {
        clock.advance(kFirst + slot * 5min - clock.now());
        if (auto done = world.collect("coin_market_record", "coin", slot); !done) return done;
        if (auto done = world.collect("stock_market_record", "stock", slot); !done) return done;
        if (slot == 2) {
            const std::vector<OutgoingMessage> garbage{
                {"coin_topic", "bitcoin", "no JSON", clock.now(), {}}};
            auto put = assembly.tape().append(garbage);
            if (!put) return put.error();
        }
        if (auto done = world.load_and_settle(); !done) return done;
    }
    // 15:15 passes while nobody runs.
    clock.advance(kFirst + 18min + 30s - clock.now());
    if (auto done = world.collect_by_hand("coin", "ethereum"); !done) return done;
    if (auto done = world.lose_messages(); !done) return done;
    if (auto done = world.load_and_settle(); !done) return done;
    return keep_demo_time(assembly.store(), clock.now());
}

}  // namespace

Result<> make_golden_world(const std::string& path) {
    std::string config(kConfig);
    config.replace(config.find("FOLDER"), 6, "sources");
    std::filesystem::create_directories(path + "/sources");
    for (const auto& [name, text] :
         {std::pair("tapedeck.toml", std::string_view(config)),
          std::pair("sources/site.toml", kSite), std::pair("sources/api.toml", kApi)}) {
        if (auto done = write(path + "/" + name, text); !done) return done;
    }
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(path);  // paths of the configuration count from there
    auto loaded = load_config({});
    if (!loaded) return loaded.error();
    auto clock = std::make_unique<ManualClock>(kFirst - 1s);
    ManualClock& borrowed = *clock;
    Assembly::Options opening;
    opening.clock = std::move(clock);
    opening.log_sink = [](std::string_view, std::string_view) {};
    auto assembly = Assembly::open(*std::move(loaded), std::move(opening));
    if (!assembly) return assembly.error();
    auto done = record(**assembly, borrowed);
    std::filesystem::current_path(before);
    return done;
}

}  // namespace tapedeck
