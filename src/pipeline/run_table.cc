#include "pipeline/run_table.h"

namespace tapedeck {
namespace {

Value optional_time(const std::optional<Timestamp>& time) {
    return time ? Value(*time) : Value(std::monostate{});
}

std::optional<Timestamp> time_at(const RowView& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return row.timestamp(column);
}

constexpr const char* kRunColumns =
    "select run_id, dag, slot, kind, state, created_at, ended_at from dag_runs ";

}  // namespace

Result<> RunTable::begin_run(const RunRow& run, const std::string& config, bool advance_handled) {
    std::vector<Statement> statements{
        {"insert into dag_runs (run_id, dag, slot, kind, state, created_at, started_at, config) "
         "values ($1, $2, $3, $4, $5, $6, $6, $7) on conflict do nothing",
         {run.run_id, run.dag, run.slot, run.kind, run.state, run.created_at, config},
         1}};
    if (advance_handled) {
        statements.push_back(
            {"update dag_states set handled_until = $2 where dag = $1 and "
             "(handled_until is null or handled_until < $2)",
             {run.dag, run.slot},
             {}});
    }
    auto done = store_.transact(statements);
    if (!done) return done.error();
    return {};
}

Result<> RunTable::end_run(const std::string& run_id, const std::string& state, Timestamp at) {
    const std::vector<Statement> statements{
        {"update dag_runs set state = $2, ended_at = $3 where run_id = $1",
         {run_id, state, at},
         1}};
    auto done = store_.transact(statements);
    if (!done) return done.error();
    return {};
}

Result<> RunTable::begin_try(const std::string& run_id, const TryRow& attempt) {
    const std::vector<Statement> statements{
        {"insert into task_tries (run_id, task, try, state, started_at, what) values ($1, $2, $3, "
         "$4, $5, $6) on conflict (run_id, task, try) do update set state = excluded.state, "
         "started_at = excluded.started_at, ended_at = null",
         {run_id, attempt.task, static_cast<std::int64_t>(attempt.number), attempt.state,
          attempt.started_at, attempt.what},
         {}}};
    auto done = store_.transact(statements);
    if (!done) return done.error();
    return {};
}

Result<> RunTable::end_try(const std::string& run_id, const TryRow& attempt) {
    const std::vector<Statement> statements{
        {"update task_tries set state = $4, ended_at = $5, what = $6 where run_id = $1 and task = "
         "$2 and try = $3",
         {run_id, attempt.task, static_cast<std::int64_t>(attempt.number), attempt.state,
          optional_time(attempt.ended_at), attempt.what},
         1}};
    auto done = store_.transact(statements);
    if (!done) return done.error();
    return {};
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
        });
    if (!done) return done.error();
    return rows;
}

Result<std::vector<RunRow>> RunTable::runs(Statement statement) {
    std::vector<RunRow> rows;
    auto done = store_.query(statement, [&](const RowView& row) -> Result<> {
        rows.push_back({std::string(row.text(0)), std::string(row.text(1)), row.timestamp(2),
                        std::string(row.text(3)), std::string(row.text(4)), row.timestamp(5),
                        time_at(row, 6)});
        return {};
    });
    if (!done) return done.error();
    return rows;
}

Result<std::vector<RunRow>> RunTable::open_runs() {
    return runs({std::string(kRunColumns) + "where state = 'running' order by slot, dag", {}, {}});
}

Result<std::optional<RunRow>> RunTable::run_of(const std::string& dag, Timestamp slot) {
    auto rows = runs({std::string(kRunColumns) + "where dag = $1 and slot = $2 order by created_at",
                      {dag, slot},
                      {}});
    if (!rows) return rows.error();
    if (rows->empty()) return std::optional<RunRow>();
    return std::optional<RunRow>(rows->back());
}

Result<std::optional<DagStateRow>> RunTable::dag_state(const std::string& dag) {
    std::optional<DagStateRow> found;
    auto done = store_.query(
        {"select paused, handled_until, since from dag_states where dag = $1", {dag}, {}},
        [&](const RowView& row) -> Result<> {
            found = DagStateRow{dag, row.integer(0) != 0, time_at(row, 1), time_at(row, 2)};
            return {};
        });
    if (!done) return done.error();
    return found;
}

Result<> RunTable::save_dag_state(const DagStateRow& row) {
    const std::vector<Statement> statements{
        {"insert into dag_states (dag, paused, handled_until, since) values ($1, $2, $3, $4) on "
         "conflict (dag) do update set paused = excluded.paused, handled_until = "
         "excluded.handled_until, since = excluded.since",
         {row.dag, static_cast<std::int64_t>(row.paused ? 1 : 0), optional_time(row.handled_until),
          optional_time(row.since)},
         {}}};
    auto done = store_.transact(statements);
    if (!done) return done.error();
    return {};
}

}  // namespace tapedeck
