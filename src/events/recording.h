#pragma once

#include <optional>

#include "events/log.h"
#include "market/reason.h"

// The events of recording: one struct for each thing worth telling.
namespace tapedeck {

struct RecorderStarted {
    static constexpr std::string_view kName = "recorder_started";
    static constexpr Severity kSeverity = Severity::info;
    std::string_view version, store, tape, config;
    std::int64_t feeds, instruments;
    std::string_view tzdata;
    void fields(EventFields& out) const {
        out.field("version", version).field("store", store).field("tape", tape);
        out.field("config", config).field("feeds", feeds).field("instruments", instruments);
        out.field("tzdata", tzdata);
    }
};

// What an earlier process left is loaded, and the schedule is kept from here on.
struct RecorderReady {
    static constexpr std::string_view kName = "recorder_ready";
    static constexpr Severity kSeverity = Severity::info;
    std::optional<Timestamp> next_slot;
    void fields(EventFields& out) const {
        if (next_slot) out.field("next_slot", *next_slot);
    }
};

// What was counted while it ran, one line for each.
struct RecorderCounted {
    static constexpr std::string_view kName = "counted";
    static constexpr Severity kSeverity = Severity::debug;
    const CounterKey& key;
    std::int64_t count_of_it;
    void fields(EventFields& out) const {
        std::string labels;
        for (const auto& [label, value] : key.labels) {
            labels += (labels.empty() ? "" : ",") + label + "=" + value;
        }
        out.field("counter", key.name).field("labels", labels).field("count", count_of_it);
    }
};

struct RecorderStopped {
    static constexpr std::string_view kName = "recorder_stopped";
    static constexpr Severity kSeverity = Severity::info;
    std::string_view why;
    void fields(EventFields& out) const { out.field("why", why); }
};

struct SlotCollected {
    static constexpr std::string_view kName = "slot_collected";
    static constexpr Severity kSeverity = Severity::info;
    std::string_view feed;
    Timestamp slot;
    std::int64_t sent, failed, milliseconds, try_number;
    void fields(EventFields& out) const {
        out.field("feed", feed).field("slot", slot).field("sent", sent).field("failed", failed);
        out.field("ms", milliseconds).field("try", try_number);
    }
    void count(Counters& out) const { out.add("prices_sent", sent, {{"feed", feed}}); }
};

// The instruments of one try that failed for one reason; `instruments` names the first of them.
struct PricesFailed {
    static constexpr std::string_view kName = "prices_failed";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view feed;
    Timestamp slot;
    Reason reason;
    std::int64_t count_of_prices;
    std::string_view instruments;
    std::string_view what;
    void fields(EventFields& out) const {
        out.field("feed", feed).field("slot", slot).field("reason", row_of(reason).name);
        out.field("count", count_of_prices).field("instruments", instruments).field("what", what);
    }
    void count(Counters& out) const {
        out.add("prices_failed", count_of_prices,
                {{"feed", feed}, {"reason", row_of(reason).name}});
    }
};

struct SlotMissed {
    static constexpr std::string_view kName = "slots_missed";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view dag;
    Timestamp first, last;
    std::int64_t slots;
    void fields(EventFields& out) const {
        out.field("dag", dag).field("count", slots).field("first", first).field("last", last);
    }
    void count(Counters& out) const { out.add("slots_missed", slots, {{"dag", dag}}); }
};

struct BatchLoaded {
    static constexpr std::string_view kName = "batch_loaded";
    static constexpr Severity kSeverity = Severity::debug;
    std::string_view topic;
    std::int64_t partition, from, to, rows, absorbed, duplicates, dead_letters;
    void fields(EventFields& out) const {
        out.field("topic", topic).field("partition", partition).field("from", from);
        out.field("to", to).field("rows", rows).field("absorbed", absorbed);
        out.field("duplicates", duplicates).field("dead_letters", dead_letters);
    }
    void count(Counters& out) const {
        out.add("rows_loaded", rows, {{"topic", topic}});
        out.add("rows_absorbed", absorbed, {{"topic", topic}});
        out.add("duplicates", duplicates, {{"topic", topic}});
        out.add("dead_letters", dead_letters, {{"topic", topic}});
    }
};

// Messages of a partition that are dead letters, from the first one's offset on.
struct DeadLettersKept {
    static constexpr Severity kSeverity = Severity::error;
    std::string_view topic;
    std::int64_t partition, offset, count;
    std::string_view first_reason;
    void fields(EventFields& out) const {
        out.field("topic", topic).field("partition", partition).field("offset", offset);
        out.field("count", count).field("reason", first_reason);
    }
};
struct MessagesUnreadable : DeadLettersKept {
    static constexpr std::string_view kName = "messages_unreadable";
};
// They could be read, and the database took some of their values not.
struct RecordsRefused : DeadLettersKept {
    static constexpr std::string_view kName = "records_refused";
};

// The store answers, and takes nothing of the partition until somebody has mended what it says.
// Told once, and `recovered` when it goes on.
struct PartitionStalled {
    static constexpr std::string_view kName = "partition_stalled";
    static constexpr Severity kSeverity = Severity::error;
    std::string_view topic;
    std::int64_t partition, offset;
    std::string_view what;
    void fields(EventFields& out) const {
        out.field("topic", topic).field("partition", partition).field("offset", offset);
        out.field("what", what);
    }
};

struct PartitionFenced {
    static constexpr std::string_view kName = "partition_fenced";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view topic;
    std::int64_t partition;
    std::string_view what;
    void fields(EventFields& out) const {
        out.field("topic", topic).field("partition", partition).field("what", what);
    }
};

// The store's server lost commits that had not reached its disk, or stands on older data now.
struct LedgerWentBack {
    static constexpr std::string_view kName = "ledger_went_back";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view topic;
    std::int64_t partition, from, to;  // to be loaded again
    void fields(EventFields& out) const {
        out.field("topic", topic).field("partition", partition).field("from", from);
        out.field("to", to);
    }
};

struct TapeHasGap {
    static constexpr std::string_view kName = "tape_gap";
    static constexpr Severity kSeverity = Severity::error;
    std::string_view topic;
    std::int64_t partition, from, to;
    void fields(EventFields& out) const {
        out.field("topic", topic).field("partition", partition).field("from", from);
        out.field("to", to);
    }
    void count(Counters& out) const { out.add("messages_gone", to - from, {{"topic", topic}}); }
};

struct TopicRemade {
    static constexpr std::string_view kName = "topic_refused";
    static constexpr Severity kSeverity = Severity::error;
    std::string_view topic;
    std::int64_t partition;
    std::string_view what;
    void fields(EventFields& out) const {
        out.field("topic", topic).field("partition", partition).field("what", what);
    }
};

// The store is loaded from another tape than before.
struct TapeChanged {
    static constexpr std::string_view kName = "tape_changed";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view from;
    std::string_view to;
    std::string_view what;
    void fields(EventFields& out) const {
        out.field("from", from).field("to", to).field("what", what);
    }
};

// Where the loading of a partition begins, as a person chose it.
struct LoadingBegins {
    static constexpr std::string_view kName = "loading_begins";
    static constexpr Severity kSeverity = Severity::info;
    std::string_view topic;
    std::int64_t partition;
    std::int64_t offset;
    std::string_view at;          // "start", "end" or "time"
    std::int64_t rows_of_others;  // in the table by then
    void fields(EventFields& out) const {
        out.field("topic", topic).field("partition", partition).field("offset", offset);
        out.field("at", at).field("rows_of_others", rows_of_others);
    }
};

// Where a topic begins was chosen again, and is decided already.
struct LoadingStartIsKept {
    static constexpr std::string_view kName = "loading_start_is_kept";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view topic;
    void fields(EventFields& out) const { out.field("topic", topic); }
};

// Accounts of another deployment's runs lie on the topic: they are left alone. Told once for each.
struct ForeignAccounts {
    static constexpr std::string_view kName = "foreign_accounts";
    static constexpr Severity kSeverity = Severity::info;
    std::string_view deployment;  // empty: from before there were ids
    void fields(EventFields& out) const { out.field("deployment", deployment); }
};

// A step failed and is tried again; told once per outage and once when it is over.
struct Waiting {
    static constexpr std::string_view kName = "waiting";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view for_what, what;
    void fields(EventFields& out) const { out.field("for", for_what).field("what", what); }
};

struct Recovered {
    static constexpr std::string_view kName = "recovered";
    static constexpr Severity kSeverity = Severity::info;
    std::string_view from_what;
    std::int64_t milliseconds;
    void fields(EventFields& out) const { out.field("from", from_what).field("ms", milliseconds); }
};

struct SourceResting {
    static constexpr std::string_view kName = "source_resting";
    static constexpr Severity kSeverity = Severity::warn;
    std::string_view source;
    std::int64_t seconds;
    std::string_view what;
    void fields(EventFields& out) const {
        out.field("source", source).field("seconds", seconds).field("what", what);
    }
};

struct ProblemTold {
    static constexpr std::string_view kName = "problem";
    static constexpr Severity kSeverity = Severity::error;
    std::string_view key, what;
    void fields(EventFields& out) const { out.field("key", key).field("what", what); }
};

struct ProblemOver {
    static constexpr std::string_view kName = "problem_over";
    static constexpr Severity kSeverity = Severity::info;
    std::string_view key, what;
    void fields(EventFields& out) const { out.field("key", key).field("what", what); }
};

// Something failed that a person must look at; nothing was lost that is not named in `what`.
struct StepFailed {
    static constexpr std::string_view kName = "failed";
    static constexpr Severity kSeverity = Severity::error;
    std::string_view step, what;
    void fields(EventFields& out) const { out.field("step", step).field("what", what); }
};

}  // namespace tapedeck
