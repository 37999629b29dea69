#include "tape/sqlite/sqlite_tape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/json_writer.h"
#include "base/looked_at.h"
#include "base/mutex.h"
#include "sqlite/sqlite_patience.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

// A message's row id is its partition's id and its offset in one number, so that a partition is one
// run of SQLite's own B-tree: docs/formats/tape.md.
constexpr int kOffsetBits = 40;

constexpr std::int64_t row_id(std::int64_t partition_id, Offset offset) {
    return (partition_id << kOffsetBits) + offset.value();
}
constexpr Offset offset_of(std::int64_t row_id) {
    return Offset(row_id & ((std::int64_t{1} << kOffsetBits) - 1));
}

constexpr std::array<std::string_view, 2> kSteps = {R"(
create table topics (
  topic text primary key,
  partitions integer not null
) strict, without rowid;
create table tape_partitions (
  id integer primary key,
  topic text not null,
  partition integer not null,
  earliest integer not null default 0,
  next_offset integer not null default 0,
  unique (topic, partition)
) strict;
create table messages (
  id integer primary key,
  timestamp integer not null,
  key blob,
  value blob not null,
  headers text
) strict;
create view tape as
  select p.topic, p.partition, m.id - (p.id << 40) as offset, m.timestamp,
         cast(m.key as text) as key, cast(m.value as text) as value, m.headers
  from tape_partitions p
  join messages m on m.id >= p.id << 40 and m.id < (p.id + 1) << 40;
)",
                                                    // Made once: what tells this tape from others.
                                                    R"(
create table tape_identity (
  id text not null
) strict;
insert into tape_identity values (lower(hex(randomblob(16))));
)"};
constexpr SchemaPart kPart{"tape", kSteps};

constexpr std::int64_t kDiscardedAtOnce = 10'000;

std::string encode_headers(const std::vector<MessageHeader>& headers) {
    std::string out;
    if (headers.empty()) return out;
    JsonWriter json(out);
    json.begin_array();
    for (const MessageHeader& header : headers) {
        json.begin_array().text(header.name).text(header.value).end_array();
    }
    json.end_array();
    return out;
}

// The bytes of a chunk's keys and values, in blocks that never move.
class Blocks {
public:
    std::string_view keep(std::string_view bytes) {
        if (bytes.empty()) return {};  // nothing to copy, and perhaps no pointer to copy from
        if (bytes.size() > left_) grow(bytes.size());
        std::memcpy(at_, bytes.data(), bytes.size());
        const std::string_view kept(at_, bytes.size());
        at_ += bytes.size();
        left_ -= bytes.size();
        return kept;
    }

private:
    static constexpr std::size_t kFirst = 16 * 1024;
    static constexpr std::size_t kLargest = 1024 * 1024;

    void grow(std::size_t at_least) {
        const std::size_t size = std::max(at_least, next_);
        next_ = std::min(next_ * 4, kLargest);
        blocks_.emplace_back(new char[size]);
        at_ = blocks_.back().get();
        left_ = size;
    }

    std::vector<std::unique_ptr<char[]>> blocks_;
    std::size_t next_ = kFirst;
    char* at_ = nullptr;
    std::size_t left_ = 0;
};

struct PartitionRow {
    std::int64_t id;
    Extent extent;
};

Result<PartitionRow> partition_row(Database& database, const TopicPartition& at) {
    auto query = database.prepare(
        "select id, earliest, next_offset from tape_partitions"
        " where topic = ?1 and partition = ?2");
    if (!query) return query.error();
    query->bind(1, at.topic);
    query->bind(2, at.partition.value());
    const auto row = query->step();
    if (!row) return row.error();
    if (!*row) return no_partition(at);
    return PartitionRow{query->integer(0), {Offset(query->integer(1)), Offset(query->integer(2))}};
}

// 0 where there is no such topic.
Result<int> partition_count(Database& database, const std::string& topic) {
    auto query = database.prepare("select partitions from topics where topic = ?1");
    if (!query) return query.error();
    query->bind(1, topic);
    const auto row = query->step();
    if (!row) return row.error();
    return *row ? static_cast<int>(query->integer(0)) : 0;
}

// One snapshot for several reading statements.
class Snapshot {
public:
    static Result<Snapshot> begin(Database& database) {
        if (auto done = database.execute("begin"); !done) return done.error();
        return Snapshot(database);
    }
    Snapshot(Snapshot&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Snapshot& operator=(Snapshot&&) = delete;
    ~Snapshot() {
        if (database_) sqlite3_exec(database_->handle(), "rollback", nullptr, nullptr, nullptr);
    }

private:
    explicit Snapshot(Database& database) : database_(&database) {}
    Database* database_;
};

}  // namespace

class SqliteTape::SqliteCursor : public LocalTape::Cursor {
public:
    explicit SqliteCursor(std::unique_ptr<Database> database) : database_(std::move(database)) {}

    Database& database() { return *database_; }

    Result<Extent> extent(const TopicPartition& at) override {
        const auto row = partition_row(*database_, at);
        if (auto same = database_->check_watch(); !same) return same.error();
        if (!row) return row.error();
        return row->extent;
    }

    Result<Offset> offset_at(const TopicPartition& at, Timestamp time) {
        auto offset = offset_now(at, time);
        if (auto same = database_->check_watch(); !same) return same.error();
        return offset;
    }

    Result<Chunk> read(const TopicPartition& at, Offset from, std::size_t max_bytes) override {
        auto chunk = read_now(at, from, max_bytes);
        // What was read while somebody wrote is nothing, whatever it seems to be.
        if (auto same = database_->check_watch(); !same) return same.error();
        return chunk;
    }

private:
    Result<Offset> offset_now(const TopicPartition& at, Timestamp time) {
        const auto snapshot = Snapshot::begin(*database_);
        if (!snapshot) return snapshot.error();
        const auto row = partition_row(*database_, at);
        if (!row) return row.error();
        auto query = database_->prepare(
            "select id from messages where id >= ?1 and id < ?2 and timestamp >= ?3 order by id "
            "limit 1");
        if (!query) return query.error();
        query->bind(1, row_id(row->id, row->extent.earliest));
        query->bind(2, row_id(row->id, row->extent.end));
        query->bind(3,
                    std::chrono::ceil<std::chrono::milliseconds>(time.time_since_epoch()).count());
        const auto found = query->step();
        if (!found) return found.error();
        return *found ? offset_of(query->integer(0)) : row->extent.end;
    }

    Result<Chunk> read_now(const TopicPartition& at, Offset from, std::size_t max_bytes) {
        const auto snapshot = Snapshot::begin(*database_);
        if (!snapshot) return snapshot.error();
        const auto row = partition_row(*database_, at);
        if (!row) return row.error();
        if (from < row->extent.earliest || from > row->extent.end) {
            return out_of_range(at, from, row->extent);
        }
        Chunk chunk{at, from, from, {}, nullptr};
        auto blocks = std::make_shared<Blocks>();
        auto query = database_->prepare(
            "select id, timestamp, key, value from messages where id >= ?1 and id < ?2"
            " order by id");
        if (!query) return query.error();
        query->bind(1, row_id(row->id, from));
        query->bind(2, row_id(row->id, row->extent.end));
        std::size_t bytes = 0;
        for (;;) {
            const auto more = query->step();
            if (!more) return more.error();
            if (!*more) break;
            const std::string_view value = query->bytes(3);
            bytes += value.size();
            if (bytes > max_bytes && !chunk.messages.empty()) break;
            const Offset offset = offset_of(query->integer(0));
            // What comes before a hole is read all the same; the next read meets the hole.
            if (offset != chunk.next) {
                if (chunk.messages.empty()) return missing(at, chunk.next);
                break;
            }
            const auto timestamp = message_time(query->integer(1));
            const std::string_view key = blocks->keep(query->bytes(2));
            chunk.messages.push_back({offset, timestamp, key, blocks->keep(value)});
            chunk.next = next(offset);
        }
        if (chunk.messages.empty() && from < row->extent.end) return missing(at, from);
        chunk.backing = std::move(blocks);
        return chunk;
    }

    Error missing(const TopicPartition& at, Offset offset) const {
        return {ErrorKind::corrupt, fmt::format("{}: {} lacks the message at offset {}",
                                                database_->path(), to_string(at), offset.value())};
    }

    const std::unique_ptr<Database> database_;
};

// What one append knows of a topic, read in its transaction.
struct SqliteTape::Topic {
    struct Part {
        std::int64_t id = 0;
        Offset first;
        Offset next;
    };
    std::vector<Part> parts;  // empty: there is no such topic
};

struct SqliteTape::Appending {
    std::map<std::string, Topic, std::less<>> topics;
    std::vector<Result<Position>> positions;
};

Result<std::unique_ptr<SqliteTape>> SqliteTape::open(const std::string& path, const Clock& clock,
                                                     SqliteTapeOptions options) {
    if (path == ":memory:") {
        return Error{ErrorKind::rejected, "a tape in memory is MemoryTape, not an SQLite file"};
    }
    auto writer = open_file(path, kPart, clock, {options.busy_timeout, true});
    if (!writer) return in_context("opening the tape", writer.error());
    LookedAt reading = beside_own_writer(path, options.busy_timeout);
    auto looking = reading.open();
    if (!looking) return in_context("opening the tape", looking.error());
    auto gate = options.gate ? std::move(options.gate) : std::make_shared<WriteGate>();
    auto tape = std::unique_ptr<SqliteTape>(
        new SqliteTape(std::move(reading), std::move(gate), *std::move(writer),
                       std::make_unique<SqliteCursor>(*std::move(looking))));
    tape->append_timeout_ = std::min(options.append_timeout, options.busy_timeout);
    return tape;
}

Result<std::unique_ptr<SqliteTape>> SqliteTape::open_looking(const std::string& path,
                                                             const LookOptions& options) {
    auto reading = look_at(path, kPart, options);
    if (!reading) return in_context("opening the tape", reading.error());
    auto looking = reading->open();
    if (!looking) return in_context("opening the tape", looking.error());
    return std::unique_ptr<SqliteTape>(
        new SqliteTape(*std::move(reading), std::make_shared<WriteGate>(), nullptr,
                       std::make_unique<SqliteCursor>(*std::move(looking))));
}

SqliteTape::SqliteTape(LookedAt reading, std::shared_ptr<WriteGate> gate,
                       std::unique_ptr<Database> writer, std::unique_ptr<SqliteCursor> looking)
    : reading_(std::move(reading)),
      gate_(std::move(gate)),
      writer_(std::move(writer)),
      looking_(std::move(looking)) {}

SqliteTape::~SqliteTape() = default;

Result<std::unique_ptr<LocalTape::Cursor>> SqliteTape::open_cursor() {
    if (writer_) {
        // By its name another file might be opened.
        if (auto same = writer_->check_watch(); !same) return same.error();
    }
    auto reading = reading_.open();
    if (!reading) return in_context("opening a reader of the tape", reading.error());
    return std::unique_ptr<Cursor>(std::make_unique<SqliteCursor>(*std::move(reading)));
}

Result<> SqliteTape::check_files() const { return writer_ ? writer_->check_watch() : Result<>(); }

std::optional<Rescued> SqliteTape::rescue(Timestamp now) {
    if (!writer_) return std::nullopt;
    const WriteGate::Pass pass(*gate_);
    return rescue_if_replaced(*writer_, now);
}

Result<> SqliteTape::ensure_topic(const std::string& topic, int partitions) {
    if (auto fault = topic_fault(topic, partitions)) return *std::move(fault);
    if (!writer_) return only_looked_at(reading_.path);
    {
        const WriteGate::Pass pass(*gate_);
        const auto known = partition_count(*writer_, topic);
        if (!known) return known.error();
        if (*known != 0 && *known != partitions) {
            return other_partitions(topic, *known, partitions);
        }
        if (*known == 0) {
            auto transaction = Transaction::begin(*writer_);
            if (!transaction) return in_context("making a topic", transaction.error());
            // Another process may have made it since; then its number of partitions must be ours.
            auto make = writer_->prepare(
                "insert into topics values (?1, ?2) on conflict (topic) do update"
                " set partitions = partitions where partitions = excluded.partitions");
            if (!make) return make.error();
            make->bind(1, topic);
            make->bind(2, partitions);
            const auto before = writer_->total_changes();
            if (auto done = make->run(); !done) return in_context("making a topic", done.error());
            if (writer_->total_changes() == before) return other_partitions(topic, 0, partitions);
            for (int i = 0; i < partitions; ++i) {
                auto part = writer_->prepare(
                    "insert into tape_partitions (topic, partition) values (?1, ?2)"
                    " on conflict do nothing");
                if (!part) return part.error();
                part->bind(1, topic);
                part->bind(2, i);
                if (auto done = part->run(); !done) return done;
            }
            if (auto done = transaction->commit(); !done) {
                return in_context("making a topic", done.error());
            }
        }
    }
    topic_made(topic, partitions);
    return {};
}

Result<std::string> SqliteTape::identity() {
    const Lock lock(looking_mutex_);
    auto query = looking_->database().prepare("select id from tape_identity");
    if (!query) return query.error();
    const auto row = query->step();
    if (!row) return row.error();
    return *row ? "sqlite:" + query->text(0) : std::string();
}

Result<std::vector<Partition>> SqliteTape::partitions(const std::string& topic) {
    const Lock lock(looking_mutex_);
    const auto count = partition_count(looking_->database(), topic);
    if (!count) return count.error();
    if (*count == 0) return no_topic(topic);
    std::vector<Partition> out;
    for (int i = 0; i < *count; ++i) out.emplace_back(i);
    return out;
}

Result<> SqliteTape::load_topic(const std::string& topic, Appending& work) {
    auto query = writer_->prepare(
        "select id, next_offset from tape_partitions where topic = ?1 order by partition");
    if (!query) return query.error();
    query->bind(1, topic);
    Topic& loaded = work.topics[topic];
    for (;;) {
        const auto row = query->step();
        if (!row) return row.error();
        if (!*row) return {};
        const Offset next(query->integer(1));
        loaded.parts.push_back({query->integer(0), next, next});
    }
}

Result<> SqliteTape::append_in_transaction(std::span<const OutgoingMessage> messages,
                                           Appending& work) {
    auto transaction = Transaction::begin(*writer_);
    if (!transaction) return transaction.error();
    auto insert = writer_->prepare("insert into messages values (?1, ?2, ?3, ?4, ?5)");
    if (!insert) return insert.error();
    for (const OutgoingMessage& message : messages) {
        if (!work.topics.contains(message.topic)) {
            if (auto done = load_topic(message.topic, work); !done) return done;
        }
        Topic& topic = work.topics.find(message.topic)->second;
        if (topic.parts.empty()) {
            work.positions.emplace_back(no_topic(message.topic));
            continue;
        }
        const Partition partition = partition_of(message.key, static_cast<int>(topic.parts.size()));
        Topic::Part& part = topic.parts[static_cast<std::size_t>(partition.value())];
        const std::string headers = encode_headers(message.headers);
        insert->bind(1, row_id(part.id, part.next));
        insert->bind(2, in_milliseconds(message.timestamp).time_since_epoch() /
                            std::chrono::milliseconds(1));
        message.key.empty() ? insert->bind_null(3) : insert->bind_blob(3, message.key);
        insert->bind_blob(4, message.value);
        insert->bind_or_null(5, headers);
        if (auto done = insert->run(); !done) return done;
        work.positions.emplace_back(Position{{message.topic, partition}, part.next});
        part.next = next(part.next);
    }
    auto move = writer_->prepare("update tape_partitions set next_offset = ?2 where id = ?1");
    if (!move) return move.error();
    for (const auto& [name, topic] : work.topics) {
        for (const Topic::Part& part : topic.parts) {
            if (part.next == part.first) continue;
            move->bind(1, part.id);
            move->bind(2, part.next.value());
            if (auto done = move->run(); !done) return done;
        }
    }
    return transaction->commit();
}

Result<std::vector<Result<Position>>> SqliteTape::append(
    std::span<const OutgoingMessage> messages) {
    if (!writer_) return only_looked_at(reading_.path);
    Appending work;
    work.positions.reserve(messages.size());
    if (!messages.empty()) {
        const PatientWriting writing(*gate_, *writer_, {append_timeout_, {}}, append_timeout_);
        if (auto entered = writing.entered(); !entered) {
            return in_context("appending to the tape", entered.error());
        }
        if (auto done = append_in_transaction(messages, work); !done) {
            return in_context("appending to the tape", writing.explained(done.error()));
        }
    }
    for (const auto& [name, topic] : work.topics) {
        for (std::size_t i = 0; i < topic.parts.size(); ++i) {
            const Topic::Part& part = topic.parts[i];
            if (part.next == part.first) continue;
            appended({name, Partition(static_cast<std::int32_t>(i))}, part.next);
        }
    }
    return std::move(work.positions);
}

Result<Extent> SqliteTape::extent(const TopicPartition& at) {
    const Lock lock(looking_mutex_);
    return looking_->extent(at);
}

Result<Offset> SqliteTape::offset_at(const TopicPartition& at, Timestamp time) {
    const Lock lock(looking_mutex_);
    return looking_->offset_at(at, time);
}

Result<Chunk> SqliteTape::read(const TopicPartition& at, Offset from, std::size_t max_bytes) {
    const Lock lock(looking_mutex_);
    return looking_->read(at, from, max_bytes);
}

Result<> SqliteTape::discard(const TopicPartition& at, Offset before) {
    if (!writer_) return only_looked_at(reading_.path);
    std::int64_t first = 0;
    std::int64_t last = 0;
    {
        const WriteGate::Pass pass(*gate_);
        const auto row = partition_row(*writer_, at);
        if (!row) return row.error();
        const Offset earliest = std::min(before, row->extent.end);
        if (earliest > row->extent.earliest) {
            auto move = writer_->prepare(
                "update tape_partitions set earliest = ?2 where id = ?1 and earliest < ?2");
            if (!move) return move.error();
            move->bind(1, row->id);
            move->bind(2, earliest.value());
            if (auto done = move->run(); !done) return in_context("discarding", done.error());
        }
        first = row_id(row->id, Offset(0));
        last = row_id(row->id, std::max(earliest, row->extent.earliest));
    }
    for (;;) {
        const WriteGate::Pass pass(*gate_);
        auto drop = writer_->prepare(
            "delete from messages where id in"
            " (select id from messages where id >= ?1 and id < ?2 order by id limit ?3)");
        if (!drop) return drop.error();
        drop->bind(1, first);
        drop->bind(2, last);
        drop->bind(3, kDiscardedAtOnce);
        const auto changes = writer_->total_changes();
        if (auto done = drop->run(); !done) return in_context("discarding", done.error());
        if (writer_->total_changes() - changes < kDiscardedAtOnce) return {};
    }
}

}  // namespace tapedeck
