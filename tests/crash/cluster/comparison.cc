#include "tests/crash/cluster/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace tapedeck {
namespace {

constexpr std::size_t kMostLines = 12;  // of one kind of difference
constexpr std::size_t kReadBytes = 4 << 20;

std::string hex_of(std::string_view bytes) {
    std::string out;
    for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return out;
}

std::string place_of(const TopicPartition& at, Offset offset) {
    return fmt::format("{}|{}|{}", at.topic, at.partition.value(), offset.value());
}

// What stands on the tape, message by message, in terms of what was sent.
class Reading {
public:
    Reading(const std::vector<Sent>& journal, std::vector<std::string>& faults) : faults_(faults) {
        for (const Sent& sent : journal) {
            if (sent.position) {
                const auto [at, is_new] = acknowledged_[sent.position->at].emplace(
                    sent.position->offset, &sent.observation);
                if (!is_new) fault("two messages were acknowledged at one place", *sent.position);
            } else {
                unanswered_.emplace(sent.observation.message.value, &sent.observation);
            }
        }
    }

    // The observations of a partition in the order of the tape.
    std::vector<std::pair<Offset, const Observation*>> partition(Tape& tape,
                                                                 const TopicPartition& at,
                                                                 Offset since) {
        std::vector<std::pair<Offset, const Observation*>> out;
        const auto extent = tape.extent(at);
        if (!extent) {
            faults_.push_back(extent.error().what);
            return out;
        }
        auto& known = acknowledged_[at];
        for (const auto& [offset, observation] : known) {
            if (offset >= extent->earliest) break;
            out.emplace_back(offset, observation);
        }
        known.erase(known.begin(), known.lower_bound(extent->earliest));
        for (Offset from = std::max(extent->earliest, since); from < extent->end;) {
            const auto chunk = tape.read(at, from, kReadBytes);
            if (!chunk) {
                faults_.push_back(chunk.error().what);
                return out;
            }
            for (const TapeMessage& message : chunk->messages) {
                const Observation* sent = sender_of(at, message, known);
                if (sent != nullptr) out.emplace_back(message.offset, sent);
            }
            from = chunk->next;
        }
        for (const auto& [offset, observation] : known) {
            fault("acknowledged, and not on the tape", {at, offset});
        }
        return out;
    }

private:
    using Known = std::map<Offset, const Observation*>;

    const Observation* sender_of(const TopicPartition& at, const TapeMessage& message,
                                 Known& known) {
        const Observation* sent = nullptr;
        const auto found = known.find(message.offset);
        if (found != known.end()) {
            sent = found->second;
            known.erase(found);
        } else {
            const auto unanswered = unanswered_.find(std::string(message.value));
            if (unanswered == unanswered_.end()) {
                fault("on the tape, and nobody sent it", {at, message.offset});
                return nullptr;
            }
            sent = unanswered->second;
            unanswered_.erase(unanswered);
        }
        if (sent->message.value != message.value || sent->message.key != message.key ||
            sent->message.timestamp != message.timestamp || sent->message.topic != at.topic) {
            fault("another message on the tape than the one sent", {at, message.offset});
        }
        return sent;
    }
    void fault(std::string_view what, const Position& position) {
        faults_.push_back(fmt::format("{}: {}", what, place_of(position.at, position.offset)));
    }

    std::map<TopicPartition, Known> acknowledged_;
    std::multimap<std::string, const Observation*> unanswered_;
    std::vector<std::string>& faults_;
};

bool is_lost(const std::vector<Lost>& lost, const TopicPartition& at, Offset offset) {
    return std::ranges::any_of(lost, [&](const Lost& each) {
        return each.at == at && each.from <= offset && offset < each.to;
    });
}

// What one message must have become, given those before it.
void add_message(const TopicPartition& at, Offset offset, const Observation& sent,
                 std::map<std::string, std::string>& kept, Expected& expected) {
    if (!sent.is_readable) {
        expected.dead_letters.push_back(
            fmt::format("{}|{}|{}|{}", place_of(at, offset), micros(sent.message.timestamp),
                        hex_of(sent.message.key),
                        hex_of(sent.refused.empty() ? sent.message.value : sent.refused)));
    }
    for (const ExpectedRow& row : sent.rows) {
        if (!row.key.empty()) {
            const auto [first, is_new] = kept.emplace(row.table + "|" + row.key, row.price);
            if (!is_new && first->second == row.price) {
                ++expected.absorbed;
                continue;
            }
            if (!is_new) {
                expected.duplicates.push_back(fmt::format(
                    "{}|{}|{}|{}|{}|{}|{}|{}", row.table, row.instrument, row.slot, row.source,
                    first->second, row.price, row.date, place_of(at, offset)));
                continue;
            }
        }
        expected.rows.push_back(row.table + "|" + row.line);
    }
}

// The lines that stand in only one of two lists; a line that stands twice counts twice.
void compare_lists(std::string_view what, std::vector<std::string> expected,
                   std::vector<std::string> found, std::vector<std::string>& out) {
    std::ranges::sort(expected);
    std::ranges::sort(found);
    std::vector<std::string> missing;
    std::vector<std::string> foreign;
    std::ranges::set_difference(expected, found, std::back_inserter(missing));
    std::ranges::set_difference(found, expected, std::back_inserter(foreign));
    const auto tell = [&](std::string_view how, const std::vector<std::string>& lines) {
        if (lines.empty()) return;
        out.push_back(fmt::format("{}: {} {} of {}", what, lines.size(), how, expected.size()));
        for (std::size_t i = 0; i < std::min(kMostLines, lines.size()); ++i) {
            out.push_back("    " + lines[i]);
        }
    };
    tell("missing", missing);
    tell("that nobody sent, or not like that, beside those", foreign);
}

std::vector<std::string> lines_of(ClusterDatabase& database, const std::string& sql) {
    std::vector<std::string> out;
    for (auto& row : database.rows(sql)) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) line += (i > 0 ? "|" : "") + row[i];
        out.push_back(std::move(line));
    }
    return out;
}

std::string in_micros(const std::string& column) {
    return "(extract(epoch from " + column + ") * 1000000)::bigint";
}

std::string list_of(const std::vector<std::string>& topics) {
    return fmt::format("('{}')", fmt::join(topics, "', '"));
}

// Batches must follow one another without hole or overlap from 0 to the end.
void check_batches(const Expected& expected, ClusterDatabase& database, const std::string& topics,
                   std::vector<std::string>& out) {
    std::map<std::string, std::int64_t> reached;
    const auto batches = database.rows(
        "select topic || '|' || partition, from_offset, to_offset from batches where topic in " +
        topics + " order by topic, partition, from_offset, to_offset");
    for (const auto& batch : batches) {
        std::int64_t& next = reached[batch[0]];
        if (std::stoll(batch[1]) != next) {
            out.push_back(fmt::format("batches of {}: one starts at {} where the others end at {}",
                                      batch[0], batch[1], next));
        }
        next = std::stoll(batch[2]);
    }
    for (const std::string& end : expected.ends) {
        const auto split = end.rfind('|');
        if (reached[end.substr(0, split)] != std::stoll(end.substr(split + 1))) {
            out.push_back(
                fmt::format("batches of {} end at {}", end, reached[end.substr(0, split)]));
        }
    }
    const auto counted = database.number("select sum(rows) from batches where topic in " + topics);
    if (counted != static_cast<std::int64_t>(expected.rows.size())) {
        out.push_back(fmt::format("batches count {} rows of {}", counted, expected.rows.size()));
    }
}

}  // namespace

Expected expect(Tape& tape, const std::vector<std::string>& topics, const Ends& since,
                const std::vector<Sent>& journal, const std::vector<Lost>& lost,
                std::vector<std::string>& faults) {
    Reading reading(journal, faults);
    Expected expected;
    for (const std::string& topic : topics) {
        const auto partitions = tape.partitions(topic);
        if (!partitions) {
            faults.push_back(partitions.error().what);
            continue;
        }
        for (const Partition partition : *partitions) {
            const TopicPartition at{topic, partition};
            std::map<std::string, std::string> kept;  // a key stays in one partition
            const auto begin = since.find(at);
            const Offset from = begin == since.end() ? Offset(0) : begin->second;
            for (const auto& [offset, sent] : reading.partition(tape, at, from)) {
                if (!is_lost(lost, at, offset)) add_message(at, offset, *sent, kept, expected);
            }
            const auto extent = tape.extent(at);
            if (extent) expected.ends.push_back(place_of(at, extent->end));
        }
    }
    return expected;
}

std::vector<std::string> compare(const Expected& expected, ClusterDatabase& database,
                                 const std::vector<std::string>& topics,
                                 const std::vector<Lost>& lost) {
    std::vector<std::string> out;
    const std::string ours = list_of(topics);
    auto rows = lines_of(database, "select 'coin_records', coin, price, '', " + in_micros("date") +
                                       ", instrument, " + in_micros("slot") +
                                       ", source, revision, currency from coin_records");
    const auto stocks =
        lines_of(database, "select 'stock_records', stock, price, previous_close, " +
                               in_micros("date") + ", instrument, " + in_micros("slot") +
                               ", source, revision, currency from stock_records");
    rows.insert(rows.end(), stocks.begin(), stocks.end());
    compare_lists("rows", expected.rows, std::move(rows), out);
    compare_lists(
        "duplicates", expected.duplicates,
        lines_of(database, "select price_table, instrument, " + in_micros("slot") +
                               ", source, kept_price, other_price, " + in_micros("other_date") +
                               ", topic, partition, message_offset from duplicates"),
        out);
    compare_lists(
        "dead letters", expected.dead_letters,
        lines_of(database, "select topic, partition, message_offset, " + in_micros("timestamp") +
                               ", encode(key, 'hex'), encode(value, 'hex') from dead_letters"),
        out);
    compare_lists(
        "offset ledger", expected.ends,
        lines_of(database,
                 "select topic, partition, next_offset from offsets where topic in " + ours),
        out);
    std::vector<std::string> gaps;
    for (const Lost& each : lost) {
        gaps.push_back(fmt::format("{}|{}", place_of(each.at, each.from), each.to.value()));
    }
    compare_lists(
        "gaps of the tape", gaps,
        lines_of(database, "select topic, partition, from_offset, to_offset from tape_gaps"), out);
    check_batches(expected, database, ours, out);
    return out;
}

}  // namespace tapedeck
