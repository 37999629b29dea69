// A loader, or its reading loop alone, in a process of its own, for tests of groups and of memory.
//
//     kafka_child BROKERS GROUP TOPIC MESSAGES
//     kafka_child BROKERS GROUP TOPIC MESSAGES STORE
//
// With STORE, a SQLite file, a Loader loads the topic until MESSAGES have been loaded by it
// ("loaded N") or its standard input is closed. Without, a line tells each thing that happens
// ("assigned 2", "revoked 2", "read 2 from 100 to 250", "error …"), each partition is started at
// the offset where it was last read to, and the end comes when MESSAGES have been read ("messages
// N", "seconds S"). Both then say "memory KIB" and "cpu S".
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "load/loader.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/kafka/kafka_tape.h"

namespace tapedeck {
namespace {

void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

bool is_input_closed() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    return ::poll(&input, 1, 0) == 1;
}

// The most that was ever resident (proc(5), VmHWM), in KiB.
std::string most_memory() {
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word) {
        if (word == "VmHWM:") {
            status >> word;
            return word;
        }
    }
    return "unknown";
}

void say_usage() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    say("memory " + most_memory());
    say("cpu " + std::to_string(of(usage.ru_utime) + of(usage.ru_stime)));
}

Result<std::unique_ptr<KafkaTape>> open_tape(const char* brokers,
                                             std::chrono::seconds session_timeout) {
    KafkaOptions options;
    options.brokers = brokers;
    options.session_timeout = session_timeout;
    return KafkaTape::open(options);
}

int load(const char* const* arguments) {
    const auto tape = open_tape(arguments[1], std::chrono::seconds(3));
    if (!tape) return say("error " + tape.error().what), 1;
    SystemClock clock;
    const auto store = SqliteStore::open(arguments[5], clock);
    if (!store) return say("error " + store.error().what), 1;
    const PriceTable coins{"coin_records", RecordForm::coin};
    if (auto made = (*store)->ensure_table(coins); !made)
        return say("error " + made.error().what), 1;
    LoaderOptions options;
    options.topics = {{arguments[3], coins}};
    options.group = arguments[2];
    const auto wanted = std::stoll(arguments[4]);
    std::stop_source done;
    std::int64_t messages = 0;  // the commit thread's
    Log log(STDERR_FILENO, LogFormat::text, Severity::error, clock);
    Loader loader(**tape, **store, clock, log, options, [&](const Batch& batch, const Committed&) {
        for (const auto& advance : batch.advances) {
            messages += advance.to.value() - advance.from.value();
        }
        if (messages >= wanted) done.request_stop();
    });
    const std::jthread watcher([&](std::stop_token stop) {
        while (!stop.stop_requested() && !is_input_closed()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        done.request_stop();
    });
    say("loading");
    const auto summary = loader.run(done.get_token(), false);
    if (!summary) return say("error " + summary.error().what), 1;
    say("loaded " + std::to_string(summary->messages));
    say_usage();
    return 0;
}

int read_group(const char* const* arguments) {
    const auto tape = open_tape(arguments[1], std::chrono::seconds(6));
    if (!tape) return say("error " + tape.error().what), 1;
    auto reader = (*tape)->open_reader({arguments[3]}, arguments[2]);
    if (!reader) return say("error " + reader.error().what), 1;
    const auto wanted = std::stoll(arguments[4]);
    const bool is_quiet = wanted > 100'000;
    long long messages = 0;
    std::map<TopicPartition, Offset> positions;
    auto first = std::chrono::steady_clock::now();
    while (messages < wanted && !is_input_closed()) {
        auto polled = (*reader)->poll(std::chrono::milliseconds(200), 2 << 20, {});
        if (!polled) {
            say("error " + polled.error().what);
        } else if (const auto* news = std::get_if<Assigned>(&*polled)) {
            for (const TopicPartition& at : news->partitions) {
                say("assigned " + std::to_string(at.partition.value()));
                const auto started = (*reader)->start(at, positions[at]);
                if (!started) say("error " + started.error().what);
            }
        } else if (const auto* gone = std::get_if<Revoked>(&*polled)) {
            for (const TopicPartition& at : gone->partitions) {
                say("revoked " + std::to_string(at.partition.value()));
            }
        } else if (const auto* chunk = std::get_if<Chunk>(&*polled)) {
            if (messages == 0) first = std::chrono::steady_clock::now();
            messages += static_cast<long long>(chunk->messages.size());
            positions[chunk->at] = chunk->next;
            (*reader)->note_loaded(chunk->at, chunk->next);
            if (!is_quiet) {
                say("read " + std::to_string(chunk->at.partition.value()) + " from " +
                    std::to_string(chunk->from.value()) + " to " +
                    std::to_string(chunk->next.value()));
            }
        }
    }
    const auto seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - first).count();
    say("messages " + std::to_string(messages));
    say("seconds " + std::to_string(seconds));
    say_usage();
    return 0;
}

}  // namespace
}  // namespace tapedeck

int main(int count, char** arguments) {
    if (count == 5) return tapedeck::read_group(arguments);
    if (count == 6) return tapedeck::load(arguments);
    return 2;
}
