#pragma once

#include <tuple>

#include "app/settings.h"
#include "config/fields.h"
#include "config/text_checks.h"

// The table of options, one tuple for each component: the only place that knows a key.
namespace tapedeck {

std::span<const Choice<TapeSettings::Compression>> choices(TapeSettings::Compression);
std::span<const Choice<TapeSettings::Mechanism>> choices(TapeSettings::Mechanism);

namespace fields {

using namespace std::chrono_literals;

inline constexpr auto kTape = std::tuple{
    field("url", &TapeSettings::url,
          "Where messages live: in the SQLite store itself, in an SQLite file, or in Kafka.")
        .for_example("\"kafka://broker1:9092,broker2:9092\""),
    field("partitions", &TapeSettings::partitions,
          "Partitions of a topic that tapedeck makes in Kafka; a topic that exists keeps its own, "
          "and an embedded tape has one.")
        .between(1, 1024),
    field("retention", &TapeSettings::retention,
          "How long messages that were loaded stay on an embedded tape; \"0\" keeps them.")
        .between(0ms, kYears),
    field("replication", &TapeSettings::replication,
          "Copies of a topic that tapedeck makes in Kafka; 0 leaves it to the broker.")
        .between(0, 100),
    field("topic_retention", &TapeSettings::topic_retention,
          "How long Kafka keeps the messages of a topic that tapedeck makes; \"0\" is for ever.")
        .between(0ms, kYears),
    field(
        "compression", &TapeSettings::compression,
        "How messages travel to Kafka. gzip is read by every client; lz4 and zstd are cheaper, and "
        "some clients need a package more for them."),
    field("tls", &TapeSettings::tls,
          "Whether the way to the brokers is encrypted; their names are checked."),
    field("ca_file", &TapeSettings::ca_file, "PEM file of the authorities that vouch for brokers.")
        .if_unset("the machine's own"),
    field("certificate_file", &TapeSettings::certificate_file,
          "PEM file of the certificate that is shown to brokers.")
        .if_unset("none"),
    field("key_file", &TapeSettings::key_file, "PEM file of the certificate's key.")
        .if_unset("none"),
    field("key_secret", &TapeSettings::key_secret,
          "Name of the [secret] that holds the key's password.")
        .checked(must_be_name)
        .if_unset("the key has none"),
    field("user", &TapeSettings::user, "Who logs in to Kafka, by SASL.")
        .checked(must_be_one_line)
        .if_unset("nobody logs in"),
    field("mechanism", &TapeSettings::mechanism, "How the user proves the password."),
    field("secret", &TapeSettings::secret, "Name of the [secret] that holds the user's password.")
        .checked(must_be_name)
        .if_unset("none"),
    field("spool", &TapeSettings::spool,
          "The file that keeps messages while the tape is away: Kafka down, a file locked. The "
          "journal of a store in a server lies in the same folder.")
        .if_unset("beside the store: tapedeck.spool.db for tapedeck.db"),
    field("spool_budget", &TapeSettings::spool_budget,
          "Most bytes of messages in the spool; \"0B\" keeps none: then the tape must be there.")
        .between(ByteCount(0), ByteCount(std::int64_t{1} << 40)),
    field("deployment", &TapeSettings::deployment,
          "For collectors that open no store: the id of the deployment whose runs theirs are, as "
          "`tapedeck status --json` shows it.")
        .checked(must_be_name)
        .if_unset("the store's; without a store that of the recorder with the same configuration"),
};

inline constexpr auto kSettings = std::tuple{
    group("store", &Settings::store, kStore, "The database."),
    group("tape", &Settings::tape, kTape, "The durable log between collectors and the database."),
    group("load", &Settings::load, kLoad, "From the tape into the store."),
    group("captures", &Settings::captures, kCaptures,
          "The bytes that sources answered, kept as evidence."),
    group("net", &Settings::net, kNet, "Requests to the web."),
    group("aws", &Settings::aws, kAws, "Amazon's cloud: functions, S3."),
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
