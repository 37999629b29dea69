#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "app/settle_beside.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "mend/dead_letters.h"
#include "store/tape_label.h"
#include "tape/tape_rules.h"

namespace tapedeck {
namespace {

constexpr std::size_t kBytesShown = 2'000;  // of a value, to a person
constexpr std::size_t kReasonShown = 100;   // in a list
constexpr std::int64_t kEveryLetter = std::numeric_limits<std::int64_t>::max();

// "name@host" of whoever runs this, to be kept with what is decided.
std::string who() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host = {"?"};
    const passwd* user = ::getpwuid(::geteuid());
    return fmt::format("{}@{}", user != nullptr ? user->pw_name : std::to_string(::geteuid()),
                       host.data());
}

std::string place_of_letter(const DeadLetter& letter) {
    return fmt::format("{} offset {}", to_string(place_on_tape(letter.at)), letter.offset.value());
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

void write_letter(JsonWriter& json, const StoredLetter& one) {
    const TopicPartition at = place_on_tape(one.letter.at);
    json.key("id").number(one.id).key("state").text(to_string(one.state));
    json.key("topic").text(at.topic).key("partition").number(at.partition.value());
    json.key("offset").number(one.letter.offset.value());
    write_time(json, "timestamp", one.letter.timestamp);
    write_time(json, "recorded_at", one.recorded_at);
    json.key("key").text(one.letter.key).key("bytes").number(one.bytes);
    json.key("reason").text(one.reason()).key("first_reason").text(one.letter.reason);
    json.key("failed_retries").number(one.tries);
    write_time(json, "ended_at", one.ended_at);
    json.key("ended_by").text(one.ended_by).key("why").text(one.why);
}

Result<LetterFilter> filter_of(const Globals& globals, const DeadLettersOptions& options,
                               const Reader& reader) {
    LetterFilter filter;
    filter.topic = options.topic;
    filter.reason = options.reason;
    const auto from = moment_of(globals, "--from", options.from, reader.now);
    if (!from) return from.error();
    const auto to = moment_of(globals, "--to", options.to, reader.now);
    if (!to) return to.error();
    filter.from = *from;
    filter.to = *to;
    filter.ids = options.ids;
    if (!options.feed.empty()) {
        const auto feed = reader.feeds.find(options.feed);
        if (feed == reader.feeds.end()) {
            return Error{ErrorKind::rejected, "there is no feed " + options.feed};
        }
        if (!options.topic.empty() && options.topic != feed->second.topic) {
            return Error{ErrorKind::rejected,
                         fmt::format("the topic of {} is {}", options.feed, feed->second.topic)};
        }
        filter.topic = feed->second.topic;
    }
    return filter;
}

Exit list_letters(const Globals& globals, Reader& reader, const DeadLettersOptions& options,
                  LetterFilter filter) {
    if (options.state != "all") filter.state = letter_state_named(options.state);
    Table table({{"id", Align::right},
                 {"state"},
                 {"message"},
                 {"recorded"},
                 {"bytes", Align::right},
                 {"because"}});
    std::string out;
    JsonWriter json(out);
    if (globals.json) json.begin_array();
    std::int64_t count = 0;
    const std::int64_t limit = options.limit.value_or(DeadLettersOptions::kListed);
    bool more = false;
    auto done = each_letter(
        reader.assembly->store(), filter, limit + 1, [&](const StoredLetter& one) -> Result<> {
            if (++count > limit) {
                more = true;
                return {};
            }
            if (!globals.json) {
                table.stream({std::to_string(one.id), std::string(to_string(one.state)),
                              place_of_letter(one.letter), format_rfc3339(one.recorded_at),
                              std::to_string(one.bytes), cut_to(one.reason(), kReasonShown)});
                return {};
            }
            json.begin_object();
            write_letter(json, one);
            json.end_object();
            print(out);
            out.clear();
            return {};
        });
    if (globals.json) {
        json.end_array();
        print(out + "\n");
    } else {
        table.print_rest();
    }
    if (!done) return fail(done.error());
    if (more && !globals.quiet) {
        static_cast<void>(
            fail(Exit::fine, fmt::format("there are more than {}: --limit shows more", limit)));
    }
    return Exit::fine;
}

// A run of this deployment's that sent the message; empty where it was somebody else.
Result<std::string> sent_by(Store& store, const DeadLetter& letter) {
    std::string run;
    auto done = store.query(
        {"select run_id, feed, instrument, slot from outcomes where topic = $1 and partition = $2 "
         "and message_offset = $3 order by id limit 1",
         {letter.at.topic, static_cast<std::int64_t>(letter.at.partition.value()),
          letter.offset.value()},
         {}},
        [&](const RowView& row) -> Result<> {
            run = fmt::format("{}: {} {} {}", row.text(0), row.text(1), row.text(2),
                              format_rfc3339(row.timestamp(3)));
            return {};
        });
    if (!done) return done.error();
    return run;
}

Exit show_letter(const Globals& globals, Reader& reader, std::int64_t id) {
    Store& store = reader.assembly->store();
    const auto found = find_letter(store, id);
    if (!found) return fail(found.error());
    if (!*found) return fail(Exit::not_found, fmt::format("there is no dead letter {}", id));
    const StoredLetter& one = **found;
    const auto run = sent_by(store, one.letter);
    if (!run) return fail(run.error());
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        json.begin_object();
        write_letter(json, one);
        json.key("sent_by").text(*run).key("hint").text(hint_of(one));
        json.key("value").text(one.letter.value);
        if (!is_utf8(one.letter.value)) {
            const std::vector<std::uint8_t> bytes(one.letter.value.begin(), one.letter.value.end());
            json.key("value_hex").text(hex(bytes));
        }
        json.end_object();
        print(out + "\n");
        return Exit::fine;
    }
    Table facts({{"what"}, {"is"}});
    facts.add({"dead letter", fmt::format("{}, {}", one.id, to_string(one.state))});
    facts.add({"message", place_of_letter(one.letter)});
    facts.add({"made at", one.letter.timestamp ? format_rfc3339(*one.letter.timestamp) : "-"});
    facts.add({"recorded at", format_rfc3339(one.recorded_at)});
    facts.add({"sent by", run->empty() ? "no run of this deployment's" : *run});
    facts.add({"because", one.letter.reason});
    if (one.tries > 0) {
        facts.add({"retried", fmt::format("{} times without success", one.tries)});
        facts.add({"and because", one.last_reason});
    }
    if (one.state != LetterState::open) {
        facts.add({std::string(to_string(one.state)),
                   fmt::format("{} by {}{}", format_rfc3339(*one.ended_at), one.ended_by,
                               one.why.empty() ? "" : ": " + one.why)});
    }
    facts.add({"what to do", hint_of(one)});
    facts.add({"key", one.letter.key});
    facts.add({fmt::format("value, {} bytes", one.bytes), cut_to(one.letter.value, kBytesShown)});
    facts.print();
    return Exit::fine;
}

// What became of the dead letters that were asked for.
struct Tally {
    std::int64_t settled = 0;
    std::int64_t already = 0;
    std::int64_t rows = 0;
    std::vector<std::pair<std::int64_t, std::string>> stay;  // with the reason
};

void tell_tally(const Globals& globals, const Tally& tally, const std::string& settled) {
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        json.begin_object().key(settled).number(tally.settled);
        json.key("already").number(tally.already).key("rows").number(tally.rows);
        json.key("stay").begin_array();
        for (const auto& [id, reason] : tally.stay) {
            json.begin_object().key("id").number(id).key("reason").text(reason).end_object();
        }
        json.end_array().end_object();
        print(out + "\n");
        return;
    }
    print(fmt::format("{} {}, {} rows; {} had been settled before, {} stay\n", settled,
                      tally.settled, tally.rows, tally.already, tally.stay.size()));
    for (const auto& [id, reason] : tally.stay) print(fmt::format("{} stays: {}\n", id, reason));
}

Result<> settle_one(Reader& reader, const DeadLettersOptions& options, LetterRetry& retry,
                    std::int64_t id, Tally& tally) {
    Store& store = reader.assembly->store();
    const auto found = find_letter(store, id);
    if (!found) return found.error();
    TAPEDECK_ASSERT(*found);
    if (options.action == "drop") {
        const auto dropped =
            drop_letter(store, **found, who(), options.because, reader.assembly->clock().now());
        if (!dropped) return dropped.error();
        ++(*dropped ? tally.settled : tally.already);
        return {};
    }
    auto retried = retry.retry(**found);
    // Its topic belongs to no feed now, or goes to another table: the others may do better.
    const bool is_its_own = !retried && (retried.error().kind == ErrorKind::malformed ||
                                         retried.error().kind == ErrorKind::rejected);
    if (is_its_own) {
        tally.stay.emplace_back(id, retried.error().what);
        return {};
    }
    if (!retried) return in_context(fmt::format("dead letter {}", id), retried.error());
    switch (retried->kind) {
        case RetryResult::Kind::loaded:
            ++tally.settled;
            tally.rows += retried->committed.rows;
            break;
        case RetryResult::Kind::already:
            ++tally.already;
            break;
        case RetryResult::Kind::stays:
            tally.stay.emplace_back(id, retried->reason);
            break;
    }
    return {};
}

// The ids are collected first: what is settled must not move what is read.
Exit settle(const Globals& globals, Reader& reader, const DeadLettersOptions& options,
            LetterFilter filter) {
    Store& store = reader.assembly->store();
    std::vector<std::int64_t> ids = options.ids;
    for (const std::int64_t id : ids) {
        const auto found = find_letter(store, id);
        if (!found) return fail(found.error());
        if (!*found) return fail(Exit::not_found, fmt::format("there is no dead letter {}", id));
    }
    if (ids.empty()) {
        filter.state = LetterState::open;
        auto done = each_letter(store, filter, options.limit.value_or(kEveryLetter),
                                [&](const StoredLetter& one) -> Result<> {
                                    ids.push_back(one.id);
                                    return {};
                                });
        if (!done) return fail(done.error());
    }
    LetterRetry retry(store, reader.assembly->clock(), reader.feeds, who());
    Tally tally;
    Progress progress(options.action == "drop" ? "dropping" : "retrying");
    Result<> done;
    for (std::size_t i = 0; done && i < ids.size(); ++i) {
        if (!globals.quiet) {
            progress.show(static_cast<std::int64_t>(i), static_cast<std::int64_t>(ids.size()));
        }
        done = settle_one(reader, options, retry, ids[i], tally);
    }
    tell_tally(globals, tally, options.action == "drop" ? "dropped" : "retried");
    if (!done) return fail(done.error());
    if (tally.settled > 0) {
        if (auto settled = settle_beside(*reader.assembly, false); !settled) {
            return fail(settled.error());
        }
    }
    return tally.stay.empty() ? Exit::fine : Exit::found;
}

// What is wrong with the words; empty where nothing is.
std::string wrong_words(const DeadLettersOptions& options) {
    const bool lists = options.action == "list";
    const bool drops = options.action == "drop";
    const bool filters = !options.feed.empty() || !options.topic.empty() ||
                         !options.reason.empty() || !options.from.empty() || !options.to.empty();
    if (options.action == "show") {
        return options.ids.size() == 1 ? "" : "`dead-letters show` needs the ID of one";
    }
    if (lists) return options.ids.empty() ? "" : "`dead-letters list` takes no ID; show does";
    if (!options.ids.empty() && (filters || options.all)) {
        return "either IDs, or --feed, --topic, --reason, --from, --to or --all";
    }
    if (options.ids.empty() && !filters && !options.all) {
        return fmt::format(
            "`dead-letters {}` needs IDs, or --feed, --topic, --reason, --from, --to, "
            "or --all for every open one",
            options.action);
    }
    if (drops && options.because.empty()) {
        return "`dead-letters drop` needs --because TEXT: it is kept with who decided and when";
    }
    return "";
}

}  // namespace

Exit verb_dead_letters(const Globals& globals, const DeadLettersOptions& options) {
    if (const std::string wrong = wrong_words(options); !wrong.empty()) {
        return fail(Exit::usage, wrong);
    }
    const bool changes = options.action == "retry" || options.action == "drop";
    auto reader = open_reader(globals, changes);
    if (!reader) return fail_opening(reader.error());
    auto filter = filter_of(globals, options, *reader);
    if (!filter) {
        const bool is_text = filter.error().kind == ErrorKind::malformed;
        return fail(is_text ? Exit::usage : Exit::not_found, filter.error().what);
    }
    if (options.action == "show") return show_letter(globals, *reader, options.ids[0]);
    if (options.action == "list")
        return list_letters(globals, *reader, options, *std::move(filter));
    return settle(globals, *reader, options, *std::move(filter));
}

}  // namespace tapedeck
