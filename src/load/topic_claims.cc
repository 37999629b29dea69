#include "load/topic_claims.h"

#include <fmt/format.h>

#include <map>

namespace tapedeck {
namespace {

Result<std::map<std::string, std::string>> claimed(Store& store, const Patience& patience) {
    std::map<std::string, std::string> tables;
    auto done = store.query(
        {"select topic, price_table from loaded_topics", {}, {}},
        [&](const RowView& row) -> Result<> {
            tables.emplace(row.text(0), row.text(1));
            return {};
        },
        patience);
    if (!done) return done.error();
    return tables;
}

}  // namespace

Result<> claim_topics(Store& store, std::span<const LoadedTopic> topics, const Patience& patience) {
    auto tables = claimed(store, patience);
    if (!tables) return tables.error();
    std::vector<Statement> claims;
    for (const LoadedTopic& one : topics) {
        if (!one.table || tables->contains(one.topic)) continue;
        claims.push_back(
            {"insert into loaded_topics (topic, price_table) values ($1, $2) on "
             "conflict do nothing",
             {one.topic, one.table->name},
             {}});
    }
    if (!claims.empty()) {
        const auto made = store.transact(claims, patience);
        if (!made) return made.error();
        tables = claimed(store, patience);
        if (!tables) return tables.error();
    }
    for (const LoadedTopic& one : topics) {
        if (!one.table) continue;
        const auto known = tables->find(one.topic);
        if (known == tables->end() || known->second == one.table->name) continue;
        return Error{
            ErrorKind::rejected,
            fmt::format("the topic {0} is loaded into the table {1}, and this loader's "
                        "configuration has {2} for it: its rows would be in two tables. To "
                        "load it into {2} from now on, end the loaders of {1} and delete "
                        "the row of {0} in the table loaded_topics",
                        one.topic, known->second, one.table->name)};
    }
    return {};
}

}  // namespace tapedeck
