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

DagSpec dag(std::vector<TaskSpec> tasks) {
    DagSpec spec;
    spec.name = "d";
    spec.schedule = "@daily";
    spec.tasks = std::move(tasks);
    return spec;
}

TaskSpec noop(std::string name, std::vector<std::string> after = {}) {
    return {std::move(name), "noop", "", std::move(after)};
}

std::string refusal_of_dag(const DagSpec& spec) {
    const Result<> checked = validate(spec);
    EXPECT_FALSE(checked);
    return checked ? "" : checked.error().what;
}

TEST(Dag, TasksComeAfterThoseTheyWaitForElseInTheirOrder) {
    const auto order = topological_order(dag({noop("load", {"b", "a"}), noop("b", {"begin"}),
                                              noop("begin"), noop("a", {"begin"}), noop("alone")}));
    ASSERT_TRUE(order);
    EXPECT_THAT(*order, ElementsAre(2, 1, 3, 0, 4));
}

TEST(Dag, ACircleIsNamed) {
    EXPECT_EQ(
        refusal_of_dag(dag({noop("x"), noop("a", {"x", "c"}), noop("b", {"a"}), noop("c", {"b"})})),
        "dag d: tasks wait for one another in a circle: a after c after b after a");
    EXPECT_THAT(refusal_of_dag(dag({noop("a", {"a"})})), HasSubstr("circle: a after a"));
}

TEST(Dag, WhatCannotBeRunIsRefused) {
    EXPECT_THAT(refusal_of_dag(dag({})), HasSubstr("has no task"));
    EXPECT_THAT(refusal_of_dag(dag({noop("a"), noop("a")})), HasSubstr("'a' is there twice"));
    EXPECT_THAT(refusal_of_dag(dag({noop("a", {"b"})})),
                HasSubstr("'a' is after 'b', which is no task"));
    EXPECT_THAT(refusal_of_dag(dag({{"a", "colect", "coin", {}}})),
                HasSubstr("unknown kind 'colect'; known: noop, collect, sql"));
    EXPECT_THAT(refusal_of_dag(dag({{"a", "collect", "", {}}})), HasSubstr("names no feed"));
    EXPECT_THAT(refusal_of_dag(dag({{"a", "noop", "coin", {}}})), HasSubstr("does not collect"));
    DagSpec numbers = dag({noop("a")});
    numbers.retries = -1;
    EXPECT_THAT(refusal_of_dag(numbers), HasSubstr("retries must be 0 to 1000, not -1"));
    numbers = dag({noop("a")});
    numbers.concurrency = 0;
    EXPECT_THAT(refusal_of_dag(numbers), HasSubstr("concurrency"));
}

TEST(Dag, ALiveOneCannotCatchUp) {
    DagSpec live = dag({{"a", "collect", "coin", {}}});
    EXPECT_TRUE(validate(live));
    EXPECT_TRUE(is_live(live));
    live.catchup = true;
    EXPECT_THAT(refusal_of_dag(live), HasSubstr("a live quote never answers for a past slot"));
}

TEST(Dag, KindsHaveTheNamesTheyAreReadBy) {
    for (const auto kind :
         {TaskKind::noop, TaskKind::collect, TaskKind::sql, TaskKind::ssh, TaskKind::sftp,
          TaskKind::s3, TaskKind::spark_submit, TaskKind::command}) {
        EXPECT_EQ(task_kind_named(to_string(kind)), kind);
    }
    EXPECT_FALSE(task_kind_named("NOOP"));
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

RC_GTEST_PROP(Dag, AnOrderHoldsEveryTaskAfterThoseItWaitsFor, ()) {
    const int count = *rc::gen::inRange(1, 12);
    DagSpec spec = dag({});
    for (int i = 0; i < count; ++i) {
        TaskSpec task = noop(std::to_string(i));
        for (int j = 0; j < count; ++j) {
            if (j != i && *rc::gen::inRange(0, 6) == 0) task.after.push_back(std::to_string(j));
        }
        spec.tasks.push_back(task);
    }
    const auto order = topological_order(spec);
    if (!order) {
        RC_ASSERT(order.error().what.find("circle") != std::string::npos);
        return;
    }
    std::vector<std::string> seen;
    for (const std::size_t index : *order) {
        for (const std::string& before : spec.tasks[index].after) {
            RC_ASSERT(std::find(seen.begin(), seen.end(), before) != seen.end());
        }
        seen.push_back(spec.tasks[index].name);
    }
    RC_ASSERT(seen.size() == spec.tasks.size());
}

}  // namespace
}  // namespace tapedeck
