#include "coverage/audit_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <unordered_map>

#include "base/sha256.h"

namespace tapedeck {
namespace {

constexpr std::size_t kReadBytes = 1024 * 1024;
constexpr std::size_t kReadBytesOfWindow = 64 * 1024;
constexpr std::int64_t kMostEntries = 16'384;  // compared one by one at once

Sha256 hash_of(const AuditEntry& entry) {
    return sha256(std::to_string(entry.table) + entry.content);
}

std::vector<AuditSpan> spans_of(std::span<const AuditWindows::Window> windows) {
    std::vector<AuditSpan> spans;
    for (const AuditWindows::Window& window : windows) {
        if (!spans.empty() && spans.back().last + std::chrono::microseconds(1) == window.first) {
            spans.back().last = window.last;
        } else {
            spans.push_back({window.first, window.last});
        }
    }
    return spans;
}

std::array<std::int64_t, 2> rows_of(std::span<const AuditWindows::Window> windows) {
    std::array<std::int64_t, 2> rows{};
    for (const AuditWindows::Window& window : windows) {
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] += window.rows[i];
    }
    return rows;
}

// The stretches of some windows, each message once.
std::vector<AuditWindows::Stretch> stretches_of(std::span<const AuditWindows::Window> windows) {
    std::vector<AuditWindows::Stretch> all;
    for (const AuditWindows::Window& window : windows) {
        all.insert(all.end(), window.stretches.begin(), window.stretches.end());
    }
    std::ranges::sort(all, [](const auto& a, const auto& b) {
        return std::tie(a.partition, a.from) < std::tie(b.partition, b.from);
    });
    std::vector<AuditWindows::Stretch> merged;
    for (const AuditWindows::Stretch& one : all) {
        if (!merged.empty() && merged.back().partition == one.partition &&
            one.from <= merged.back().to) {
            merged.back().to = std::max(merged.back().to, one.to);
        } else {
            merged.push_back(one);
        }
    }
    return merged;
}

std::string time_of(std::string_view microseconds) {
    std::int64_t number = 0;
    std::from_chars(microseconds.data(), microseconds.data() + microseconds.size(), number);
    return audit_time(Timestamp(std::chrono::microseconds(number)));
}

AuditDifference letter_difference(AuditKind kind, const TopicPartition& at, Offset offset,
                                  std::string stored, std::string derived, std::int64_t row) {
    AuditDifference difference{kind, {}, {}, {}, std::move(stored), std::move(derived), at,
                               {},   {}, {}, {}};
    difference.offset = offset;
    difference.table = "dead_letters";
    if (row != 0) difference.row = std::to_string(row);
    return difference;
}

}  // namespace

bool in_spans(std::span<const AuditSpan> spans, Timestamp at) {
    const auto after = std::ranges::upper_bound(spans, at, {}, &AuditSpan::first);
    return after != spans.begin() && at <= std::prev(after)->last;
}

// Windows that are compared together, and what is read for them.
struct AuditCompare::Group {
    std::vector<AuditSpan> spans;
    std::array<std::int64_t, 2> rows;
    std::vector<AuditWindows::Stretch> stretches;
};

Result<> AuditCompare::run() {
    if (auto done = sum_messages(); !done) return done;
    if (auto done = gone_.read(work_, partitions_); !done) return done;
    if (auto done = sum_rows(); !done) return done;
    auto windows = without_gone(windows_.differing());
    if (!windows) return windows.error();
    for (std::size_t first = 0; first < windows->size();) {
        std::size_t last = first;
        std::int64_t entries = 0;
        while (last < windows->size() &&
               (last == first || entries + (*windows)[last].entries() <= kMostEntries)) {
            entries += (*windows)[last++].entries();
        }
        if (auto done = compare(std::span(*windows).subspan(first, last - first)); !done) {
            return done;
        }
        first = last;
    }
    return {};
}

Result<> AuditCompare::sum_messages() {
    for (std::size_t index = 0; index < partitions_.size(); ++index) {
        AuditedPartition& partition = *partitions_[index];
        std::optional<Sha256> last;
        AuditWalk walk(work_, partition, true);
        auto done =
            walk.run(partition.extent.earliest, partition.loaded, kReadBytes,
                     [&](const Chunk& chunk) -> Result<> {
                         if (chunk.messages.empty()) return {};
                         work_.report.messages += static_cast<std::int64_t>(chunk.messages.size());
                         last = sha256(chunk.messages.back().value);
                         auto letters = audit_letters(work_, chunk.at, chunk.from, chunk.next);
                         if (!letters) return letters.error();
                         std::vector<Unreadable> unreadable;
                         auto read = subject_.read(
                             chunk, *letters, unreadable, [&](AuditEntry&& entry) -> Result<> {
                                 if (!work_.holds(entry.at)) return {};
                                 ++entries_;
                                 windows_.add_message(entry.at, hash_of(entry), index,
                                                      entry.message->offset);
                                 return {};
                             });
                         if (!read) return read;
                         return check_letters(partition, chunk, *letters, unreadable);
                     });
        if (!done) return done;
        done = read_retried(
            partition, Offset(0), partition.loaded, [&](AuditEntry&& entry) -> Result<> {
                if (!work_.holds(entry.at)) return {};
                ++entries_;
                windows_.add_message(entry.at, hash_of(entry), index, entry.message->offset);
                return {};
            });
        if (!done) return done;
        check_digest(partition, last);
        if (auto rest = check_other_letters(partition); !rest) return rest;
    }
    return {};
}

// The ledger keeps the SHA-256 of the last message loaded.
void AuditCompare::check_digest(const AuditedPartition& partition,
                                const std::optional<Sha256>& last) {
    if (!last || !partition.is_consistent || partition.extent.end < partition.loaded) return;
    if (partition.touches_gone(Offset(partition.loaded.value() - 1), partition.loaded)) return;
    if (partition.last_digest == last) return;
    work_.differs(
        {AuditKind::ledger,
         {},
         {},
         {},
         partition.last_digest ? "SHA-256 " + hex(*partition.last_digest) : "(no SHA-256)",
         fmt::format("SHA-256 {} of the last message loaded", hex(*last)),
         partition.at,
         Offset(partition.loaded.value() - 1),
         {},
         {},
         {}});
}

Result<> AuditCompare::check_letters(const AuditedPartition& partition, const Chunk& chunk,
                                     AuditedLetters& letters,
                                     const std::vector<Unreadable>& unreadable) {
    for (const auto& [message, value, why] : unreadable) {
        ++work_.report.dead_letters;
        const auto [first, last] = letters.equal_range(message->offset);
        const auto is_left = [](const auto& one) {
            return !one.second.of_the_store && !one.second.seen;
        };
        // An array may have left several.
        auto found = std::find_if(first, last, [&, &value = value](const auto& one) {
            return is_left(one) && one.second.value == value;
        });
        if (found == last) found = std::find_if(first, last, is_left);
        if (found == last) {
            work_.differs(letter_difference(AuditKind::dead_letter_missing, partition.at,
                                            message->offset, "(no dead letter)",
                                            "cannot be read: " + why, 0));
            continue;
        }
        AuditedLetter& letter = found->second;
        letter.seen = true;
        std::vector<std::string> columns;
        if (letter.key != message->key) columns.emplace_back("key");
        if (letter.value != value) columns.emplace_back("value");
        if (letter.timestamp != message->timestamp) columns.emplace_back("timestamp");
        if (columns.empty()) continue;
        AuditDifference difference = letter_difference(
            AuditKind::dead_letter_altered, partition.at, message->offset,
            fmt::format("another {}", fmt::join(columns, ", ")), "as on the tape", letter.id);
        difference.columns = std::move(columns);
        work_.differs(std::move(difference));
    }
    for (const auto& [offset, letter] : letters) {
        if (letter.seen || offset >= chunk.next) continue;
        if (letter.of_the_store) ++work_.report.dead_letters;
        work_.differs(letter_difference(AuditKind::dead_letter_without_message, partition.at,
                                        offset, "a dead letter", "(no message that cannot be read)",
                                        letter.id));
    }
    return {};
}

// Dead letters where no message was read.
Result<> AuditCompare::check_other_letters(const AuditedPartition& partition) {
    const auto loaded = audit_loaded_now(work_, partition.at);
    if (!loaded) return loaded.error();
    return work_.store().query(
        {"select id, message_offset from dead_letters where topic = $1 and partition = $2 and "
         "(message_offset < $3 or message_offset >= $4)",
         {partition.at.topic, static_cast<std::int64_t>(partition.at.partition.value()),
          partition.extent.earliest.value(),
          std::min(partition.loaded, partition.extent.end).value()},
         {}},
        [&](const RowView& row) -> Result<> {
            const Offset offset(row.integer(1));
            if (partition.is_gone(offset)) {
                ++work_.report.not_compared.dead_letters_gone;
            } else if (offset >= std::max(partition.loaded, *loaded)) {
                work_.differs(letter_difference(
                    AuditKind::dead_letter_without_message, partition.at, offset, "a dead letter",
                    fmt::format("the ledger stands at {}", loaded->value()), row.integer(0)));
            }
            return {};
        });
}

Result<> AuditCompare::sum_rows() {
    const AuditSink add = [&](AuditEntry&& entry) -> Result<> {
        if (!work_.holds(entry.at)) return {};
        if (entry.recorded_at) gone_.count_row(*entry.recorded_at);
        windows_.add_row(entry.at, hash_of(entry), entry.table);
        return {};
    };
    if (work_.is_about_everything()) {
        if (auto done = subject_.each_row(true, add); !done) return done;
        if (subject_.is_counted_by_batches()) gone_.compare(work_, subject_.tables()[0].name);
        return {};
    }
    const AuditSpan span{work_.scope().from, work_.scope().to - std::chrono::microseconds(1)};
    return subject_.rows_in({&span, 1}, std::nullopt, true, add);
}

// Leaves out the windows that differ for no other reason than that their messages are gone.
Result<std::vector<AuditWindows::Window>> AuditCompare::without_gone(
    std::vector<AuditWindows::Window> windows) {
    if (gone_.empty()) return windows;
    std::vector<AuditWindows::Window> left;
    std::vector<AuditWindows::Window> rows_only;
    std::int64_t rows = 0;
    const auto look = [&]() -> Result<> {
        std::vector<bool> suspect(rows_only.size());
        std::map<std::string, std::int64_t> gone;
        const auto spans = spans_of(rows_only);
        auto done =
            subject_.rows_in(spans, rows_of(rows_only), false, [&](AuditEntry&& entry) -> Result<> {
                if (!work_.holds(entry.at) || !in_spans(spans, entry.at)) return {};
                const auto after =
                    std::ranges::upper_bound(rows_only, entry.at, {}, &AuditWindows::Window::first);
                const auto index = static_cast<std::size_t>(after - rows_only.begin()) - 1;
                if (!is_gone(entry)) suspect[index] = true;
                return {};
            });
        if (!done) return done;
        for (std::size_t i = 0; i < rows_only.size(); ++i) {
            if (suspect[i]) {
                left.push_back(std::move(rows_only[i]));
                continue;
            }
            for (std::size_t table = 0; table < subject_.tables().size(); ++table) {
                if (rows_only[i].rows[table] == 0) continue;
                work_.report.not_compared.rows_gone[subject_.tables()[table].name] +=
                    rows_only[i].rows[table];
            }
        }
        rows_only.clear();
        rows = 0;
        return {};
    };
    for (AuditWindows::Window& window : windows) {
        if (window.messages > 0) {
            left.push_back(std::move(window));
            continue;
        }
        rows += window.entries();
        rows_only.push_back(std::move(window));
        if (rows < subject_.most_rows()) continue;
        if (auto done = look(); !done) return done.error();
    }
    if (auto done = look(); !done) return done.error();
    std::ranges::sort(left, {}, &AuditWindows::Window::first);
    return left;
}

Result<> AuditCompare::compare(std::span<const AuditWindows::Window> windows) {
    std::int64_t entries = 0;
    for (const AuditWindows::Window& window : windows) entries += window.entries();
    const Group group{spans_of(windows), rows_of(windows), stretches_of(windows)};
    // One window alone may hold more than is wanted at once: then a part of its instruments.
    const auto parts = static_cast<std::size_t>((entries + kMostEntries - 1) / kMostEntries);
    for (std::size_t part = 0; part < std::max<std::size_t>(1, parts); ++part) {
        if (auto done = compare_part(group, part, std::max<std::size_t>(1, parts)); !done) {
            return done;
        }
    }
    return {};
}

Result<> AuditCompare::read_entries(std::size_t partition, Offset from, Offset to,
                                    const AuditSink& sink) {
    AuditWalk walk(work_, *partitions_[partition], false);
    auto done = walk.run(from, to, kReadBytesOfWindow, [&](const Chunk& chunk) -> Result<> {
        auto letters = audit_letters(work_, chunk.at, chunk.from, chunk.next);
        if (!letters) return letters.error();
        std::vector<Unreadable> unreadable;
        return subject_.read(chunk, *letters, unreadable, sink);
    });
    if (!done) return done;
    return read_retried(*partitions_[partition], from, to, sink);
}

// A dead letter keeps its message when the tape has it no more: what a retry has made of it is
// compared with that.
Result<> AuditCompare::read_retried(const AuditedPartition& partition, Offset from, Offset to,
                                    const AuditSink& sink) {
    if (!partition.touches_gone(from, to)) return {};
    return each_retried(partition, from, to, true, sink);
}

Result<> AuditCompare::each_retried(const AuditedPartition& partition, Offset from, Offset to,
                                    bool gone_only, const AuditSink& sink) {
    return work_.store().query(
        {"select d.id, d.message_offset, d.timestamp, d.key, d.value, d.reason from dead_letters d "
         "join dead_letter_ends e on e.letter = d.id where e.how = 'retried' and d.topic = $1 and "
         "d.partition = $2 and d.message_offset >= $3 and d.message_offset < $4",
         {partition.at.topic, static_cast<std::int64_t>(partition.at.partition.value()),
          from.value(), to.value()},
         {}},
        [&](const RowView& row) -> Result<> {
            const Offset offset(row.integer(1));
            if (gone_only && !partition.is_gone(offset)) return {};
            AuditedLetter letter = audited_letter(row);
            letter.state = LetterState::retried;
            AuditedLetters letters;
            const AuditedLetter& kept = letters.emplace(offset, std::move(letter))->second;
            const Chunk chunk{partition.at,
                              offset,
                              next(offset),
                              {{offset, kept.timestamp, kept.key, kept.value}},
                              {}};
            std::vector<Unreadable> unreadable;
            return subject_.read(chunk, letters, unreadable, sink);
        });
}

Result<> AuditCompare::compare_part(const Group& group, std::size_t part, std::size_t parts) {
    const auto is_wanted = [&](const AuditEntry& entry) {
        return work_.holds(entry.at) && in_spans(group.spans, entry.at) &&
               (parts == 1 || std::hash<std::string>{}(entry.instrument) % parts == part);
    };
    std::vector<AuditEntry> messages;
    std::vector<AuditEntry> rows;
    const auto into = [&](std::vector<AuditEntry>& all) {
        return [&](AuditEntry&& entry) -> Result<> {
            if (is_wanted(entry)) all.push_back(std::move(entry));
            return {};
        };
    };
    auto done = subject_.rows_in(group.spans, group.rows, false, into(rows));
    if (!done) return done;
    for (const AuditWindows::Stretch& one : group.stretches) {
        done = read_entries(one.partition, one.from, one.to, into(messages));
        if (!done) return done;
    }
    std::vector<AuditEntry> unexplained;
    auto pairs = audit_pairs(
        std::move(messages), std::move(rows),
        [&](const AuditEntry& kept, const AuditEntry& other) {
            return subject_.surplus(kept, other);
        },
        [&](const AuditEntry& row) { return is_gone(row); });
    for (AuditPair& pair : pairs) {
        if (pair.message) {
            tell(pair);
        } else if (is_gone(*pair.row)) {
            ++work_.report.not_compared.rows_gone[subject_.tables()[pair.row->table].name];
        } else {
            unexplained.push_back(*std::move(pair.row));
        }
    }
    return explain_rows(std::move(unexplained));
}

bool AuditCompare::is_gone(const AuditEntry& row) const {
    if (row.message) {
        return std::ranges::any_of(partitions_, [&](const AuditedPartition* partition) {
            return partition->at == row.message->at && partition->is_gone(row.message->offset);
        });
    }
    return row.recorded_at && gone_.hold(*row.recorded_at);
}

// Rows that no message below the ledger gave, as it stood at first: what was loaded since may have,
// or a dead letter that was retried since, and what is not loaded must not.
Result<> AuditCompare::explain_rows(std::vector<AuditEntry> rows) {
    if (rows.empty()) return {};
    std::unordered_multimap<std::string, std::size_t> waiting;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        waiting.emplace(std::to_string(rows[i].table) + rows[i].content, i);
    }
    std::vector<bool> explained(rows.size());
    for (std::size_t index = 0; index < partitions_.size() && !waiting.empty(); ++index) {
        const TopicPartition& at = partitions_[index]->at;
        const auto loaded = audit_loaded_now(work_, at);
        if (!loaded) return loaded.error();
        auto retried = each_retried(
            *partitions_[index], Offset(0), *loaded, false, [&](AuditEntry&& entry) -> Result<> {
                const auto found = waiting.find(std::to_string(entry.table) + entry.content);
                if (found == waiting.end()) return {};
                explained[found->second] = true;
                waiting.erase(found);
                return {};
            });
        if (!retried) return retried;
        if (partitions_[index]->is_elsewhere) continue;
        const auto extent = work_.tape().extent(partitions_[index]->on_tape());
        if (!extent) return extent.error();
        auto done = read_entries(
            index, partitions_[index]->loaded, extent->end, [&](AuditEntry&& entry) -> Result<> {
                const auto found = waiting.find(std::to_string(entry.table) + entry.content);
                if (found == waiting.end()) return {};
                explained[found->second] = true;
                if (entry.message->offset >= *loaded) {
                    AuditEntry& row = rows[found->second];
                    row.message = entry.message;
                    tell({std::nullopt, row},
                         fmt::format("its message is not loaded: the ledger stands at {}",
                                     loaded->value()));
                }
                waiting.erase(found);
                return {};
            });
        if (!done) return done;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!explained[i]) tell({std::nullopt, std::move(rows[i])});
    }
    return {};
}

std::string AuditCompare::describe(const AuditEntry& entry) const {
    const AuditTable& table = subject_.tables()[entry.table];
    const auto values = audit_values(entry.content);
    std::string text;
    for (const std::size_t column : table.shown) {
        if (column >= values.size() || values[column].empty()) continue;
        if (!text.empty()) text += ", ";
        text += fmt::format("{} {}", table.columns[column].name, values[column]);
    }
    return text;
}

void AuditCompare::tell(const AuditPair& pair, std::string derived) {
    const AuditEntry& one = pair.message ? *pair.message : *pair.row;
    const AuditTable& table = subject_.tables()[one.table];
    AuditDifference difference{
        table.missing, one.feed, {}, one.instrument, {}, {}, {}, {}, {}, {}, {}};
    if (one.has_slot) difference.slot = one.at;
    difference.table = table.name;
    if (one.message) {
        difference.at = one.message->at;
        difference.offset = one.message->offset;
    }
    if (pair.row) difference.row = pair.row->row;
    if (!pair.row) {
        difference.stored = "(no row)";
        difference.derived = describe(one);
    } else if (!pair.message) {
        difference.kind = table.without_message;
        difference.stored = describe(one);
        difference.derived = std::move(derived);
    } else {
        difference.kind = table.altered;
        const auto stored = audit_values(pair.row->content);
        const auto derived_values = audit_values(pair.message->content);
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
            if (stored[i] == derived_values[i]) continue;
            const AuditColumn& column = table.columns[i];
            const auto show = [&](std::string_view value) {
                return fmt::format("{}{} {}", difference.columns.empty() ? "" : ", ", column.name,
                                   value.empty()    ? "(none)"
                                   : column.is_time ? time_of(value)
                                                    : std::string(value));
            };
            difference.stored += show(stored[i]);
            difference.derived += show(derived_values[i]);
            difference.columns.emplace_back(column.name);
        }
    }
    work_.differs(std::move(difference));
}

Result<> GoneBatches::read(AuditWork& work, std::span<AuditedPartition* const> partitions) {
    const auto each_batch = [&](const AuditedPartition& partition, const auto& sink) {
        return work.store().query(
            {"select committed_at, rows, from_offset, to_offset from batches where topic = $1 and "
             "partition = $2",
             {partition.at.topic, static_cast<std::int64_t>(partition.at.partition.value())},
             {}},
            [&](const RowView& row) -> Result<> {
                sink(row.timestamp(0), row.integer(1), Offset(row.integer(2)),
                     Offset(row.integer(3)));
                return {};
            });
    };
    for (const AuditedPartition* partition : partitions) {
        if (!partition->touches_gone(Offset(0), partition->loaded)) continue;
        partitions_.push_back(partition->at);
        auto done = each_batch(
            *partition, [&](Timestamp committed_at, std::int64_t rows, Offset from, Offset to) {
                if (!partition->touches_gone(from, to)) return;
                batches_.push_back({committed_at, rows, 0, partitions_.size() - 1, from.value(),
                                    to.value(), partition->is_gone(from, to)});
            });
        if (!done) return done;
    }
    if (batches_.empty()) return {};
    std::ranges::sort(batches_, {}, &Batch::committed_at);
    // Another batch of the same moment wrote rows that cannot be told from those.
    for (const AuditedPartition* partition : partitions) {
        auto done = each_batch(
            *partition, [&](Timestamp committed_at, std::int64_t, Offset from, Offset to) {
                if (partition->touches_gone(from, to)) return;
                const auto same =
                    std::ranges::lower_bound(batches_, committed_at, {}, &Batch::committed_at);
                if (same != batches_.end() && same->committed_at == committed_at) {
                    same->is_whole = false;
                }
            });
        if (!done) return done;
    }
    return {};
}

bool GoneBatches::hold(Timestamp committed_at) const {
    return std::ranges::binary_search(batches_, committed_at, {}, &Batch::committed_at);
}

void GoneBatches::count_row(Timestamp recorded_at) {
    const auto found = std::ranges::lower_bound(batches_, recorded_at, {}, &Batch::committed_at);
    if (found != batches_.end() && found->committed_at == recorded_at) ++found->seen;
}

void GoneBatches::compare(AuditWork& work, const std::string& table) const {
    for (auto first = batches_.begin(); first != batches_.end();) {
        auto last = first;
        std::int64_t rows = 0;
        bool all_whole = true;
        for (; last != batches_.end() && last->committed_at == first->committed_at; ++last) {
            rows += last->rows;
            all_whole = all_whole && last->is_whole;
        }
        if (all_whole && rows != first->seen) {
            AuditDifference difference{AuditKind::batch,
                                       {},
                                       {},
                                       {},
                                       fmt::format("{} rows of the batch", first->seen),
                                       fmt::format("{} rows were committed at {}", rows,
                                                   format_rfc3339(first->committed_at)),
                                       partitions_[first->partition],
                                       Offset(first->from),
                                       table,
                                       {},
                                       {}};
            work.differs(std::move(difference));
        }
        first = last;
    }
}

}  // namespace tapedeck
