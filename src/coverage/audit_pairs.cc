#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "coverage/audit_compare.h"

// Putting the messages and rows of a window beside one another.
namespace tapedeck {
namespace {

constexpr char kBetween = '\x1f';

// The first `columns` values of an entry, with its table.
std::string prefix_of(const AuditEntry& entry, std::size_t columns) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < columns && end != std::string::npos; ++i) {
        end = entry.content.find(kBetween, i == 0 ? 0 : end + 1);
    }
    std::string prefix = std::to_string(entry.table) + kBetween;
    return prefix + entry.content.substr(0, end);
}

std::string whole(const AuditEntry& entry) {
    return std::to_string(entry.table) + kBetween + entry.content;
}

using IsGone = std::function<bool(const AuditEntry& row)>;
using Surplus =
    std::function<std::optional<AuditEntry>(const AuditEntry& kept, const AuditEntry& other)>;

// Of the messages with one key the first is the row: of each partition, as nobody knows any more
// which of two partitions was loaded first. Where the row's own message is gone, none of them is.
class KeyedMessages {
public:
    KeyedMessages(std::vector<AuditEntry>& messages, const std::vector<AuditEntry>& rows,
                  const IsGone& is_gone)
        : messages_(messages) {
        for (const AuditEntry& row : rows) {
            rows_.insert(whole(row));
            if (row.key_columns > 0 && is_gone(row)) {
                gone_.emplace(prefix_of(row, row.key_columns), &row);
            }
        }
    }

    std::vector<AuditEntry> take(const Surplus& surplus) {
        std::unordered_map<std::string, std::vector<std::size_t>> by_key;
        std::vector<AuditEntry> kept;
        for (std::size_t i = 0; i < messages_.size(); ++i) {
            const AuditEntry& one = messages_[i];
            if (one.key_columns == 0) {
                kept.push_back(std::move(messages_[i]));
            } else {
                by_key[prefix_of(one, one.key_columns)].push_back(i);
            }
        }
        for (auto& [key, same] : by_key) {
            const std::size_t first = first_of(same);
            const auto gone = gone_.find(key);
            const bool is_gone = gone != gone_.end() && !rows_.contains(whole(messages_[first]));
            const AuditEntry& row = is_gone ? *gone->second : messages_[first];
            for (const std::size_t index : same) {
                if (index == first && !is_gone) continue;
                if (auto more = surplus(row, messages_[index])) kept.push_back(*std::move(more));
            }
            if (!is_gone) kept.push_back(std::move(messages_[first]));
        }
        return kept;
    }

private:
    std::size_t first_of(std::vector<std::size_t>& same) const {
        std::ranges::sort(same, [&](std::size_t a, std::size_t b) {
            const Position& left = *messages_[a].message;
            const Position& right = *messages_[b].message;
            return std::tie(left.at, messages_[a].is_late, left.offset) <
                   std::tie(right.at, messages_[b].is_late, right.offset);
        });
        const TopicPartition* before = nullptr;
        for (const std::size_t index : same) {
            const TopicPartition& at = messages_[index].message->at;
            // Dead letters are retried in any order, and at any time.
            if (before != nullptr && at == *before && !messages_[index].is_late) continue;
            before = &at;
            if (rows_.contains(whole(messages_[index]))) return index;
        }
        return same.front();
    }

    std::vector<AuditEntry>& messages_;
    std::unordered_set<std::string> rows_;
    std::unordered_map<std::string, const AuditEntry*> gone_;  // by key
};

// Takes out of both what `name_of` gives the same name.
template <class NameOf, class Take>
void join(std::vector<AuditEntry>& messages, std::vector<AuditEntry>& rows, NameOf&& name_of,
          Take&& take) {
    std::unordered_map<std::string, std::vector<std::size_t>> by_name;
    for (std::size_t i = messages.size(); i-- > 0;) by_name[name_of(messages[i])].push_back(i);
    std::vector<bool> gone(messages.size());
    std::erase_if(rows, [&](AuditEntry& row) {
        const auto found = by_name.find(name_of(row));
        if (found == by_name.end() || found->second.empty()) return false;
        const std::size_t index = found->second.back();
        found->second.pop_back();
        gone[index] = true;
        take(messages[index], row);
        return true;
    });
    std::vector<AuditEntry> left;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        if (!gone[i]) left.push_back(std::move(messages[i]));
    }
    messages = std::move(left);
}

// What an altered row may still have in common with its message, the nearest first.
constexpr std::size_t kInCommon[] = {5, 4, 2};

}  // namespace

AuditContent& AuditContent::add(std::string_view value) {
    if (begun_) text_ += kBetween;
    begun_ = true;
    // A value that holds the mark cannot be told from two; no text of a source has it.
    for (const char c : value) text_ += c == kBetween ? ' ' : c;
    return *this;
}

AuditContent& AuditContent::add(std::int64_t value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return add(std::string_view(digits, end));
}

AuditContent& AuditContent::add(const RowView& row, int column) {
    return add(row.is_null(column) ? std::string_view() : row.text(column));
}

std::vector<std::string_view> audit_values(std::string_view content) {
    std::vector<std::string_view> values;
    for (;;) {
        const auto end = content.find(kBetween);
        values.push_back(content.substr(0, end));
        if (end == std::string_view::npos) return values;
        content.remove_prefix(end + 1);
    }
}

std::vector<AuditPair> audit_pairs(std::vector<AuditEntry> messages, std::vector<AuditEntry> rows,
                                   const Surplus& surplus, const IsGone& is_gone) {
    messages = KeyedMessages(messages, rows, is_gone).take(surplus);
    join(messages, rows, whole, [](AuditEntry&, AuditEntry&) {});
    std::vector<AuditPair> pairs;
    for (const std::size_t columns : kInCommon) {
        join(
            messages, rows, [&](const AuditEntry& one) { return prefix_of(one, columns); },
            [&](AuditEntry& message, AuditEntry& row) {
                pairs.push_back({std::move(message), std::move(row)});
            });
    }
    for (AuditEntry& message : messages) pairs.push_back({std::move(message), std::nullopt});
    for (AuditEntry& row : rows) pairs.push_back({std::nullopt, std::move(row)});
    return pairs;
}

}  // namespace tapedeck
