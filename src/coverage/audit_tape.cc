#include <fmt/format.h>

#include <algorithm>

#include "coverage/audit_work.h"
#include "store/batch_rules.h"

// The tape, read again.
namespace tapedeck {

// The first offset after the hole that is at `at`. Messages are asked for one by one: nothing but a
// message that is there ends a hole.
Result<Offset> AuditWalk::pass_hole(Offset at, Offset to) {
    const auto known = std::ranges::find_if(
        partition_.holes, [&](const auto& hole) { return hole.first <= at && at < hole.second; });
    if (known != partition_.holes.end()) return known->second;
    const auto extent = work_.tape().extent(partition_.on_tape());
    if (!extent) return extent.error();
    if (extent->earliest > at) {  // its retention was at work meanwhile
        partition_.extent.earliest = extent->earliest;
        return extent->earliest;
    }
    Offset end = next(at);
    while (end < to) {
        const auto more = work_.tape().read(partition_.on_tape(), end, 1);
        if (more) break;
        if (more.error().kind != ErrorKind::corrupt) return more.error();
        end = next(end);
    }
    if (!is_first_) return end;
    partition_.holes.emplace_back(at, end);
    AuditDifference difference{AuditKind::message_missing,
                               {},
                               {},
                               {},
                               next(at) == end
                                   ? "(no message)"
                                   : fmt::format("(no messages up to offset {})", end.value() - 1),
                               "a message that was loaded",
                               partition_.at,
                               at,
                               {},
                               {},
                               {}};
    for (const auto& [name, feed] : work_.feeds()) {
        if (feed.topic == topic_on_tape(partition_.at.topic)) difference.feed = name;
    }
    work_.differs(std::move(difference));
    return end;
}

Result<> AuditWalk::run(Offset from, Offset to, std::size_t most_bytes,
                        const std::function<Result<>(const Chunk&)>& sink) {
    Offset at = std::max(from, partition_.extent.earliest);
    while (at < to) {
        auto chunk = work_.tape().read(partition_.on_tape(), at, most_bytes);
        if (!chunk && chunk.error().kind == ErrorKind::corrupt) {
            const auto after = pass_hole(at, to);
            if (!after) return after.error();
            at = *after;
            continue;
        }
        if (!chunk) return chunk.error();
        if (chunk->next <= at) return {};  // the end, and it lies before `to`
        const Offset before = at;
        at = chunk->next;
        std::erase_if(chunk->messages,
                      [&](const TapeMessage& message) { return message.offset >= to; });
        chunk->next = std::min(chunk->next, to);
        chunk->at = partition_.at;
        if (auto done = sink(*chunk); !done) return done;
        if (is_first_) work_.has_done(std::min(at, to).value() - before.value());
    }
    return {};
}

// Of the columns id, message_offset, timestamp, key, value and reason.
AuditedLetter audited_letter(const RowView& row) {
    const auto text = [&](int column) {
        if (row.is_null(column)) return std::string();
        const auto bytes = row.bytes(column);
        return std::string(bytes.begin(), bytes.end());
    };
    std::optional<Timestamp> timestamp;
    if (!row.is_null(2)) timestamp = row.timestamp(2);
    return {row.integer(0), timestamp, text(3), text(4), row.text(5).starts_with(kRefusedByStore)};
}

Result<AuditedLetters> audit_letters(AuditWork& work, const TopicPartition& at, Offset from,
                                     Offset to) {
    AuditedLetters letters;
    auto done = work.store().query(
        {"select d.id, d.message_offset, d.timestamp, d.key, d.value, d.reason, e.how from "
         "dead_letters d left join dead_letter_ends e on e.letter = d.id where d.topic = $1 and "
         "d.partition = $2 and d.message_offset >= $3 and d.message_offset < $4",
         {at.topic, static_cast<std::int64_t>(at.partition.value()), from.value(), to.value()},
         {}},
        [&](const RowView& row) -> Result<> {
            AuditedLetter letter = audited_letter(row);
            if (!row.is_null(6)) {
                letter.state = letter_state_named(row.text(6)).value_or(LetterState::open);
            }
            letters.emplace(Offset(row.integer(1)), std::move(letter));
            return {};
        });
    if (!done) return done.error();
    return letters;
}

WholeLetter whole_letter(const TapeMessage& message, AuditedLetters& letters) {
    WholeLetter whole;
    const auto [first, last] = letters.equal_range(message.offset);
    for (auto one = first; one != last; ++one) {
        AuditedLetter& letter = one->second;
        if (!letter.is_of(message)) continue;
        whole.is_open |= letter.state == LetterState::open;
        whole.is_dropped |= letter.state == LetterState::dropped;
        whole.is_retried |= letter.state == LetterState::retried;
        if (letter.state == LetterState::retried) letter.seen = true;
    }
    return whole;
}

}  // namespace tapedeck
