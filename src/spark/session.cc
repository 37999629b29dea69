#include "spark/session.h"

#include <fmt/format.h>

#include "store/deployment.h"
#include "store/loader_name.h"

namespace tapedeck {

Result<std::unique_ptr<Session>> Session::open(SessionConfig config) {
    std::unique_ptr<Session> session(new Session(std::move(config)));
    for (const auto& step : {&Session::open_store, &Session::check_tables, &Session::know_tape}) {
        if (auto done = ((*session).*step)(); !done) return done.error();
    }
    return session;
}

Result<> Session::open_store() {
    PostgresStoreOptions options;
    options.tables = PostgresTables::leave;
    options.loader = config_.loader.empty() ? loader_name()
                                            : fmt::format("{} {}", config_.loader, loader_name());
    redactor_.know(config_.store.password, SecretReach::service);
    auto opened = PostgresStore::open(config_.store, clock_, std::move(options));
    if (!opened) return opened.error();
    store_ = *std::move(opened);
    return {};
}

Result<> Session::check_tables() {
    for (const LoadedTopic& topic : config_.range.topics) {
        if (!topic.table) continue;
        if (auto looked = store_->ensure_table(*topic.table); !looked) return looked;
    }
    const auto pending = store_->pending();
    if (!pending.empty()) {
        return Error{ErrorKind::rejected,
                     pending.front() + ": `tapedeck check --migrate` does it, before Spark loads"};
    }
    if (config_.deployment.empty()) return {};
    const auto deployment = deployment_id(*store_);
    if (!deployment) return deployment.error();
    if (*deployment == config_.deployment) return {};
    return Error{ErrorKind::rejected,
                 fmt::format("the store is of the deployment {}, not {}", in_quotes(*deployment),
                             in_quotes(config_.deployment))};
}

Result<> Session::know_tape() {
    auto label = adopt_tape(*store_, config_.identity, config_.place, clock_.now());
    if (!label) return label.error();
    config_.range.label = *std::move(label);
    return {};
}

Result<Begun> Session::begin(const TapeFacts& facts) {
    std::vector<PriceTable> tables;
    for (const LoadedTopic& topic : config_.range.topics) {
        if (topic.table) tables.push_back(*topic.table);
    }
    const auto faults = store_->try_writing(tables);
    if (!faults) return faults.error();
    if (!*faults) {
        return Error{
            ErrorKind::rejected,
            "the tables are to be brought up to date first, by `tapedeck check --migrate`"};
    }
    if (!(*faults)->empty()) return Error{ErrorKind::rejected, (*faults)->front()};
    return begin_loading(*store_, clock_, log_, config_.range, config_.identity, facts);
}

Result<std::vector<LedgerEntry>> Session::ledger(const std::vector<TopicPartition>& partitions) {
    std::vector<TopicPartition> stored;
    for (const TopicPartition& at : partitions) stored.push_back(config_.range.label.at(at));
    auto found = store_->ledger(stored);
    if (!found) return found;
    for (LedgerEntry& entry : *found) entry.at = place_on_tape(entry.at);
    return found;
}

Result<RangeLoaded> Session::load(const LoadRange& range, ChunkSource& source) {
    RangeLoader loader(*store_, clock_, log_, config_.range);
    auto loaded = loader.load(range, source);
    stopped_at_ = loader.stopped_at();
    return loaded;
}

}  // namespace tapedeck
