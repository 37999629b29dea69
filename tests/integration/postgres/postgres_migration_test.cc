// The original's tables, taken over in place: rows kept, old writers and readers still at work.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "store/postgres/postgres_lens.h"
#include "store/postgres/postgres_tables.h"
#include "tests/integration/postgres/database.h"

namespace tapedeck {
namespace {

const PriceTable kCoins{"coin_records", RecordForm::coin};
const PriceTable kStocks{"stock_records", RecordForm::stock};
const TopicPartition kAt{"coin_topic", Partition(0)};

std::string newest_version() { return std::to_string(schema_steps().size()); }

class PostgresMigration : public ::testing::Test {
protected:
    PostgresMigration() {
        outsider_.execute(
            "create table coin_records (id serial primary key, coin text, price decimal,"
            " date timestamp not null);"
            "create table stock_records (id serial primary key, stock text, price decimal,"
            " previous_close decimal, date timestamp not null);"
            "insert into coin_records (coin, price, date) values"
            " ('bitcoin', 22470.5, '2023-03-01 14:05:00.123456'),"
            " ('ethereum', 1566.10, '2023-03-01 14:05:00.123456');"
            "insert into stock_records (stock, price, previous_close, date) values"
            " ('Apple Inc. (AAPL)', 145.31, 147.41, '2023-03-01 14:05:01')");
    }

    std::unique_ptr<PostgresStore> migrated(bool keep_types) {
        PostgresStoreOptions options;
        options.keep_types = keep_types;
        options.say = [this](const std::string& sentence) { said_.push_back(sentence); };
        const std::vector<PriceTable> tables{kCoins, kStocks};
        const auto pending = looked_at(options)->pending();
        EXPECT_EQ(pending.size(), 2U);
        EXPECT_TRUE(said_.empty());
        auto store = open_store(url_, clock_, options);
        for (const PriceTable& table : tables) {
            const auto made = store->ensure_table(table);
            EXPECT_TRUE(made) << made.error().what;
        }
        EXPECT_EQ(said_, pending);
        EXPECT_TRUE(store->pending().empty());
        EXPECT_TRUE(looked_at(options)->pending().empty());
        return store;
    }

    std::unique_ptr<PostgresStore> looked_at(PostgresStoreOptions options) {
        options.tables = PostgresTables::look;
        auto store = open_store(url_, clock_, options);
        for (const PriceTable& table : {kCoins, kStocks}) {
            const auto seen = store->ensure_table(table);
            EXPECT_TRUE(seen) << seen.error().what;
        }
        return store;
    }

    // One record of ours, at offset `from`.
    Committed load(Store& store, std::int64_t from) {
        const std::vector<TopicPartition> partitions{kAt};
        EXPECT_TRUE(store.ledger(partitions));
        Record record;
        record.instrument = record.name = "bitcoin";
        record.price = *Decimal::parse("22470.520");
        record.slot = kTestStart;
        record.observed_at = kTestStart + std::chrono::microseconds(412'913);
        record.source = "coinmarketcap";
        Batch batch;
        batch.advances.push_back({kAt, Offset(from), Offset(from + 1), kTestStart, sha256("x")});
        batch.rows.push_back({kCoins, 0, {record}, {Offset(from)}, {kTestStart}});
        const auto committed = store.commit(batch);
        EXPECT_TRUE(committed) << committed.error().what;
        return committed.value_or({});
    }

    // As the Spark application appends, by JDBC: its own columns, in a session of its own zone.
    void append_as_the_original() {
        outsider_.execute(
            "insert into coin_records (\"coin\", \"price\", \"date\") values"
            " ('solana', 21.5, '2023-03-01 15:00:00')");
    }

    const PostgresUrl url_ = new_database();
    Outsider outsider_{url_};
    ManualClock clock_{kTestStart};
    std::vector<std::string> said_;
};

TEST_F(PostgresMigration, KeepsTheRowsAndReadsTheirTimestampsAsUtc) {
    const auto store = migrated(false);
    EXPECT_NE(said_.at(0).find("UTC"), std::string::npos) << said_[0];
    EXPECT_EQ(load(*store, 0).rows, 1);
    append_as_the_original();
    EXPECT_EQ(outsider_.rows("select id, coin, price, date at time zone 'UTC', slot is null from"
                             " coin_records order by id"),
              (std::vector<std::string>{
                  "1|bitcoin|22470.5|2023-03-01 14:05:00.123456|t",
                  "2|ethereum|1566.10|2023-03-01 14:05:00.123456|t",
                  "3|bitcoin|22470.520|2025-11-24 16:00:00.412913|f",
                  "4|solana|21.5|2023-03-01 15:00:00|t",
              }));
    EXPECT_EQ(outsider_.value("select count(*) from coin_prices"), "4");
    EXPECT_EQ(outsider_.rows("select coin, price from coin_latest"),
              std::vector<std::string>{"bitcoin|22470.520"});
    EXPECT_EQ(outsider_.value("select stock || ' ' || price || ' ' || previous_close from"
                              " stock_prices"),
              "Apple Inc. (AAPL) 145.31 147.41");
    EXPECT_EQ(outsider_.rows("select data_type from information_schema.columns where table_name ="
                             " 'coin_records' and column_name in ('id', 'date') order by 1"),
              (std::vector<std::string>{"bigint", "timestamp with time zone"}));
}

TEST_F(PostgresMigration, LeavesSerialTimestampAndPrimaryKeyWhereAskedTo) {
    const auto store = migrated(true);
    EXPECT_EQ(load(*store, 0).rows, 1);
    EXPECT_EQ(load(*store, 1).absorbed, 1);
    append_as_the_original();
    EXPECT_EQ(outsider_.rows("select coin, price, date from coin_records order by id"),
              (std::vector<std::string>{
                  "bitcoin|22470.5|2023-03-01 14:05:00.123456",
                  "ethereum|1566.10|2023-03-01 14:05:00.123456",
                  "bitcoin|22470.520|2025-11-24 16:00:00.412913",
                  "solana|21.5|2023-03-01 15:00:00",
              }));
    EXPECT_EQ(outsider_.rows("select data_type from information_schema.columns where table_name ="
                             " 'coin_records' and column_name in ('id', 'date') order by 1"),
              (std::vector<std::string>{"integer", "timestamp without time zone"}));
    EXPECT_EQ(outsider_.value("select count(*) from pg_constraint where contype = 'p' and"
                              " conrelid = 'coin_records'::regclass"),
              "1");
    // The times of both kinds of rows are read alike.
    std::vector<std::string> read;
    ASSERT_TRUE(store->query(
        {"select date from coin_records where date >= $1 order by id", {kTestStart}, {}},
        [&](const RowView& row) -> Result<> {
            read.push_back(format_rfc3339(row.timestamp(0)));
            return {};
        }));
    EXPECT_EQ(read, std::vector<std::string>{"2025-11-24T16:00:00.412913Z"});
}

// Issue 11: a JVM that was not in UTC wrote its own clock's times.
TEST_F(PostgresMigration, ReadsTimestampsInTheZoneOfTheOriginal) {
    PostgresStoreOptions options;
    options.original_zone = "America/New_York";
    const auto store = open_store(url_, clock_, options);
    const auto made = store->ensure_table(kCoins);
    ASSERT_TRUE(made) << made.error().what;
    EXPECT_EQ(outsider_.value("select date at time zone 'UTC' from coin_records where id = 1"),
              "2023-03-01 19:05:00.123456");
}

// What a look shows of the original's tables is what it shows once they are taken over.
TEST_F(PostgresMigration, ALookReadsTheOriginalsTablesAsTheyAre) {
    outsider_.execute(
        "create table offsets (of_somebody_else text);"
        "insert into coin_records (coin, price, date) values ('solana', 21.50, now())");
    PostgresStoreOptions options;
    options.original_zone = "America/New_York";
    const auto read = [](Store& store) {
        std::vector<std::string> out;
        for (const std::string& from : std::vector<std::string>{
                 "coin_records r order by id", "coin_prices r where date >= $1 order by date, id",
                 "coin_latest r order by coin",
                 "(with recursive n(i) as (select 1 union all select i + 1 from n where i < 2)"
                 " select r.* from n join coin_records r on r.id = n.i) r order by id",
                 "(select id, stock as coin, price + previous_close as price, date, instrument, "
                 "slot"
                 " from stock_prices) r order by id"}) {
            const auto done = store.query(
                {"select id, coin, price, date, instrument, slot from " + from,
                 from.find('$') == std::string::npos ? std::vector<Value>{}
                                                     : std::vector<Value>{Timestamp()},
                 {}},
                [&](const RowView& row) -> Result<> {
                    out.push_back(fmt::format(
                        "{} {} {} {} {}", row.integer(0), row.text(1), row.decimal(2).to_string(),
                        format_rfc3339(row.timestamp(3)), row.is_null(4) && row.is_null(5)));
                    return {};
                });
            EXPECT_TRUE(done) << done.error().what;
        }
        return out;
    };
    const auto shape = [&] {
        return outsider_.rows(
            "select table_name, column_name, data_type, is_nullable, coalesce(column_default, '')"
            " from information_schema.columns where table_schema = 'public'"
            " union all select indexname, indexdef, '', '', '' from pg_indexes where schemaname ="
            " 'public' order by 1, 2");
    };
    const auto before = shape();
    const auto store = looked_at(options);
    const auto shown = read(*store);
    EXPECT_EQ(shape(), before);
    EXPECT_EQ(shown.size(), 10U);
    EXPECT_EQ(shown.at(0), "1 bitcoin 22470.5 2023-03-01T19:05:00.123456Z true");
    EXPECT_EQ(shown.at(1), "2 ethereum 1566.10 2023-03-01T19:05:00.123456Z true");
    // Tapedeck's own are empty, and what has the name of one is not read.
    std::int64_t entries = -1;
    ASSERT_TRUE(store->query({"select count(*) from offsets where next_offset >= 0", {}, {}},
                             [&](const RowView& row) -> Result<> {
                                 entries = row.integer(0);
                                 return {};
                             }));
    EXPECT_EQ(entries, 0);
    // Nothing is written.
    const std::vector<TopicPartition> partitions{kAt};
    EXPECT_FALSE(store->ledger(partitions));
    const std::vector<Statement> statements{{"delete from coin_records", {}, {}}};
    EXPECT_FALSE(store->transact(statements));
    EXPECT_FALSE(store->acquire_lease("somebody"));
    // Taken over while somebody looks: no time is read in the wrong zone.
    outsider_.execute("drop table offsets");
    const auto taker = open_store(url_, clock_, options);
    for (const PriceTable& table : {kCoins, kStocks}) ASSERT_TRUE(taker->ensure_table(table));
    EXPECT_EQ(read(*store), shown);
    EXPECT_EQ(read(*taker), shown);
}

// A collection or a pause is no reason to rewrite a table either.
TEST_F(PostgresMigration, WhoOnlyMakesWhatIsMissingLeavesTheOriginalsTables) {
    PostgresStoreOptions options;
    options.tables = PostgresTables::make;
    const auto store = open_store(url_, clock_, options);
    for (const PriceTable& table : {kCoins, PriceTable{"metal_records", RecordForm::stock}}) {
        const auto made = store->ensure_table(table);
        ASSERT_TRUE(made) << made.error().what;
    }
    EXPECT_EQ(store->pending().size(), 1U);
    EXPECT_EQ(outsider_.value("select count(*) from information_schema.columns where table_name ="
                              " 'coin_records'"),
              "4");
    EXPECT_EQ(outsider_.value("select count(*) from metal_records"), "0");
    std::int64_t slots = -1;
    ASSERT_TRUE(store->query({"select count(slot) + count(*) from coin_records", {}, {}},
                             [&](const RowView& row) -> Result<> {
                                 slots = row.integer(0);
                                 return {};
                             }));
    EXPECT_EQ(slots, 2);
}

TEST_F(PostgresMigration, WhoLeavesTheTablesIsRefusedWhereTheyAreMissingOrOlder) {
    PostgresStoreOptions options;
    options.tables = PostgresTables::leave;
    const auto missing = PostgresStore::open(url_, clock_, options);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().what.find("yet"), std::string::npos) << missing.error().what;
    ASSERT_TRUE(open_store(url_, clock_));
    EXPECT_TRUE(PostgresStore::open(url_, clock_, options));
    outsider_.execute("delete from schema_version where version > 1");
    const auto older = PostgresStore::open(url_, clock_, options);
    ASSERT_FALSE(older);
    EXPECT_NE(older.error().what.find("check --migrate"), std::string::npos) << older.error().what;
}

// Every version there ever was is read by a program of today, and none is changed by that.
TEST(PostgresSchema, EveryOlderVersionIsReadAsItIs) {
    const auto columns = [](Outsider& outsider, const std::string& of) {
        return outsider.rows(
            "select table_name, column_name from information_schema.columns where"
            " table_schema = 'public' and table_name " +
            of + " order by 1, ordinal_position");
    };
    ManualClock clock(kTestStart);
    for (std::size_t version = 1; version <= schema_steps().size(); ++version) {
        SCOPED_TRACE(version);
        const PostgresUrl url = new_database();
        Outsider outsider(url);
        outsider.execute("create table schema_version (part text, version bigint, at timestamptz)");
        for (std::size_t i = 0; i < version; ++i) {
            outsider.execute(std::string(schema_steps()[i]));
            outsider.execute(
                fmt::format("insert into schema_version values ('store', {}, now())", i + 1));
        }
        outsider.execute(
            "insert into offsets (topic, partition, next_offset) values ('coin_topic', 0, 7)");
        const auto before = columns(outsider, "<> ''");
        PostgresStoreOptions options;
        options.tables = PostgresTables::look;
        const auto store = open_store(url, clock, options);
        EXPECT_EQ(store->pending().empty(), version == schema_steps().size());
        for (const OwnTable& table : own_tables()) {
            std::vector<std::string> names;
            for (const OwnTable::Column& column : table.columns) names.push_back(column.name);
            std::int64_t rows = -1;
            const auto done =
                store->query({fmt::format("select count(*) from (select {} from {}) t",
                                          fmt::join(names, ", "), table.name),
                              {},
                              {}},
                             [&](const RowView& row) -> Result<> {
                                 rows = row.integer(0);
                                 return {};
                             });
            EXPECT_TRUE(done) << done.error().what;
            const bool made = table.name == "deployments" && version >= 6;
            EXPECT_EQ(rows, table.name == "offsets" || made ? 1 : 0) << table.name;
        }
        EXPECT_EQ(columns(outsider, "<> ''"), before);
        // And what this program takes a table for is what the server makes of it.
        if (version < schema_steps().size()) continue;
        std::vector<std::string> wanted;
        auto tables = own_tables();
        std::ranges::sort(tables, {}, &OwnTable::name);
        for (const OwnTable& table : tables) {
            for (const OwnTable::Column& column : table.columns) {
                wanted.push_back(table.name + "|" + column.name);
            }
        }
        EXPECT_EQ(columns(outsider, "<> 'schema_version'"), wanted);
    }
}

TEST_F(PostgresMigration, WidensAPriceThatWouldBeRounded) {
    outsider_.execute("alter table coin_records alter column price type numeric(10, 2)");
    const auto store = migrated(true);
    load(*store, 0);
    EXPECT_EQ(outsider_.value("select price from coin_records where slot is not null"),
              "22470.520");
}

TEST_F(PostgresMigration, RefusesPricesThatAreNotExact) {
    outsider_.execute("alter table coin_records alter column price type double precision");
    const auto store = open_store(url_, clock_);
    const auto made = store->ensure_table(kCoins);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::rejected);
    EXPECT_NE(made.error().what.find("double precision"), std::string::npos) << made.error().what;
}

TEST_F(PostgresMigration, SaysWhatStandsInItsWayAndChangesNothing) {
    outsider_.execute("create view of_their_own as select date from coin_records");
    const auto store = open_store(url_, clock_);
    const auto made = store->ensure_table(kCoins);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, ErrorKind::rejected);
    EXPECT_NE(made.error().what.find("of_their_own"), std::string::npos) << made.error().what;
    EXPECT_EQ(outsider_.value("select count(*) from information_schema.columns where table_name ="
                              " 'coin_records'"),
              "4");
}

TEST_F(PostgresMigration, IsDoneOnceWhereManyBeginAtOnce) {
    constexpr int kOpeners = 4;
    {
        std::vector<std::jthread> openers;
        for (int i = 0; i < kOpeners; ++i) {
            openers.emplace_back([&] {
                const auto store = open_store(url_, clock_);
                ASSERT_TRUE(store);
                const auto made = store->ensure_table(kCoins);
                EXPECT_TRUE(made) << made.error().what;
            });
        }
    }
    EXPECT_EQ(outsider_.value("select count(*) from coin_records"), "2");
    EXPECT_EQ(outsider_.value("select max(version) from schema_version where part = 'store'"),
              newest_version());
}

// As when a recorder of a newer program is started before the owner has looked in.
TEST(PostgresSchema, OfAnOlderVersionIsForItsOwnerToBringUpToDate) {
    const PostgresUrl url = new_database();
    ManualClock clock(kTestStart);
    open_store(url, clock);
    Outsider owner(url);
    owner.execute(
        "drop table replacements, tapes, deployments, loaded_topics, dead_letter_ends,"
        " dead_letter_tries, stalls, loading_starts; drop index coverage_gaps;"
        "delete from schema_version where version > 1;"
        "revoke create on schema public from public;"
        "drop role if exists tapedeck_recorder; create role tapedeck_recorder login;"
        "grant select, insert on all tables in schema public to tapedeck_recorder");
    PostgresUrl recorder = url;
    recorder.user = "tapedeck_recorder";
    const auto refused = PostgresStore::open(recorder, clock);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
    for (const std::string& part : {std::string("permission denied"), std::string("of version 1"),
                                    "of version " + newest_version(), std::string("their owner")}) {
        EXPECT_NE(refused.error().what.find(part), std::string::npos) << refused.error().what;
    }
    EXPECT_EQ(owner.value("select max(version) from schema_version"), "1");
    EXPECT_TRUE(open_store(url, clock));
    EXPECT_TRUE(PostgresStore::open(recorder, clock));
    owner.execute("drop owned by tapedeck_recorder; drop role tapedeck_recorder");
}

TEST(PostgresSchema, OfANewerVersionIsRefused) {
    const PostgresUrl url = new_database();
    ManualClock clock(kTestStart);
    open_store(url, clock);
    Outsider(url).execute("insert into schema_version values ('store', 99, now())");
    const auto opened = PostgresStore::open(url, clock);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::rejected);
    EXPECT_NE(opened.error().what.find("99"), std::string::npos) << opened.error().what;
}

}  // namespace
}  // namespace tapedeck
