#include "views/pipe.h"

#include <algorithm>
#include <map>

#include "store/tape_label.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kBatchesOfRates = 200'000;

Result<std::map<TopicPartition, Offset>> read_ledger(Store& store, const TapeLabel& label) {
    std::map<TopicPartition, Offset> ledger;
    auto done = store.query({"select topic, partition, next_offset from offsets", {}, {}},
                            [&](const RowView& row) -> Result<> {
                                if (!label.is_of(row.text(0))) return {};
                                const TopicPartition at{
                                    std::string(topic_on_tape(row.text(0))),
                                    Partition(static_cast<std::int32_t>(row.integer(1)))};
                                ledger[at] = Offset(row.integer(2));
                                return {};
                            });
    if (!done) return done.error();
    return ledger;
}

// What the tape says of the topics; the first call that it does not answer is the last.
void read_tape_extents(Tape& tape, std::span<const std::string> topics,
                       const std::map<TopicPartition, Offset>& ledger, PipeStatus& pipe) {
    std::map<TopicPartition, std::optional<Extent>> extents;
    for (const auto& [at, offset] : ledger) extents[at];
    for (const std::string& topic : topics) {
        if (pipe.away) break;
        const auto partitions = tape.partitions(topic);
        if (!partitions && partitions.error().kind == ErrorKind::rejected) continue;  // not yet
        if (!partitions) {
            pipe.away = partitions.error().what;
            break;
        }
        for (const Partition partition : *partitions) {
            const TopicPartition at{topic, partition};
            auto extent = tape.extent(at);
            if (!extent) {
                pipe.away = extent.error().what;
                break;
            }
            extents[at] = *extent;
        }
    }
    for (const auto& [at, extent] : extents) {
        const auto loaded = ledger.find(at);
        pipe.partitions.push_back(
            {at, extent, loaded == ledger.end() ? Offset(0) : loaded->second, 0, {}});
    }
}

Result<> read_batches(Store& store, const TapeLabel& label, Timestamp now, PipeStatus& pipe) {
    auto done = store.query(
        {"select loader, max(committed_at), sum(rows), count(*) from batches where id > (select "
         "coalesce(max(id), 0) - $2 from batches) and committed_at >= $1 group by loader order by "
         "loader",
         {now - 1h, kBatchesOfRates},
         {}},
        [&](const RowView& row) -> Result<> {
            pipe.loaders.push_back(
                {std::string(row.text(0)), row.timestamp(1), row.integer(2), row.integer(3)});
            pipe.rows_last_hour += row.integer(2);
            return {};
        });
    if (!done) return done;
    // A partition's offsets count as its messages: marks of transactions are few.
    return store.query(
        {"select topic, partition, max(committed_at), coalesce(sum(case when committed_at >= $1 "
         "then rows else 0 end), 0), coalesce(sum(case when committed_at >= $1 then to_offset - "
         "from_offset else 0 end), 0) from batches where id > (select coalesce(max(id), 0) - $2 "
         "from batches) group by topic, partition",
         {now - 1min, kBatchesOfRates},
         {}},
        [&](const RowView& row) -> Result<> {
            const Timestamp last = row.timestamp(2);
            pipe.rows_last_minute += row.integer(3);
            pipe.last_commit = std::max(pipe.last_commit.value_or(last), last);
            if (!label.is_of(row.text(0))) return {};
            const TopicPartition at{std::string(topic_on_tape(row.text(0))),
                                    Partition(static_cast<std::int32_t>(row.integer(1)))};
            const auto one = std::ranges::find(pipe.partitions, at, &PartitionStatus::at);
            if (one == pipe.partitions.end()) return {};
            one->messages_last_minute = row.integer(4);
            one->last_commit = last;
            return {};
        });
}

void write_partition(JsonWriter& json, const PartitionStatus& one) {
    json.begin_object().key("topic").text(one.at.topic);
    json.key("partition").number(one.at.partition.value());
    for (const auto& [key, value] :
         {std::pair("earliest",
                    one.extent ? std::optional(one.extent->earliest.value()) : std::nullopt),
          std::pair("end", one.extent ? std::optional(one.extent->end.value()) : std::nullopt),
          std::pair("loaded", std::optional(one.loaded.value())), std::pair("lag", one.lag())}) {
        json.key(key);
        if (value) {
            json.number(*value);
        } else {
            json.null();
        }
    }
    json.key("messages_last_minute").number(one.messages_last_minute);
    write_time(json, "last_commit", one.last_commit);
    json.end_object();
}

}  // namespace

Result<PipeStatus> read_pipe(Store& store, Tape& tape, std::span<const std::string> topics,
                             Timestamp now) {
    PipeStatus pipe;
    const auto label = label_of(store, tape);
    if (!label) return label.error();
    const auto ledger = read_ledger(store, *label);
    if (!ledger) return ledger.error();
    read_tape_extents(tape, topics, *ledger, pipe);
    if (auto done = read_batches(store, *label, now, pipe); !done) return done.error();
    return pipe;
}

void write_pipe(JsonWriter& json, const PipeStatus& pipe) {
    json.key("tape").text(pipe.tape).key("tape_away");
    if (pipe.away) {
        json.text(*pipe.away);
    } else {
        json.null();
    }
    json.key("brokers").begin_array();
    for (const std::string& broker : pipe.brokers) json.text(broker);
    json.end_array().key("partitions").begin_array();
    for (const PartitionStatus& one : pipe.partitions) write_partition(json, one);
    json.end_array().key("loaders").begin_array();
    for (const LoaderStatus& one : pipe.loaders) {
        json.begin_object().key("loader").text(one.name);
        json.key("last_commit").text(format_rfc3339(one.last));
        json.key("rows").number(one.rows).key("batches").number(one.batches).end_object();
    }
    json.end_array().key("rates").begin_object();
    json.key("rows_last_minute").number(pipe.rows_last_minute);
    json.key("rows_last_hour").number(pipe.rows_last_hour);
    write_time(json, "last_commit", pipe.last_commit);
    json.end_object();
    if (!pipe.spool) return;
    json.key("spool").begin_object().key("file").text(pipe.spool_file);
    json.key("messages").number(pipe.spool->messages).key("bytes").number(pipe.spool->bytes);
    write_time(json, "oldest", pipe.spool->oldest);
    json.key("refused").number(pipe.spool->refused).end_object();
}

}  // namespace tapedeck
