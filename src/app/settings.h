#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/alert_settings.h"
#include "aws/aws_settings.h"
#include "base/secret.h"
#include "captures/capture_settings.h"
#include "collect/feed_settings.h"
#include "config/fields.h"
#include "config/secrets.h"
#include "config/urls.h"
#include "config/values.h"
#include "events/log_settings.h"
#include "load/load_settings.h"
#include "market/record.h"
#include "net/net_settings.h"
#include "schedule/calendar_settings.h"
#include "schedule/dag.h"
#include "sources/source_settings.h"
#include "store/store_settings.h"

// What a configuration says, as plain checked structs with their defaults. The tables of options
// that fill them stand in app/setting_tables.h; docs/config.md is made of those.
namespace tapedeck {

struct TapeSettings {
    enum class Compression { none, gzip, lz4, zstd };
    enum class Mechanism { plain, scram_sha_256, scram_sha_512 };
    TapeUrl url;
    std::int32_t partitions = 3;
    std::chrono::milliseconds retention{0};  // 0: for ever
    // Of Kafka only:
    std::int32_t replication = 0;  // 0: as the broker has it
    std::chrono::milliseconds topic_retention{std::chrono::hours(24 * 90)};  // 0: for ever
    Compression compression = Compression::gzip;  // which every client reads
    bool tls = false;
    std::string ca_file;           // PEM; empty: the machine's own
    std::string certificate_file;  // PEM, with key_file; empty: none is shown
    std::string key_file;
    std::string key_secret;  // name of the [secret] with the key's password; empty: none
    std::string user;        // empty: no login
    Mechanism mechanism = Mechanism::scram_sha_512;
    std::string secret;                               // name of the [secret] with its password
    std::string spool;                                // a file; empty: see `spool_path`
    ByteCount spool_budget{std::int64_t{256} << 20};  // 0: no spool
    std::string deployment;                           // for collectors without a store
    friend bool operator==(const TapeSettings&, const TapeSettings&) = default;
};

struct Settings {
    StoreSettings store;
    TapeSettings tape;
    LoadSettings load;
    CaptureSettings captures;
    NetSettings net;
    AwsSettings aws;
    SourcesSettings sources;
    LogSettings log;
    AlertSettings alert;
    Named<SecretSettings> secrets;
    Named<ClassListSettings> class_list_sources;
    Named<FeedSettings> feeds;
    Named<CalendarSettings> calendars;
    Named<DagSpec> dags;
    friend bool operator==(const Settings&, const Settings&) = default;
};

// The file that captures go to: [captures] path, else beside an SQLite store ("tapedeck.db" gives
// "tapedeck.captures.db"), else "tapedeck.captures.db".
std::string captures_path(const Settings& settings);

// The file that keeps messages while the brokers are away: [tape] spool, else made like
// captures_path ("tapedeck.spool.db"). And the file that keeps what the schedule has to tell a
// server's store that is away ("tapedeck.journal.db").
std::string spool_path(const Settings& settings);
std::string journal_path(const Settings& settings);

}  // namespace tapedeck
