// The loader's enumeration of faults, by the library's ABI and on the wire: whatever message to the
// database is the last that arrives, or is not answered, whoever brings the range again finds all
// of it loaded once.
#include "tests/integration/postgres/cutting_relay.h"
#include "tests/integration/postgres/spark_session.h"

namespace tapedeck {
namespace {

using Cut = CuttingRelay::Cut;

class SparkAbiFault : public SparkAbi {
protected:
    static constexpr std::int64_t kEnd = 20;  // three transactions

    // With poison in the midst, as what is refused is written by the same transaction.
    static std::vector<Message> brought() {
        auto all = messages(0, kEnd);
        all[9].value = "{";
        return all;
    }
    static std::vector<std::string> rows_expected() {
        auto all = expected(kEnd);
        all.erase(all.begin() + 9);
        return all;
    }

    // One process that loads, by way of a relay, until its line is cut or it is done.
    void load_through(CuttingRelay& relay, const std::string& where) {
        Opened opened(configuration(R"(, "committers": 1, "give_up_after": 1)", relay.port()));
        if (opened.status == TAPEDECK_OK) opened.load(0, kEnd, {brought()});
        EXPECT_TRUE(opened.status == TAPEDECK_OK || opened.status == TAPEDECK_UNAVAILABLE)
            << where << ": " << opened.status << " " << opened.said;
    }

    void forget_everything() {
        Outsider(url_).execute(
            "truncate coin_records, dead_letters, batches, duplicates; delete from offsets");
    }
};

TEST_F(SparkAbiFault, AFaultAtAnyMessageToTheDatabaseLosesAndDoublesNothing) {
    make_tables();
    int all = 0;
    {
        CuttingRelay counting(url_.hosts[0].port, 0, Cut::before);
        load_through(counting, "counting");
        all = counting.messages();
    }
    ASSERT_EQ(prices(), rows_expected());
    ASSERT_GT(all, 20);
    for (int at = 1; at <= all; ++at) {
        for (const Cut cut : {Cut::before, Cut::after}) {
            forget_everything();
            const std::string where = fmt::format("{} message {} of {}",
                                                  cut == Cut::before ? "before" : "after", at, all);
            {
                CuttingRelay relay(url_.hosts[0].port, at, cut);
                load_through(relay, where);
            }
            Opened again(configuration());
            ASSERT_EQ(again.status, TAPEDECK_OK) << where << ": " << again.said;
            ASSERT_EQ(again.load(0, kEnd, {brought()}), TAPEDECK_OK) << where << again.said;
            ASSERT_EQ(prices(), rows_expected()) << where;
            ASSERT_EQ(Outsider(url_).rows("select message_offset from dead_letters"),
                      std::vector<std::string>{"9"})
                << where;
        }
    }
}

}  // namespace
}  // namespace tapedeck
