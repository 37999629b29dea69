#include "store/run_table.h"

#include <fmt/format.h>

namespace tapedeck {
namespace {

Value optional_time(const std::optional<Timestamp>& time) {
    return time ? Value(*time) : Value(std::monostate{});
}

std::optional<Timestamp> time_at(const RowView& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return row.timestamp(column);
}

}  // namespace

Statement RunTable::run_begun(const RunRow& run, const std::string& config) {
    return {
        "insert into dag_runs (run_id, dag, slot, kind, state, created_at, started_at, config) "
        "values ($1, $2, $3, $4, $5, $6, $6, $7) on conflict do nothing",
        {run.run_id, run.dag, run.slot, run.kind, run.state, run.created_at, config},
        1};
}

Statement RunTable::run_ended(const std::string& run_id, const std::string& state, Timestamp at) {
    return {
        "update dag_runs set state = $2, ended_at = $3 where run_id = $1", {run_id, state, at}, 1};
}

Statement RunTable::try_begun(const std::string& run_id, const TryRow& attempt) {
    return {
        "insert into task_tries (run_id, task, try, state, started_at, ended_at, what) values ($1, "
        "$2, $3, $4, $5, $6, $7) on conflict do nothing",
        {run_id, attempt.task, static_cast<std::int64_t>(attempt.number), attempt.state,
         attempt.started_at, optional_time(attempt.ended_at),
         attempt.what.empty() ? Value(std::monostate{}) : Value(attempt.what)},
        1};
}

Statement RunTable::try_ended(const std::string& run_id, const TryRow& attempt) {
    return {
        "update task_tries set state = $4, ended_at = $5, what = $6 where run_id = $1 and task = "
        "$2 and try = $3",
        {run_id, attempt.task, static_cast<std::int64_t>(attempt.number), attempt.state,
         optional_time(attempt.ended_at), attempt.what},
        1};
}

Statement RunTable::dag_planned(const DagStateRow& row) {
    return {
        "insert into dag_states (dag, paused, handled_until, since) values ($1, $2, $3, $4) on "
        "conflict (dag) do update set handled_until = excluded.handled_until, since = "
        "excluded.since",
        {row.dag, static_cast<std::int64_t>(row.paused ? 1 : 0), optional_time(row.handled_until),
         optional_time(row.since)},
        {}};
}

Statement RunTable::dag_scheduled(const std::string& dag, bool paused, Timestamp since) {
    return {
        "insert into dag_states (dag, paused, since) values ($1, $2, $3) on "
        "conflict (dag) do update set since = excluded.since",
        {dag, std::int64_t{paused ? 1 : 0}, since},
        1};
}

Statement RunTable::dag_paused(const std::string& dag, bool paused) {
    return {
        "insert into dag_states (dag, paused) values ($1, $2) on conflict (dag) do update set "
        "paused = excluded.paused",
        {dag, std::int64_t{paused ? 1 : 0}},
        {}};
}

Statement RunTable::all_handled(Timestamp at) {
    return {
        "update dag_states set handled_until = $1 where handled_until is null or handled_until < "
        "$1",
        {at},
        {}};
}

Result<std::vector<TryRow>> RunTable::tries(const std::string& run_id) {
    std::vector<TryRow> rows;
    auto done = store_.query(
        {"select task, try, state, started_at, ended_at, what from task_tries where run_id = $1 "
         "order by started_at, task, try",
         {run_id},
         {}},
        [&](const RowView& row) -> Result<> {
            rows.push_back({std::string(row.text(0)), static_cast<int>(row.integer(1)),
                            std::string(row.text(2)), row.timestamp(3), time_at(row, 4),
                            row.is_null(5) ? "" : std::string(row.text(5))});
            return {};
        },
        patience_);
    if (!done) return done.error();
    return rows;
}

Result<std::vector<RunRow>> RunTable::runs(const Statement& statement) {
    std::vector<RunRow> rows;
    auto done = store_.query(
        statement,
        [&](const RowView& row) -> Result<> {
            rows.push_back({std::string(row.text(0)), std::string(row.text(1)), row.timestamp(2),
                            std::string(row.text(3)), std::string(row.text(4)), row.timestamp(5),
                            time_at(row, 6)});
            return {};
        },
        patience_);
    if (!done) return done.error();
    return rows;
}

Result<std::vector<RunRow>> RunTable::open_runs() {
    return runs(
        {"select run_id, dag, slot, kind, state, created_at, ended_at from dag_runs where state = "
         "'running' order by slot, dag",
         {},
         {}});
}

Result<std::vector<RunRow>> RunTable::last_runs(const std::string& dag, int count) {
    return runs(
        {fmt::format("select run_id, dag, slot, kind, state, created_at, ended_at from dag_runs "
                     "where dag = $1 order by slot desc, created_at desc limit {}",
                     count),
         {dag},
         {}});
}

Result<> RunTable::each_of_slots(const char* sql, std::vector<Value> values,
                                 const std::function<void(Timestamp, std::string_view)>& take) {
    return store_.query(
        {sql, std::move(values), {}},
        [&](const RowView& row) -> Result<> {
            take(row.timestamp(0), row.text(1));
            return {};
        },
        patience_);
}

Result<> RunTable::each_run(
    const std::string& dag, Timestamp from, Timestamp to,
    const std::function<void(Timestamp slot, std::string_view state)>& take) {
    return each_of_slots(
        "select slot, state from dag_runs where dag = $1 and slot >= $2 and slot < $3",
        {dag, from, to}, take);
}

Result<> RunTable::each_failed_try(
    const std::string& dag, Timestamp from, Timestamp to,
    const std::function<void(Timestamp slot, std::string_view what)>& take) {
    return each_of_slots(
        "select r.slot, t.what from dag_runs r join task_tries t on t.run_id = r.run_id where "
        "r.dag = $1 and r.slot >= $2 and r.slot < $3 and t.state = 'failed' and t.what <> '' order "
        "by t.started_at",
        {dag, from, to}, take);
}

Result<> RunTable::each_try_without_account(
    const std::function<void(Timestamp began, std::optional<Timestamp> ended)>& take) {
    return store_.query(
        {"select t.started_at, t.ended_at from task_tries t where t.started_at is not null and not "
         "exists (select 1 from outcomes o where o.run_id = t.run_id and o.try = t.try)",
         {},
         {}},
        [&](const RowView& row) -> Result<> {
            take(row.timestamp(0), time_at(row, 1));
            return {};
        },
        patience_);
}

Result<std::vector<DagStateRow>> RunTable::dag_states(const Statement& statement) {
    std::vector<DagStateRow> rows;
    auto done = store_.query(
        statement,
        [&](const RowView& row) -> Result<> {
            rows.push_back(
                {std::string(row.text(0)), row.integer(1) != 0, time_at(row, 2), time_at(row, 3)});
            return {};
        },
        patience_);
    if (!done) return done.error();
    return rows;
}

Result<std::vector<DagStateRow>> RunTable::dag_states() {
    return dag_states({"select dag, paused, handled_until, since from dag_states", {}, {}});
}

Result<std::optional<DagStateRow>> RunTable::dag_state(const std::string& dag) {
    auto rows = dag_states(
        {"select dag, paused, handled_until, since from dag_states where dag = $1", {dag}, {}});
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<DagStateRow>();
    return std::optional<DagStateRow>(std::move(rows->front()));
}

}  // namespace tapedeck
