#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "spark/abi.h"
#include "tests/integration/postgres/database.h"
#include "tests/parts/arrow_maker.h"

// The library that Spark's executors load, as one of their processes has it: by its C ABI alone.
namespace tapedeck {

using parts::ArrowMaker;
using parts::Message;

inline std::string price(std::int64_t offset) {
    return fmt::format(
        R"({{"coin_name":"bitcoin","current_price":{}.50,"currency":"USD","slot":"2026-11-24T{:02}:{:02}:{:02}Z","observed_at":"2026-11-24T00:05:00.5Z","source":"alpha","rule":"json","revision":0}})",
        offset, offset / 3600, offset / 60 % 60, offset % 60);
}

inline std::vector<Message> messages(std::int64_t from, std::int64_t to) {
    std::vector<Message> out;
    for (std::int64_t offset = from; offset < to; ++offset) out.push_back({offset, price(offset)});
    return out;
}

// A session as one process of an executor has it.
class Opened {
public:
    explicit Opened(const std::string& configuration) {
        char* message = nullptr;
        status = tapedeck_open(configuration.c_str(), &session, &message);
        take(message);
    }
    ~Opened() { tapedeck_close(session); }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;

    std::int32_t load(std::int64_t from, std::int64_t until,
                      std::vector<std::vector<Message>> arrays,
                      const std::string& topic = "coin_topic") {
        ArrowMaker maker;
        ArrowArrayStream stream{};
        maker.stream(std::move(arrays), &stream);
        char* message = nullptr;
        status = tapedeck_load(session, topic.c_str(), 0, from, until, &stream, &counts, &message);
        take(message);
        EXPECT_EQ(stream.release, nullptr);
        return status;
    }
    std::string begin(std::int64_t earliest, std::int64_t end) {
        const std::string facts = fmt::format(
            R"({{"partitions": [{{"topic": "coin_topic", "partition": 0, "earliest": {}, "end": {}}}]}})",
            earliest, end);
        char* answer = nullptr;
        char* message = nullptr;
        status = tapedeck_begin(session, facts.c_str(), &answer, &message);
        take(message);
        const std::string out = answer == nullptr ? "" : answer;
        tapedeck_free(answer);
        return out;
    }

    tapedeck_session* session = nullptr;
    std::int32_t status = -1;
    std::string said;
    tapedeck_counts counts{};

private:
    void take(char* message) {
        said = message == nullptr ? "" : message;
        tapedeck_free(message);
    }
};

class SparkAbi : public ::testing::Test {
protected:
    std::string configuration(const std::string& more = "", std::uint16_t port = 0) const {
        return fmt::format(
            R"({{"version": 1, "store": "{}", "tape": {{"identity": "kafka:abc"}}, "log": "error",
                 "topics": [{{"topic": "coin_topic", "table": "coin_records", "form": "coin"}}],
                 "batch": {{"rows": 7}}, "password": "pa$$w0rd"{}}})",
            "postgresql://postgres@127.0.0.1:" +
                std::to_string(port > 0 ? port : url_.hosts[0].port) + "/" + url_.database,
            more);
    }
    void make_tables() {
        const auto store = open_store(url_, clock_);
        ASSERT_TRUE(store->ensure_table({"coin_records", RecordForm::coin}));
    }
    std::vector<std::string> prices() {
        return Outsider(url_).rows("select price from coin_records order by id");
    }
    static std::vector<std::string> expected(std::int64_t to) {
        std::vector<std::string> out;
        for (std::int64_t offset = 0; offset < to; ++offset) {
            out.push_back(std::to_string(offset) + ".50");
        }
        return out;
    }

    const PostgresUrl url_ = new_database();
    ManualClock clock_{kTestStart};
};

}  // namespace tapedeck
