#include "base/json_writer.h"
#include "views/why.h"

namespace tapedeck {
namespace {

void write_row(JsonWriter& json, const RowFacts& row) {
    json.key("row").begin_object().key("table").text(row.table).key("id").number(row.id);
    json.key("name").text(row.name).key("price");
    row.price.text.empty() ? json.null() : json.text(row.price.text);
    if (!row.previous_close.text.empty()) json.key("previous_close").text(row.previous_close.text);
    json.key("currency").text(row.currency).key("date").text(format_rfc3339(row.date));
    json.key("source").text(row.source).key("revision").number(row.revision);
    if (row.recorded_at) json.key("recorded_at").text(format_rfc3339(*row.recorded_at));
    json.key("capture").text(row.capture).end_object();
}

}  // namespace

std::string json_of(const Story& story) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("feed").text(story.feed).key("instrument").text(story.instrument);
    if (story.slot) json.key("slot").text(format_rfc3339(*story.slot));
    if (story.coverage) {
        json.key("state").text(to_string(story.coverage->verdict.state));
        json.key("reason").text(story.coverage->verdict.reason);
        json.key("what").text(story.coverage->verdict.what);
    } else if (story.tried && !story.row) {
        json.key("state").text("unexpected").key("reason").text(story.tried->reason);
        json.key("what").text(story.tried->what);
    }
    if (story.row) write_row(json, *story.row);
    json.key("attempts").begin_array();
    for (const AttemptFacts& one : story.attempts) {
        json.begin_object().key("run").text(one.run_id).key("try").number(one.number);
        json.key("source").text(one.attempt.source).key("url").text(one.attempt.url);
        json.key("started").text(format_rfc3339(one.attempt.started));
        json.key("ms").number(one.attempt.took.count()).key("status").number(one.attempt.status);
        json.key("bytes").number(one.attempt.bytes).key("capture").text(one.attempt.capture);
        json.key("reason").text(one.attempt.reason ? row_of(*one.attempt.reason).name : "");
        json.key("what").text(one.attempt.what).end_object();
    }
    json.end_array();
    if (story.sent) {
        json.key("rule").text(story.sent->rule).key("collector").text(story.sent->collector);
        json.key("topic").text(story.sent->position.at.topic);
        json.key("partition").number(story.sent->position.at.partition.value());
        json.key("offset").number(story.sent->position.offset.value());
    }
    if (!story.message.empty()) json.key("message").text(story.message);
    if (!story.letters.empty()) {
        json.key("dead_letters").begin_array();
        for (const StoredLetter& one : story.letters) {
            json.begin_object().key("id").number(one.id).key("state").text(to_string(one.state));
            json.key("reason").text(one.reason());
            if (one.ended_at) json.key("ended_at").text(format_rfc3339(*one.ended_at));
            json.key("ended_by").text(one.ended_by).key("why").text(one.why).end_object();
        }
        json.end_array();
    }
    if (story.batch) {
        json.key("transaction").begin_object().key("batch").number(story.batch->id);
        json.key("from")
            .number(story.batch->from.value())
            .key("to")
            .number(story.batch->to.value());
        json.key("rows").number(story.batch->rows);
        json.key("committed_at").text(format_rfc3339(story.batch->committed_at));
        json.key("loader").text(story.batch->loader).end_object();
    }
    json.key("rules").begin_array();
    for (const RuleFacts& one : story.rules) {
        json.begin_object().key("rule").text(one.rule).key("read").text(one.read);
        json.key("page").text(one.excerpt).end_object();
    }
    json.end_array().end_object();
    return out + "\n";
}

}  // namespace tapedeck
