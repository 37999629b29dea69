// How long from an answer received to its row being seen by a reader of the database?
//
//   latency --brokers HOST:PORT --topic T --url URL [--rounds N] [--seed N]
//
// Beside a `tapedeck load` that follows the topic: appends the 1 to 12 messages of a slot, as a
// collector does, every 0.2 to 1 s, and asks PostgreSQL every millisecond for the slot's rows. The
// clock starts before `append`. Answers with one line of JSON: milliseconds until append returned
// (the messages are durable) and until all rows were seen.
#include <fmt/format.h>
#include <libpq-fe.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>

#include "demo/hash.h"
#include "market/record.h"
#include "tape/kafka/kafka_tape.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr Timestamp kFirstSlot{std::chrono::sys_days(std::chrono::January / 1 / 2022)};
constexpr std::uint64_t kMostMessages = 12;
constexpr auto kLongestWait = 30s;

struct Asked {
    std::string brokers;
    std::string topic;
    std::string url;
    int rounds = 300;
    std::uint64_t seed = 1;
};

struct Release {
    void operator()(PGconn* link) const { PQfinish(link); }
    void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Release>;
using Answer = std::unique_ptr<PGresult, Release>;

void check(bool good, const std::string& what) {
    if (good) return;
    fmt::print(stderr, "latency: {}\n", what);
    std::exit(1);
}

std::vector<OutgoingMessage> messages_of(const Asked& asked, Timestamp slot, std::uint64_t count) {
    std::vector<OutgoingMessage> messages;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string name = fmt::format("coin-{}", i);
        Record record;
        record.instrument = record.name = name;
        record.price = *Decimal::from_parts(2'247'052 + static_cast<std::int64_t>(i), 2);
        record.currency = "USD";
        record.slot = slot;
        record.observed_at = slot + 412'913us;
        record.source = "coinmarketcap";
        record.rule = "price-class";
        OutgoingMessage message{asked.topic, name, {}, *record.observed_at, {}};
        encode_record(message.value, record, RecordForm::coin);
        messages.push_back(std::move(message));
    }
    return messages;
}

std::int64_t rows_of(PGconn* link, Timestamp slot) {
    const std::string text = format_rfc3339(slot);
    const char* values[] = {text.c_str()};
    const Answer answer(PQexecPrepared(link, "rows", 1, values, nullptr, nullptr, 0));
    check(PQresultStatus(answer.get()) == PGRES_TUPLES_OK, PQerrorMessage(link));
    return std::atoll(PQgetvalue(answer.get(), 0, 0));
}

std::string figures(std::vector<double> ms) {
    std::ranges::sort(ms);
    const auto at = [&](std::size_t percent) {
        return ms[std::min(ms.size() - 1, ms.size() * percent / 100)];
    };
    return fmt::format("{{\"median\":{:.2f},\"p90\":{:.2f},\"p99\":{:.2f},\"most\":{:.2f}}}",
                       at(50), at(90), at(99), ms.back());
}

int measure(const Asked& asked) {
    KafkaOptions options;
    options.brokers = asked.brokers;
    auto tape = KafkaTape::open(options);
    check(static_cast<bool>(tape), tape ? "" : tape.error().what);
    const Connection link(PQconnectdb(asked.url.c_str()));
    check(PQstatus(link.get()) == CONNECTION_OK, PQerrorMessage(link.get()));
    const Answer prepared(
        PQprepare(link.get(), "rows",
                  "select count(*) from coin_records where slot = $1::timestamptz", 1, nullptr));
    check(PQresultStatus(prepared.get()) == PGRES_COMMAND_OK, PQerrorMessage(link.get()));

    std::vector<double> appended, seen;
    constexpr int kWarming = 3;  // connections are made at the first append
    for (int round = -kWarming; round < asked.rounds; ++round) {
        const std::uint64_t chance =
            mixed(asked.seed, static_cast<std::uint64_t>(round + kWarming));
        std::this_thread::sleep_for(200ms + std::chrono::milliseconds(chance % 800));
        const Timestamp slot = kFirstSlot + 5min * (round + kWarming);
        const auto messages = messages_of(asked, slot, 1 + (chance >> 20) % kMostMessages);
        const auto began = SteadyClock::now();
        const auto results = (*tape)->append(messages);
        check(results && std::ranges::all_of(*results, [](const auto& one) { return bool(one); }),
              "append failed");
        const Milliseconds until_appended = SteadyClock::now() - began;
        while (rows_of(link.get(), slot) < std::ssize(messages)) {
            check(SteadyClock::now() - began < kLongestWait, "the rows did not come");
            std::this_thread::sleep_for(1ms);
        }
        const Milliseconds until_seen = SteadyClock::now() - began;
        if (round < 0) continue;
        appended.push_back(until_appended.count());
        seen.push_back(until_seen.count());
    }
    fmt::print("{{\"rounds\":{},\"appended\":{},\"seen\":{}}}\n", asked.rounds, figures(appended),
               figures(seen));
    return 0;
}

}  // namespace
}  // namespace tapedeck

int main(int argc, char** argv) {
    tapedeck::Asked asked;
    CLI::App app("From an append to the row being seen.");
    app.add_option("--brokers", asked.brokers)->required();
    app.add_option("--topic", asked.topic)->required();
    app.add_option("--url", asked.url)->required();
    app.add_option("--rounds", asked.rounds)->check(CLI::Range(1, 1'000'000));
    app.add_option("--seed", asked.seed);
    CLI11_PARSE(app, argc, argv);
    return tapedeck::measure(asked);
}
