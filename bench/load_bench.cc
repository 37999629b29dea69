// How fast does the loader carry the embedded tape into the embedded store, reading and decoding
// included? The limit beside it: a bare loop over one prepared statement, in one transaction a
// batch, into the same table with the same key, of values that are ready to be bound.
//
//   load_bench [MESSAGES]        (300,000 without)
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "load/loader.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/sqlite/sqlite_tape.h"
#include "tests/conformance/temp_folder.h"

using namespace tapedeck;

namespace {

constexpr int kInstruments = 1000;
constexpr int kBatch = 8000;
const PriceTable kTable{"coin_records", RecordForm::coin};

void check(bool good, const std::string& what) {
    if (good) return;
    fmt::print(stderr, "{}\n", what);
    std::exit(1);
}

double seconds_since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

std::string instrument_of(int i) { return fmt::format("coin-{:04}", i % kInstruments); }
Timestamp slot_of(int i) {
    return Timestamp(std::chrono::hours(480'000)) + std::chrono::minutes(5 * (i / kInstruments));
}
std::string price_of(int i) { return fmt::format("{}.{:02}", 20'000 + i % 7'919, i % 100); }

void fill(SqliteTape& tape, int messages) {
    std::vector<OutgoingMessage> batch;
    for (int i = 0; i < messages; ++i) {
        const std::string name = instrument_of(i);
        const std::string price = price_of(i);
        const std::string capture(64, 'a');
        Record record;
        record.instrument = record.name = name;
        record.price = *Decimal::parse(price);
        record.currency = "USD";
        record.slot = slot_of(i);
        record.observed_at = slot_of(i) + std::chrono::microseconds(412'913);
        record.source = "coinmarketcap";
        record.rule = "price-class";
        record.capture = capture;
        OutgoingMessage message{"coin_topic", name, {}, *record.observed_at, {}};
        encode_record(message.value, record, RecordForm::coin);
        batch.push_back(std::move(message));
        if (batch.size() == 10'000 || i + 1 == messages) {
            check(static_cast<bool>(tape.append(batch)), "append failed");
            batch.clear();
        }
    }
}

double bare_loop(const std::string& path, int messages) {
    std::vector<std::string> names, prices;
    for (int i = 0; i < messages; ++i) {
        names.push_back(instrument_of(i));
        prices.push_back(price_of(i));
    }
    const std::string capture(64, 'a');
    sqlite3* db = nullptr;
    check(sqlite3_open(path.c_str(), &db) == SQLITE_OK, "open failed");
    sqlite3_exec(db, "pragma synchronous = full", nullptr, nullptr, nullptr);
    sqlite3_stmt* insert = nullptr;
    check(sqlite3_prepare_v2(db,
                             "insert into coin_records (coin, price, date, instrument, slot, "
                             "source, revision, recorded_at, capture, currency) values "
                             "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
                             -1, &insert, nullptr) == SQLITE_OK,
          sqlite3_errmsg(db));
    const auto text = [&](int at, const std::string& value) {
        sqlite3_bind_text(insert, at, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
    };
    const std::string source = "coinmarketcap", currency = "USD";
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < messages; ++i) {
        if (i % kBatch == 0) sqlite3_exec(db, "begin immediate", nullptr, nullptr, nullptr);
        const auto at = slot_of(i).time_since_epoch().count();
        text(1, names[static_cast<std::size_t>(i)]);
        text(2, prices[static_cast<std::size_t>(i)]);
        sqlite3_bind_int64(insert, 3, at + 412'913);
        text(4, names[static_cast<std::size_t>(i)]);
        sqlite3_bind_int64(insert, 5, at);
        text(6, source);
        sqlite3_bind_int64(insert, 7, 0);
        sqlite3_bind_int64(insert, 8, at);
        text(9, capture);
        text(10, currency);
        check(sqlite3_step(insert) == SQLITE_DONE, sqlite3_errmsg(db));
        sqlite3_reset(insert);
        if (i % kBatch == kBatch - 1 || i + 1 == messages) {
            sqlite3_exec(db, "commit", nullptr, nullptr, nullptr);
        }
    }
    const double seconds = seconds_since(began);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    return seconds;
}

}  // namespace

int main(int argc, char** argv) {
    const int messages = argc > 1 ? std::atoi(argv[1]) : 300'000;
    const TempFolder folder;
    const SystemClock clock;
    SystemClock waiting;
    Log log(2, LogFormat::text, Severity::error, clock);
    const std::string ours = folder.file("ours.db");
    const std::string bare = folder.file("bare.db");
    {
        auto store = SqliteStore::open(bare, clock);
        check(store && (*store)->ensure_table(kTable), "bare table");
    }
    auto store = SqliteStore::open(ours, clock);
    check(static_cast<bool>(store), "store");
    auto tape = SqliteTape::open(ours, clock);
    check(static_cast<bool>(tape), "tape");
    check(static_cast<bool>((*store)->ensure_table(kTable)), "table");
    check(static_cast<bool>((*tape)->ensure_topic("coin_topic", 1)), "topic");
    fill(**tape, messages);

    const double limit = bare_loop(bare, messages);
    LoaderOptions options;
    options.topics = {{"coin_topic", kTable}};
    Loader loader(**tape, **store, waiting, log, options);
    const auto began = std::chrono::steady_clock::now();
    const auto loaded = loader.run({}, true);
    const double seconds = seconds_since(began);
    check(static_cast<bool>(loaded), "load");
    check(loaded->rows == messages, "rows are missing");
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    fmt::print("bare prepared loop: {:>10.0f} rows/s\n", messages / limit);
    fmt::print("tapedeck load:      {:>10.0f} rows/s ({:.2f} of the bare loop), {} batches\n",
               messages / seconds, limit / seconds, loaded->batches);
    fmt::print("largest resident memory of both: {} MiB\n", usage.ru_maxrss / 1024);
}
