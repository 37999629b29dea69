#pragma once

#include <fmt/format.h>

#include <time.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "store/store.h"

// What the benchmarks of both stores write: rows of the coin form as the recorder writes them,
// slots of 1,000 instruments, SHA-256 in hex as capture; 10,000 rows a transaction.
namespace tapedeck {

inline constexpr std::size_t kBatch = 10'000;
inline constexpr std::size_t kInstruments = 1'000;
inline constexpr Timestamp kStart{std::chrono::microseconds(1'764'000'000'000'000)};
inline const PriceTable kTable{"coin_records", RecordForm::coin};
inline const TopicPartition kAt{"coin_topic", Partition(0)};

[[noreturn]] inline void fail(const std::string& what) {
    fmt::print(stderr, "{}\n", what);
    std::exit(1);
}

template <class T>
T must(Result<T> result) {
    if (!result) fail(result.error().what);
    return *std::move(result);
}

// The texts that the records of a batch borrow.
struct Texts {
    std::vector<std::string> instruments;
    std::string capture = std::string(64, 'c');

    Texts() {
        for (std::size_t i = 0; i < kInstruments; ++i) {
            instruments.push_back(fmt::format("instrument-{:04}", i));
        }
    }
};

inline BatchRows rows_from(std::size_t first, std::size_t count, const Texts& texts) {
    BatchRows rows{kTable, 0, {}, {}, {}};
    for (std::size_t i = first; i < first + count; ++i) {
        Record record;
        record.instrument = record.name = texts.instruments[i % kInstruments];
        record.price = must(Decimal::from_parts(static_cast<Int128>(2'247'052 + i % 100'000), 2));
        record.currency = "USD";
        record.slot = kStart + std::chrono::minutes(5) * (i / kInstruments);
        record.observed_at = *record.slot + std::chrono::microseconds(i % kInstruments * 413);
        record.source = "coinmarketcap";
        record.rule = "price-class";
        record.capture = texts.capture;
        rows.records.push_back(record);
        rows.offsets.emplace_back(static_cast<std::int64_t>(i));
        rows.timestamps.push_back(*record.observed_at);
    }
    return rows;
}

inline Batch batch_from(std::size_t first, std::size_t count, const Texts& texts) {
    Batch batch;
    batch.rows.push_back(rows_from(first, count, texts));
    batch.advances.push_back({kAt, Offset(static_cast<std::int64_t>(first)),
                              Offset(static_cast<std::int64_t>(first + count)), kStart,
                              sha256("last")});
    return batch;
}

// Wall time, and this process's CPU time: on a busy machine only the latter tells.
struct Cost {
    double wall = 0;
    double cpu = 0;

    static Cost now() {
        timespec cpu{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
        const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - kOrigin;
        return {wall.count(),
                static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) / 1'000'000'000};
    }
    Cost since(const Cost& begin) const { return {wall - begin.wall, cpu - begin.cpu}; }
    void add_since(const Cost& begin) {
        const Cost more = now().since(begin);
        wall += more.wall;
        cpu += more.cpu;
    }

private:
    static inline const std::chrono::steady_clock::time_point kOrigin =
        std::chrono::steady_clock::now();
};

}  // namespace tapedeck
