// Loaders that are killed, stopped, and come and go, while a producer sends.
#include <csignal>
#include <thread>

#include "tests/crash/cluster/cluster.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

class LoaderCrash : public Cluster {};

TEST_F(LoaderCrash, LosesAndDoublesNothingWhenKilledAtRandomMoments) {
    prepare();
    producer().start(20ms);
    start_loaders(3);
    ASSERT_TRUE(wait_for_progress());
    const int kills = is_long() ? 200 : 20;
    for (int i = 0; i < kills; ++i) {
        ASSERT_TRUE(wait_for_progress(200)) << "after " << i << " kills";
        std::this_thread::sleep_for(moment(0, 400));
        loaders_[random(loaders_.size())]->kill();
        std::erase_if(loaders_, [](const auto& loader) { return loader->ended().has_value(); });
        start_loader();
    }
    finish();
}

// Where nothing comes twice, the batches of a partition are written two at a time.
TEST_F(LoaderCrash, LosesAndDoublesNothingWhenKilledWithinABacklog) {
    Plan plan;
    plan.shape.arrays = 10;
    plan.shape.in_array = 100;
    plan.shape.again = false;
    plan.batch_rows = 2000;
    prepare(plan);
    servers().proxy("toxic", "postgres",
                    {"--type", "bandwidth", "--set", "rate=1000", "--upstream"});
    const std::string early =
        "select count(*) from pg_stat_activity where datname = current_database() and"
        " query like 'begin isolation level read committed%'";
    const int kills = is_long() ? 50 : 8;
    for (int i = 0; i < kills; ++i) {
        producer().send_slots(40);
        start_loader(url(servers().proxied_postgres()));
        EXPECT_TRUE(wait_until([&] { return database().number(early) > 0; }, 20s));
        std::this_thread::sleep_for(moment(0, 500));
        loaders_.front()->kill();
        loaders_.clear();
    }
    servers().proxy("heal", "postgres");
    start_loader();
    finish();
}

TEST_F(LoaderCrash, LosesAndDoublesNothingInARebalanceStorm) {
    prepare();
    producer().start(20ms);
    start_loaders(2);
    ASSERT_TRUE(wait_for_progress());
    const auto end = std::chrono::steady_clock::now() + (is_long() ? 180s : 20s);
    std::vector<std::unique_ptr<LoaderProcess>> leaving;
    int changes = 0;
    for (; std::chrono::steady_clock::now() < end; ++changes) {
        std::this_thread::sleep_for(moment(100, 500));
        if (loaders_.size() < 2 || (loaders_.size() < 5 && random(2) == 0)) {
            start_loader();
            continue;
        }
        const auto which = static_cast<std::ptrdiff_t>(random(loaders_.size()));
        loaders_[static_cast<std::size_t>(which)]->signal(SIGTERM);
        leaving.push_back(std::move(loaders_[static_cast<std::size_t>(which)]));
        loaders_.erase(loaders_.begin() + which);
    }
    // One that is told to go before it listens to signals ends by the signal itself.
    constexpr int kBySigterm = 128 + SIGTERM;
    for (const auto& loader : leaving) {
        const int code = loader->wait();
        EXPECT_TRUE(code == 0 || (code == kBySigterm && loader->said().empty()))
            << code << loader->said();
    }
    std::printf("%d members joined or left\n", changes);
    finish();
}

// The first loader's connection is slow, and nothing more passes once its COPY has begun and it is
// stopped: what a buffer on the way still held would end the COPY. Its transaction holds the
// ledger's row, and nobody but the successor can end it.
TEST_F(LoaderCrash, FencesALoaderStoppedInTheMiddleOfACopyAndLetsItsSuccessorGoOn) {
    prepare();
    producer().send_slots(200);
    servers().proxy("toxic", "postgres", {"--type", "bandwidth", "--set", "rate=60", "--upstream"});
    LoaderProcess& stalled = start_loader(url(servers().proxied_postgres()));
    const std::string copying =
        "select count(*) from pg_stat_activity where datname = current_database() and "
        "query ilike 'copy%' and state = 'active'";
    ASSERT_TRUE(wait_until([&] { return database().number(copying) > 0; }));
    stalled.signal(SIGSTOP);
    servers().proxy("toxic", "postgres", {"--type", "timeout", "--set", "timeout=0", "--upstream"});
    ASSERT_EQ(database().number(copying), 1) << "the loader was not stopped within a COPY";
    const std::int64_t before = loaded();
    start_loader();
    EXPECT_TRUE(wait_until([&] { return loaded() > before; }, 30s))
        << "the successor is held up by the loader that is stopped";
    EXPECT_TRUE(catch_up(60s));
    producer().start(20ms);
    EXPECT_TRUE(wait_for_progress(200));
    servers().proxy("heal", "postgres");
    stalled.signal(SIGCONT);
    EXPECT_TRUE(wait_until(
        [&] { return stalled.said().find("partition_fenced") != std::string::npos; }, 60s))
        << stalled.said();
    finish();
}

TEST_F(LoaderCrash, GoesOnWhileLoadersAreStoppedAndFencesThemWhenTheyWake) {
    prepare();
    producer().start(20ms);
    start_loaders(3);
    ASSERT_TRUE(wait_for_progress());
    for (int i = 0; i < (is_long() ? 40 : 4); ++i) {
        std::this_thread::sleep_for(moment(0, 500));
        const auto& stalled = loaders_[random(loaders_.size())];
        stalled->signal(SIGSTOP);
        EXPECT_TRUE(catch_up(30s)) << "a stopped loader holds up the others";
        stalled->signal(SIGCONT);
    }
    finish();
}

}  // namespace
}  // namespace tapedeck
