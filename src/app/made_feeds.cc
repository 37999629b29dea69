#include "app/made_feeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "app/config.h"
#include "app/learn_secrets.h"
#include "app/output.h"

namespace tapedeck {
namespace {

std::string_view kind_name(ConfiguredTaskKind kind) {
    switch (kind) {
        case ConfiguredTaskKind::noop:
            return "noop";
        case ConfiguredTaskKind::collect:
            return "collect";
    }
    TAPEDECK_ASSERT(false);
}

// Why there is no such source.
Error no_source(const FeedSettings& feed, const std::string& name, const MadeSources& made) {
    const auto broken = std::ranges::find(made.broken, name, &BrokenSource::name);
    if (broken != made.broken.end()) {
        return {ErrorKind::malformed,
                fmt::format("{} (feed {} asks the source {})", broken->what, feed.name, name)};
    }
    return {ErrorKind::rejected,
            fmt::format("feed {} names the source {}, which is not there", feed.name, name)};
}

}  // namespace

Feed feed_of(const FeedSettings& settings) {
    Feed feed;
    feed.name = settings.name;
    feed.instruments = settings.instruments;
    feed.topic = settings.topic;
    feed.table = {settings.table, settings.form};
    feed.sends_arrays = settings.message == FeedSettings::Message::array;
    feed.currency = settings.currency;
    feed.max_age = settings.max_age;
    feed.max_attempts = settings.max_attempts;
    feed.function = settings.function;
    return feed;
}

Result<MadeSources> make_sources(const Settings& settings) {
    MadeSources made;
    auto sources = load_sources(settings.sources.folder, made.broken);
    if (!sources) return sources.error();
    made.sources = *std::move(sources);
    for (const auto& [name, one] : settings.class_list_sources) {
        auto source = make_source({one.name, one.base_url, one.price_html_class,
                                   one.stock_name_html_class, one.previous_close_html_class});
        if (!source) {
            made.broken.push_back(
                {one.name, in_context("[source." + one.name + "]", source.error()).what});
            continue;
        }
        made.sources[one.name] = std::make_shared<const Source>(*std::move(source));
    }
    learn_secrets(made.sources);
    for (auto& [name, source] : made.sources) {
        if (source->proxy || settings.net.proxy.empty()) continue;
        auto changed = std::make_shared<Source>(*source);
        changed->proxy = settings.net.proxy;
        source = std::move(changed);
    }
    return made;
}

std::map<std::string, Feed> make_feeds(const Settings& settings, const MadeSources& made,
                                       std::vector<Error>& faults) {
    std::map<std::string, Feed> feeds;
    for (const auto& [feed_name, one] : settings.feeds) {
        Feed feed = feed_of(one);
        for (const std::string& name : one.sources) {
            const auto found = made.sources.find(name);
            if (found == made.sources.end()) {
                faults.push_back(no_source(one, name, made));
            } else {
                feed.sources.push_back(found->second);
            }
        }
        feeds.emplace(one.name, std::move(feed));
    }
    return feeds;
}

Result<std::map<std::string, Feed>> make_feeds(const Settings& settings, const MadeSources& made) {
    std::vector<Error> faults;
    auto feeds = make_feeds(settings, made, faults);
    if (!faults.empty()) return faults.front();
    return feeds;
}

std::vector<DagSpec> make_dags(const Settings& settings) {
    std::vector<DagSpec> dags;
    for (const auto& [dag_name, one] : settings.dags) {
        DagSpec dag;
        dag.name = one.name;
        dag.schedule = one.schedule;
        dag.zone = one.zone;
        dag.calendar = one.calendar;
        if (const auto own = settings.calendars.find(one.calendar);
            own != settings.calendars.end()) {
            dag.calendar_text = own->second.text;
        }
        dag.retries = one.retries;
        dag.retry_delay = one.retry_delay;
        dag.timeout = one.timeout;
        dag.concurrency = one.concurrency;
        dag.paused = one.paused;
        dag.catchup = one.catchup;
        for (const auto& [task_name, task] : one.tasks) {
            dag.tasks.push_back({task.name, std::string(kind_name(task.kind)), task.feed,
                                 task.after, task.retries, task.retry_delay, task.timeout});
        }
        dags.push_back(std::move(dag));
    }
    return dags;
}

SecretLookup secret_lookup(const Settings& settings) {
    return SecretLookup(
        [secrets = settings.secrets](const std::string& name) -> Result<Secret> {
            const auto place = secrets.find(name);
            if (place == secrets.end()) {
                return Error{ErrorKind::rejected,
                             fmt::format("the secret {0} is not configured: [secret.{0}]", name)};
            }
            const SecretSettings* found = &place->second;
            if (!found->env.empty()) {
                const char* value = std::getenv(found->env.c_str());
                if (value == nullptr || *value == '\0') {
                    return Error{
                        ErrorKind::rejected,
                        fmt::format("the secret {}: the environment has no {}", name, found->env)};
                }
                return Secret(value);
            }
            auto text = read_text_file(found->file);
            if (!text) return in_context("the secret " + name, text.error());
            if (text->ends_with('\n')) text->pop_back();
            return Secret(*std::move(text));
        },
        known_secrets());
}

}  // namespace tapedeck
