#include "views/why.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/row_instrument.h"
#include "store/tape_label.h"

namespace tapedeck {
namespace {

constexpr std::size_t kExcerpt = 70;  // bytes to each side of the price in its page

Result<> read_tape(const WhyParts& parts, Story& story) {
    const Position& position = story.sent->position;
    auto letters = letters_at(parts.store, position.at, position.offset);
    if (!letters) return letters.error();
    story.letters = *std::move(letters);
    auto batch = batch_of(parts.store, position);
    if (!batch) return batch.error();
    story.batch = *batch;
    const auto label = label_of(parts.store, parts.tape);
    if (!label) return label.error();
    if (!label->is_of(position.at.topic)) return {};  // it stands on the tape before this one
    const TopicPartition at = place_on_tape(position.at);
    const auto extent = parts.tape.extent(at);
    if (!extent) return extent.error();
    if (position.offset < extent->earliest || position.offset >= extent->end) return {};
    const auto chunk = parts.tape.read(at, position.offset, 1);
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
Result<> read_capture(const WhyParts& parts, Story& story) {
    std::string digest = story.row ? story.row->capture : "";
    std::string source_name = story.row ? story.row->source : "";
    if (digest.empty() && !story.attempts.empty()) {
        digest = story.attempts.back().attempt.capture;
        source_name = story.attempts.back().attempt.source;
    }
    if (digest.empty() || parts.captures == nullptr) return {};
    auto capture = parts.captures->get(digest);
    if (!capture) return capture.error();
    if (!*capture) return {};
    story.capture = *std::move(*capture);
    if (!story.capture->body) return {};
    const auto source = parts.source_of(source_name);
    if (!source) return {};
    const std::string content_type = content_type_of(story.capture->headers);
    const Page page{*story.capture->body, story.capture->status, content_type, story.capture->url,
                    story.capture->fetched_at};
    PageReader pages(*source, page);
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

Result<> complete(const WhyParts& parts, Story& story) {
    if (story.slot) {
        auto known = CoverageView(parts.coverage).one(story.feed, *story.slot, story.instrument);
        if (!known) return known.error();
        if (*known) story.coverage = **known;
        Store& store = parts.store;
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
        if (auto done = read_tape(parts, story); !done) return done;
    }
    return read_capture(parts, story);
}

// A slot without a row must be one that the schedule knows: closed by the calendar, or expected.
std::optional<NothingToTell> find_state(const WhyParts& parts, Story& story) {
    const Timestamp slot = *story.slot;
    std::optional<Timestamp> next;
    for (const Expectation& one : parts.expectations) {
        if (one.feed != story.feed || std::ranges::count(one.instruments, story.instrument) == 0) {
            continue;
        }
        std::optional<bool> open;
        one.schedule->for_each_instant(std::max(slot, one.from),
                                       std::min(slot + std::chrono::microseconds(1), one.to),
                                       [&](Timestamp, bool is_open) { open = is_open; });
        if (open && *open && slot <= parts.now) return std::nullopt;
        if (open && !*open) {
            story.coverage = CoverageRow{
                story.feed, slot, story.instrument, {CoverageState::closed, {}, "by the calendar"}};
            return std::nullopt;
        }
        next = one.schedule->next_open(open ? slot - std::chrono::microseconds(1) : slot);
    }
    return NothingToTell{fmt::format("{} {} has no slot {}{}", story.feed, story.instrument,
                                     format_rfc3339(slot),
                                     slot > parts.now ? " yet"
                                     : next           ? "; the next one is " + format_rfc3339(*next)
                                                      : std::string())};
}

bool is_expected(const WhyParts& parts, const Story& story) {
    return std::ranges::any_of(parts.expectations, [&](const Expectation& one) {
        return one.feed == story.feed && std::ranges::count(one.instruments, story.instrument) > 0;
    });
}

std::string never_asked(const WhyParts& parts, const Story& story) {
    if (is_expected(parts, story)) {
        return fmt::format("{} has no row of {}", story.feed, story.instrument);
    }
    const bool scheduled = std::ranges::any_of(
        parts.expectations, [&](const Expectation& one) { return one.feed == story.feed; });
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

}  // namespace

Result<std::vector<RowFacts>> rows_of_id(const WhyParts& parts, const std::string& place,
                                         std::int64_t id) {
    std::vector<RowFacts> found;
    for (const auto& [name, feed] : parts.feeds) {
        if (!place.empty() && place != name && place != feed.table.name) continue;
        auto rows = find_rows(parts.store, feed, "id = $1", {id});
        if (!rows) return rows.error();
        std::ranges::move(*rows, std::back_inserter(found));
    }
    return found;
}

Result<Story> story_of(const WhyParts& parts, RowFacts row) {
    Story story;
    story.feed = row.feed;
    story.instrument = row.instrument;
    story.slot = row.slot;
    story.row = std::move(row);
    if (auto done = complete(parts, story); !done) return done.error();
    return story;
}

Result<std::variant<Story, NothingToTell>> story_of(const WhyParts& parts, const std::string& feed,
                                                    const std::string& instrument,
                                                    std::optional<Timestamp> slot) {
    using Told = std::variant<Story, NothingToTell>;
    auto row = row_asked_for(parts.store, parts.feeds.at(feed), instrument, slot);
    if (!row) return row.error();
    if (*row) {
        auto story = story_of(parts, **std::move(row));
        return story ? Result<Told>(Told(*std::move(story))) : Result<Told>(story.error());
    }
    Story story;
    story.feed = feed;
    story.instrument = instrument;
    story.slot = slot;
    if (!slot) {
        const auto last = last_tried(parts.store, feed, instrument);
        if (!last) return last.error();
        story.slot = *last;
    }
    if (!story.slot) return Told(NothingToTell{never_asked(parts, story)});
    auto tried = tried_of(parts.store, {feed, *story.slot, instrument});
    if (!tried) return tried.error();
    story.tried = *std::move(tried);
    if (!story.tried) {
        if (!is_expected(parts, story)) return Told(NothingToTell{never_asked(parts, story)});
        if (auto nothing = find_state(parts, story)) return Told(*std::move(nothing));
    }
    if (auto done = complete(parts, story); !done) return done.error();
    return Told(std::move(story));
}

}  // namespace tapedeck
