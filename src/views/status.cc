#include "views/status.h"

#include <fmt/format.h>

#include <algorithm>

#include "alerts/load_problems.h"
#include "store/deployment.h"

namespace tapedeck {
namespace {

Result<std::int64_t> count_of(Store& store, const std::string& sql) {
    std::int64_t count = 0;
    auto done = store.query({sql, {}, {}}, [&](const RowView& row) -> Result<> {
        count = row.is_null(0) ? 0 : row.integer(0);
        return {};
    });
    if (!done) return done.error();
    return count;
}

Result<FeedStatus> feed_status(const StatusParts& parts, const Feed& feed) {
    FeedStatus status;
    status.name = feed.name;
    status.table = feed.table.name;
    status.topic = feed.topic;
    CoverageView coverage = parts.coverage;
    auto totals = coverage.totals(feed.name, std::chrono::floor<std::chrono::days>(parts.now));
    if (!totals) return totals.error();
    status.totals = *std::move(totals);
    for (const Expectation& one : parts.expectations) {
        if (one.feed != feed.name || one.to <= parts.now) continue;
        status.next_slot = one.schedule->next_open(parts.now);
    }
    const auto configured = parts.configured.find(feed.name);
    if (configured == parts.configured.end()) return status;
    auto prices = last_prices(parts.store, configured->second);
    if (!prices) return prices.error();
    status.prices = *std::move(prices);
    return status;
}

Result<> read_feeds(const StatusParts& parts, Status& status) {
    for (const auto& [name, feed] : parts.feeds) {
        auto one = feed_status(parts, feed);
        if (!one) return one.error();
        status.feeds.push_back(*std::move(one));
    }
    const auto loaded = loaded_rows(parts.store, parts.feeds, parts.now);
    if (!loaded) return loaded.error();
    for (FeedStatus& feed : status.feeds) feed.loaded = loaded->at(feed.name);
    return {};
}

Result<> read_sources(const StatusParts& parts, Status& status) {
    std::set<std::string> names;
    for (const auto& [name, feed] : parts.configured) {
        for (const auto& source : feed.sources) names.insert(source->name);
    }
    for (const std::string& name : names) {
        auto health = source_health(parts.store, name, parts.now);
        const std::string alias = parts.alias(name);
        if (health && health->state == SourceHealth::State::unasked && !alias.empty()) {
            health = source_health(parts.store, alias, parts.now);
        }
        if (!health) return health.error();
        health->source = name;
        status.sources.push_back(*std::move(health));
    }
    return {};
}

Result<> read_problems(const StatusParts& parts, Status& status) {
    auto done = parts.store.query(
        {"select key, what, since from problems order by since", {}, {}},
        [&](const RowView& row) -> Result<> {
            if (is_of_loading(row.text(0))) return {};
            status.problems.push_back(
                {std::string(row.text(0)), std::string(row.text(1)), row.timestamp(2)});
            return {};
        });
    if (!done) return done;
    // As they are now, whether or not a recorder has told of them.
    SettledLetters nothing_known;
    auto loading = load_problems(parts.store, parts.feeds, nothing_known);
    if (!loading) return loading.error();
    for (LoadProblem& one : *loading) {
        status.problems.push_back(
            {std::move(one.problem.key), std::move(one.problem.what), one.since});
    }
    return {};
}

Result<> count_letters(Store& store, Status& status) {
    const auto all = count_of(store, "select count(*) from dead_letters");
    if (!all) return all.error();
    for (const auto& [how, count] : {std::pair("retried", &status.letters_retried),
                                     std::pair("dropped", &status.letters_dropped)}) {
        const auto ended = count_of(
            store, fmt::format("select count(*) from dead_letter_ends where how = '{}'", how));
        if (!ended) return ended.error();
        *count = *ended;
    }
    status.dead_letters = *all - status.letters_retried - status.letters_dropped;
    return {};
}

}  // namespace

Result<Status> read_status(const StatusParts& parts) {
    Status status;
    status.now = parts.now;
    auto deployment = deployment_id(parts.store);
    if (!deployment) return deployment.error();
    status.deployment = *std::move(deployment);
    if (auto done = read_feeds(parts, status); !done) return done.error();
    if (auto done = read_sources(parts, status); !done) return done.error();
    if (auto done = read_problems(parts, status); !done) return done.error();
    if (auto done = count_letters(parts.store, status); !done) return done.error();
    const auto twice = count_of(parts.store, "select count(*) from duplicates");
    if (!twice) return twice.error();
    const auto gaps = count_of(parts.store, "select sum(to_offset - from_offset) from tape_gaps");
    if (!gaps) return gaps.error();
    status.duplicates = *twice;
    status.gaps = *gaps;
    const auto holder = parts.store.lease_holder();
    if (!holder) return holder.error();
    status.running = holder->has_value();
    return status;
}

bool is_wrong(const Status& status) {
    if (status.running && status.without_room) return true;
    if (status.pipe.away || (status.pipe.spool && status.pipe.spool->refused > 0)) return true;
    if (status.spark && (status.spark->away || status.spark->workers_alive() == 0)) return true;
    if (!status.problems.empty() || status.dead_letters > 0 || status.gaps > 0) return true;
    return std::ranges::any_of(status.feeds, [](const FeedStatus& feed) {
        const auto& [all, today] = feed.totals;
        return feed.loaded.others > 0 || today.sum.of(CoverageState::failed) > 0 ||
               today.sum.of(CoverageState::missed) > 0 || all.sum.of(CoverageState::lost) > 0;
    });
}

std::string is_recording(const Status& status) {
    std::string without;
    for (const FeedStatus& feed : status.feeds) {
        const CoverageTotal& all = feed.totals.all;
        if (!all.last_settled || all.last_price == all.last_settled) continue;
        without += fmt::format("{}{} has no price {}", without.empty() ? "" : ", ", feed.name,
                               all.last_price ? "since the slot " + format_rfc3339(*all.last_price)
                                              : std::string("at all"));
    }
    if (!status.running) {
        // What a collection under another scheduler, or somebody else's messages, have brought.
        std::string beside;
        for (const FeedStatus& feed : status.feeds) {
            if (feed.next_slot || !feed.loaded.last_row) continue;
            beside += fmt::format("{}the last row of {} was loaded {}",
                                  beside.empty() ? "; rows came without one: " : ", ", feed.name,
                                  ago(feed.loaded.last_row, status.now));
        }
        return "not recording: no recorder is running" + beside +
               (without.empty() ? "" : "; " + without);
    }
    // For a demo that can write nothing, time stands still at the last slot that has prices.
    if (status.without_room) {
        return fmt::format("a recorder is running and can write nothing: the disk of {} is full{}",
                           *status.without_room, without.empty() ? "" : "; " + without);
    }
    if (!without.empty()) return "a recorder is running, but " + without;
    const bool any = std::ranges::any_of(status.feeds, [](const FeedStatus& feed) {
        return feed.totals.all.last_price.has_value();
    });
    return any ? "recording: the last slot of every feed has prices"
               : "a recorder is running, and no slot has come yet";
}

std::string ago(const std::optional<Timestamp>& time, Timestamp now) {
    if (!time) return "-";
    const auto age = std::chrono::floor<std::chrono::seconds>(now - *time);
    return format_duration(std::max<std::chrono::milliseconds>(age, std::chrono::milliseconds(0))) +
           " ago";
}

}  // namespace tapedeck
