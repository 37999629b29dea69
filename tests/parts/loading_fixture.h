#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sqlite/sqlite.h"
#include "tests/conformance/temp_folder.h"
#include "tests/parts/test_parts.h"

namespace tapedeck::parts {

// A tape in memory and a store in a file, which has the table and topics of one feed of coins.
class LoadingFixture : public ::testing::Test {
protected:
    explicit LoadingFixture(std::vector<std::string> instruments)
        : feed(feed_of(std::move(instruments), {})) {}

    void SetUp() override {
        auto opened = SqliteStore::open(folder.file("t.db"), clock);
        ASSERT_TRUE(opened) << opened.error().what;
        store = *std::move(opened);
        ASSERT_TRUE(store->ensure_table(feed.table));
        ASSERT_TRUE(tape.ensure_topic(feed.topic, 1));
        ASSERT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
    }

    // Somebody else's SQL on the store's file.
    void by_hand(const std::string& sql) {
        auto database = Database::open(folder.file("t.db"), {false, std::chrono::seconds(1)});
        ASSERT_TRUE(database) << database.error().what;
        auto done = (*database)->execute(sql);
        ASSERT_TRUE(done) << done.error().what;
    }
    void append(const std::string& value, const std::string& topic, const std::string& key) {
        const std::vector<OutgoingMessage> messages{{topic, key, value, clock.now(), {}}};
        ASSERT_TRUE(tape.append(messages));
    }

    TempFolder folder;
    SkippingClock clock{kSlot};
    Feed feed;
    std::map<std::string, Feed> feeds{{"coin", feed}};
    MemoryTape tape;
    std::unique_ptr<Store> store;
};

}  // namespace tapedeck::parts
