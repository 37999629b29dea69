// How much of a bare SQLite loop is left once rows come through the store?
//
// Data: rows of the coin form as the recorder writes them (slots of 1,000 instruments, SHA-256 in
// hex as capture), into one table with its key, 10,000 rows a transaction, synced (WAL,
// synchronous=full). Limit: a bare loop over one prepared statement, its values ready in memory.
// Compared: SqliteStore::commit with decoded records; and the tape alone, read by a TapeReader.
//
//     store_bench [ROWS] [FOLDER]        default: 1,000,000 rows in a temporary folder
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "bench/store_parts.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/sqlite/sqlite_tape.h"

namespace tapedeck {
namespace {

// The limit: the same rows into the same table, their values prepared beforehand.
Cost bare_loop(const std::string& path, std::size_t rows, const Texts& texts) {
    SystemClock clock;
    must(must(SqliteStore::open(path, clock))->ensure_table(kTable));
    auto database = must(Database::open(path, {}));
    must(database->execute("pragma synchronous = full; pragma journal_size_limit = 67108864"));
    auto insert = must(database->prepare(
        "insert into coin_records (coin, price, date, instrument, slot, source, revision, capture,"
        " currency, recorded_at) values (?1, ?2, ?3, ?1, ?4, ?5, 0, ?6, ?7, ?8)"));
    Cost cost;
    for (std::size_t first = 0; first < rows; first += kBatch) {
        const auto batch = rows_from(first, std::min(kBatch, rows - first), texts);
        std::vector<std::string> prices;
        for (const Record& record : batch.records) prices.push_back(record.price.to_string());
        const Cost begin = Cost::now();
        must(database->execute("begin immediate"));
        for (std::size_t i = 0; i < batch.records.size(); ++i) {
            const Record& record = batch.records[i];
            insert.bind(1, record.instrument);
            insert.bind(2, prices[i]);
            insert.bind(3, *record.observed_at);
            insert.bind(4, *record.slot);
            insert.bind(5, record.source);
            insert.bind(6, record.capture);
            insert.bind(7, record.currency);
            insert.bind(8, *record.observed_at);
            if (insert.run_code() != SQLITE_DONE) fail("the bare loop failed");
        }
        must(database->execute("commit"));
        cost.add_since(begin);
    }
    return cost;
}

Cost commits(const std::string& path, std::size_t rows, const Texts& texts) {
    SystemClock clock;
    auto store = must(SqliteStore::open(path, clock));
    must(store->ensure_table(kTable));
    must(store->ledger(std::vector{kAt}));
    Cost cost;
    for (std::size_t first = 0; first < rows; first += kBatch) {
        const std::size_t count = std::min(kBatch, rows - first);
        const Batch batch = batch_from(first, count, texts);
        const Cost begin = Cost::now();
        const auto committed = must(store->commit(batch));
        cost.add_since(begin);
        if (committed.rows != static_cast<std::int64_t>(count)) fail("rows are missing");
    }
    return cost;
}

void fill(SqliteTape& tape, std::size_t rows, const Texts& texts) {
    must(tape.ensure_topic(kAt.topic, 1));
    for (std::size_t first = 0; first < rows; first += 5 * kBatch) {
        const auto batch = rows_from(first, std::min(5 * kBatch, rows - first), texts);
        std::vector<OutgoingMessage> messages;
        for (const Record& record : batch.records) {
            OutgoingMessage message{
                kAt.topic, std::string(record.instrument), {}, *record.observed_at, {}};
            encode_record(message.value, record, RecordForm::coin);
            messages.push_back(std::move(message));
        }
        must(tape.append(messages));
    }
}

Cost read_tape(SqliteTape& tape, std::size_t rows) {
    auto reader = must(tape.open_reader({kAt.topic}, "bench"));
    const Cost begin = Cost::now();
    for (std::size_t seen = 0; seen < rows;) {
        auto polled = must(reader->poll(std::chrono::seconds(1), 2 * 1024 * 1024, {}));
        if (std::holds_alternative<Assigned>(polled)) must(reader->start(kAt, Offset(0)));
        if (const auto* chunk = std::get_if<Chunk>(&polled)) seen += chunk->messages.size();
    }
    return Cost::now().since(begin);
}

void report(std::string_view what, std::size_t rows, const Cost& cost, const Cost& limit) {
    const auto count = static_cast<double>(rows);
    fmt::print("{:<24} {:>10.0f} a second {:>10.0f} a CPU second", what, count / cost.wall,
               count / cost.cpu);
    if (limit.cpu > 0) {
        fmt::print("   {:.2f} and {:.2f} of the bare loop", limit.wall / cost.wall,
                   limit.cpu / cost.cpu);
    }
    fmt::print("\n");
}

int run(std::size_t rows, const std::filesystem::path& folder) {
    const Texts texts;
    const auto file = [&](const char* name) { return (folder / name).string(); };
    for (int round = 1; round <= 3; ++round) {
        std::filesystem::remove_all(folder);
        std::filesystem::create_directories(folder);
        fmt::print("round {}\n", round);
        const Cost bare = bare_loop(file("bare.db"), rows, texts);
        report("bare prepared loop", rows, bare, {});
        report("SqliteStore::commit", rows, commits(file("store.db"), rows, texts), bare);
        SystemClock clock;
        auto tape = must(SqliteTape::open(file("tape.db"), clock));
        const Cost begin = Cost::now();
        fill(*tape, rows, texts);
        report("encode and append", rows, Cost::now().since(begin), {});
        report("TapeReader", rows, read_tape(*tape, rows), bare);
        report("TapeReader, once more", rows, read_tape(*tape, rows), bare);
    }
    std::filesystem::remove_all(folder);
    return 0;
}

}  // namespace
}  // namespace tapedeck

int main(int argc, char** argv) {
    std::size_t rows = 1'000'000;
    if (argc > 1) std::from_chars(argv[1], argv[1] + std::string_view(argv[1]).size(), rows);
    const std::filesystem::path folder =
        argc > 2 ? std::filesystem::path(argv[2])
                 : std::filesystem::temp_directory_path() / "tapedeck-store-bench";
    return tapedeck::run(rows, folder);
}
