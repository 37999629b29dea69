// How much of COPY BINARY's speed is left once rows come through PostgresStore::commit?
//
// Data: rows of the coin form as the recorder writes them (slots of 1,000 instruments, SHA-256 in
// hex as capture), into the store's own table with its key and index, 10,000 rows a transaction.
// Limit: the same rows encoded beforehand, one COPY BINARY and one commit for each 10,000. Both in
// turns; CPU is this process's, of encoding, sending and waiting.
//
//     postgres_store_bench URL [ROWS]        default: 1,000,000; the database's tables are dropped
#include <fmt/format.h>

#include <charconv>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "bench/store_parts.h"
#include "config/urls.h"
#include "store/postgres/postgres_connection.h"
#include "store/postgres/postgres_copy.h"
#include "store/postgres/postgres_store.h"

namespace tapedeck {
namespace {

// Empty tables, and nothing of the round before left to be written.
std::unique_ptr<PostgresStore> fresh_store(PostgresConnection& admin, const PostgresUrl& url,
                                           const Clock& clock) {
    auto store = must(PostgresStore::open(url, clock));
    must(admin.execute("drop table if exists coin_records cascade"));
    must(admin.execute("truncate offsets; truncate batches"));
    must(admin.execute("checkpoint"));
    must(store->ensure_table(kTable));
    must(store->ledger(std::vector{kAt}));
    return store;
}

Cost copy_encoded(PostgresConnection& connection, std::size_t rows, const Texts& texts) {
    Cost cost;
    CopyBuffer buffer;
    const std::string sql = fmt::format("copy coin_records ({}) from stdin (format binary)",
                                        copied_columns(RecordForm::coin));
    for (std::size_t first = 0; first < rows; first += kBatch) {
        const Batch batch = batch_from(first, std::min(kBatch, rows - first), texts);
        buffer.begin();
        for (std::size_t i = 0; i < batch.rows[0].records.size(); ++i) {
            append_row(buffer, batch.rows[0], i, kStart);
        }
        const std::string_view bytes = buffer.end();
        const Cost begin = Cost::now();
        must(connection.send(sql));
        must(connection.next());
        must(connection.copy(bytes));
        must(connection.end_copy());
        must(connection.drain());
        cost.add_since(begin);
    }
    return cost;
}

Cost commit_batches(PostgresStore& store, std::size_t rows, const Texts& texts) {
    Cost cost;
    for (std::size_t first = 0; first < rows; first += kBatch) {
        const std::size_t count = std::min(kBatch, rows - first);
        const Batch batch = batch_from(first, count, texts);
        const Cost begin = Cost::now();
        const auto committed = must(store.commit(batch));
        cost.add_since(begin);
        if (committed.rows != static_cast<std::int64_t>(count)) fail("rows are missing");
    }
    return cost;
}

void report(std::string_view what, std::size_t rows, const Cost& cost, const Cost& limit) {
    const auto count = static_cast<double>(rows);
    fmt::print("{:<24} {:>10.0f} rows a second {:>6.2f} CPU s a million", what, count / cost.wall,
               cost.cpu / count * 1'000'000);
    if (limit.wall > 0) fmt::print("   {:.2f} of COPY", limit.wall / cost.wall);
    fmt::print("\n");
}

int run(const PostgresUrl& url, std::size_t rows) {
    const Texts texts;
    SystemClock clock;
    const auto admin = must(PostgresConnection::open(url, {}));
    for (int round = 1; round <= 3; ++round) {
        fmt::print("round {}\n", round);
        fresh_store(*admin, url, clock);
        const Cost limit = copy_encoded(*admin, rows, texts);
        report("COPY BINARY, encoded", rows, limit, {});
        const auto store = fresh_store(*admin, url, clock);
        report("PostgresStore::commit", rows, commit_batches(*store, rows, texts), limit);
    }
    return 0;
}

}  // namespace
}  // namespace tapedeck

int main(int argc, char** argv) {
    if (argc < 2) {
        fmt::print(stderr, "usage: postgres_store_bench URL [ROWS]\n");
        return 2;
    }
    std::size_t rows = 1'000'000;
    if (argc > 2) std::from_chars(argv[2], argv[2] + std::string_view(argv[2]).size(), rows);
    const auto url = tapedeck::parse_store_url(argv[1]);
    if (!url || !std::holds_alternative<tapedeck::PostgresUrl>(url->target)) {
        fmt::print(stderr, "not a URL of PostgreSQL: {}\n", argv[1]);
        return 2;
    }
    return tapedeck::run(std::get<tapedeck::PostgresUrl>(url->target), rows);
}
