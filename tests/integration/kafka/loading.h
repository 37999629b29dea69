#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "load/loader.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {

inline const PriceTable kCoins{"coin_records", RecordForm::coin};

// The i-th observation. Its price is i + 1, so that every row tells which message it came from.
inline OutgoingMessage observation(const std::string& topic, int i) {
    constexpr std::int64_t kFirst = 1'764'000'000;  // seconds since 1970
    const Timestamp slot{std::chrono::seconds(kFirst + i)};
    const std::string coin = "coin" + std::to_string(i % 50);
    return {topic,
            coin,
            fmt::format(R"({{"coin_name":"{}","current_price":{},"currency":"USD","slot":"{}",)"
                        R"("observed_at":"{}","source":"alpha","rule":"json","revision":0}})",
                        coin, i + 1, format_rfc3339(slot), format_rfc3339(slot)),
            slot,
            {}};
}

inline std::vector<OutgoingMessage> observations(const std::string& topic, int from, int to) {
    std::vector<OutgoingMessage> out;
    for (int i = from; i < to; ++i) out.push_back(observation(topic, i));
    return out;
}

inline std::vector<int> numbers(int from, int to) {
    std::vector<int> out(static_cast<std::size_t>(to - from));
    std::iota(out.begin(), out.end(), from);
    return out;
}

// The observations that stand in the table, in order.
inline std::vector<int> rows_of(Store& store) {
    std::vector<int> out;
    const auto done = store.query({"select price from coin_records", {}, {}},
                                  [&](const RowView& row) -> Result<> {
                                      out.push_back(std::stoi(row.decimal(0).to_string()) - 1);
                                      return {};
                                  });
    EXPECT_TRUE(done) << done.error().what;
    std::ranges::sort(out);
    return out;
}

inline bool wait_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(90);
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

// The machine's clock, except that two seconds pass between any two looks at its steady time: what
// the loader does once a second, it does with every chunk.
class HurriedClock : public SystemClock {
public:
    std::chrono::microseconds steady() const override {
        return SystemClock::steady() + std::chrono::seconds(2) * ++looks_;
    }

private:
    mutable std::atomic<int> looks_ = 0;
};

// A loader with a store and a log of its own. It runs from start() to stop().
class Loading {
public:
    Loading(Tape& tape, const std::string& topic) : tape_(tape) {
        options_.topics = {{topic, kCoins}};
        options_.group = topic + "-group";
        auto opened = SqliteStore::open(folder_.file("store.db"), clock_);
        EXPECT_TRUE(opened) << opened.error().what;
        store_ = *std::move(opened);
        EXPECT_TRUE(store_->ensure_table(kCoins));
    }
    ~Loading() { stop(); }
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;

    LoaderOptions& options() { return options_; }
    Store& store() { return *store_; }

    void start(Loader::OnCommitted committed = {}) {
        thread_ = std::jthread([this, committed = std::move(committed)](std::stop_token stop) {
            run(std::move(stop), false, committed);
        });
    }
    LoadSummary stop() {
        if (!thread_.joinable()) return summary_;
        thread_.request_stop();
        thread_.join();
        return summary_;
    }
    LoadSummary load_to_end() {
        run({}, true, {});
        return summary_;
    }

    std::vector<int> rows() { return rows_of(*store_); }
    bool has_logged(const std::string& text) const {
        std::ifstream file(folder_.file("log"));
        std::stringstream all;
        all << file.rdbuf();
        return all.str().find(text) != std::string::npos;
    }

private:
    void run(std::stop_token stop, bool until_end, const Loader::OnCommitted& committed) {
        const int descriptor =
            ::open(folder_.file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        EXPECT_GE(descriptor, 0);
        {
            Log log(descriptor, LogFormat::text, Severity::info, clock_);
            Loader loader(tape_, *store_, clock_, log, options_, committed);
            auto done = loader.run(std::move(stop), until_end);
            EXPECT_TRUE(done) << done.error().what;
            if (done) summary_ = *done;
        }
        ::close(descriptor);
    }

    Tape& tape_;
    HurriedClock clock_;
    const TempFolder folder_;
    LoaderOptions options_;
    std::unique_ptr<SqliteStore> store_;
    LoadSummary summary_;
    std::jthread thread_;
};

}  // namespace tapedeck
