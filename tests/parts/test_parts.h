#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "collect/collector.h"
#include "coverage/coverage.h"
#include "load/loader.h"
#include "net/memory_http_client.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/memory_tape.h"

// What the tests of this folder build their worlds of: a feed of two sources that answer JSON.
namespace tapedeck::parts {

inline const Timestamp kSlot = *parse_rfc3339("2026-11-24T00:05:00Z");

// Whoever sleeps wakes at once, and it is then: for code that waits between tries.
class SkippingClock : public ManualClock {
public:
    using ManualClock::ManualClock;
    void sleep_until(Timestamp instant, std::stop_token) override {
        const auto left = instant - now();
        if (left.count() > 0) advance(left);
    }
};

inline std::shared_ptr<const Source> json_source(const std::string& name,
                                                 const std::string& more = "") {
    auto source = parse_source(fmt::format(R"(
[source]
name = "{0}"
url = "https://{0}.example/price/{{instrument}}"
pace = "6000/min"
identity = "url"
{1}
[[rule]]
name = "json"
price = "/price"
currency = "USD"
)",
                                           name, more),
                               name + ".toml");
    if (!source) {
        ADD_FAILURE() << source.error().what;
        return nullptr;
    }
    return std::make_shared<const Source>(*std::move(source));
}

inline Feed feed_of(std::vector<std::string> instruments,
                    std::vector<std::shared_ptr<const Source>> sources) {
    Feed feed;
    feed.name = "coin";
    feed.instruments = std::move(instruments);
    feed.sources = std::move(sources);
    feed.topic = "coin_topic";
    feed.table = {"coin_records", RecordForm::coin};
    return feed;
}

inline std::unique_ptr<Store> store_in_memory(const Clock& clock) {
    auto store = SqliteStore::open(":memory:", clock);
    EXPECT_TRUE(store) << store.error().what;
    return store ? *std::move(store) : nullptr;
}

inline CollectJob job_of(const Feed& feed, Timestamp slot = kSlot, int try_number = 1) {
    return {"run/" + format_rfc3339(slot),    slot,    try_number, feed.instruments,
            slot + std::chrono::seconds(150), "digest"};
}

// Every five minutes.
inline Expectation expected_of(const Feed& feed, Timestamp from = kSlot) {
    auto schedule = Schedule::make({"*/5 * * * *"});
    EXPECT_TRUE(schedule) << schedule.error().what;
    return {feed.name,
            feed.name + "_market_record",
            from,
            Timestamp::max(),
            std::make_shared<const Schedule>(*std::move(schedule)),
            feed.instruments};
}

inline RunOutcomes run_of(const Feed& feed, Timestamp slot, std::vector<Outcome> outcomes,
                          int try_number = 1) {
    return {"run/" + format_rfc3339(slot),  feed.name, slot,     try_number,         slot,
            slot + std::chrono::seconds(1), "digest",  "test:1", std::move(outcomes)};
}

inline LoaderOptions loading_of(const Feed& feed) {
    LoaderOptions options;
    options.topics = {{feed.topic, feed.table}, {std::string(kOutcomesTopic), std::nullopt}};
    options.give_up_after = 3;
    return options;
}

// All that is derived for the slots of [from, to).
inline Result<std::vector<CoverageRow>> derived(CoverageLedger& ledger,
                                                std::span<const Expectation> expected,
                                                Timestamp from, Timestamp to, Timestamp now) {
    std::vector<CoverageRow> rows;
    auto done =
        ledger.derive_each(expected, from, to, now, [&](const CoverageRow& row) -> Result<> {
            rows.push_back(row);
            return {};
        });
    if (!done) return done.error();
    return rows;
}

}  // namespace tapedeck::parts
