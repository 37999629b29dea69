// What `check` finds by writing and taking it back.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/integration/postgres/batches.h"
#include "tests/integration/postgres/database.h"

namespace tapedeck {
namespace {

const std::vector<PriceTable> kTables{coin_table(), {"stock_records", RecordForm::stock}};

class PostgresTrialTest : public ::testing::Test {
protected:
    PostgresTrialTest() {
        make_coins(*store_);
        const auto made = store_->ensure_table(kTables[1]);
        EXPECT_TRUE(made) << made.error().what;
    }

    std::vector<std::string> found(PostgresStore& store) {
        const auto found = store.try_writing(kTables);
        EXPECT_TRUE(found) << found.error().what;
        EXPECT_TRUE(*found) << "the tables are there";
        return found->value_or(std::vector<std::string>());
    }

    // Rows and bytes of every table: nothing of a trial remains.
    std::string everything() {
        return outsider_.value(
            "select string_agg(c.relname || (xpath('/row/n/text()', query_to_xml(format("
            "'select count(*) as n from %I', c.relname), true, true, '')))[1]::text, ' ' order by"
            " c.relname) from pg_class c where c.relkind = 'r' and c.relnamespace ="
            " 'public'::regnamespace");
    }

    const PostgresUrl url_ = new_database();
    ManualClock clock_{kTestStart};
    const std::unique_ptr<PostgresStore> store_ = open_store(url_, clock_);
    Outsider outsider_{url_};
};

TEST_F(PostgresTrialTest, FindsNothingWhereAllIsWellAndLeavesNothing) {
    committed(*store_, batch_of(0, {coin("bitcoin", "1.50")}));
    const std::string before = everything();
    EXPECT_EQ(found(*store_), std::vector<std::string>{});
    EXPECT_EQ(everything(), before);
}

TEST_F(PostgresTrialTest, DoesNotWaitLongForALockNorHoldAny) {
    Outsider person(url_);
    person.execute("begin; lock table coverage in access exclusive mode");
    const auto sentences = found(*store_);
    ASSERT_EQ(sentences.size(), 1U);
    EXPECT_NE(sentences[0].find("lock timeout"), std::string::npos) << sentences[0];
    person.execute("rollback");
    EXPECT_EQ(outsider_.value("select count(*) from pg_locks l join pg_stat_activity a using (pid)"
                              " where a.application_name like 'tapedeck check%'"),
              "0");
}

TEST_F(PostgresTrialTest, FindsNothingWhereTwoLookAtOnce) {
    Outsider other(url_);
    other.execute("begin; insert into offsets values ('coin_topic', 7, 0)");
    EXPECT_EQ(found(*store_), std::vector<std::string>{});
    other.execute("rollback");
}

struct Trouble {
    const char* name;
    std::string made;
    std::string said;  // by one sentence, the only one
};

class PostgresTroubleTest : public PostgresTrialTest,
                            public ::testing::WithParamInterface<Trouble> {};

TEST_P(PostgresTroubleTest, IsFoundByATrial) {
    outsider_.execute(GetParam().made);
    const auto sentences = found(*store_);
    ASSERT_EQ(sentences.size(), 1U) << (sentences.size() > 1 ? sentences[1] : "");
    EXPECT_NE(sentences[0].find(GetParam().said), std::string::npos) << sentences[0];
}

std::string trigger_on(const std::string& table, const std::string& when, const std::string& does) {
    return "create function somebodys() returns trigger language plpgsql as $$ begin " + does +
           " end $$; create " + when + " insert on " + table +
           " for each row execute function somebodys()";
}

INSTANTIATE_TEST_SUITE_P(
    Troubles, PostgresTroubleTest,
    ::testing::Values(
        Trouble{"ATriggerThatIgnoresRows",
                trigger_on("stock_records", "trigger s before", "return null;"),
                "stock_records took 0 rows of 1"},
        Trouble{"ATriggerThatRounds",
                trigger_on("coin_records", "trigger s before",
                           "new.price := round(new.price, 2); return new;"),
                "coin_records keeps '1234567.89' in its column price"},
        Trouble{"ATriggerThatRoundsAfterwards",
                trigger_on("stock_records", "trigger s after",
                           "update stock_records set previous_close = 2.3 where id = new.id;"
                           " return null;"),
                "stock_records keeps '2.3' in its column previous_close where it was given '2.25'"},
        Trouble{
            "ATriggerThatRaises",
            trigger_on("coin_records", "trigger s before", "raise exception 'not on my watch';"),
            "not on my watch"},
        Trouble{"ATriggerThatRaisesAtTheEnd",
                "create function somebodys() returns trigger language plpgsql as $$ begin raise "
                "exception 'not on my watch'; end $$; create constraint trigger s after insert on "
                "coin_records deferrable initially deferred for each row execute function "
                "somebodys()",
                "not on my watch"},
        Trouble{"ATriggerOnATableOfOurs", trigger_on("batches", "trigger s before", "return null;"),
                "batches took 0 rows of 1"},
        Trouble{"ATriggerOnAccounts", trigger_on("attempts", "trigger s before", "return null;"),
                "attempts took 0 rows of 1"},
        Trouble{"AColumnThatRounds",
                "drop view coin_prices; drop view coin_latest; alter table coin_records alter"
                " column price type numeric(10, 1)",
                "its column price is numeric(10,1)"},
        Trouble{"AColumnThatNobodyFills", "alter table stock_records add column desk text not null",
                "\"desk\""},
        Trouble{"AConstraint", "alter table coin_records add constraint small check (price < 1000)",
                "\"small\""},
        Trouble{"ATableThatIsGone", "drop table duplicates", "\"duplicates\" does not exist"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(PostgresTrialTest, FindsRightsThatAreMissing) {
    outsider_.execute(
        "drop role if exists tapedeck_half; create role tapedeck_half login;"
        "grant select, insert on all tables in schema public to tapedeck_half;"
        "grant usage on all sequences in schema public to tapedeck_half;"
        "grant update on offsets, coverage, dag_runs, dag_states, task_tries, variables, leases,"
        " tapes, problems, stalls to tapedeck_half; grant delete on problems, stalls,"
        " loading_starts to tapedeck_half");
    PostgresUrl url = url_;
    url.user = "tapedeck_half";
    const auto store = open_store(url, clock_);
    ASSERT_TRUE(store);
    EXPECT_EQ(found(*store), std::vector<std::string>{});  // docs/postgres.md, "Roles"
    outsider_.execute(
        "revoke insert on coin_records, batches from tapedeck_half;"
        "revoke update on offsets, problems from tapedeck_half;"
        "revoke delete on stalls, loading_starts from tapedeck_half");
    std::string all;
    for (const std::string& one : found(*store)) all += one + "\n";
    for (const char* part : {"table coin_records", "table batches", "table offsets",
                             "table problems", "table stalls", "table loading_starts"}) {
        EXPECT_NE(all.find(std::string("permission denied for ") + part), std::string::npos) << all;
    }
    outsider_.execute("drop owned by tapedeck_half; drop role tapedeck_half");
}

// One that an owner has made since the grants were given is in none of them.
TEST_F(PostgresTrialTest, TriesEveryTable) {
    const std::string tables = outsider_.value(
        "select string_agg(relname, ' ' order by relname) from pg_class where relkind = 'r' and"
        " relnamespace = 'public'::regnamespace and relname <> 'schema_version'");
    outsider_.execute(
        "do $$ declare t text; begin for t in select relname from pg_class where relkind = 'r' and"
        " relnamespace = 'public'::regnamespace loop execute format('alter table %I add constraint"
        " somebodys check (false) not valid', t); end loop; end $$");
    std::string named;
    for (const std::string& one : found(*store_)) named += one + "\n";
    std::istringstream all(tables);
    for (std::string table; all >> table;) {
        // `attempts` comes after `outcomes`, in one statement.
        if (table == "attempts") continue;
        EXPECT_NE(named.find("relation \"" + table + "\""), std::string::npos) << table << named;
    }
}

TEST_F(PostgresTrialTest, FindsAServerThatOnlyReads) {
    const std::string database = outsider_.value("select quote_ident(current_database())");
    outsider_.execute("alter database " + database + " set default_transaction_read_only = on");
    const auto store = open_store(url_, clock_);
    ASSERT_TRUE(store);
    outsider_.execute("set default_transaction_read_only = off");
    const auto sentences = found(*store);
    ASSERT_EQ(sentences.size(), 1U);
    EXPECT_NE(sentences[0].find("only reads"), std::string::npos);
}

}  // namespace
}  // namespace tapedeck
