#include <fmt/format.h>

#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "coverage/audit.h"
#include "coverage/parity.h"

namespace tapedeck {
namespace {

std::string place_of(const AuditDifference& one) {
    std::string place;
    if (one.at) {
        place = fmt::format("{}[{}]", one.at->topic, one.at->partition.value());
        if (one.offset) place += fmt::format(" offset {}", one.offset->value());
    }
    if (one.table.empty()) return place;
    if (!place.empty()) place += ", ";
    return place + one.table + (one.row.empty() ? "" : " " + one.row);
}

void write(JsonWriter& json, const AuditDifference& one) {
    json.begin_object().key("kind").text(to_string(one.kind)).key("feed").text(one.feed);
    json.key("slot");
    one.slot ? json.text(audit_time(*one.slot)) : json.null();
    json.key("instrument").text(one.instrument).key("topic");
    one.at ? json.text(one.at->topic) : json.null();
    json.key("partition");
    one.at ? json.number(std::int64_t{one.at->partition.value()}) : json.null();
    json.key("offset");
    one.offset ? json.number(one.offset->value()) : json.null();
    json.key("table").text(one.table).key("row").text(one.row).key("columns").begin_array();
    for (const std::string& column : one.columns) json.text(column);
    json.end_array();
    json.key("stored").text(one.stored).key("derived").text(one.derived).end_object();
}

void write_counts(JsonWriter& json, const std::map<std::string, std::int64_t>& counts) {
    json.begin_object();
    for (const auto& [name, count] : counts) json.key(name).number(count);
    json.end_object();
}

void write(JsonWriter& json, const NotCompared& left_out) {
    json.key("not_compared").begin_object().key("messages_gone").begin_array();
    for (const auto& [at, count] : left_out.messages_gone) {
        json.begin_object().key("topic").text(at.topic);
        json.key("partition").number(std::int64_t{at.partition.value()});
        json.key("messages").number(count).end_object();
    }
    json.end_array().key("messages_before_start").begin_array();
    for (const auto& [at, count] : left_out.messages_before_start) {
        json.begin_object().key("topic").text(at.topic);
        json.key("partition").number(std::int64_t{at.partition.value()});
        json.key("messages").number(count).end_object();
    }
    json.end_array().key("rows_gone");
    write_counts(json, left_out.rows_gone);
    json.key("rows_of_others");
    write_counts(json, left_out.rows_of_others);
    json.key("dead_letters_gone").number(left_out.dead_letters_gone);
    json.key("captures_looked_at").boolean(left_out.captures_looked_at);
    json.key("captures_pruned").number(left_out.captures_pruned);
    json.key("captures_left_out").number(left_out.captures_left_out);
    json.key("captures_without_account").number(left_out.captures_without_account);
    json.end_object();
}

// What follows the differences.
void write(JsonWriter& json, const AuditReport& report, const Parity& parity) {
    json.key("feeds").begin_object();
    for (const auto& [name, sum] : report.feeds) {
        json.key(name).begin_object().key("expected").number(sum.expected);
        for (const CoverageState state : coverage_states()) {
            json.key(to_string(state)).number(sum.of(state));
        }
        json.end_object();
    }
    json.end_object();
    json.key("messages").number(report.messages).key("prices").number(report.prices);
    json.key("outcomes").number(report.outcomes).key("attempts").number(report.attempts);
    json.key("dead_letters").number(report.dead_letters);
    json.key("captures").number(report.captures).key("unsettled").number(report.unsettled);
    write(json, report.not_compared);
    json.key("parity").begin_object().key("rows").number(parity.rows);
    json.key("rows_hash").text(hex(parity.rows_hash)).key("slots").number(parity.slots);
    json.key("coverage_hash").text(hex(parity.coverage_hash)).end_object();
}

void show_audit(const NotCompared& left_out) {
    for (const auto& [at, count] : left_out.messages_gone) {
        print(
            fmt::format("not compared: {} messages of {}[{}], gone from the tape by its "
                        "retention\n",
                        count, at.topic, at.partition.value()));
    }
    for (const auto& [at, count] : left_out.messages_before_start) {
        print(
            fmt::format("not compared: {} messages of {}[{}], before the start that was chosen for "
                        "it\n",
                        count, at.topic, at.partition.value()));
    }
    for (const auto& [table, count] : left_out.rows_gone) {
        print(fmt::format("not compared: {} rows of {}, whose messages are gone\n", count, table));
    }
    for (const auto& [table, count] : left_out.rows_of_others) {
        print(
            fmt::format("not compared: {} rows of {} that were there before tapedeck loaded into "
                        "it\n",
                        count, table));
    }
    if (left_out.dead_letters_gone > 0) {
        print(fmt::format("not compared: {} dead letters, whose messages are gone\n",
                          left_out.dead_letters_gone));
    }
    if (!left_out.captures_looked_at) {
        print("not compared: captures, which are not kept here\n");
    }
    if (left_out.captures_pruned > 0) {
        print(fmt::format("not compared: {} captures, whose bytes retention or budget removed\n",
                          left_out.captures_pruned));
    }
    if (left_out.captures_left_out > 0) {
        print(
            fmt::format("not compared: {} captures, which the copy that was restored here left "
                        "out\n",
                        left_out.captures_left_out));
    }
    if (left_out.captures_without_account > 0) {
        print(fmt::format("not compared: {} captures of runs whose account is not loaded\n",
                          left_out.captures_without_account));
    }
}

void show_audit(const AuditReport& report, const Parity& parity) {
    Table sums({{"feed"}, {"state"}, {"count", Align::right}});
    for (const auto& [name, sum] : report.feeds) {
        sums.add({name, "expected", std::to_string(sum.expected)});
        for (const CoverageState state : coverage_states()) {
            if (sum.of(state) == 0) continue;
            sums.add({name, std::string(to_string(state)), std::to_string(sum.of(state))});
        }
    }
    sums.print();
    print(fmt::format(
        "{} messages read again; {} prices, {} outcomes, {} attempts and {} dead letters compared "
        "both ways; {} captures hashed again\n",
        report.messages, report.prices, report.outcomes, report.attempts, report.dead_letters,
        report.captures));
    show_audit(report.not_compared);
    print(fmt::format("parity: {} rows {}, {} slots {}\n", parity.rows,
                      hex(parity.rows_hash).substr(0, 16), parity.slots,
                      hex(parity.coverage_hash).substr(0, 16)));
    if (report.unsettled > 0) {
        print(fmt::format(
            "{} states are not in the ledger yet; the next `tapedeck run` writes them\n",
            report.unsettled));
    }
    if (report.differences_found == 0) {
        print("no difference\n");
        return;
    }
    Table differences(
        {{"kind"}, {"feed"}, {"slot"}, {"instrument"}, {"place"}, {"stored"}, {"derived"}});
    for (const AuditDifference& one : report.differences) {
        differences.add({std::string(to_string(one.kind)), one.feed,
                         one.slot ? audit_time(*one.slot) : "", one.instrument, place_of(one),
                         one.stored, one.derived});
    }
    differences.print();
    const auto shown = static_cast<std::int64_t>(report.differences.size());
    if (report.differences_found > shown) {
        print(fmt::format("and {} differences more; --json has them all\n",
                          report.differences_found - shown));
    }
}

// Where collectors keep their captures on machines of their own, a file that a restore has begun
// and nobody has put any into is none of theirs.
Result<Captures*> captures_to_compare(Assembly& assembly, bool kept_here) {
    Captures* captures = assembly.captures();
    if (kept_here || captures == nullptr) return captures;
    const auto sizes = captures->sizes();
    // What damages the file is the audit's to tell.
    if (!sizes && sizes.error().kind != ErrorKind::corrupt) return sizes.error();
    return sizes && sizes->captures == 0 ? nullptr : captures;
}

}  // namespace

Exit verb_audit(const Globals& globals, const SpanOptions& options) {
    auto reader = open_reader(globals);
    if (!reader) return fail_opening(reader.error());
    const auto span = span_of(globals, options, reader->now);
    if (!span) return fail(Exit::usage, span.error().what);
    if (check_names(*reader, options) != Exit::fine) return Exit::not_found;
    std::map<std::string, Feed> asked = reader->feeds;
    if (!options.feed.empty()) {
        std::erase_if(asked, [&](const auto& entry) { return entry.first != options.feed; });
    }
    Assembly& assembly = *reader->assembly;
    std::string line;
    JsonWriter json(line);
    Progress progress("auditing");
    AuditTalk talk;
    talk.progress = [&](std::int64_t done, std::int64_t total) { progress.show(done, total); };
    if (globals.json) {
        json.begin_object().key("differences").begin_array();
        // Printed as they are found: there may be as many as rows.
        talk.difference = [&](const AuditDifference& one) {
            write(json, one);
            print(line);
            line.clear();
        };
    }
    // A collector of a server's store keeps its captures on its own machine.
    const Settings& settings = assembly.settings();
    const bool kept_here = settings.captures.enabled && !is_kafka(settings) &&
                           std::holds_alternative<SqliteUrl>(settings.store.url.target);
    const auto captures = captures_to_compare(assembly, kept_here);
    if (!captures) return fail(captures.error());
    const auto report =
        audit({assembly.store(), assembly.tape(), *captures, reader->feeds, reader->expectations,
               kept_here ? captures_path(settings) : "", assembly.captures_fault()},
              {span->from, span->to, reader->now, options.feed, reader->held_back}, talk);
    if (!report) return fail(report.error());
    const auto parity = parity_of(assembly.store(), asked);
    if (!parity) return fail(parity.error());
    if (globals.json) {
        json.end_array();
        write(json, *report, *parity);
        json.end_object();
        print(line + "\n");
    } else {
        show_audit(*report, *parity);
    }
    return report->differences_found == 0 ? Exit::fine : Exit::found;
}

}  // namespace tapedeck
