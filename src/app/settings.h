#pragma once

#include <string>

#include "alerts/alert_settings.h"
#include "app/spark_settings.h"
#include "aws/aws_settings.h"
#include "captures/capture_settings.h"
#include "collect/feed_settings.h"
#include "config/fields.h"
#include "config/secrets.h"
#include "events/log_settings.h"
#include "load/load_settings.h"
#include "net/net_settings.h"
#include "run/run_settings.h"
#include "schedule/calendar_settings.h"
#include "schedule/dag.h"
#include "sources/source_settings.h"
#include "store/store_settings.h"
#include "tape/kafka/kafka_settings.h"
#include "tape/spool/spool_settings.h"
#include "tape/tape_settings.h"

// What a configuration says: the options of each component, which declares them, their defaults,
// what they may be and what a person reads of them in a struct and a table of its own. Here and in
// app/setting_tables.h is only where they stand; docs/config.md is made of them.
namespace tapedeck {

// [tape]: what is of every tape, and what each of its kinds has declared.
struct TapeSettings : TapePlace {
    KafkaTapeSettings kafka;
    SpoolSettings spool;
    std::string deployment;  // for collectors without a store
    friend bool operator==(const TapeSettings&, const TapeSettings&) = default;
};

struct Settings {
    StoreSettings store;
    TapeSettings tape;
    RunSettings run;
    LoadSettings load;
    CaptureSettings captures;
    NetSettings net;
    AwsSettings aws;
    SparkSettings spark;
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
