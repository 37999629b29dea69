#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/redactor.h"
#include "events/log.h"
#include "spark/begin_loading.h"
#include "spark/range_loader.h"
#include "spark/session_config.h"
#include "store/postgres/postgres_store.h"

namespace tapedeck {

// What stands behind the ABI: a store that is open, and what is loaded into it. One thread.
class Session {
public:
    // `rejected` where the tables are older than this library, or not there.
    static Result<std::unique_ptr<Session>> open(SessionConfig config);

    Result<Begun> begin(const TapeFacts& facts);
    Result<std::vector<LedgerEntry>> ledger(const std::vector<TopicPartition>& partitions);
    Result<RangeLoaded> load(const LoadRange& range, ChunkSource& source);
    std::optional<Offset> stopped_at() const { return stopped_at_; }

    // A text for people, without what must not be seen.
    std::string clean(std::string_view text) const { return redactor_.clean(text); }

private:
    explicit Session(SessionConfig config)
        : config_(std::move(config)), log_(2, LogFormat::text, config_.log, clock_, &redactor_) {}
    Result<> open_store();
    Result<> check_tables();
    Result<> know_tape();

    SessionConfig config_;
    SystemClock clock_;
    Redactor redactor_;
    Log log_;
    std::unique_ptr<PostgresStore> store_;
    std::optional<Offset> stopped_at_;
};

}  // namespace tapedeck
