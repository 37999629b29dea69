#include "app/made_feeds.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/learn_secrets.h"
#include "app/output.h"
#include "config/secrets.h"

namespace tapedeck {
namespace {

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

DagSpec dag_of(const Settings& settings, const DagSpec& configured) {
    DagSpec dag = configured;
    const auto own = settings.calendars.find(dag.calendar);
    if (own != settings.calendars.end()) dag.calendar_text = own->second.text;
    return dag;
}

std::vector<DagSpec> make_dags(const Settings& settings) {
    std::vector<DagSpec> dags;
    for (const auto& [name, dag] : settings.dags) dags.push_back(dag_of(settings, dag));
    return dags;
}

SecretLookup secret_lookup(const Settings& settings) {
    return SecretLookup([secrets = settings.secrets](
                            const std::string& name) { return find_secret(secrets, name); },
                        known_secrets());
}

}  // namespace tapedeck
