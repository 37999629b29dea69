#include "app/check_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/made_feeds.h"
#include "config/nearest.h"
#include "market/own_tables.h"
#include "market/price_table.h"
#include "schedule/calendar_file.h"

namespace tapedeck {
namespace {

// What of that name a store makes beside a table; "" for nothing.
std::string_view beside_table(const std::string& table, std::string_view name) {
    if (name == view_of(table) || name == latest_view_of(table)) return "a view";
    const auto [key, times, others] = indexes_of(table);
    return name == key || name == times || name == others ? "an index" : "";
}

class Checker {
public:
    Checker(const ConfigChecks& checks, ReadConfig& config) : checks_(checks), config_(config) {}

    void check_all() {
        check_secrets();
        check_tape();
        tell({"store"}, option_faults(settings().store));
        check_feeds();
        check_tables_and_topics();
        check_calendars();
        for (const auto& [name, dag] : settings().dags) check_dag(dag);
        note_uncollected();
    }

private:
    const Settings& settings() const { return config_.settings; }

    // Told at the line of the key; where no layer gave it, at the line of its table.
    void fault(const std::vector<std::string>& table, std::string_view key, std::string what) {
        std::vector<std::string> path = table;
        path.emplace_back(key);
        auto origin = config_.origins.find(join_key(path));
        if (origin == config_.origins.end()) {
            path.pop_back();
            origin = config_.origins.find(join_key(path));
        }
        config_.faults.push_back({origin == config_.origins.end()
                                      ? Origin{std::string(kBuiltInName), {}}
                                      : origin->second,
                                  join_key(table), std::move(what)});
    }

    // Those that a component has found in its own options.
    void tell(const std::vector<std::string>& table, const std::vector<OptionFault>& faults) {
        for (const OptionFault& one : faults) fault(table, one.key, one.what);
    }

    template <class Sub>
    static std::vector<std::string> names_of(const Named<Sub>& all) {
        std::vector<std::string> names;
        for (const auto& [name, entry] : all) names.push_back(name);
        return names;
    }

    void check_secrets() {
        for (const auto& [name, secret] : settings().secrets) {
            if (secret.env.empty() == secret.file.empty()) {
                fault({"secret", name}, "env", "must have one of env and file");
            }
        }
        check_secret_named("store", "secret", settings().store.secret);
        check_secret_named("tape", "secret", settings().tape.kafka.secret);
        check_secret_named("tape", "key_secret", settings().tape.kafka.key_secret);
    }

    void check_secret_named(std::string_view table, std::string_view key, const std::string& name) {
        if (name.empty() || settings().secrets.contains(name)) return;
        fault({std::string(table)}, key,
              fmt::format("{} names \"{}\", and there is no [secret] {}{}", key, name, name,
                          did_you_mean(name, names_of(settings().secrets))));
    }

    void check_tape() {
        const TapeSettings& tape = settings().tape;
        const bool embedded = std::holds_alternative<EmbeddedUrl>(tape.url.target);
        if (embedded && std::holds_alternative<PostgresUrl>(settings().store.url.target)) {
            fault(
                {"store"}, "url",
                "url is a PostgreSQL, which holds no tape: set [tape] url to kafka://HOST:PORT, or "
                "to sqlite:PATH for one machine");
        }
        const auto* own = std::get_if<SqliteUrl>(&tape.url.target);
        const auto* store = std::get_if<SqliteUrl>(&settings().store.url.target);
        if (own != nullptr && store != nullptr && own->path == store->path) {
            fault({"tape"}, "url", "url is the store's own file: write store:");
        }
        tell({"tape"}, option_faults(tape.kafka));
    }

    void check_feeds() {
        std::vector<std::string> known;
        bool are_known = false;
        if (checks_.sources) {
            auto names = checks_.sources(settings().sources.folder);
            if (names) {
                known = *std::move(names);
                are_known = true;
            } else {
                fault({"sources"}, "folder", fmt::format("folder: {}", names.error().what));
            }
        }
        for (const auto& [name, source] : settings().class_list_sources) {
            if (std::find(known.begin(), known.end(), name) != known.end()) {
                fault({"source", name}, "", "has the name of a source file: choose another");
            }
            known.push_back(name);
        }
        if (!are_known) return;
        for (const auto& [name, feed] : settings().feeds) {
            for (const std::string& source : feed.sources) {
                if (std::find(known.begin(), known.end(), source) != known.end()) continue;
                fault({"feed", name}, "sources",
                      fmt::format("sources has {}, which is no known source{}", toml_string(source),
                                  did_you_mean(source, known)));
            }
        }
    }

    // Two feeds that want one thing: told of the one that the user wrote.
    void clash(const FeedSettings& one, const FeedSettings& other, std::string_view key,
               std::string_view value, std::string_view why) {
        const auto written = [&](const FeedSettings& feed) {
            const auto origin =
                config_.origins.find(join_key({"feed", feed.name, std::string(key)}));
            return origin == config_.origins.end() || origin->second.at.line > 0 ||
                   origin->second.file != kBuiltInName;
        };
        const bool swap = !written(other);
        fault({"feed", swap ? one.name : other.name}, key,
              fmt::format("{} \"{}\" is that of feed {}{}", key, value,
                          swap ? other.name : one.name, why));
    }

    void check_tables_and_topics() {
        std::map<std::string_view, const FeedSettings*> topics, tables;
        for (const auto& [name, feed] : settings().feeds) {
            const auto [topic, new_topic] = topics.emplace(feed.topic, &feed);
            if (!new_topic) clash(*topic->second, feed, "topic", feed.topic, " already");
            const auto [table, new_table] = tables.emplace(feed.table, &feed);
            if (!new_table && table->second->form != feed.form) {
                clash(*table->second, feed, "table", feed.table, ", which has another form");
            }
            for (const auto& [other_name, other] : settings().feeds) {
                const std::string_view taken = beside_table(other.table, feed.table);
                if (taken.empty()) continue;
                fault({"feed", name}, "table",
                      fmt::format("table \"{}\" is the name of {} of feed {}'s table \"{}\"",
                                  feed.table, taken, other_name, other.table));
            }
            if (is_own_table(feed.table)) {
                fault({"feed", name}, "table",
                      fmt::format("table \"{}\" is a table of tapedeck's own", feed.table));
            }
        }
    }

    // The text of a file that is named is taken into the settings: what is expected of a day must
    // not change with a file that nobody looks at any more.
    void check_calendars() {
        for (auto& [name, own] : config_.settings.calendars) {
            if (!check_calendar(name, own)) bad_calendars_.insert(name);
        }
    }

    bool check_calendar(const std::string& name, CalendarSettings& own) {
        const std::vector<std::string> path{"calendar", name};
        if (own.file.empty() && own.text.empty()) {
            fault(path, "", "needs the file of the calendar, or its text");
            return false;
        }
        if (name == "always") fault(path, "", "is open at every moment, and no file says else");
        if (!own.file.empty() && checks_.calendar_file) {
            auto text = checks_.calendar_file(own.file);
            if (!text) {
                fault(path, "file", fmt::format("file is wrong: {}", text.error().what));
                return false;
            }
            own.text = *std::move(text);
        }
        const auto calendar = calendar_of_text(name, own.text);
        if (calendar) return true;
        fault(path, own.file.empty() ? "text" : "file",
              fmt::format("calendar is wrong: {}", calendar.error().what));
        return false;
    }

    void check_dag(const DagSpec& dag) {
        for (DagFault& found : dag_faults(dag_of(settings(), dag))) {
            std::vector<std::string> path{"dag", dag.name};
            if (!found.task.empty()) path.insert(path.end(), {"task", found.task});
            // What is missing, and one's own calendar, have their faults already.
            if (found.key == "schedule" && dag.schedule.empty()) continue;
            if (found.key == "calendar" && bad_calendars_.contains(dag.calendar)) continue;
            if (found.task.empty() && dag.tasks.empty() && found.key == "task") {
                found.what += fmt::format(": add [{}.task.NAME]", join_key(path));
            }
            fault(path, found.key, std::move(found.what));
        }
        for (const TaskSpec& task : dag.tasks) {
            if (task.kind != TaskKind::collect || task.feed.empty()) continue;
            if (settings().feeds.contains(task.feed)) continue;
            fault({"dag", dag.name, "task", task.name}, "feed",
                  fmt::format("feed is {}, and there is no such feed{}", toml_string(task.feed),
                              did_you_mean(task.feed, names_of(settings().feeds))));
        }
    }

    void note_uncollected() {
        std::set<std::string_view> collected;
        for (const auto& [name, dag] : settings().dags) {
            for (const TaskSpec& task : dag.tasks) collected.insert(task.feed);
        }
        for (const auto& [name, feed] : settings().feeds) {
            if (feed.instruments.empty()) {
                config_.notes.push_back(
                    fmt::format("feed {} has no instruments: nobody is asked for it", name));
            }
            if (feed.instruments.empty() || collected.contains(name)) continue;
            config_.notes.push_back(fmt::format(
                "feed {} is collected by no DAG: only `tapedeck collect {}` asks for it", name,
                name));
        }
    }

    const ConfigChecks& checks_;
    ReadConfig& config_;
    std::set<std::string> bad_calendars_;  // of one's own
};

}  // namespace

void check_settings(const ConfigChecks& checks, ReadConfig& config) {
    Checker(checks, config).check_all();
}

}  // namespace tapedeck
