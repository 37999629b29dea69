// Fills a topic with prices as fast as the broker takes them, and says what they add up to.
//
//   produce --brokers HOST:PORT --topic T --partitions N --rows N [--form own|array]
//           [--instruments N] [--seed N]
//
// own: tapedeck's messages, one price each, keyed by instrument. array: the original's, six coins a
// message, without slot or source; their key is a running number, so that they spread.
// Answers with one line of JSON: messages, rows, sum, least and greatest price, seconds.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <thread>

#include "base/json_writer.h"
#include "base/queue.h"
#include "bench/load/market_walk.h"
#include "tape/kafka/kafka_tape.h"

namespace tapedeck {
namespace {

constexpr std::int64_t kCoinsOfArray = 6;
constexpr std::size_t kAtOnce = 20'000;

struct Asked {
    std::string brokers;
    std::string topic;
    int partitions = 1;
    std::int64_t rows = 6'000'000;
    std::string form = "own";
    int instruments = 1'000;
    std::uint64_t seed = 1;
};

void check(bool good, const std::string& what) {
    if (good) return;
    fmt::print(stderr, "produce: {}\n", what);
    std::exit(1);
}

OutgoingMessage own_message(const Asked& asked, MarketWalk& walk) {
    const Record record = walk.next();
    OutgoingMessage message{
        asked.topic, std::string(record.instrument), {}, *record.observed_at, {}};
    encode_record(message.value, record, RecordForm::coin);
    return message;
}

OutgoingMessage array_message(const Asked& asked, MarketWalk& walk) {
    OutgoingMessage message{asked.topic, std::to_string(walk.rows() / kCoinsOfArray), {}, {}, {}};
    JsonWriter json(message.value);
    json.begin_array();
    for (std::int64_t i = 0; i < kCoinsOfArray; ++i) {
        const Record record = walk.next();
        message.timestamp = *record.slot;
        json.begin_object().key("coin_name").text(record.instrument);
        json.key("current_price").raw(record.price.to_string()).end_object();
    }
    json.end_array();
    return message;
}

using Messages = std::vector<OutgoingMessage>;

void append(KafkaTape& tape, const Messages& messages) {
    const auto results = tape.append(messages);
    check(static_cast<bool>(results), results ? "" : results.error().what);
    for (const auto& result : *results) {
        check(static_cast<bool>(result), result ? "" : result.error().what);
    }
}

int produce(const Asked& asked) {
    KafkaOptions options;
    options.brokers = asked.brokers;
    options.retention = std::chrono::milliseconds(-1);  // the slots lie years back
    auto tape = KafkaTape::open(options);
    check(static_cast<bool>(tape), tape ? "" : tape.error().what);
    const auto made = (*tape)->ensure_topic(asked.topic, asked.partitions);
    check(static_cast<bool>(made), made ? "" : made.error().what);

    const auto began = std::chrono::steady_clock::now();
    MarketWalk walk(asked.form == "array" ? kCoinsOfArray : asked.instruments, asked.seed);
    std::int64_t sent = 0;
    {
        Queue<Messages> encoded(2);
        std::jthread sender([&] {
            while (const auto messages = encoded.pop()) append(**tape, *messages);
        });
        const auto make = asked.form == "array" ? array_message : own_message;
        while (walk.rows() < asked.rows) {
            Messages messages;
            while (messages.size() < kAtOnce && walk.rows() < asked.rows) {
                messages.push_back(make(asked, walk));
            }
            sent += static_cast<std::int64_t>(messages.size());
            encoded.push(std::move(messages));
        }
        encoded.close();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    fmt::print(
        "{{\"topic\":\"{}\",\"messages\":{},\"rows\":{},\"sum\":\"{}\",\"least\":\"{}\","
        "\"greatest\":\"{}\",\"seconds\":{:.1f}}}\n",
        asked.topic, sent, walk.rows(), walk.sum().to_string(), walk.least().to_string(),
        walk.greatest().to_string(), took.count());
    return 0;
}

}  // namespace
}  // namespace tapedeck

int main(int argc, char** argv) {
    tapedeck::Asked asked;
    CLI::App app("Fills a topic with prices.");
    app.add_option("--brokers", asked.brokers)->required();
    app.add_option("--topic", asked.topic)->required();
    app.add_option("--partitions", asked.partitions)->check(CLI::Range(1, 1000));
    app.add_option("--rows", asked.rows)->check(CLI::Range(1L, 1'000'000'000L));
    app.add_option("--form", asked.form)->check(CLI::IsMember({"own", "array"}));
    app.add_option("--instruments", asked.instruments)->check(CLI::Range(1, 100'000));
    app.add_option("--seed", asked.seed);
    CLI11_PARSE(app, argc, argv);
    return tapedeck::produce(asked);
}
