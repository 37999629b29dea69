#include <fmt/format.h>

#include <algorithm>

#include "app/load_globals.h"
#include "app/probe.h"
#include "app/rule_names.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "base/url_text.h"
#include "demo/demo_sources.h"
#include "views/source_stats.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr int kAttemptsShown = 20;

// What is shown of all sources.
struct Shown {
    Sources sources;
    std::map<std::string, Feed> feeds;
    std::map<std::string, SourceStats> stats;
    std::vector<SourceAttempt> attempts;  // of one
};

std::string pace_text(const Pace& pace) {
    return fmt::format("{}/{}", pace.count, format_duration(pace.per));
}

// "coin:1, stock:2": its place in the chains.
std::string places_of(const std::string& source, const std::map<std::string, Feed>& feeds) {
    std::string places;
    for (const auto& [name, feed] : feeds) {
        for (std::size_t i = 0; i < feed.sources.size(); ++i) {
            if (feed.sources[i]->name != source) continue;
            places += fmt::format("{}{}:{}", places.empty() ? "" : ", ", name, i + 1);
        }
    }
    return places;
}

// Those in the chains first, in their order.
std::vector<std::string> order_of(const Shown& shown) {
    std::vector<std::string> names;
    const auto add = [&](const std::string& name) {
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    };
    for (const auto& [feed_name, feed] : shown.feeds) {
        for (const auto& source : feed.sources) add(source->name);
    }
    for (const auto& [name, source] : shown.sources) add(name);
    return names;
}

SourceStats stats_of(const Shown& shown, const std::string& name) {
    auto found = shown.stats.find(name);
    if (found == shown.stats.end()) found = shown.stats.find(demo_source_name(name));
    return found == shown.stats.end() ? SourceStats() : found->second;
}

std::string failure_text(const Attempt& attempt) {
    return fmt::format("{}: {}", attempt.reason ? row_of(*attempt.reason).name : "?", attempt.what);
}

void write_source(JsonWriter& json, const Shown& shown, const Source& source) {
    const SourceStats stats = stats_of(shown, source.name);
    json.key("source").text(source.name).key("feeds").begin_array();
    for (const auto& [name, feed] : shown.feeds) {
        for (std::size_t i = 0; i < feed.sources.size(); ++i) {
            if (feed.sources[i]->name != source.name) continue;
            json.begin_object().key("feed").text(name).key("place");
            json.number(static_cast<std::int64_t>(i + 1)).end_object();
        }
    }
    json.end_array().key("pace").text(pace_text(source.pace));
    write_stats(json, stats);
}

Exit show_all(const Globals& globals, const Shown& shown) {
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    Table table({{"source"},
                 {"feeds"},
                 {"pace"},
                 {"asked", Align::right},
                 {"answered", Align::right},
                 {"failed", Align::right},
                 {"success", Align::right},
                 {"median_ms", Align::right},
                 {"last_price"},
                 {"last_failure"},
                 {"what"}});
    for (const std::string& name : order_of(shown)) {
        const Source& source = *shown.sources.at(name);
        const SourceStats stats = stats_of(shown, name);
        json.begin_object();
        write_source(json, shown, source);
        json.end_object();
        const auto middle = median(stats.took_ms);
        const std::string percent = percent_of(stats.answered, stats.asked);
        table.add({name, places_of(name, shown.feeds), pace_text(source.pace),
                   std::to_string(stats.asked), std::to_string(stats.answered),
                   std::to_string(stats.failed()), percent.empty() ? "-" : percent + "%",
                   middle ? std::to_string(*middle) : "-",
                   stats.last_price ? format_rfc3339(*stats.last_price) : "-",
                   stats.last_failure ? format_rfc3339(stats.last_failure->started) : "-",
                   stats.last_failure ? failure_text(*stats.last_failure) : ""});
    }
    json.end_array();
    if (globals.json) {
        print(out + "\n");
    } else {
        table.print();
    }
    return Exit::fine;
}

std::string json_of_one(const Shown& shown, const Source& source) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_source(json, shown, source);
    json.key("url").text(shown_url(source.url)).key("file").text(source.file);
    json.key("max_instruments").number(source.max_instruments);
    json.key("timeout").text(format_duration(source.timeout));
    json.key("max_bytes").number(source.max_bytes);
    json.key("max_age").text(format_duration(source.max_age));
    json.key("serves_history").boolean(source.serves_history);
    json.key("secret").text(source.secret).key("headers").begin_array();
    for (const Header& header : source.headers) json.text(header.name);
    json.end_array().key("rules").begin_array();
    for (const std::string& rule : rule_names(source)) json.text(rule);
    json.end_array().key("symbols").begin_object();
    for (const auto& [instrument, symbol] : source.symbols) json.key(instrument).text(symbol);
    json.end_object().key("attempts").begin_array();
    for (const SourceAttempt& one : shown.attempts) {
        json.begin_object().key("feed").text(one.feed).key("instrument").text(one.instrument);
        json.key("slot").text(format_rfc3339(one.slot));
        write_attempt(json, one.attempt);
        json.end_object();
    }
    json.end_array().end_object();
    return out + "\n";
}

void show_facts(const Shown& shown, const Source& source) {
    std::string headers;
    for (const Header& header : source.headers) {
        headers += (headers.empty() ? "" : ", ") + header.name;
    }
    const SourceStats stats = stats_of(shown, source.name);
    const auto middle = median(stats.took_ms);
    Table facts({{"key"}, {"value"}});
    facts.add({"source", source.name});
    facts.add({"file", source.file});
    facts.add({"feeds", places_of(source.name, shown.feeds)});
    facts.add({"url", shown_url(source.url)});
    facts.add({"headers", headers});
    facts.add({"session", source.session ? shown_url(source.session->crumb_url) : ""});
    facts.add({"secret", source.secret});
    facts.add({"proxy", source.proxy ? "***" : ""});
    facts.add({"pace", pace_text(source.pace)});
    facts.add({"max_instruments", std::to_string(source.max_instruments)});
    facts.add({"timeout", format_duration(source.timeout)});
    facts.add({"max_bytes", std::to_string(source.max_bytes)});
    facts.add({"max_age", format_duration(source.max_age)});
    facts.add({"asked", std::to_string(stats.asked)});
    facts.add({"answered", std::to_string(stats.answered)});
    facts.add({"failed", std::to_string(stats.failed())});
    facts.add({"median_ms", middle ? std::to_string(*middle) : "-"});
    facts.add({"last_price", stats.last_price ? format_rfc3339(*stats.last_price) : "-"});
    facts.add({"last_failure", stats.last_failure ? failure_text(*stats.last_failure) : "-"});
    facts.print();
}

Exit show_one(const Globals& globals, const Shown& shown, const Source& source) {
    if (globals.json) {
        print(json_of_one(shown, source));
        return Exit::fine;
    }
    show_facts(shown, source);
    print("\n");
    Table rules({{"rule"}});
    for (const std::string& rule : rule_names(source)) rules.add({rule});
    rules.print();
    if (!source.symbols.empty()) {
        print("\n");
        Table symbols({{"instrument"}, {"symbol"}});
        for (const auto& [instrument, symbol] : source.symbols) symbols.add({instrument, symbol});
        symbols.print();
    }
    if (shown.attempts.empty()) return Exit::fine;
    print("\n");
    Table attempts({{"at"},
                    {"feed"},
                    {"instrument"},
                    {"slot"},
                    {"status", Align::right},
                    {"ms", Align::right},
                    {"bytes", Align::right},
                    {"what"}});
    for (const SourceAttempt& one : shown.attempts) {
        attempts.add({format_rfc3339(one.attempt.started), one.feed, one.instrument,
                      format_rfc3339(one.slot), std::to_string(one.attempt.status),
                      std::to_string(one.attempt.took.count()), std::to_string(one.attempt.bytes),
                      one.attempt.reason ? failure_text(one.attempt) : "price"});
    }
    attempts.print();
    return Exit::fine;
}

void write_probe(JsonWriter& json, const Probe& probe) {
    json.begin_object().key("source").text(probe.source).key("feed").text(probe.feed);
    json.key("instrument").text(probe.instrument).key("url").text(probe.url);
    json.key("status").number(probe.status).key("bytes").number(probe.bytes);
    json.key("took_ms").number(probe.took.count());
    if (const auto* reading = std::get_if<Reading>(&probe.read)) {
        json.key("price").text(reading->price.to_string());
        json.key("currency").text(reading->currency).key("rule").text(reading->rule);
    } else {
        const Failure& failure = std::get<Failure>(probe.read);
        json.key("price").null().key("reason").text(row_of(failure.reason).name);
        json.key("what").text(failure.what);
    }
    json.end_object();
}

Exit probe(const Globals& globals, const Settings& settings, const Shown& shown,
           const std::string& only) {
    const auto probes = probe_sources(settings, shown.feeds, only);
    if (!probes) return fail(probes.error());
    if (probes->empty()) return fail(Exit::failed, "no feed with instruments asks that source");
    std::string out;
    JsonWriter json(out);
    json.begin_array();
    Table table({{"source"},
                 {"feed"},
                 {"instrument"},
                 {"status", Align::right},
                 {"ms", Align::right},
                 {"bytes", Align::right},
                 {"read"},
                 {"url"}});
    for (const Probe& one : *probes) {
        write_probe(json, one);
        table.add({one.source, one.feed, one.instrument, std::to_string(one.status),
                   std::to_string(one.took.count()), std::to_string(one.bytes), words_of(one),
                   one.url});
    }
    json.end_array();
    if (globals.json) {
        print(out + "\n");
    } else {
        table.print();
    }
    if (std::ranges::all_of(*probes, gave_price)) return Exit::fine;
    const bool none = std::ranges::none_of(*probes, [](const Probe& one) { return one.status; });
    return none ? Exit::unreachable : Exit::found;
}

Result<> read_store(const Globals& globals, const std::string& name, Shown& shown) {
    auto reader = open_reader(globals);
    // Sources are known before anything was recorded.
    if (!reader && reader.error().what.starts_with("there is no ")) return {};
    if (!reader) return reader.error();
    Store& store = reader->assembly->store();
    const Timestamp to = reader->now + 1us;
    auto stats = source_stats(store, to - 24h, to);
    if (!stats) return stats.error();
    shown.stats = *std::move(stats);
    if (name.empty()) return {};
    auto attempts = last_attempts(store, name, kAttemptsShown);
    if (attempts && attempts->empty()) {
        attempts = last_attempts(store, demo_source_name(name), kAttemptsShown);
    }
    if (!attempts) return attempts.error();
    shown.attempts = *std::move(attempts);
    return {};
}

}  // namespace

Exit verb_sources(const Globals& globals, const SourcesOptions& options) {
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    Shown shown;
    auto made = make_sources(config->settings);
    if (!made) return fail(Exit::failed, made.error().what);
    for (const BrokenSource& broken : made->broken) {
        if (options.name.empty() && !options.probe && !globals.quiet) {
            fail(Exit::fine, "note: " + broken.what);
        } else if (options.name == broken.name) {
            return fail(Exit::failed, broken.what);
        }
    }
    std::vector<Error> faults;
    shown.feeds = make_feeds(config->settings, *made, faults);
    if (options.probe && !faults.empty()) return fail(Exit::failed, faults.front().what);
    shown.sources = std::move(made->sources);
    const auto one = shown.sources.find(options.name);
    if (!options.name.empty() && one == shown.sources.end()) {
        std::string names;
        for (const auto& [name, source] : shown.sources)
            names += (names.empty() ? "" : ", ") + name;
        return fail(Exit::not_found,
                    fmt::format("there is no source {}; there are {}", options.name, names));
    }
    if (options.probe) return probe(globals, config->settings, shown, options.name);
    if (auto done = read_store(globals, options.name, shown); !done) return fail(done.error());
    if (options.name.empty()) return show_all(globals, shown);
    return show_one(globals, shown, *one->second);
}

}  // namespace tapedeck
