#include "views/last_prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "store/stored_price.h"

namespace tapedeck {
namespace {

using Places = std::unordered_map<std::string_view, std::size_t>;  // in the feed's list
using BySlot = std::map<Timestamp, std::vector<std::size_t>>;

// The last slot with a price of each instrument. A page of the ledger suffices where all of them
// answered lately; each further one is eight times as long.
Result<BySlot> last_slots(Store& store, const Feed& feed, Places wanted) {
    BySlot found;
    Timestamp from = Timestamp::max();
    auto limit = static_cast<std::int64_t>(wanted.size()) * 2 + 100;
    for (bool more = true; more && !wanted.empty(); limit *= 8) {
        std::int64_t read = 0;
        auto done = store.query(
            {"select slot, instrument from coverage where feed = $1 and slot <= $2 and state in "
             "('recorded', 'recovered') order by slot desc, instrument desc limit $3",
             {feed.name, from, limit},
             {}},
            [&](const RowView& row) -> Result<> {
                ++read;
                from = row.timestamp(0);
                const auto one = wanted.find(row.text(1));
                if (one == wanted.end()) return {};
                found[from].push_back(one->second);
                wanted.erase(one);
                return {};
            });
        if (!done) return done.error();
        more = read == limit;
    }
    return found;
}

// The last slots for which a price was sent, whoever asked, of those who answered lately.
Result<std::map<std::size_t, Timestamp>> slots_sent(Store& store, const Feed& feed,
                                                    const Places& places) {
    std::map<std::size_t, Timestamp> found;
    auto done = store.query(
        {"select slot, instrument from outcomes where feed = $1 and state = 'sent' order by slot "
         "desc, instrument desc limit $2",
         {feed.name, static_cast<std::int64_t>(places.size()) * 4 + 100},
         {}},
        [&](const RowView& row) -> Result<> {
            const auto one = places.find(row.text(1));
            if (one != places.end()) found.emplace(one->second, row.timestamp(0));
            return {};
        });
    if (!done) return done.error();
    return found;
}

// Of several rows the one that the view of prices shows.
Result<> read_prices(Store& store, const Feed& feed, Timestamp slot, const Places& places,
                     std::vector<std::size_t> wanted, std::vector<LastPrice>& prices) {
    std::string sql = fmt::format("select instrument, {}, date, source from {} where slot = $1",
                                  stored_price_column("price"), feed.table.name);
    std::vector<Value> values{slot};
    if (wanted.size() == 1) {
        sql += " and instrument = $2";
        values.emplace_back(feed.instruments[wanted.front()]);
    }
    std::ranges::sort(wanted);
    sql += " order by revision desc, recorded_at, id";
    return store.query(
        {std::move(sql), std::move(values), {}}, [&](const RowView& row) -> Result<> {
            if (row.is_null(0)) return {};
            const auto place = places.find(row.text(0));
            if (place == places.end() || !std::ranges::binary_search(wanted, place->second))
                return {};
            LastPrice& last = prices[place->second];
            if (last.price) return {};
            last.price = stored_price(row, 1).number;
            last.seen = row.timestamp(2);
            last.source = row.is_null(3) ? "" : row.text(3);
            return {};
        });
}

}  // namespace

Result<std::vector<LastPrice>> last_prices(Store& store, const Feed& feed) {
    std::vector<LastPrice> prices;
    prices.reserve(feed.instruments.size());
    Places places;
    for (std::size_t i = 0; i < feed.instruments.size(); ++i) {
        prices.push_back({feed.instruments[i], {}, {}, {}});
        places.emplace(feed.instruments[i], i);
    }
    auto slots = last_slots(store, feed, places);
    if (!slots) return slots.error();
    const auto sent = slots_sent(store, feed, places);
    if (!sent) return sent.error();
    // What the ledger knows is there; what it does not expect is looked for first where it is
    // newer.
    BySlot newer;
    for (const auto& [place, slot] : *sent) newer[slot].push_back(place);
    for (const auto& [slot, settled] : *slots) {
        for (const std::size_t place : settled) {
            const auto known = sent->find(place);
            if (known != sent->end() && known->second <= slot) {
                std::erase(newer[known->second], place);
            }
        }
    }
    for (BySlot* all : {&newer, &*slots}) {
        for (auto& [slot, wanted] : *all) {
            if (wanted.empty()) continue;
            auto done = read_prices(store, feed, slot, places, std::move(wanted), prices);
            if (!done) return done.error();
        }
    }
    return prices;
}

}  // namespace tapedeck
