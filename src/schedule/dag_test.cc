#include "schedule/dag.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "config/shipped.h"
#include "config/toml_document.h"
#include "schedule/planner.h"

namespace tapedeck {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

DagSpec dag(std::vector<TaskSpec> tasks) {
    DagSpec spec;
    spec.name = "d";
    spec.schedule = "@daily";
    spec.tasks = std::move(tasks);
    return spec;
}

TaskSpec noop(std::string name, std::vector<std::string> after = {}) {
    return {std::move(name), TaskKind::noop, "", std::move(after)};
}

// Each as "TASK KEY: WHAT".
std::vector<std::string> faults_of(const DagSpec& spec) {
    std::vector<std::string> out;
    for (const DagFault& fault : dag_faults(spec)) {
        out.push_back(fmt::format("{} {}: {}", fault.task, fault.key, fault.what));
    }
    return out;
}

TEST(Dag, ACircleIsNamedWithoutThoseThatOnlyWaitForIt) {
    EXPECT_THAT(faults_of(dag({noop("x"), noop("late", {"a"}), noop("a", {"x", "c"}),
                               noop("b", {"a"}), noop("c", {"b"})})),
                ElementsAre("a after: after never ends: a, c, b wait for one another"));
    EXPECT_THAT(faults_of(dag({noop("a", {"a"})})),
                ElementsAre("a after: after never ends: a wait for one another"));
}

TEST(Dag, AllForWhichItCannotBeRunIsTold) {
    EXPECT_THAT(faults_of(dag({})), ElementsAre(" task: has no task"));
    EXPECT_THAT(faults_of(dag({noop("a"), noop("a")})), ElementsAre("a : is there twice"));
    EXPECT_THAT(faults_of(dag({{"a", TaskKind::collect, "", {"bb"}}, noop("bc", {"xyz"})})),
                ElementsAre("a after: after has \"bb\", which is no task of this DAG; did you mean "
                            "bc?",
                            "a feed: feed is missing: a collect task needs one",
                            "bc after: after has \"xyz\", which is no task of this DAG"));
    EXPECT_THAT(faults_of(dag({{"a", TaskKind::noop, "coin", {}}})),
                ElementsAre("a feed: feed is for tasks of kind collect only"));
    EXPECT_THAT(faults_of(dag(std::vector<TaskSpec>(201, noop("a")))),
                ElementsAre(" task: has more than 200 tasks"));
}

TEST(Dag, ItsScheduleIsJudgedWithIt) {
    DagSpec spec = dag({noop("a")});
    spec.schedule = "61 * * * *";
    spec.zone = "Mars/Olympus";
    spec.calendar = "XMARS";
    EXPECT_THAT(faults_of(spec), ElementsAre(StartsWith(" schedule: schedule is wrong: "),
                                             StartsWith(" zone: zone is wrong: "),
                                             StartsWith(" calendar: calendar is wrong: ")));
    spec = dag({noop("a")});
    spec.schedule = "@once";
    EXPECT_TRUE(validate(spec));
    spec.calendar = "XNAS";
    EXPECT_THAT(faults_of(spec), ElementsAre(HasSubstr("calendar: calendar is wrong: cron '@once' "
                                                       "takes no calendar")));
    EXPECT_THAT(validate(spec).error().what, StartsWith("dag d: calendar is wrong: "));
}

TEST(Dag, ALiveOneCannotCatchUp) {
    DagSpec live = dag({{"a", TaskKind::collect, "coin", {}}});
    EXPECT_TRUE(validate(live));
    EXPECT_TRUE(is_live(live));
    live.catchup = true;
    EXPECT_THAT(faults_of(live), ElementsAre(HasSubstr("a live quote never answers for a past")));
}

// The shipped DAGs, read here key by key: what they are to stand in for is fixed.
TEST(ShippedDags, HaveTheOriginalsTasksInTheirOrder) {
    const std::vector<std::pair<std::string, std::string>> expected{
        {"coin_market_record", "invoke_coin_lambda"},
        {"stock_market_record", "invoke_stock_lambda"}};
    for (const auto& [name, task] : expected) {
        const auto files = shipped_files();
        const auto file =
            std::find_if(files.begin(), files.end(), [&, wanted = name](const auto& f) {
                return f.path == fmt::format("dags/{}.toml", wanted);
            });
        ASSERT_NE(file, files.end());
        const Result<TomlNode> root = parse_toml(file->text, file->path);
        ASSERT_TRUE(root) << root.error().what;
        const TomlNode& table = *root->find("dag")->find(name);
        EXPECT_EQ(table.find("retries")->integer, 1);
        EXPECT_EQ(table.find("retry_delay")->text, "15s");
        const TomlNode& tasks = *table.find("task");
        ASSERT_EQ(tasks.members.size(), 2U);
        EXPECT_EQ(tasks.members[0].key, "begin-execution");
        EXPECT_EQ(tasks.members[0].value.find("kind")->text, "noop");
        EXPECT_EQ(tasks.members[1].key, task);
        EXPECT_EQ(tasks.members[1].value.find("after")->items.at(0).text, "begin-execution");
        EXPECT_TRUE(Schedule::make({.cron = table.find("schedule")->text,
                                    .zone = table.find("zone")->text,
                                    .calendar = table.find("calendar")->text}));
    }
}

RC_GTEST_PROP(Dag, ACircleIsToldWhereATaskComesBackToItself, ()) {
    const int count = *rc::gen::inRange(1, 12);
    DagSpec spec = dag({});
    std::vector<std::vector<bool>> waits(12, std::vector<bool>(12, false));
    for (int i = 0; i < count; ++i) {
        TaskSpec task = noop(std::to_string(i));
        for (int j = 0; j < count; ++j) {
            if (j == i || *rc::gen::inRange(0, 6) != 0) continue;
            task.after.push_back(std::to_string(j));
            waits[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = true;
        }
        spec.tasks.push_back(task);
    }
    for (std::size_t by = 0; by < 12; ++by) {
        for (std::size_t i = 0; i < 12; ++i) {
            for (std::size_t j = 0; j < 12; ++j) {
                if (waits[i][by] && waits[by][j]) waits[i][j] = true;
            }
        }
    }
    bool returns = false;
    for (std::size_t i = 0; i < 12; ++i) returns = returns || waits[i][i];
    const auto faults = dag_faults(spec);
    RC_ASSERT(faults.empty() != returns);
    if (returns) {
        const auto first = static_cast<std::size_t>(std::stoi(faults.at(0).task));
        RC_ASSERT(waits[first][first]);
    }
}

}  // namespace
}  // namespace tapedeck
