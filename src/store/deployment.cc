#include "store/deployment.h"

#include <fmt/format.h>

#include <array>
#include <random>

namespace tapedeck {
namespace {

std::string new_id() {
    std::random_device random;
    return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

Result<std::string> deployment_id(Store& store, const Patience& patience) {
    std::string id;
    auto done = store.query(
        {"select id from deployments where until is null order by id limit 1", {}, {}},
        [&](const RowView& row) -> Result<> {
            id = row.text(0);
            return {};
        },
        patience);
    if (!done) return done.error();
    return id;
}

Result<std::string> recording_deployment(Store& store) {
    auto id = deployment_id(store);
    if (!id || !id->empty()) return id;
    const std::string made = new_id();
    const std::vector<Statement> statements{
        {"insert into deployments (id) values ($1)", {made}, 1}};
    const auto kept = store.transact(statements);
    if (!kept) return kept.error();
    return made;
}

Statement end_deployments(Timestamp now) {
    return {"update deployments set until = $1 where until is null", {now}, {}};
}

Result<AccountOwner> AccountOwner::read(Store& store, const Patience& patience) {
    AccountOwner owner;
    auto done = store.query(
        {"select id, until from deployments", {}, {}},
        [&](const RowView& row) -> Result<> {
            std::optional<Timestamp> until;
            if (!row.is_null(1)) until = row.timestamp(1);
            owner.ids_.emplace(row.text(0), until);
            return {};
        },
        patience);
    if (!done) return done.error();
    done = store.query(
        {"select distinct digest from config_history", {}, {}},
        [&](const RowView& row) -> Result<> {
            owner.configs_.emplace(row.text(0));
            return {};
        },
        patience);
    if (!done) return done.error();
    return owner;
}

bool AccountOwner::is_own(const RunOutcomes& run) const {
    if (run.deployment.empty()) return configs_.empty() || configs_.contains(run.config);
    if (ids_.empty()) return true;
    const auto known = ids_.find(run.deployment);
    return known != ids_.end() && (!known->second || run.started < *known->second);
}

}  // namespace tapedeck
