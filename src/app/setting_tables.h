#pragma once

#include <tuple>

#include "app/settings.h"
#include "config/fields.h"
#include "config/text_checks.h"

// The tables of options, each declared beside its component, and where they stand in a file.
namespace tapedeck {

namespace fields {

inline constexpr auto kTape = std::tuple_cat(
    kTapePlace,
    std::tuple{
        part(&TapeSettings::kafka, kKafka),
        part(&TapeSettings::spool, kSpool),
        field(
            "deployment", &TapeSettings::deployment,
            "For collectors that open no store: the id of the deployment whose runs theirs are, as "
            "`tapedeck status --json` shows it.")
            .checked(must_be_name)
            .if_unset(
                "the store's; without a store that of the recorder with the same configuration"),
    });

inline constexpr auto kSettings = std::tuple{
    group("store", &Settings::store, kStore, "The database."),
    group("tape", &Settings::tape, kTape, "The durable log between collectors and the database."),
    group("run", &Settings::run, kRun, "The recorder, and who does what beside it."),
    group("load", &Settings::load, kLoad, "From the tape into the store."),
    group("captures", &Settings::captures, kCaptures,
          "The bytes that sources answered, kept as evidence."),
    group("net", &Settings::net, kNet, "Requests to the web."),
    group("aws", &Settings::aws, kAws, "Amazon's cloud: functions, S3."),
    group("spark", &Settings::spark, kSpark, "A Spark cluster that loads (docs/spark.md)."),
    group("sources", &Settings::sources, kSources, "Sites and APIs that know prices."),
    group("log", &Settings::log, kLog, "What the program tells of itself, on stderr."),
    group("alert", &Settings::alert, kAlert, "Who is told of problems."),
    named_group("secret", &Settings::secrets, kSecretFields, "NAME",
                "Where a secret is found: one of env and file."),
    named_group("source", &Settings::class_list_sources, kClassListSource, "NAME",
                "A source made of class lists alone, as the earlier pipeline had them."),
    named_group("feed", &Settings::feeds, kFeed, "NAME",
                "A list of instruments, with its sources, its topic and its table."),
    named_group("calendar", &Settings::calendars, kCalendar, "NAME",
                "An exchange calendar of your own; it goes before the shipped one of its name."),
    named_group("dag", &Settings::dags, kDag, "NAME", "When things are done, and in which order."),
};

}  // namespace fields
}  // namespace tapedeck
