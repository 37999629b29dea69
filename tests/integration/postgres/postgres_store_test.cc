// What is PostgreSQL's own: exact numerics, refused data, roles, TLS, the lease, dumps.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include "store/postgres/postgres_values.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/conformance/temp_folder.h"
#include "tests/integration/postgres/batches.h"
#include "tests/integration/postgres/database.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

class PostgresStoreTest : public ::testing::Test {
protected:
    PostgresStoreTest() { make_coins(*store_); }

    const PostgresUrl url_ = new_database();
    ManualClock clock_{kTestStart};
    std::unique_ptr<PostgresStore> store_ = open_store(url_, clock_);
    Outsider outsider_{url_};
};

Decimal any_decimal() {
    const int digits = *rc::gen::inRange(0, 39);
    std::string text = *rc::gen::element(std::string(), std::string("-"));
    for (int i = 0; i < digits; ++i) {
        // Groups of zeros are where an encoder of four digits a group goes wrong.
        text += *rc::gen::weightedElement<char>({{6, '0'}, {1, '1'}, {2, '9'}, {1, '5'}});
    }
    if (digits == 0) text += '0';
    const int scale = *rc::gen::inRange(0, 39);
    const auto whole = Decimal::parse(text);
    RC_ASSERT(whole);
    const auto out = Decimal::from_parts(whole->coefficient(), scale);
    RC_ASSERT(out);
    return *out;
}

// The server prints what it was given in binary, and gives in binary what it was given as text.
RC_GTEST_PROP(PostgresNumeric, IsWhatTheServerReadsAndWrites, ()) {
    static const PostgresUrl url = new_database();
    static Outsider outsider(url);
    constexpr int kAtOnce = 100;
    std::vector<Value> values;
    std::string printed = "select ";
    std::string binary = "select ";
    for (int i = 1; i <= kAtOnce; ++i) {
        const Decimal value = any_decimal();
        values.emplace_back(value);
        printed += (i > 1 ? ", $" : "$") + std::to_string(i) + "::text";
        binary += (i > 1 ? ", " : "") + value.to_string() + "::numeric";
    }
    const auto texts = outsider.connection().run(printed, values);
    RC_ASSERT(texts.has_value());
    const auto numbers = outsider.connection().run(binary, {});
    RC_ASSERT(numbers.has_value());
    for (int i = 0; i < kAtOnce; ++i) {
        const Decimal& value = std::get<Decimal>(values[static_cast<std::size_t>(i)]);
        RC_ASSERT(std::string(PQgetvalue(texts->get(), 0, i)) == value.to_string());
        const auto read =
            read_numeric({PQgetvalue(numbers->get(), 0, i),
                          static_cast<std::size_t>(PQgetlength(numbers->get(), 0, i))});
        RC_ASSERT(read.has_value());
        RC_ASSERT(read->to_string() == value.to_string());
    }
}

TEST_F(PostgresStoreTest, SaysThatANumericIsNoDecimal) {
    for (const char* text : {"'NaN'::numeric", "'infinity'::numeric", "1e38::numeric",
                             "1.5::numeric / 3e30", "round(1::numeric, 39)"}) {
        bool seen = false;
        const auto done =
            store_->query({std::string("select ") + text, {}, {}}, [&](const RowView&) -> Result<> {
                seen = true;
                return {};
            });
        EXPECT_FALSE(done) << text;
        EXPECT_FALSE(seen) << text;
    }
}

TEST_F(PostgresStoreTest, ReadsTheEndsOfTimeAsTheEndsOfTime) {
    std::vector<Timestamp> read;
    const auto done = store_->query(
        {"select $1::timestamptz, $2::timestamptz, '-infinity'::timestamptz, $3::timestamptz",
         {Timestamp::min(), Timestamp::max(), Timestamp(std::chrono::microseconds(-1))},
         {}},
        [&](const RowView& row) -> Result<> {
            for (int i = 0; i < 4; ++i) read.push_back(row.timestamp(i));
            return {};
        });
    ASSERT_TRUE(done) << done.error().what;
    EXPECT_EQ(read, (std::vector<Timestamp>{Timestamp::min(), Timestamp::max(), Timestamp::min(),
                                            Timestamp(std::chrono::microseconds(-1))}));
}

// Data that the database refuses.

TEST_F(PostgresStoreTest, FindsTheRecordsThatTheDatabaseRefusesAmongMany) {
    std::vector<std::string> names;
    for (int i = 0; i < 1'000; ++i) names.push_back("coin" + std::to_string(i));
    names[17] = "not \xff utf-8";
    std::mt19937 random(7);
    names[999].clear();  // longer than an index holds, and not to be packed
    for (int i = 0; i < 20'000; ++i) names[999] += static_cast<char>('!' + random() % 90);
    std::vector<Record> records;
    for (const std::string& name : names) records.push_back(coin(name, "1.50"));
    const Committed done = committed(*store_, batch_of(0, records));
    EXPECT_EQ(done.rows, 998);
    EXPECT_EQ(done.dead_letters, 2);
    EXPECT_EQ(done.absorbed + done.duplicates, 0);
    EXPECT_EQ(outsider_.value("select count(*) from coin_records"), "998");
    EXPECT_EQ(outsider_.rows("select message_offset, key = convert_to('not ', 'utf8') || '\\xff' ||"
                             " convert_to(' utf-8', 'utf8') from dead_letters order by 1"),
              (std::vector<std::string>{"17|t", "999|f"}));
    EXPECT_EQ(outsider_.value("select rows from batches"), "998");
    EXPECT_EQ(next_offset(*store_), 1'000);
}

TEST_F(PostgresStoreTest, TakesAConstraintOfTheUsersOwnForOneRecordsFault) {
    outsider_.execute("alter table coin_records add check (price < 1000)");
    const Committed done = committed(
        *store_, batch_of(0, {coin("a", "1"), coin("b", "1000"), coin("a", "1"), coin("c", "2")}));
    EXPECT_EQ(done.rows, 2);
    EXPECT_EQ(done.absorbed, 1);
    EXPECT_EQ(done.dead_letters, 1);
}

// What hangs on no value: nothing is refused for ever, and nothing loaded without it.

struct RefusalOfAll {
    const char* name;
    std::string made;
    const char* mended;
    const char* said;
};

constexpr const char* kNoTrigger = "drop trigger somebodys on coin_records";

std::string trigger(const std::string& when, const std::string& does) {
    return "create or replace function somebodys() returns trigger language plpgsql as $$ begin " +
           does + " end $$; create trigger somebodys " + when +
           " insert on coin_records for each row execute function somebodys()";
}

// Views are in the way of a person, too.
std::string limited(const std::string& column) {
    return "drop view coin_prices; drop view coin_latest; alter table coin_records alter column " +
           column;
}

class PostgresRefusalTest : public PostgresStoreTest,
                            public ::testing::WithParamInterface<RefusalOfAll> {};

TEST_P(PostgresRefusalTest, OfEveryRowIsWaitedForAndNamed) {
    outsider_.execute(GetParam().made);
    for (int i = 0; i < 2; ++i) {
        const auto refused = store_->commit(batch_of(0, {coin("a", "1.50"), coin("b", "2.25")}));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::unavailable) << refused.error().what;
        EXPECT_NE(refused.error().what.find(GetParam().said), std::string::npos)
            << refused.error().what;
        EXPECT_NE(refused.error().what.find("coin_records"), std::string::npos)
            << refused.error().what;
    }
    EXPECT_EQ(next_offset(*store_), 0);
    EXPECT_EQ(outsider_.value("select count(*) from dead_letters"), "0");
    outsider_.execute(GetParam().mended);
    const Committed done = committed(*store_, batch_of(0, {coin("a", "1.50"), coin("b", "2.25")}));
    EXPECT_EQ(done.rows, 2);
    EXPECT_EQ(done.dead_letters, 0);
    EXPECT_EQ(outsider_.value("select count(*) from coin_records"), "2");
}

INSTANTIATE_TEST_SUITE_P(
    Refusals, PostgresRefusalTest,
    ::testing::Values(
        RefusalOfAll{"AColumnThatNobodyFills",
                     "alter table coin_records add column desk text not null",
                     "alter table coin_records alter column desk drop not null", "\"desk\""},
        RefusalOfAll{"ATriggerThatRaises",
                     "create function refuse() returns trigger language plpgsql as $$ begin raise "
                     "exception 'not on my watch'; end $$; create trigger somebodys before insert "
                     "on coin_records for each row execute function refuse()",
                     "drop trigger somebodys on coin_records", "not on my watch"},
        RefusalOfAll{"ATriggerWithACodeOfItsOwn",
                     "create function refuse() returns trigger language plpgsql as $$ begin raise "
                     "exception 'not on my watch' using errcode = 'ZZ001'; end $$; create trigger "
                     "somebodys before insert on coin_records for each row execute function "
                     "refuse()",
                     "drop trigger somebodys on coin_records", "refuse()"},
        RefusalOfAll{"AConstraintOnWhatNobodyFills",
                     "alter table coin_records add column desk text default 'x'; alter table "
                     "coin_records add constraint desks check (desk <> 'x')",
                     "alter table coin_records drop constraint desks", "\"desks\""},
        RefusalOfAll{"AColumnThatWasRenamed",
                     "alter table coin_records rename column currency to unit",
                     "alter table coin_records rename column unit to currency", "\"currency\""},
        RefusalOfAll{"ATriggerThatIgnoresRows", trigger("before", "return null;"), kNoTrigger,
                     "coin_records took 0 rows of 2"},
        RefusalOfAll{"ATriggerThatIgnoresSome",
                     trigger("before", "if new.price > 2 then return null; end if; return new;"),
                     kNoTrigger, "coin_records took 1 rows of 2"},
        RefusalOfAll{
            "ATriggerThatRounds",
            trigger("before",
                    "if new.price > 2 then new.price := round(new.price, 1); end if; return new;"),
            kNoTrigger, "keeps '2.3' in its column price where it was given '2.25'"},
        RefusalOfAll{"ATriggerThatDropsDigits",
                     trigger("before", "new.price := trim_scale(new.price); return new;"),
                     kNoTrigger, "keeps '1.5' in its column price where it was given '1.50'"},
        RefusalOfAll{
            "ATriggerThatRoundsAfterwards",
            trigger(
                "after",
                "update coin_records set price = round(price, 1) where id = new.id and price > 2;"
                " return null;"),
            kNoTrigger, "keeps '2.3' in its column price where it was given '2.25'"},
        RefusalOfAll{"ATriggerThatDeletes",
                     trigger("after",
                             "delete from coin_records where id = new.id and new.price > 2;"
                             " return null;"),
                     kNoTrigger, "coin_records took 1 rows of 2"},
        RefusalOfAll{"AColumnThatRounds", limited("price type numeric(10, 1)"),
                     "alter table coin_records alter column price type numeric",
                     "its column price is numeric(10,1)"},
        RefusalOfAll{"AColumnThatIsInexact", limited("price type double precision"),
                     "alter table coin_records alter column price type numeric",
                     "its column price is double precision"},
        RefusalOfAll{"ATimeThatRounds", limited("date type timestamptz(0)"),
                     "alter table coin_records alter column date type timestamptz",
                     "its column date is timestamp(0) with time zone"},
        RefusalOfAll{"AKeyOfSomebodys", "create unique index somebodys on coin_records (date)",
                     "drop index somebodys", "coin_records took 1 rows of 2"},
        RefusalOfAll{"ARightThatIsTakenAway", "alter table coin_records rename to coin_records_now",
                     "alter table coin_records_now rename to coin_records",
                     "coin_records\" does not exist"}),
    [](const auto& info) { return info.param.name; });

TEST_F(PostgresStoreTest, TakesAReferenceThatIsNotThereForOneRecordsFault) {
    outsider_.execute(
        "create table known (name text primary key); insert into known values ('a');"
        " alter table coin_records add foreign key (coin) references known (name)");
    const Committed done =
        committed(*store_, batch_of(0, {coin("a", "1.50"), coin("b", "2.25"), coin("a", "3")}));
    EXPECT_EQ(done.rows, 1);
    EXPECT_EQ(done.duplicates, 1);
    EXPECT_EQ(done.refused, 1);
    ASSERT_TRUE(done.first_refused);
    EXPECT_EQ(done.first_refused->offset, Offset(1));
    EXPECT_NE(done.first_refused->reason.find("known"), std::string::npos);
}

TEST_F(PostgresStoreTest, LoadsBesideATriggerThatOnlyNotes) {
    outsider_.execute(
        "create table noted (coin text, price numeric);" +
        trigger("before", "insert into noted values (new.coin, new.price); return new;"));
    EXPECT_EQ(committed(*store_, batch_of(0, {coin("a", "1.50"), coin("b", "2.25")})).rows, 2);
    EXPECT_EQ(outsider_.value("select string_agg(reason, ' ') from dead_letters"), "null");
    // The same again, another price for a key, and a row without a slot, which no key finds.
    const Committed again = committed(
        *store_, batch_of(2, {coin("a", "1.50"), coin("b", "3"), coin("c", "4", std::nullopt)}));
    EXPECT_EQ(again.rows, 1);
    EXPECT_EQ(again.absorbed, 1);
    EXPECT_EQ(again.duplicates, 1);
    EXPECT_EQ(outsider_.value("select string_agg(price::text, ' ' order by id) from coin_records"),
              "1.50 2.25 4");
}

TEST_F(PostgresStoreTest, RefusesToBeMadeWhereNamesCannotBeKept) {
    for (const std::string encoding : {"LATIN1", "SQL_ASCII"}) {
        const std::string name = "in_" + encoding;
        Outsider admin(url_of(postgres(), "postgres"));
        admin.execute("create database \"" + name + "\" template template0 encoding '" + encoding +
                      "' locale 'C'");
        const auto refused = PostgresStore::open(url_of(postgres(), name), clock_);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
        EXPECT_NE(refused.error().what.find("encoding is " + encoding), std::string::npos)
            << refused.error().what;
    }
}

// One that was made by an older program. A name is right whatever a database thinks of it.
TEST_F(PostgresStoreTest, WaitsWithANameThatTheEncodingHasNot) {
    const TempFolder folder;
    ASSERT_TRUE(store_->backup(folder.file("copy"), [](int) {}));
    Outsider admin(url_of(postgres(), "postgres"));
    admin.execute("create database older template template0 encoding 'LATIN1' locale 'C'");
    PostgresUrl url = url_of(postgres(), "older");
    const std::string command = "pg_restore --dbname='" + connection_string(url).reveal() + "' " +
                                folder.file("copy") + " >&2";
    ASSERT_EQ(std::system(command.c_str()), 0);
    const auto older = open_store(url, clock_);
    ASSERT_TRUE(older);
    EXPECT_EQ(committed(*older, batch_of(0, {coin("café", "1")})).rows, 1);
    const auto refused = older->commit(batch_of(1, {coin("円", "2")}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_NE(refused.error().what.find("LATIN1"), std::string::npos) << refused.error().what;
    EXPECT_EQ(next_offset(*older), 1);
    Outsider look(url);
    EXPECT_EQ(look.value("select coin from coin_records"), "café");
    EXPECT_EQ(look.value("select count(*) from dead_letters"), "0");
}

TEST_F(PostgresStoreTest, TakesAFilledColumnThatMustNotBeNullForOneRecordsFault) {
    outsider_.execute("alter table coin_records alter column currency set not null");
    Record priced = coin("a", "1.50");
    priced.currency = "USD";
    Record bare = coin("b", "2.25");
    bare.currency = {};
    const Committed done = committed(*store_, batch_of(0, {priced, bare}));
    EXPECT_EQ(done.rows, 1);
    EXPECT_EQ(done.dead_letters, 1);
}

// A standby that took over the address, and the server that is written to again.
TEST_F(PostgresStoreTest, ConnectsAnewAfterAServerThatOnlyReads) {
    ASSERT_EQ(committed(*store_, batch_of(0, {coin("a", "1.50")})).rows, 1);
    const std::string database = outsider_.value("select quote_ident(current_database())");
    outsider_.execute("alter database " + database + " set default_transaction_read_only = on");
    outsider_.value(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = "
        "current_database() and pid <> pg_backend_pid()");
    bool read_only = false;
    for (int i = 0; i < 5 && !read_only; ++i) {
        const auto refused = store_->commit(batch_of(1, {coin("b", "2.25")}));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, ErrorKind::unavailable) << refused.error().what;
        read_only = refused.error().what.find("25006") != std::string::npos;
    }
    EXPECT_TRUE(read_only);
    outsider_.execute("alter database " + database + " reset default_transaction_read_only");
    // The session that was opened meanwhile would refuse for as long as it lives.
    EXPECT_EQ(committed(*store_, batch_of(1, {coin("b", "2.25")})).rows, 1);
}

// Random batches give the same in SQLite and in PostgreSQL, by whichever way they go.

struct TwoStores {
    TwoStores() : url(new_database()), postgres(open_store(url, clock)) {
        auto opened = SqliteStore::open(":memory:", clock);
        EXPECT_TRUE(opened);
        sqlite = *std::move(opened);
        make_coins(*sqlite);
        make_coins(*postgres);
    }

    std::vector<std::string> rows(Store& store, const std::string& sql) const {
        std::vector<std::string> out;
        const auto done = store.query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
            std::string line;
            for (int i = 0; i < 3; ++i) line += std::string(row.text(i)) + "|";
            for (int i = 3; i < 5; ++i) {
                line += (row.is_null(i) ? "null" : row.decimal(i).to_string()) + "|";
            }
            for (int i = 5; i < 8; ++i) {
                line += (row.is_null(i) ? "null" : format_rfc3339(row.timestamp(i))) + "|";
            }
            for (int i = 8; i < 10; ++i) {
                line += (row.is_null(i) ? "null" : std::to_string(row.integer(i))) + "|";
            }
            out.push_back(line);
            return {};
        });
        EXPECT_TRUE(done) << done.error().what;
        std::ranges::sort(out);
        return out;
    }
    std::vector<std::string> all(Store& store) const {
        std::vector<std::string> out;
        for (const char* sql :
             {"select coin, coalesce(source, ''), coalesce(capture, ''), price, null, date, slot,"
              " recorded_at, revision, null from coin_records",
              "select price_table, instrument, source, kept_price, other_price, other_date, slot,"
              " recorded_at, revision, message_offset from duplicates",
              "select topic, '', loader, null, null, committed_at, null, null, from_offset, rows"
              " from batches",
              "select topic, '', '', null, null, timestamp, null, recorded_at, message_offset,"
              " partition from dead_letters",
              "select coin, '', '', price, null, date, slot, null, revision, null from"
              " coin_prices"}) {
            for (std::string& line : rows(store, sql)) out.push_back(std::move(line));
        }
        return out;
    }

    void clear() const {
        std::vector<Statement> all;
        for (const char* table : {"coin_records", "duplicates", "batches", "dead_letters"}) {
            all.push_back({std::string("delete from ") + table, {}, std::nullopt});
        }
        EXPECT_TRUE(sqlite->transact(all));
        EXPECT_TRUE(postgres->transact(all));
    }

    PostgresUrl url;
    ManualClock clock{kTestStart};
    std::unique_ptr<PostgresStore> postgres;
    std::unique_ptr<SqliteStore> sqlite;
};

Record any_record() {
    static const std::vector<std::string> kNames = {"bitcoin", "ethereum", std::string("no\0", 3)};
    Record record =
        coin(kNames[*rc::gen::weightedElement<std::size_t>({{8, 0}, {8, 1}, {1, 2}})],
             *rc::gen::element("1.50", "1.5", "2.25", "0.00000001", "90000000000000000"));
    if (*rc::gen::weightedElement<bool>({{1, true}, {4, false}})) {
        record.slot.reset();
        record.source = {};
        record.observed_at.reset();
        return record;
    }
    record.slot = kSlot + std::chrono::minutes(*rc::gen::inRange(0, 40));
    record.source = *rc::gen::element("coinmarketcap", "coingecko");
    record.revision = *rc::gen::weightedElement<std::int32_t>({{5, 0}, {1, 1}});
    return record;
}

RC_GTEST_PROP(PostgresParity, RandomBatchesGiveTheSameInBothStores, ()) {
    static TwoStores stores;  // a database for each case would take most of the time
    stores.clear();
    const int batches = *rc::gen::inRange(1, 12);
    for (int i = 0; i < batches; ++i) {
        const int partition = *rc::gen::inRange(0, 2);
        const std::int64_t from = next_offset(*stores.sqlite, coin_topic(partition));
        std::vector<Record> records;
        const int count = *rc::gen::inRange(1, 20);
        for (int j = 0; j < count; ++j) records.push_back(any_record());
        const Batch batch = batch_of(from, records, coin_topic(partition));
        const auto one = stores.sqlite->commit(batch);
        const auto other = stores.postgres->commit(batch);
        RC_ASSERT(one.has_value());
        RC_ASSERT(other.has_value());
        RC_ASSERT(one->rows == other->rows);
        RC_ASSERT(one->absorbed == other->absorbed);
        RC_ASSERT(one->duplicates == other->duplicates);
        RC_ASSERT(one->dead_letters == other->dead_letters);
        stores.clock.advance(1s);
    }
    RC_ASSERT(stores.all(*stores.sqlite) == stores.all(*stores.postgres));
}

// Who may, and who is who.

TEST_F(PostgresStoreTest, ALoaderNeedsNoMoreThanTheseRights) {
    outsider_.execute(
        "drop role if exists tapedeck_loader; create role tapedeck_loader login;"
        "revoke create on schema public from public;"
        "grant usage on schema public to tapedeck_loader;"
        "grant select, insert on all tables in schema public to tapedeck_loader;"
        "grant update on offsets, coverage, dag_runs, dag_states, task_tries, variables, leases,"
        " tapes, problems, stalls to tapedeck_loader;"
        "grant delete on problems, stalls, loading_starts to tapedeck_loader;"
        "grant usage on all sequences in schema public to tapedeck_loader");
    PostgresUrl url = url_;
    url.user = "tapedeck_loader";
    const auto loader = open_store(url, clock_);
    ASSERT_TRUE(loader);
    make_coins(*loader, 3);  // a partition that nobody has seen
    EXPECT_EQ(committed(*loader, batch_of(0, {coin("bitcoin", "1")})).rows, 1);
    EXPECT_EQ(committed(*loader, batch_of(1, {coin("bitcoin", "2"), coin("a", "1")})).duplicates,
              1);
    EXPECT_TRUE(loader->acquire_lease("loader"));
    // Told problems, partitions that stand still, dead letters that are retried.
    const std::vector<Statement> told{
        {"insert into problems (key, feed, what, since) values ('a', '', '', $1)", {kTestStart}, 1},
        {"update problems set what = 'b'", {}, 1},
        {"delete from problems", {}, 1},
        {"insert into stalls (topic, partition, from_offset, since, what) values ('a', 0, 0, $1, "
         "'') on conflict (topic, partition) do update set what = excluded.what",
         {kTestStart},
         1},
        {"delete from stalls", {}, 1},
        {"insert into loading_starts (topic, partition, start_offset, how, price_table, others, "
         "last_other, last_before, decided_at) values ('a', 0, 0, 'first', '', 0, 0, 0, $1)",
         {kTestStart},
         1},
        {"delete from loading_starts where topic = 'a' and partition = 0 and how = 'first'", {}, 1},
        {"insert into dead_letters (id, topic, partition, message_offset, value, reason, "
         "recorded_at) values (7, 'coin_topic', 0, 0, 'x', 'why', $1)",
         {kTestStart},
         1}};
    const auto done = loader->transact(told);
    ASSERT_TRUE(done) << done.error().what;
    Batch retry = batch_of(0, {coin("bitcoin", "1", std::nullopt)});
    retry.advances[0].retried = RetriedLetter{7, "anna@desk"};
    retry.reopened.push_back({"coin", kTestStart, "bitcoin"});
    EXPECT_EQ(committed(*loader, retry).rows, 1);
    const auto forbidden = loader->ensure_table({"other_records", RecordForm::coin});
    ASSERT_FALSE(forbidden);
    EXPECT_EQ(forbidden.error().kind, ErrorKind::rejected);
    EXPECT_NE(forbidden.error().what.find("public"), std::string::npos) << forbidden.error().what;
    outsider_.execute("drop owned by tapedeck_loader; drop role tapedeck_loader");
}

TEST_F(PostgresStoreTest, NamesWhatItMayNotTouch) {
    outsider_.execute(
        "drop role if exists tapedeck_nobody; create role tapedeck_nobody login;"
        "grant select on all tables in schema public to tapedeck_nobody");
    PostgresUrl url = url_;
    url.user = "tapedeck_nobody";
    const auto store = open_store(url, clock_);
    ASSERT_TRUE(store);
    const auto refused = store->commit(batch_of(0, {coin("bitcoin", "1")}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_NE(refused.error().what.find("offsets"), std::string::npos) << refused.error().what;
    outsider_.execute("drop owned by tapedeck_nobody; drop role tapedeck_nobody");
}

// Passwords are rotated and databases renamed by others: who is refused may be let in later. What
// no server has seen is another matter.
TEST_F(PostgresStoreTest, WaitsForWhoeverRefusesItAndNeverTellsThePassword) {
    const auto kind_of = [&](const PostgresUrl& url) {
        PostgresUrl with = url;
        with.password = Secret("s3cret/ü");
        const auto opened = PostgresStore::open(with, clock_);
        EXPECT_FALSE(opened);
        EXPECT_EQ(opened.error().what.find("s3cret"), std::string::npos) << opened.error().what;
        return opened.error().kind;
    };
    PostgresUrl no_database = url_;
    no_database.database = "nowhere";
    EXPECT_EQ(kind_of(no_database), ErrorKind::unavailable);
    PostgresUrl no_role = url_;
    no_role.user = "nobody";
    EXPECT_EQ(kind_of(no_role), ErrorKind::unavailable);
    PostgresUrl nobody_there = url_;
    nobody_there.hosts = {{"127.0.0.1", 1}};
    EXPECT_EQ(kind_of(nobody_there), ErrorKind::unavailable);
    PostgresUrl no_name = url_;
    no_name.hosts = {{"no.such.host.invalid", 5432}};
    EXPECT_EQ(kind_of(no_name), ErrorKind::unavailable);
    PostgresUrl no_mode = url_;
    no_mode.options["sslmode"] = "perhaps";
    EXPECT_EQ(kind_of(no_mode), ErrorKind::rejected);
    outsider_.execute(
        "drop role if exists tapedeck_one; create role tapedeck_one login"
        " connection limit 0");
    PostgresUrl too_many = url_;
    too_many.user = "tapedeck_one";
    EXPECT_EQ(kind_of(too_many), ErrorKind::unavailable);
    outsider_.execute("drop role tapedeck_one");
}

TEST_F(PostgresStoreTest, FindsTheServerThatTakesWritesAmongSeveral) {
    PostgresUrl url = url_;
    url.hosts.insert(url.hosts.begin(), {"127.0.0.1", 1});
    url.options["target_session_attrs"] = "read-write";
    const auto store = open_store(url, clock_);
    ASSERT_TRUE(store);
    EXPECT_EQ(committed(*store, batch_of(0, {coin("bitcoin", "1")})).rows, 1);
}

TEST(PostgresTls, IsVerifiedInFull) {
    Server server("postgres.py", {"--tls", "--set", "fsync=off"});
    const std::string authority = server.text("socket") + "/tls/ca.pem";
    ManualClock clock(kTestStart);
    PostgresUrl url = url_of(server, "market");
    url.options = {{"sslmode", "verify-full"}, {"sslrootcert", authority}};
    const auto store = open_store(url, clock);
    ASSERT_TRUE(store);
    bool encrypted = false;
    ASSERT_TRUE(store->query({"select ssl from pg_stat_ssl where pid = pg_backend_pid()", {}, {}},
                             [&](const RowView& row) -> Result<> {
                                 encrypted = row.integer(0) != 0;
                                 return {};
                             }));
    EXPECT_TRUE(encrypted);
    // An authority that did not sign the server's certificate.
    url.options["sslrootcert"] = server.text("socket") + "/tls/client.pem";
    const auto wrong = PostgresStore::open(url, clock);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().kind, ErrorKind::unavailable);
    EXPECT_NE(wrong.error().what.find("certificate"), std::string::npos) << wrong.error().what;
}

// The lease.

class PostgresLeaseTest : public PostgresStoreTest {
protected:
    // Ended by the server, and gone from its lists.
    void cut_the_holders_line() {
        const std::string session = outsider_.value(
            "select min(pid) from pg_stat_activity where datname ="
            " current_database() and application_name like 'tapedeck lease%'");
        outsider_.execute("select pg_terminate_backend(" + session + ")");
        while (outsider_.value("select count(*) from pg_stat_activity where pid = " + session) !=
               "0") {
        }
    }
    // Whether anybody may connect, superusers included.
    void let_in(bool anybody) {
        outsider_.execute(
            "update pg_database set datallowconn = " + std::string(anybody ? "true" : "false") +
            " where datname = current_database()");
    }
    std::string holders() {
        return outsider_.value(
            "select count(*) from pg_locks l join pg_stat_activity a on a.pid = l.pid where"
            " l.locktype = 'advisory' and l.granted and a.datname = current_database() and"
            " a.application_name = 'tapedeck lease: the first'");
    }
    static std::vector<Statement> writing() {
        return {{"insert into variables (name, value) values ('a', 'b') on conflict do nothing",
                 {},
                 std::nullopt}};
    }
    const std::unique_ptr<PostgresStore> other_ = open_store(url_, clock_);
};

TEST_F(PostgresLeaseTest, NamesItsHolder) {
    const auto held = store_->acquire_lease("the first of all:17");
    ASSERT_TRUE(held) << held.error().what;
    const auto refused = other_->acquire_lease("the second");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_NE(refused.error().what.find("the first of all:17"), std::string::npos)
        << refused.error().what;
}

TEST_F(PostgresLeaseTest, WhoLostItWritesNothingAnyMore) {
    const auto held = store_->acquire_lease("the first");
    ASSERT_TRUE(held);
    EXPECT_TRUE(store_->transact(writing()));
    let_in(false);  // or the first would be back before the second has come
    cut_the_holders_line();
    outsider_.execute("update leases set epoch = epoch + 1, holder = 'the second'");
    let_in(true);
    auto late = store_->transact(writing());
    while (!late && late.error().kind == ErrorKind::unavailable) late = store_->transact(writing());
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, ErrorKind::conflict);
    EXPECT_NE(late.error().what.find("the second"), std::string::npos) << late.error().what;
    // Nor when the second has gone: what it did meanwhile is not known here.
    const auto later = store_->transact(writing());
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().kind, ErrorKind::conflict);
    EXPECT_TRUE(other_->transact(writing()));
}

TEST_F(PostgresLeaseTest, IsTakenUpAgainWhereOnlyTheLineWasCut) {
    const auto held = store_->acquire_lease("the first");
    ASSERT_TRUE(held);
    cut_the_holders_line();
    auto done = store_->transact(writing());
    while (!done && done.error().kind == ErrorKind::unavailable) done = store_->transact(writing());
    EXPECT_TRUE(done) << done.error().what;
    EXPECT_FALSE(other_->acquire_lease("the second"));
}

// Between two transactions, too: what reads meanwhile would say that nobody records.
TEST_F(PostgresLeaseTest, IsTakenUpAgainWithoutBeingAsked) {
    const auto held = store_->acquire_lease("the first");
    ASSERT_TRUE(held);
    for (int i = 0; i < 20; ++i) {
        cut_the_holders_line();
        while (holders() != "1") {
        }
    }
    EXPECT_FALSE(other_->acquire_lease("the second"));
    EXPECT_TRUE(store_->transact(writing()));
}

TEST_F(PostgresLeaseTest, IsTakenUpAgainAfterTheServerWasAway) {
    auto held = store_->acquire_lease("the first");
    ASSERT_TRUE(held);
    let_in(false);
    cut_the_holders_line();
    EXPECT_EQ(holders(), "0");
    let_in(true);
    while (holders() != "1") {
    }
    held->reset();  // lets go of it though a thread keeps it
    EXPECT_TRUE(other_->acquire_lease("the second"));
}

// Keeping and giving away.

TEST_F(PostgresStoreTest, DropsRowsThatAreOlder) {
    std::vector<Record> records;
    for (int i = 0; i < 10; ++i) records.push_back(coin("bitcoin", "1", kSlot + i * 24h));
    committed(*store_, batch_of(0, records));
    const auto dropped = store_->prune_rows(coin_table(), kSlot + 3 * 24h);
    ASSERT_TRUE(dropped) << dropped.error().what;
    EXPECT_EQ(*dropped, 3);
    EXPECT_EQ(outsider_.value("select count(*) from coin_records"), "7");
    EXPECT_FALSE(store_->prune_rows({"offsets", RecordForm::coin}, kSlot));
}

TEST_F(PostgresStoreTest, SaysThatADumpCannotBeMade) {
    const TempFolder folder;
    const auto nowhere = store_->backup(folder.file("no/such/folder/copy.dump"), [](int) {});
    ASSERT_FALSE(nowhere);
    EXPECT_NE(nowhere.error().what.find("copy.dump"), std::string::npos) << nowhere.error().what;
}

TEST_F(PostgresStoreTest, RefusesATableWhoseNameIsAWordOfSql) {
    for (const char* name : {"user", "analyse"}) {
        const auto made = store_->ensure_table({name, RecordForm::coin});
        ASSERT_FALSE(made) << name;
        EXPECT_EQ(made.error().kind, ErrorKind::rejected) << made.error().what;
    }
}

}  // namespace
}  // namespace tapedeck
