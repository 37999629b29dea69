// A loader's reading loop in a process of its own, for tests of groups and of memory.
//
//     kafka_child BROKERS GROUP TOPIC MESSAGES
//
// Writes a line for each thing that happens ("assigned 2", "revoked 2", "read 2 from 100 to 250",
// "error …"), starts each partition at the offset where it last stopped reading it, and ends when
// MESSAGES have been read ("memory KIB", "seconds S", "cpu S") or its standard input is closed.
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <string>

#include "tape/kafka_tape.h"

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

int read_group(const char* const* arguments) {
    KafkaOptions options;
    options.brokers = arguments[1];
    options.session_timeout = std::chrono::seconds(6);
    auto tape = KafkaTape::open(options);
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
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    say("messages " + std::to_string(messages));
    say("memory " + most_memory());
    say("seconds " + std::to_string(seconds));
    say("cpu " + std::to_string(of(usage.ru_utime) + of(usage.ru_stime)));
    return 0;
}

}  // namespace
}  // namespace tapedeck

int main(int count, char** arguments) {
    if (count != 5) return 2;
    return tapedeck::read_group(arguments);
}
