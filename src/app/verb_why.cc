#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "app/moment.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "demo/demo_sources.h"
#include "mend/dead_letters.h"
#include "store/row_instrument.h"
#include "store/tape_label.h"
#include "views/price_story.h"

namespace tapedeck {
namespace {

constexpr std::size_t kExcerpt = 70;  // bytes to each side of the price in its page

struct RuleFacts {
    std::string rule;
    std::string read;  // the price, or why none
    std::string excerpt;
};

// All that is known of one price, or of one that is missing.
struct Story {
    std::string feed;
    std::string instrument;
    std::optional<Timestamp> slot;
    std::optional<RowFacts> row;
    std::optional<CoverageRow> coverage;  // none: no schedule expected it
    std::optional<TriedFacts> tried;
    std::vector<AttemptFacts> attempts;
    std::optional<SentFacts> sent;
    std::vector<StoredLetter> letters;  // of the message
    std::optional<BatchFacts> batch;
    std::optional<Capture> capture;
    std::vector<RuleFacts> rules;
    std::string message;  // on the tape
};

Result<> read_tape(Reader& reader, Story& story) {
    const Position& position = story.sent->position;
    auto letters = letters_at(reader.assembly->store(), position.at, position.offset);
    if (!letters) return letters.error();
    story.letters = *std::move(letters);
    auto batch = batch_of(reader.assembly->store(), position);
    if (!batch) return batch.error();
    story.batch = *batch;
    const auto label = label_of(reader.assembly->store(), reader.assembly->tape());
    if (!label) return label.error();
    if (!label->is_of(position.at.topic)) return {};  // it stands on the tape before this one
    const TopicPartition at = place_on_tape(position.at);
    const auto extent = reader.assembly->tape().extent(at);
    if (!extent) return extent.error();
    if (position.offset < extent->earliest || position.offset >= extent->end) return {};
    const auto chunk = reader.assembly->tape().read(at, position.offset, 1);
    if (!chunk) return chunk.error();
    if (!chunk->messages.empty() && chunk->messages[0].offset == position.offset) {
        story.message = chunk->messages[0].value;
    }
    return {};
}

// What the answer's header says of its body; `headers` are lines of "name: value".
std::string content_type_of(std::string_view headers) {
    constexpr std::string_view kName = "content-type: ";
    while (!headers.empty()) {
        const std::string_view line = headers.substr(0, headers.find('\n'));
        if (line.starts_with(kName)) return std::string(line.substr(kName.size()));
        headers.remove_prefix(std::min(line.size() + 1, headers.size()));
    }
    return {};
}

std::string excerpt_of(std::string_view body, const Reading& reading) {
    if (reading.evidence_size == 0 || reading.evidence_at + reading.evidence_size > body.size()) {
        return "";
    }
    const std::size_t from = reading.evidence_at > kExcerpt ? reading.evidence_at - kExcerpt : 0;
    const std::size_t size = reading.evidence_at - from + reading.evidence_size + kExcerpt;
    return std::string(body.substr(from, size));
}

// What every rule of the source reads from the bytes that were kept: where the page shows a price
// and holds another one in its JSON, both are seen.
Result<> read_capture(Reader& reader, Story& story) {
    std::string digest = story.row ? story.row->capture : "";
    std::string source_name = story.row ? story.row->source : "";
    if (digest.empty() && !story.attempts.empty()) {
        digest = story.attempts.back().attempt.capture;
        source_name = story.attempts.back().attempt.source;
    }
    if (digest.empty() || reader.assembly->captures() == nullptr) return {};
    auto capture = reader.assembly->captures()->get(digest);
    if (!capture) return capture.error();
    if (!*capture) return {};
    story.capture = *std::move(*capture);
    if (!story.capture->body) return {};
    const auto source = reader.assembly->sources().find(real_source_name(source_name));
    if (source == reader.assembly->sources().end()) return {};
    const std::string content_type = content_type_of(story.capture->headers);
    const Page page{*story.capture->body, story.capture->status, content_type, story.capture->url,
                    story.capture->fetched_at};
    PageReader pages(*source->second, page);
    for (const auto& [rule, result] : pages.read_every_rule(story.instrument)) {
        if (const auto* reading = std::get_if<Reading>(&result)) {
            story.rules.push_back({rule, reading->price.to_string(),
                                   pages.as_utf8(excerpt_of(*story.capture->body, *reading))});
        } else {
            story.rules.push_back({rule, "nothing: " + std::get<Failure>(result).what, ""});
        }
    }
    return {};
}

Result<> complete(Reader& reader, Story& story) {
    if (story.slot) {
        auto known = reader.coverage().one(story.feed, *story.slot, story.instrument);
        if (!known) return known.error();
        if (*known) story.coverage = **known;
        Store& store = reader.assembly->store();
        const SlotKey key{story.feed, *story.slot, story.instrument};
        auto attempts = attempts_of(store, key);
        if (!attempts) return attempts.error();
        story.attempts = *std::move(attempts);
        auto sent = sent_of(store, key, story.row ? &story.row->source : nullptr);
        if (!sent) return sent.error();
        story.sent = *std::move(sent);
        auto tried = tried_of(store, key);
        if (!tried) return tried.error();
        story.tried = *std::move(tried);
    }
    if (story.sent) {
        if (auto done = read_tape(reader, story); !done) return done;
    }
    return read_capture(reader, story);
}

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

void show(const Story& story) {
    Table facts({{"what"}, {"is"}});
    facts.add({"feed, instrument", story.feed + " " + story.instrument});
    if (story.slot) facts.add({"slot", format_rfc3339(*story.slot)});
    if (story.coverage) {
        const Verdict& verdict = story.coverage->verdict;
        std::string state(to_string(verdict.state));
        if (!verdict.reason.empty()) state += " " + verdict.reason;
        if (!verdict.what.empty()) state += ": " + verdict.what;
        facts.add({"state", state});
    } else if (story.tried && !story.row) {
        facts.add({"state", "expected by no schedule; tried, and no price came"});
        facts.add({"tried", fmt::format("{}: {} {}", story.tried->run_id, story.tried->reason,
                                        story.tried->what)});
    }
    if (story.row) {
        const RowFacts& row = *story.row;
        facts.add({"price", shown_price(row.price) + " " + row.currency});
        if (!row.previous_close.text.empty()) {
            facts.add({"previous close", row.previous_close.text});
        }
        facts.add({"row", fmt::format("{} id {}, revision {}", row.table, row.id, row.revision)});
        facts.add({"seen at", format_rfc3339(row.date)});
        facts.add({"source", row.source});
    }
    for (const AttemptFacts& one : story.attempts) {
        const Attempt& attempt = one.attempt;
        facts.add({fmt::format("try {} asked", one.number),
                   fmt::format("{} {} -> {} in {} ms, {} bytes{}{}", attempt.source, attempt.url,
                               attempt.status, attempt.took.count(), attempt.bytes,
                               attempt.reason ? fmt::format(": {}", row_of(*attempt.reason).name)
                                              : std::string(": a price"),
                               attempt.what.empty() ? "" : ", " + attempt.what)});
    }
    for (const RuleFacts& one : story.rules) {
        const bool won = story.sent && story.sent->rule == one.rule;
        facts.add({fmt::format("rule {}{}", one.rule, won ? " (won)" : ""), one.read});
        if (!one.excerpt.empty()) facts.add({"  in the page", one.excerpt});
    }
    if (story.capture) {
        facts.add(
            {"capture", fmt::format("{} ({} bytes{})", story.capture->sha256, story.capture->bytes,
                                    story.capture->body ? "" : ", pruned")});
    }
    if (story.sent) {
        facts.add({"tape", fmt::format("{}[{}] offset {}", story.sent->position.at.topic,
                                       story.sent->position.at.partition.value(),
                                       story.sent->position.offset.value())});
        facts.add({"run", story.sent->run_id + " by " + story.sent->collector});
    }
    if (!story.message.empty()) facts.add({"message", story.message});
    for (const StoredLetter& one : story.letters) {
        facts.add({fmt::format("dead letter {}", one.id), one.reason()});
        if (one.state == LetterState::open) continue;
        facts.add({fmt::format("  {}", to_string(one.state)),
                   fmt::format("{} by {}{}", format_rfc3339(*one.ended_at), one.ended_by,
                               one.why.empty() ? "" : ": " + one.why)});
    }
    if (story.batch) {
        facts.add(
            {"transaction",
             fmt::format("batch {}: offsets {} to {}, rows {}, {} by {}", story.batch->id,
                         story.batch->from.value(), story.batch->to.value(), story.batch->rows,
                         format_rfc3339(story.batch->committed_at), story.batch->loader)});
    }
    facts.print();
}

Exit tell(const Globals& globals, Reader& reader, Story story) {
    if (auto done = complete(reader, story); !done) return fail(done.error());
    if (globals.json) {
        print(json_of(story));
    } else {
        show(story);
    }
    return Exit::fine;
}

Exit why_row(const Globals& globals, Reader& reader, const std::string& what) {
    const auto colon = what.find(':');
    const std::string place = colon == what.npos ? "" : what.substr(0, colon);
    const std::string digits = colon == what.npos ? what : what.substr(colon + 1);
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (error != std::errc() || end != digits.data() + digits.size()) {
        return fail(Exit::usage,
                    fmt::format("not the ID of a row, such as 42 or coin:42: '{}'", what));
    }
    std::vector<RowFacts> found;
    for (const auto& [name, feed] : reader.feeds) {
        if (!place.empty() && place != name && place != feed.table.name) continue;
        auto rows = find_rows(reader.assembly->store(), feed, "id = $1", {id});
        if (!rows) return fail(rows.error());
        std::ranges::move(*rows, std::back_inserter(found));
    }
    if (found.empty()) return fail(Exit::not_found, fmt::format("there is no row {}", what));
    if (found.size() > 1) {
        std::string names;
        for (const RowFacts& row : found) {
            names += fmt::format("{}{}:{} ({})", names.empty() ? "" : ", ", row.feed, row.id,
                                 row.instrument);
        }
        return fail(Exit::usage, fmt::format("{} is the ID of several rows: {}", what, names));
    }
    Story story;
    story.feed = found[0].feed;
    story.instrument = found[0].instrument;
    story.slot = found[0].slot;
    story.row = std::move(found[0]);
    return tell(globals, reader, std::move(story));
}

// A slot without a row must be one that the schedule knows: closed by the calendar, or expected.
Result<> find_state(Reader& reader, Story& story) {
    const Timestamp slot = *story.slot;
    std::optional<Timestamp> next;
    for (const Expectation& one : reader.expectations) {
        if (one.feed != story.feed || std::ranges::count(one.instruments, story.instrument) == 0) {
            continue;
        }
        std::optional<bool> open;
        one.schedule->for_each_instant(std::max(slot, one.from),
                                       std::min(slot + std::chrono::microseconds(1), one.to),
                                       [&](Timestamp, bool is_open) { open = is_open; });
        if (open && *open && slot <= reader.now) return {};
        if (open && !*open) {
            story.coverage = CoverageRow{
                story.feed, slot, story.instrument, {CoverageState::closed, {}, "by the calendar"}};
            return {};
        }
        next = one.schedule->next_open(open ? slot - std::chrono::microseconds(1) : slot);
    }
    return Error{
        ErrorKind::rejected,
        fmt::format("{} {} has no slot {}{}", story.feed, story.instrument, format_rfc3339(slot),
                    slot > reader.now ? " yet"
                    : next            ? "; the next one is " + format_rfc3339(*next)
                                      : std::string())};
}

bool is_expected(const Reader& reader, const Story& story) {
    return std::ranges::any_of(reader.expectations, [&](const Expectation& one) {
        return one.feed == story.feed && std::ranges::count(one.instruments, story.instrument) > 0;
    });
}

std::string never_asked(const Reader& reader, const Story& story) {
    if (is_expected(reader, story)) {
        return fmt::format("{} has no row of {}", story.feed, story.instrument);
    }
    const bool scheduled = std::ranges::any_of(
        reader.expectations, [&](const Expectation& one) { return one.feed == story.feed; });
    const std::string when =
        story.slot ? " for the slot " + format_rfc3339(*story.slot) : std::string();
    if (scheduled) {
        return fmt::format("{} was never asked for {}{}", story.feed, story.instrument, when);
    }
    return fmt::format(
        "nobody asked for {} of {}{}; no DAG collects that feed: `tapedeck collect {}` "
        "does, by hand",
        story.instrument, story.feed, when, story.feed);
}

// The row of the slot; without one the last, of those with a slot where there are any. A row
// without a slot, as of the original, is asked for by its date.
Result<std::optional<RowFacts>> row_asked_for(Store& store, const Feed& feed,
                                              const std::string& instrument,
                                              std::optional<Timestamp> slot) {
    std::vector<Value> values;
    const std::string of_it = rows_of_instrument(feed.table, instrument, values);
    std::vector<std::string> tried;
    if (slot) {
        values.emplace_back(*slot);
        tried = {fmt::format("{} and slot = ${}", of_it, values.size()),
                 fmt::format("{} and slot is null and date = ${}", of_it, values.size())};
    } else {
        tried = {fmt::format("{0} and slot = (select slot from {1} where {0} and slot is not null "
                             "order by slot desc limit 1)",
                             of_it, feed.table.name),
                 fmt::format("{0} and slot is null and date = (select max(date) from {1} where {0} "
                             "and slot is null)",
                             of_it, feed.table.name)};
    }
    for (const std::string& where : tried) {
        auto rows = find_rows(store, feed, where, values);
        if (!rows) return rows.error();
        for (RowFacts& row : *rows) {
            if (row.instrument == instrument) return std::optional(std::move(row));
        }
    }
    return std::optional<RowFacts>();
}

Exit why_slot(const Globals& globals, Reader& reader, const std::vector<std::string>& what) {
    const auto feed = reader.feeds.find(what[0]);
    if (feed == reader.feeds.end()) return fail(Exit::not_found, "there is no feed " + what[0]);
    Story story;
    story.feed = what[0];
    story.instrument = meant_instrument(reader, what[0], what[1]);
    std::optional<Timestamp> slot;
    if (what.size() == 3) {
        const auto named = moment_named(what[2], reader.now, globals.zone);
        if (!named) return fail(Exit::usage, named.error().what);
        story.slot = slot = *named;
    }
    auto row = row_asked_for(reader.assembly->store(), feed->second, story.instrument, slot);
    if (!row) return fail(row.error());
    if (*row) {
        story.row = *std::move(*row);
        story.slot = story.row->slot;
        if (!story.slot) return tell(globals, reader, std::move(story));
    }
    Store& store = reader.assembly->store();
    if (!story.slot) {
        auto slot = last_tried(store, story.feed, story.instrument);
        if (!slot) return fail(slot.error());
        story.slot = *slot;
    }
    if (!story.slot) return fail(Exit::not_found, never_asked(reader, story));
    auto tried = tried_of(store, {story.feed, *story.slot, story.instrument});
    if (!tried) return fail(tried.error());
    story.tried = *std::move(tried);
    if (!story.row && !story.tried) {
        if (!is_expected(reader, story)) return fail(Exit::not_found, never_asked(reader, story));
        auto state = find_state(reader, story);
        if (!state) return fail(Exit::not_found, state.error().what);
    }
    return tell(globals, reader, std::move(story));
}

}  // namespace

Exit verb_why(const Globals& globals, const WhyOptions& options) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    if (options.what.size() == 1) return why_row(globals, *reader, options.what[0]);
    return why_slot(globals, *reader, options.what);
}

}  // namespace tapedeck
