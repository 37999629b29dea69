#include "views/status.h"

namespace tapedeck {
namespace {

void write_sum(JsonWriter& json, std::string_view key, const CoverageSum& sum) {
    json.key(key).begin_object().key("expected").number(sum.expected);
    for (const CoverageState state : coverage_states()) {
        json.key(to_string(state)).number(sum.of(state));
    }
    json.end_object();
}

void write_feed(JsonWriter& json, const FeedStatus& feed) {
    json.begin_object().key("feed").text(feed.name);
    write_sum(json, "today", feed.totals.today.sum);
    write_sum(json, "all", feed.totals.all.sum);
    write_time(json, "last_slot", feed.totals.all.last_slot);
    write_time(json, "next_slot", feed.next_slot);
    json.key("loaded").begin_object().key("rows_last_day").number(feed.loaded.rows_last_day);
    write_time(json, "last_row", feed.loaded.last_row);
    write_time(json, "last_message", feed.loaded.last_message);
    json.end_object().key("rows_of_others").begin_object().key("rows").number(feed.loaded.others);
    write_time(json, "from", feed.loaded.others_from);
    write_time(json, "to", feed.loaded.others_to);
    write_time(json, "since", feed.loaded.since);
    json.end_object();
    json.key("prices").begin_array();
    for (const LastPrice& last : feed.prices) {
        json.begin_object().key("instrument").text(last.instrument).key("price");
        if (last.price) {
            json.text(last.price->to_string());
        } else {
            json.null();
        }
        write_time(json, "seen", last.seen);
        json.key("source").text(last.source).end_object();
    }
    json.end_array().end_object();
}

void write_sources(JsonWriter& json, const Status& status) {
    json.key("sources").begin_array();
    for (const SourceHealth& one : status.sources) {
        json.begin_object().key("source").text(one.source).key("state").text(to_string(one.state));
        write_time(json, "last_price", one.last_price);
        write_time(json, "since", one.since);
        json.key("reason").text(one.reason ? row_of(*one.reason).name : "");
        json.key("what").text(one.what).end_object();
    }
    json.end_array();
}

}  // namespace

std::string json_of(const Status& status) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("now").text(format_rfc3339(status.now));
    json.key("simulated").boolean(status.simulated);
    json.key("running").boolean(status.running).key("recording").text(is_recording(status));
    json.key("store").text(status.store).key("deployment").text(status.deployment);
    json.key("config").text(status.config).key("feeds").begin_array();
    for (const FeedStatus& feed : status.feeds) write_feed(json, feed);
    json.end_array();
    write_sources(json, status);
    write_pipe(json, status.pipe);
    if (status.spark) write_spark(json, *status.spark);
    json.key("problems").begin_array();
    for (const OpenProblem& one : status.problems) {
        json.begin_object().key("key").text(one.key).key("what").text(one.what);
        write_time(json, "since", one.since);
        json.end_object();
    }
    json.end_array().key("dead_letters").number(status.dead_letters);
    json.key("dead_letters_retried").number(status.letters_retried);
    json.key("dead_letters_dropped").number(status.letters_dropped);
    json.key("duplicates").number(status.duplicates).key("tape_gaps").number(status.gaps);
    json.key("store_bytes").number(status.store_bytes);
    json.key("free_bytes").number(status.free_bytes);
    if (status.captures) {
        json.key("captures").begin_object().key("count").number(status.captures->captures);
        json.key("bodies").number(status.captures->bodies);
        json.key("bytes").number(status.captures->bytes);
        json.key("used_bytes").number(status.captures->used_bytes).end_object();
    }
    if (!status.captures_fault.empty()) json.key("captures_fault").text(status.captures_fault);
    if (!status.captures_aside.empty()) {
        json.key("captures_set_aside").begin_array();
        for (const std::string& file : status.captures_aside) json.text(file);
        json.end_array();
    }
    json.end_object();
    out += '\n';
    return out;
}

}  // namespace tapedeck
