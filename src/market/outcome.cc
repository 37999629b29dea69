#include "market/outcome.h"

#include <simdjson.h>

#include <utility>

#include "base/json_writer.h"

namespace tapedeck {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

// Sums of such numbers, and one more than each, are still whole numbers of 64 bits.
constexpr std::int64_t kLastOffset = INT64_MAX / 2;
constexpr std::int64_t kLongestMs = std::int64_t{366} * 24 * 3600 * 1000;
constexpr std::int64_t kMostBytes = std::int64_t{1} << 40U;
constexpr std::int64_t kMostTries = 1'000'000;
constexpr std::size_t kLongestKey = 512;  // database indexes hold no longer keys

// No database keeps a NUL, and one in a foreign error's text must not cost the run its account.
void put_text(JsonWriter& json, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    std::string clean(value);
    std::erase(clean, '\0');
    json.key(name).text(clean);
}

void put_number(JsonWriter& json, std::string_view name, std::int64_t value) {
    if (value != 0) json.key(name).number(value);
}

void put_time(JsonWriter& json, std::string_view name, Timestamp time) {
    json.key(name).text(format_rfc3339(time));
}

void put_reason(JsonWriter& json, const std::optional<Reason>& reason) {
    if (reason) json.key("reason").text(row_of(*reason).name);
}

void put_attempt(JsonWriter& json, const Attempt& attempt) {
    json.begin_object();
    put_text(json, "source", attempt.source);
    put_text(json, "url", attempt.url);
    put_time(json, "started", attempt.started);
    put_number(json, "took_ms", attempt.took.count());
    put_number(json, "status", attempt.status);
    put_number(json, "bytes", attempt.bytes);
    put_text(json, "capture", attempt.capture);
    put_reason(json, attempt.reason);
    put_text(json, "what", attempt.what);
    json.end_object();
}

void put_outcome(JsonWriter& json, const Outcome& outcome) {
    json.begin_object();
    put_text(json, "instrument", outcome.instrument);
    if (outcome.sent) {
        json.key("sent").begin_object();
        put_text(json, "topic", outcome.sent->topic);
        json.key("partition").number(outcome.sent->partition.value());
        json.key("offset").number(outcome.sent->offset.value());
        put_text(json, "source", outcome.sent->source);
        put_text(json, "rule", outcome.sent->rule);
        json.end_object();
    }
    put_reason(json, outcome.reason);
    put_text(json, "what", outcome.what);
    if (!outcome.attempts.empty()) {
        json.key("attempts").begin_array();
        for (const Attempt& attempt : outcome.attempts) put_attempt(json, attempt);
        json.end_array();
    }
    json.end_object();
}

// Reads typed fields of JSON objects. The first fault is kept and everything after it is left as
// it is, so that a whole message is read without a branch at each field.
class Fields {
public:
    bool failed() const { return failed_; }
    Error error() && { return {ErrorKind::malformed, std::move(what_)}; }

    void fail(std::string what) {
        if (failed_) return;
        failed_ = true;
        what_ = std::move(what);
    }

    // The field's value; nothing where it is absent or null.
    std::optional<element> find(const object& in, std::string_view name) {
        element value;
        if (failed_ || in.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
        if (value.is_null()) return std::nullopt;
        return value;
    }

    void text(const object& in, std::string_view name, std::string& out) {
        const auto value = find(in, name);
        if (!value) return;
        std::string_view view;
        if (value->get(view) != simdjson::SUCCESS) return wrong(name, "text", *value);
        if (view.find('\0') != std::string_view::npos)
            return wrong(name, "text free of NUL", *value);
        out = view;
    }

    // A text that a table has in a key.
    void key(const object& in, std::string_view name, std::string& out) {
        text(in, name, out);
        if (out.size() <= kLongestKey) return;
        fail(std::string(name) + " is longer than " + std::to_string(kLongestKey) +
             " bytes: " + in_quotes(out));
    }

    void number(const object& in, std::string_view name, std::int64_t least, std::int64_t most,
                std::int64_t& out) {
        const auto value = find(in, name);
        if (!value) return;
        std::int64_t read = 0;
        if (value->get(read) != simdjson::SUCCESS || read < least || read > most) {
            return wrong(
                name, "whole number from " + std::to_string(least) + " to " + std::to_string(most),
                *value);
        }
        out = read;
    }

    void time(const object& in, std::string_view name, Timestamp& out) {
        const auto value = find(in, name);
        if (!value) return fail(std::string(name) + " is missing");
        std::string_view view;
        if (value->get(view) != simdjson::SUCCESS) return wrong(name, "time", *value);
        const auto read = parse_rfc3339(view);
        if (!read) return fail(std::string(name) + " is " + read.error().what);
        out = *read;
    }

    void reason(const object& in, std::optional<Reason>& out) {
        const auto value = find(in, "reason");
        if (!value) return;
        std::string_view view;
        if (value->get(view) != simdjson::SUCCESS) return wrong("reason", "text", *value);
        out = reason_named(view);
        if (!out) fail("reason is none that is known: " + in_quotes(view));
    }

    // Calls `each` with every object of an array that may be absent.
    template <class F>
    void objects(const object& in, std::string_view name, const F& each) {
        const auto value = find(in, name);
        if (!value) return;
        simdjson::dom::array array;
        if (value->get(array) != simdjson::SUCCESS) return wrong(name, "array", *value);
        for (const element item : array) {
            object entry;
            if (item.get(entry) != simdjson::SUCCESS) return wrong(name, "array of objects", item);
            each(entry);
            if (failed_) return;
        }
    }

    void wrong(std::string_view name, const std::string& wanted, const element& value) {
        fail(std::string(name) + " is no " + wanted + ": " + in_quotes(simdjson::to_string(value)));
    }

private:
    bool failed_ = false;
    std::string what_;
};

Attempt read_attempt(Fields& fields, const object& in) {
    Attempt attempt;
    std::int64_t took = 0;
    std::int64_t status = 0;
    fields.key(in, "source", attempt.source);
    fields.text(in, "url", attempt.url);
    fields.time(in, "started", attempt.started);
    fields.number(in, "took_ms", 0, kLongestMs, took);
    fields.number(in, "status", 0, 999, status);
    fields.number(in, "bytes", 0, kMostBytes, attempt.bytes);
    fields.text(in, "capture", attempt.capture);
    fields.reason(in, attempt.reason);
    fields.text(in, "what", attempt.what);
    attempt.took = std::chrono::milliseconds(took);
    attempt.status = static_cast<int>(status);
    return attempt;
}

std::optional<Outcome::Sent> read_sent(Fields& fields, const object& in) {
    const auto value = fields.find(in, "sent");
    if (!value) return std::nullopt;
    object where;
    if (value->get(where) != simdjson::SUCCESS) {
        fields.wrong("sent", "object", *value);
        return std::nullopt;
    }
    Outcome::Sent sent;
    std::int64_t partition = -1;
    std::int64_t offset = -1;
    fields.key(where, "topic", sent.topic);
    fields.number(where, "partition", 0, INT32_MAX, partition);
    fields.number(where, "offset", 0, kLastOffset, offset);
    fields.key(where, "source", sent.source);
    fields.text(where, "rule", sent.rule);
    if (sent.topic.empty() || partition < 0 || offset < 0) {
        fields.fail("sent has no topic, partition or offset: " +
                    in_quotes(simdjson::to_string(*value)));
    }
    sent.partition = Partition(static_cast<std::int32_t>(partition));
    sent.offset = Offset(offset);
    return sent;
}

Outcome read_outcome(Fields& fields, const object& in) {
    Outcome outcome;
    fields.key(in, "instrument", outcome.instrument);
    if (outcome.instrument.empty()) fields.fail("instrument is missing or empty");
    outcome.sent = read_sent(fields, in);
    fields.reason(in, outcome.reason);
    fields.text(in, "what", outcome.what);
    fields.objects(in, "attempts", [&](const object& entry) {
        outcome.attempts.push_back(read_attempt(fields, entry));
    });
    return outcome;
}

}  // namespace

std::string encode_outcomes(const RunOutcomes& run) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    put_text(json, "run_id", run.run_id);
    put_text(json, "feed", run.feed);
    put_time(json, "slot", run.slot);
    json.key("try").number(run.try_number);
    put_time(json, "started", run.started);
    put_time(json, "ended", run.ended);
    put_text(json, "config", run.config);
    put_text(json, "collector", run.collector);
    put_text(json, "deployment", run.deployment);
    json.key("outcomes").begin_array();
    for (const Outcome& outcome : run.outcomes) put_outcome(json, outcome);
    json.end_array().end_object();
    return out;
}

Result<RunOutcomes> decode_outcomes(std::string_view value) {
    // simdjson would copy from an empty view's null pointer.
    if (value.empty()) return Error{ErrorKind::malformed, "outcomes: the message is empty"};
    simdjson::dom::parser parser;
    element root;
    object in;
    if (const auto code = parser.parse(value.data(), value.size()).get(root); code != 0) {
        return Error{ErrorKind::malformed,
                     std::string("outcomes: no JSON: ") + simdjson::error_message(code)};
    }
    if (root.get(in) != simdjson::SUCCESS) {
        return Error{ErrorKind::malformed, "outcomes: no JSON object"};
    }
    Fields fields;
    RunOutcomes run;
    std::int64_t try_number = 1;
    fields.key(in, "run_id", run.run_id);
    fields.key(in, "feed", run.feed);
    fields.time(in, "slot", run.slot);
    fields.number(in, "try", 1, kMostTries, try_number);
    fields.time(in, "started", run.started);
    fields.time(in, "ended", run.ended);
    fields.text(in, "config", run.config);
    fields.text(in, "collector", run.collector);
    fields.key(in, "deployment", run.deployment);
    fields.objects(in, "outcomes", [&](const object& entry) {
        run.outcomes.push_back(read_outcome(fields, entry));
    });
    if (run.run_id.empty()) fields.fail("run_id is missing or empty");
    if (run.feed.empty()) fields.fail("feed is missing or empty");
    if (fields.failed()) return in_context("outcomes", std::move(fields).error());
    run.try_number = static_cast<int>(try_number);
    return run;
}

}  // namespace tapedeck
