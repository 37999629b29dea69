#include "app/config_history.h"

#include <algorithm>
#include <memory>

#include "app/assembly.h"
#include "app/settings_text.h"
#include "schedule/planner.h"
#include "store/run_table.h"

namespace tapedeck {
namespace {

constexpr std::chrono::microseconds kInstant{1};

struct ReadEntry {
    Timestamp at;
    std::optional<Settings> settings;  // none: nothing was expected
    std::map<std::string, DagSpec> dags;
};

Result<std::vector<ReadEntry>> read_entries(std::span<const ConfigEntry> history) {
    std::vector<ReadEntry> entries;
    for (const ConfigEntry& entry : history) {
        ReadEntry& read = entries.emplace_back(ReadEntry{entry.at, {}, {}});
        if (entry.text.empty()) continue;
        auto settings = parse_effective(entry.text);
        if (!settings) return settings.error();
        for (DagSpec& dag : make_dags(*settings)) read.dags.emplace(dag.name, std::move(dag));
        read.settings = *std::move(settings);
    }
    return entries;
}

bool same_instants(const DagSpec& a, const DagSpec& b) {
    return a.schedule == b.schedule && a.zone == b.zone && a.calendar == b.calendar &&
           a.calendar_text == b.calendar_text;
}

// By entry, where the DAG's life began that the entry belongs to; a standstill ends none. None
// where the entry has no such DAG.
std::vector<std::optional<std::size_t>> lives_of(std::span<const ReadEntry> entries,
                                                 const std::string& dag) {
    std::vector<std::optional<std::size_t>> lives(entries.size());
    const DagSpec* before = nullptr;
    std::size_t began = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (!entries[i].settings) continue;
        const auto found = entries[i].dags.find(dag);
        const DagSpec* here = found == entries[i].dags.end() ? nullptr : &found->second;
        if (here != nullptr && (before == nullptr || !same_instants(*before, *here))) began = i;
        if (here != nullptr) lives[i] = began;
        before = here;
    }
    return lives;
}

struct Span {
    Timestamp from;
    Timestamp to;
    std::optional<Timestamp> listed_until;
    Timestamp first_seen;
};

Result<> expect(const Settings& settings, const DagSpec& dag, const Span& span,
                std::vector<Expectation>& all) {
    if (span.from >= span.to) return {};
    DagState state;
    state.dag = dag.name;
    state.first_seen = span.first_seen;
    auto schedule = dag_schedule(dag, state);
    if (!schedule) return schedule.error();
    const auto shared = std::make_shared<const Schedule>(*std::move(schedule));
    for (const TaskSpec& task : dag.tasks) {
        if (task.feed.empty()) continue;
        const auto feed = settings.feeds.find(task.feed);
        if (feed == settings.feeds.end()) continue;
        all.push_back({task.feed, dag.name, span.from, span.to, shared, feed->second.instruments,
                       span.listed_until});
    }
    return {};
}

}  // namespace

Result<std::vector<ConfigEntry>> config_history(Store& store) {
    std::vector<ConfigEntry> history;
    auto done = store.query({"select at, digest, text from config_history order by id", {}, {}},
                            [&](const RowView& row) -> Result<> {
                                history.push_back({row.timestamp(0), std::string(row.text(1)),
                                                   std::string(row.text(2))});
                                return {};
                            });
    if (!done) return done.error();
    return history;
}

Result<FirstSeen> first_seen_dags(Store& store) {
    FirstSeen seen;
    const auto states = RunTable(store).dag_states();
    if (!states) return states.error();
    for (const DagStateRow& state : *states) {
        if (state.since) seen[state.dag] = *state.since;
    }
    return seen;
}

Result<FirstSeen> first_seen_in(std::span<const ConfigEntry> history) {
    const auto entries = read_entries(history);
    if (!entries) return entries.error();
    FirstSeen seen;
    const auto last = std::find_if(entries->rbegin(), entries->rend(),
                                   [](const ReadEntry& entry) { return bool(entry.settings); });
    if (last == entries->rend()) return seen;
    const auto at = static_cast<std::size_t>(entries->rend() - last) - 1;
    for (const auto& [name, dag] : last->dags) {
        const auto lives = lives_of(*entries, name);
        seen[name] = (*entries)[*lives[at]].at;
    }
    return seen;
}

Result<std::vector<Expectation>> expectations_in(std::span<const ConfigEntry> history,
                                                 const FirstSeen& seen) {
    const auto read = read_entries(history);
    if (!read) return read.error();
    const std::vector<ReadEntry>& entries = *read;
    const auto after = [&](std::size_t i) {
        return i + 1 < entries.size() ? entries[i + 1].at : Timestamp::max();
    };
    std::map<std::string, std::vector<std::optional<std::size_t>>> lives;
    std::vector<Expectation> all;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        for (const auto& [name, dag] : entries[i].dags) {
            const auto known = seen.find(name);
            if (known == seen.end()) continue;
            auto& life = lives.try_emplace(name).first->second;
            if (life.empty()) life = lives_of(entries, name);
            const auto latest =
                std::find_if(life.rbegin(), life.rend(), [](const auto& one) { return bool(one); });
            Span span{entries[i].at, after(i), {}, entries[*life[i]].at};
            if (life[i] == *latest) {  // an older version noted what no recorder had seen yet
                span.from = std::max(span.from, known->second);
                span.first_seen = known->second;
            }
            const bool stands_still = i + 1 < entries.size() && !entries[i + 1].settings;
            if (stands_still) span.listed_until = after(i + 1);
            if (auto done = expect(*entries[i].settings, dag, span, all); !done) {
                return done.error();
            }
        }
    }
    return all;
}

Result<> begin_schedule(Store& store, const Settings& settings, const ConfigEntry& now,
                        std::optional<Timestamp> stood_still) {
    auto history = config_history(store);
    if (!history) return history.error();
    std::vector<Statement> statements;
    const auto note = [&](const ConfigEntry& entry) {
        history->push_back(entry);
        statements.push_back({"insert into config_history (at, digest, text) values ($1, $2, $3)",
                              {entry.at, entry.digest, entry.text},
                              1});
    };
    if (stood_still) note({*stood_still, "", ""});
    if (history->empty() || history->back().digest != now.digest) note(now);
    const auto seen = first_seen_dags(store);
    if (!seen) return seen.error();
    const auto begun = first_seen_in(*history);
    if (!begun) return begun.error();
    for (const DagSpec& dag : make_dags(settings)) {
        const auto known = seen->find(dag.name);
        // An entry of the history may be older than the first recorder: then it promised nothing.
        const Timestamp since =
            known == seen->end() ? now.at : std::max(known->second, begun->at(dag.name));
        statements.push_back(RunTable::dag_scheduled(dag.name, dag.paused, since));
    }
    if (stood_still) statements.push_back(RunTable::all_handled(now.at - kInstant));
    auto saved = store.transact(statements);
    if (!saved) return saved.error();
    return {};
}

}  // namespace tapedeck
