#include "spark/range_loader.h"

#include <functional>

#include "tests/crash/faults.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using parts::feed_of;
using parts::kSlot;

const TopicPartition kAt{"coin_topic", Partition(0)};

// What Spark would bring of a partition: texts by their offsets.
class Brought : public ChunkSource {
public:
    explicit Brought(std::map<std::int64_t, std::string> values, std::size_t at_once = 2)
        : values_(std::move(values)), at_once_(at_once), next_(values_.begin()) {}

    Result<std::optional<Chunk>> next(std::size_t) override {
        if (before_) before_(given_);
        if (next_ == values_.end() && error_) return *error_;
        if (next_ == values_.end()) return std::optional<Chunk>();
        Chunk chunk{kAt, Offset(next_->first), {}, {}, {}};
        for (std::size_t i = 0; i < at_once_ && next_ != values_.end(); ++i, ++next_) {
            chunk.messages.push_back({Offset(next_->first), kSlot, "bitcoin", next_->second});
            chunk.next = tapedeck::next(Offset(next_->first));
            ++given_;
        }
        return std::optional(std::move(chunk));
    }

    void fail_at_end(Error error) { error_ = std::move(error); }
    // Called with the number of messages that were given, before more are.
    void before_each(std::function<void(int)> call) { before_ = std::move(call); }

private:
    const std::map<std::int64_t, std::string> values_;
    const std::size_t at_once_;
    std::map<std::int64_t, std::string>::const_iterator next_;
    int given_ = 0;
    std::optional<Error> error_;
    std::function<void(int)> before_;
};

class RangeLoaderTest : public ::testing::Test {
protected:
    RangeLoaderTest() {
        options.topics = {{feed.topic, feed.table}, {std::string(kOutcomesTopic), std::nullopt}};
        options.give_up_after = 3;
        EXPECT_TRUE(store->ensure_table(feed.table));
    }

    static std::string price(std::int64_t offset) {
        return fmt::format(
            R"({{"coin_name":"bitcoin","current_price":{0}.50,"currency":"USD","slot":"2026-11-24T00:{1:02}:{2:02}Z","observed_at":"2026-11-24T00:05:00.5Z","source":"alpha","rule":"json","revision":0}})",
            offset, offset / 60, offset % 60);
    }
    static std::map<std::int64_t, std::string> prices(std::int64_t from, std::int64_t to) {
        std::map<std::int64_t, std::string> out;
        for (std::int64_t offset = from; offset < to; ++offset) out[offset] = price(offset);
        return out;
    }
    static std::vector<std::string> expected(std::int64_t from, std::int64_t to) {
        std::vector<std::string> out;
        for (std::int64_t offset = from; offset < to; ++offset) {
            out.push_back(std::to_string(offset) + ".50");
        }
        return out;
    }

    Result<RangeLoaded> load(std::int64_t from, std::int64_t until, ChunkSource& source,
                             Store* into = nullptr) {
        RangeLoader loader(into == nullptr ? *store : *into, clock, log, options);
        auto loaded = loader.load({kAt, Offset(from), Offset(until)}, source);
        stopped_at = loader.stopped_at();
        return loaded;
    }
    Result<RangeLoaded> load(std::int64_t from, std::int64_t until) {
        Brought source(prices(from, until));
        return load(from, until, source);
    }

    // What another loader commits: messages of [from, to), as they are on the tape.
    void rival_loads(std::int64_t from, std::int64_t to) {
        Brought source(prices(from, to));
        RangeLoader rival(*store, clock, log, options);
        const auto loaded = rival.load({kAt, Offset(from), Offset(to)}, source);
        EXPECT_TRUE(loaded) << loaded.error().what;
    }

    std::vector<std::string> rows() {
        std::vector<std::string> out;
        EXPECT_TRUE(store->query({"select price from coin_records order by id", {}, {}},
                                 [&](const RowView& row) -> Result<> {
                                     out.push_back(row.decimal(0).to_string());
                                     return {};
                                 }));
        return out;
    }
    Offset ledger() {
        const std::vector<TopicPartition> partitions{kAt};
        return store->ledger(partitions)->front().next;
    }

    parts::SkippingClock clock{kSlot};
    Log log{-1, LogFormat::text, Severity::error, clock};
    Feed feed = feed_of({"bitcoin"}, {});
    std::unique_ptr<Store> store = parts::store_in_memory(clock);
    RangeOptions options;
    std::optional<Offset> stopped_at;
};

TEST_F(RangeLoaderTest, LoadsARangeAndTheLedgerStandsAtItsEnd) {
    const auto loaded = load(0, 5);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->next, Offset(5));
    EXPECT_EQ(loaded->counts.rows, 5);
    EXPECT_EQ(loaded->counts.messages, 5);
    EXPECT_EQ(rows(), expected(0, 5));
    EXPECT_EQ(ledger(), Offset(5));
}

TEST_F(RangeLoaderTest, ARangeThatIsBroughtAgainIsDropped) {
    ASSERT_TRUE(load(0, 5));
    const auto again = load(0, 5);
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(again->counts.messages, 0);
    EXPECT_EQ(rows(), expected(0, 5));
}

TEST_F(RangeLoaderTest, GoesOnFromTheLedgerWithinTheRange) {
    ASSERT_TRUE(load(0, 3));
    ASSERT_TRUE(load(1, 7));
    EXPECT_EQ(rows(), expected(0, 7));
}

TEST_F(RangeLoaderTest, DropsARangeThatOthersHaveLeftBehind) {
    ASSERT_TRUE(load(0, 9));
    const auto behind = load(2, 5);
    ASSERT_TRUE(behind) << behind.error().what;
    EXPECT_EQ(behind->next, Offset(9));
    EXPECT_EQ(ledger(), Offset(9));
}

TEST_F(RangeLoaderTest, RefusesARangeThatBeginsAboveTheLedger) {
    ASSERT_TRUE(load(0, 3));
    const auto above = load(5, 7);
    ASSERT_FALSE(above);
    EXPECT_EQ(above.error().kind, ErrorKind::conflict);
    EXPECT_EQ(stopped_at, Offset(3));
    EXPECT_EQ(rows(), expected(0, 3));
}

TEST_F(RangeLoaderTest, PassesOverOffsetsWithoutAMessage) {
    Brought source({{2, price(2)}, {5, price(5)}});
    const auto loaded = load(0, 9, source);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(ledger(), Offset(9));
    EXPECT_EQ(rows(), (std::vector<std::string>{"2.50", "5.50"}));
    Brought silent({});
    ASSERT_TRUE(load(9, 12, silent));
    EXPECT_EQ(ledger(), Offset(12));
}

TEST_F(RangeLoaderTest, RefusesATopicThatWasMadeAnew) {
    ASSERT_TRUE(load(0, 3));
    Brought other({{1, price(1)}, {2, price(40)}, {3, price(3)}});
    const auto refused = load(1, 4, other);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
    EXPECT_NE(refused.error().what.find("made anew"), std::string::npos) << refused.error().what;
    // Also where nothing but what was loaded is brought.
    Brought alone({{2, price(40)}});
    EXPECT_FALSE(load(2, 3, alone));
    EXPECT_EQ(rows(), expected(0, 3));
}

// Marks of transactions may stand between the message that was loaded last and the ledger.
TEST_F(RangeLoaderTest, ComparesTheLastMessageBeforeMarksOfTransactions) {
    Brought marked({{0, price(0)}, {1, price(1)}});
    ASSERT_TRUE(load(0, 4, marked));
    Brought same({{1, price(1)}, {4, price(4)}});
    const auto loaded = load(1, 5, same);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(rows(), (std::vector<std::string>{"0.50", "1.50", "4.50"}));
}

TEST_F(RangeLoaderTest, KeepsWhatCannotBeReadAndGoesOn) {
    Brought poisoned({{0, price(0)}, {1, "\xff{"}, {2, ""}, {3, price(3)}});
    const auto loaded = load(0, 4, poisoned);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->counts.dead_letters, 2);
    EXPECT_EQ(rows(), (std::vector<std::string>{"0.50", "3.50"}));
}

TEST_F(RangeLoaderTest, AStreamThatEndsWithAnErrorLeavesTheRestForTheNextTry) {
    Brought cut(prices(0, 4));
    cut.fail_at_end({ErrorKind::unavailable, "the socket is closed"});
    ASSERT_FALSE(load(0, 9, cut));
    ASSERT_TRUE(load(0, 9));
    EXPECT_EQ(rows(), expected(0, 9));
}

TEST_F(RangeLoaderTest, RefusesMessagesThatAreNotInTheRangeOrOutOfOrder) {
    Brought beyond(prices(0, 6));
    EXPECT_FALSE(load(0, 5, beyond));
    Brought before(prices(0, 6));
    EXPECT_FALSE(load(2, 6, before));
}

// Two attempts of one task, or `tapedeck load` at the same time: whoever is fenced goes on where
// the ledger is then, within what was brought.
TEST_F(RangeLoaderTest, GoesOnWhereSomebodyElseHasComeTo) {
    for (const int beaten_at : {0, 2, 4, 6, 8}) {
        for (const std::int64_t by : {1, 2, 3, 5, 20}) {
            store = parts::store_in_memory(clock);
            ASSERT_TRUE(store->ensure_table(feed.table));
            const std::int64_t until = 10;
            Brought source(prices(0, until));
            bool was_beaten = false;
            source.before_each([&](int given) {
                if (given < beaten_at || std::exchange(was_beaten, true)) return;
                const std::int64_t now = ledger().value();
                rival_loads(now, std::min(now + by, std::int64_t{30}));
            });
            const auto loaded = load(0, until, source);
            ASSERT_TRUE(loaded) << loaded.error().what;
            const std::int64_t end = std::max(until, ledger().value());
            EXPECT_EQ(ledger(), Offset(end));
            EXPECT_EQ(rows(), expected(0, end)) << "beaten at " << beaten_at << " by " << by;
        }
    }
}

// A crash of the database's server takes back what was not on its disk.
TEST_F(RangeLoaderTest, NeverSkipsWhatTheDatabaseLost) {
    ASSERT_TRUE(load(0, 4));
    Brought source(prices(4, 12));
    bool was_set_back = false;
    source.before_each([&](int given) {
        if (given < 6 || std::exchange(was_set_back, true)) return;
        const std::vector<Statement> loss{
            {"delete from coin_records where price in (select '3.50')", {}, {}},
            {"update offsets set next_offset = 3, last_digest = null where topic = 'coin_topic'",
             {},
             {}}};
        ASSERT_TRUE(store->transact(loss));
    });
    const auto loaded = load(4, 12, source);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().kind, ErrorKind::conflict) << loaded.error().what;
    EXPECT_EQ(stopped_at, Offset(3));
}

// The loader's own enumeration of faults: any call fails, or its answer is lost; whoever brings the
// range again finds all of it loaded once.
TEST_F(RangeLoaderTest, AFaultAtAnyCallLosesAndDoublesNothing) {
    Calls counting;
    {
        FaultyStore counted(*store, counting);
        Brought source(prices(0, 12));
        ASSERT_TRUE(load(0, 12, source, &counted));
    }
    ASSERT_GT(counting.count(), 5U);
    for (std::uint64_t at = 1; at <= counting.count(); ++at) {
        for (const Fault fault : {Fault::fail_before, Fault::fail_after}) {
            store = parts::store_in_memory(clock);
            ASSERT_TRUE(store->ensure_table(feed.table));
            Calls calls(at, fault);
            FaultyStore faulty(*store, calls);
            Brought source(prices(0, 12));
            const auto interrupted = load(0, 12, source, &faulty);
            if (!interrupted) {
                EXPECT_EQ(interrupted.error().kind, ErrorKind::unavailable);
            }
            ASSERT_TRUE(load(0, 12));
            EXPECT_EQ(rows(), expected(0, 12)) << "call " << at;
        }
    }
}

}  // namespace
}  // namespace tapedeck
