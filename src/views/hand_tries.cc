#include "views/hand_tries.h"

namespace tapedeck {

Result<> each_failed_hand_try(Store& store, const std::string& feed, const std::string& instrument,
                              Timestamp from, Timestamp to,
                              const std::function<Result<>(const HandTry&)>& sink) {
    // By the range of run_id, which has an index; the next character after '/' is '0'.
    return store.query(
        {"select o.feed, o.instrument, o.slot, o.run_id, o.reason, o.what from outcomes o where "
         "o.run_id >= 'manual/' and o.run_id < 'manual0' and o.state = 'failed' and o.slot >= $1 "
         "and o.slot < $2 and not exists (select 1 from coverage c where c.feed = o.feed and "
         "c.slot "
         "= o.slot and c.instrument = o.instrument) and not exists (select 1 from outcomes l where "
         "l.feed = o.feed and l.slot = o.slot and l.instrument = o.instrument and l.id > o.id) "
         "order by o.run_id, o.instrument",
         {from, to},
         {}},
        [&](const RowView& row) -> Result<> {
            if (!feed.empty() && row.text(0) != feed) return {};
            if (!instrument.empty() && row.text(1) != instrument) return {};
            return sink({std::string(row.text(0)), std::string(row.text(1)), row.timestamp(2),
                         std::string(row.text(3)), row.is_null(4) ? "" : std::string(row.text(4)),
                         row.is_null(5) ? "" : std::string(row.text(5))});
        });
}

}  // namespace tapedeck
