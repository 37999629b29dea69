#include "store/deployment.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "store/sqlite/sqlite_store.h"

namespace tapedeck {
namespace {

constexpr Timestamp kNow{std::chrono::microseconds(1'764'000'000'000'000)};

class DeploymentTest : public ::testing::Test {
protected:
    void SetUp() override {
        store = made();
        id = deployment_id(*store).value_or({});
    }

    std::unique_ptr<Store> made() {
        auto opened = SqliteStore::open(":memory:", clock);
        EXPECT_TRUE(opened) << opened.error().what;
        return *std::move(opened);
    }
    void run(const Statement& statement) {
        const std::vector<Statement> one{statement};
        const auto done = store->transact(one);
        ASSERT_TRUE(done) << done.error().what;
    }
    bool is_own(const std::string& deployment, const std::string& config = "",
                Timestamp started = kNow) {
        RunOutcomes run;
        run.deployment = deployment;
        run.config = config;
        run.started = started;
        const auto owner = AccountOwner::read(*store);
        EXPECT_TRUE(owner) << owner.error().what;
        return owner.value_or({}).is_own(run);
    }

    ManualClock clock{kNow};
    std::unique_ptr<Store> store;
    std::string id;
};

TEST_F(DeploymentTest, HasAnIdThatIsMadeOnceWithItsStore) {
    EXPECT_EQ(id.size(), 16U);
    EXPECT_EQ(recording_deployment(*store).value_or({}), id);
    EXPECT_EQ(deployment_id(*store).value_or({}), id);
    EXPECT_NE(deployment_id(*made()).value_or({}), id);
}

TEST_F(DeploymentTest, OwnsTheAccountsOfItsIdAndNoOthers) {
    EXPECT_TRUE(is_own(id));
    EXPECT_FALSE(is_own("0123456789abcdef"));
}

TEST_F(DeploymentTest, OwnsOldAccountsByTheDigestsOfItsConfigurations) {
    EXPECT_TRUE(is_own("", "a")) << "nobody has recorded here";
    run({"insert into config_history (at, digest, text) values ($1, 'a', '')", {kNow}, 1});
    EXPECT_TRUE(is_own("", "a"));
    EXPECT_FALSE(is_own("", "b"));
    EXPECT_TRUE(is_own(id, "b"));
}

TEST_F(DeploymentTest, OfARestoredCopyGetsAnIdWhenItRecordsAndKeepsWhatWasBefore) {
    run(end_deployments(kNow));
    EXPECT_EQ(deployment_id(*store).value_or("none"), "");
    const std::string own = recording_deployment(*store).value_or({});
    EXPECT_EQ(own.size(), 16U);
    EXPECT_NE(own, id);
    EXPECT_EQ(recording_deployment(*store).value_or({}), own);
    EXPECT_TRUE(is_own(own));
    EXPECT_TRUE(is_own(id, "", kNow - std::chrono::seconds(1)));
    EXPECT_FALSE(is_own(id, "", kNow)) << "its original's";
}

}  // namespace
}  // namespace tapedeck
