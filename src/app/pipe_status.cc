#include "app/pipe_status.h"

#include <fmt/format.h>

#include <filesystem>

#include "app/output.h"
#include "views/status.h"

namespace tapedeck {
namespace {

void ask_brokers(Assembly& assembly, PipeStatus& pipe) {
    if (assembly.kafka() == nullptr || pipe.away) return;
    const auto group = assembly.group();
    if (!group) return;
    const auto described = assembly.kafka()->describe({}, *group);
    if (!described) return;
    pipe.brokers = addresses_of(described->brokers);
}

void read_spool(Assembly& assembly, PipeStatus& pipe) {
    const std::string path = spool_path(assembly.settings());
    if (!std::filesystem::exists(path)) return;
    auto file = SpoolFile::open_looking(path, assembly.clock(), look_beside(assembly.store()));
    if (!file) return;
    const auto sizes = (*file)->sizes();
    // An embedded tape is seldom away; its spool is told of while there is something in it.
    const bool of_note =
        sizes && (assembly.kafka() != nullptr || sizes->messages > 0 || sizes->refused > 0);
    if (!of_note) return;
    pipe.spool_file = path;
    pipe.spool = *sizes;
}

std::string number_or_dash(const std::optional<std::int64_t>& value) {
    return value ? std::to_string(*value) : "-";
}

}  // namespace

std::vector<std::string> addresses_of(const std::vector<KafkaBroker>& brokers) {
    std::vector<std::string> out;
    for (const KafkaBroker& one : brokers) out.push_back(fmt::format("{}:{}", one.host, one.port));
    return out;
}

Result<PipeStatus> pipe_status(Assembly& assembly, Timestamp now) {
    std::vector<std::string> topics;
    for (const LoadedTopic& topic : loader_options(assembly.settings()).topics) {
        topics.push_back(topic.topic);
    }
    auto pipe = read_pipe(assembly.store(), assembly.tape(), topics, now);
    if (!pipe) return pipe;
    pipe->tape = to_string(assembly.settings().tape.url);
    ask_brokers(assembly, *pipe);
    read_spool(assembly, *pipe);
    return pipe;
}

void show_pipe(const PipeStatus& pipe, Timestamp now) {
    std::string more;
    if (!pipe.brokers.empty()) more = fmt::format(", brokers {}", fmt::join(pipe.brokers, " "));
    if (pipe.away) more = fmt::format(" IS AWAY: {}", *pipe.away);
    print(fmt::format("tape {}{}\n", pipe.tape, more));
    Table tape({{"topic"},
                {"partition", Align::right},
                {"earliest", Align::right},
                {"end", Align::right},
                {"loaded", Align::right},
                {"lag", Align::right},
                {"in a minute", Align::right},
                {"last batch"}});
    for (const PartitionStatus& one : pipe.partitions) {
        const auto& extent = one.extent;
        tape.add({one.at.topic, std::to_string(one.at.partition.value()),
                  number_or_dash(extent ? std::optional(extent->earliest.value()) : std::nullopt),
                  number_or_dash(extent ? std::optional(extent->end.value()) : std::nullopt),
                  std::to_string(one.loaded.value()), number_or_dash(one.lag()),
                  std::to_string(one.messages_last_minute), ago(one.last_commit, now)});
    }
    if (!tape.empty()) tape.print();
    print(fmt::format("\nloaded {} rows in the last minute, {} in the last hour, last commit {}\n",
                      pipe.rows_last_minute, pipe.rows_last_hour, ago(pipe.last_commit, now)));
    for (const LoaderStatus& one : pipe.loaders) {
        print(fmt::format("loader {}: {} rows in {} batches within the hour, last {}\n", one.name,
                          one.rows, one.batches, ago(one.last, now)));
    }
    if (!pipe.spool) return;
    print(fmt::format(
        "spool {}: {} messages of {} bytes wait{}{}\n", pipe.spool_file, pipe.spool->messages,
        pipe.spool->bytes,
        pipe.spool->oldest ? ", the oldest since " + ago(pipe.spool->oldest, now) : "",
        pipe.spool->refused > 0 ? fmt::format("; {} that the tape REFUSED", pipe.spool->refused)
                                : ""));
}

}  // namespace tapedeck
