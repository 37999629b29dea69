#include <fmt/format.h>

#include <charconv>

#include "app/moment.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "demo/demo_sources.h"
#include "views/why.h"

namespace tapedeck {
namespace {

void show_story(const Story& story) {
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

Exit tell_story(const Globals& globals, const Story& story) {
    if (globals.json) {
        print(json_of(story));
    } else {
        show_story(story);
    }
    return Exit::fine;
}

Exit why_row(const Globals& globals, const WhyParts& parts, const std::string& what) {
    const auto colon = what.find(':');
    const std::string place = colon == what.npos ? "" : what.substr(0, colon);
    const std::string digits = colon == what.npos ? what : what.substr(colon + 1);
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (error != std::errc() || end != digits.data() + digits.size()) {
        return fail(Exit::usage,
                    fmt::format("not the ID of a row, such as 42 or coin:42: '{}'", what));
    }
    auto rows = rows_of_id(parts, place, id);
    if (!rows) return fail(rows.error());
    std::vector<RowFacts>& found = *rows;
    if (found.empty()) return fail(Exit::not_found, fmt::format("there is no row {}", what));
    if (found.size() > 1) {
        std::string names;
        for (const RowFacts& row : found) {
            names += fmt::format("{}{}:{} ({})", names.empty() ? "" : ", ", row.feed, row.id,
                                 row.instrument);
        }
        return fail(Exit::usage, fmt::format("{} is the ID of several rows: {}", what, names));
    }
    const auto story = story_of(parts, std::move(found[0]));
    return story ? tell_story(globals, *story) : fail(story.error());
}

Exit why_slot(const Globals& globals, const Reader& reader, const WhyParts& parts,
              const std::vector<std::string>& what) {
    if (!reader.feeds.contains(what[0])) {
        return fail(Exit::not_found, "there is no feed " + what[0]);
    }
    std::optional<Timestamp> slot;
    if (what.size() == 3) {
        const auto named = moment_named(what[2], reader.now, globals.zone);
        if (!named) return fail(Exit::usage, named.error().what);
        slot = *named;
    }
    const auto told = story_of(parts, what[0], meant_instrument(reader, what[0], what[1]), slot);
    if (!told) return fail(told.error());
    if (const auto* nothing = std::get_if<NothingToTell>(&*told)) {
        return fail(Exit::not_found, nothing->why);
    }
    return tell_story(globals, std::get<Story>(*told));
}

}  // namespace

Exit verb_why(const Globals& globals, const WhyOptions& options) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    Assembly& assembly = *reader->assembly;
    const WhyParts parts{assembly.store(),
                         assembly.tape(),
                         assembly.captures(),
                         reader->coverage(),
                         reader->feeds,
                         reader->expectations,
                         reader->now,
                         [&](const std::string& name) -> std::shared_ptr<const Source> {
                             const auto found = assembly.sources().find(real_source_name(name));
                             if (found == assembly.sources().end()) return nullptr;
                             return found->second;
                         }};
    if (options.what.size() == 1) return why_row(globals, parts, options.what[0]);
    return why_slot(globals, *reader, parts, options.what);
}

}  // namespace tapedeck
