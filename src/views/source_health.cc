#include "views/source_health.h"
#include "store/row_text.h"

namespace tapedeck {
namespace {

constexpr std::chrono::hours kLookedBack{24 * 8};

}  // namespace

std::string_view to_string(SourceHealth::State state) {
    switch (state) {
        case SourceHealth::State::unasked:
            return "unasked";
        case SourceHealth::State::answering:
            return "answering";
        case SourceHealth::State::failing:
            return "failing";
        case SourceHealth::State::resting:
            return "resting";
    }
    return "";
}

Result<SourceHealth> source_health(Store& store, const std::string& source, Timestamp now) {
    SourceHealth health;
    health.source = source;
    std::optional<Timestamp> slot;
    std::string last;
    const Timestamp begin = now - kLookedBack;
    auto done =
        store.query({"select slot, reason from attempts where source = $1 and started >= $2 "
                     "order by started desc limit 1",
                     {source, begin},
                     {}},
                    [&](const RowView& row) -> Result<> {
                        slot = row.timestamp(0);
                        last = text_or_empty(row, 1);
                        return {};
                    });
    if (!done) return done.error();
    if (!slot) return health;
    done = store.query({"select started from attempts where source = $1 and started >= $2 and "
                        "reason is null order by started desc limit 1",
                        {source, begin},
                        {}},
                       [&](const RowView& row) -> Result<> {
                           health.last_price = row.timestamp(0);
                           return {};
                       });
    if (!done) return done.error();
    // One symbol that it does not know is no failure of the source: others were answered beside it.
    if (health.last_price && *health.last_price >= *slot) {
        health.state = SourceHealth::State::answering;
        return health;
    }
    const Timestamp after = health.last_price.value_or(begin);
    constexpr std::string_view kFailed =
        " from attempts where source = $1 and started > $2 and reason is not null and reason not "
        "in "
        "('resting', 'out_of_time') order by started ";
    done = store.query({"select started" + std::string(kFailed) + "limit 1", {source, after}, {}},
                       [&](const RowView& row) -> Result<> {
                           health.since = row.timestamp(0);
                           return {};
                       });
    if (!done) return done.error();
    done = store.query(
        {"select reason, what" + std::string(kFailed) + "desc limit 1", {source, after}, {}},
        [&](const RowView& row) -> Result<> {
            health.reason = reason_named(text_or_empty(row, 0));
            health.what = text_or_empty(row, 1);
            return {};
        });
    if (!done) return done.error();
    health.state = last == "resting" ? SourceHealth::State::resting : SourceHealth::State::failing;
    return health;
}

}  // namespace tapedeck
