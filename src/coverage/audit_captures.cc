#include "coverage/audit_captures.h"
#include "store/run_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBytesAtOnce = 1024 * 1024;
constexpr std::size_t kMostMissing = 10'000;   // told of once each; from then on by each place
constexpr std::chrono::hours kLongestTry{24};  // of a try whose end nobody has noted
constexpr auto kOnItsWay = 10min;              // until the account of a try by hand is loaded

std::uint64_t number_of(const Sha256& digest) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 8; ++i) number = number << 8U | digest[i];
    return number;
}

AuditDifference difference_of(AuditKind kind, std::string stored, std::string derived,
                              std::string row) {
    AuditDifference difference{kind, {}, {}, {}, std::move(stored), std::move(derived), {},
                               {},   {}, {}, {}};
    difference.table = "captures";
    difference.row = std::move(row);
    return difference;
}

}  // namespace

Result<> CaptureNames::read_kept() {
    if (!work_.captures_fault().empty()) note_damage(work_.captures_fault());
    if (work_.captures() == nullptr) return {};
    auto read = read_file();
    if (read || read.error().kind != ErrorKind::corrupt) return read;
    note_damage(read.error().what);
    std::ranges::sort(kept_);
    marks_.resize(kept_.size());
    return {};
}

void CaptureNames::note_damage(const std::string& fault) {
    damaged_ = true;
    work_.differs(
        difference_of(AuditKind::capture_damaged, fault, "a file that can be read", "(the file)"));
}

Result<> CaptureNames::read_file() {
    work_.report.not_compared.captures_looked_at = true;
    const auto left_out_until = work_.captures()->left_out_until();
    if (!left_out_until) return left_out_until.error();
    left_out_until_ = *left_out_until;
    const auto sizes = work_.captures()->sizes();
    if (!sizes) return sizes.error();
    work_.expects(sizes->captures);
    kept_.reserve(static_cast<std::size_t>(sizes->captures));
    const auto look = [&](const LookedAtCapture& one) -> Result<> {
        const auto digest = sha256_from_hex(one.sha256);
        if (digest) kept_.push_back(number_of(*digest));
        work_.has_done(1);
        if (!one.has_body) return {};
        if (one.was_hashed) ++work_.report.captures;
        if (one.fault.empty()) return {};
        work_.differs(difference_of(
            AuditKind::capture_damaged, one.fault,
            fmt::format("what {} answered at {}", one.url, format_rfc3339(one.fetched_at)),
            one.sha256));
        return {};
    };
    auto done = work_.captures()->look_through(
        [&](Timestamp fetched_at) { return work_.holds(fetched_at); }, look);
    if (!done) return done;
    std::ranges::sort(kept_);
    marks_.resize(kept_.size());
    // Whether the bytes are there is noted in a second look, as the order is known only now.
    return work_.captures()->look_through([](Timestamp) { return false; },
                                          [&](const LookedAtCapture& one) -> Result<> {
                                              std::uint8_t* mark = mark_of(one.sha256);
                                              if (mark != nullptr && one.has_body) {
                                                  *mark |= has_body;
                                              }
                                              return {};
                                          });
}

std::uint8_t* CaptureNames::mark_of(std::string_view sha256_hex) {
    const auto digest = sha256_from_hex(sha256_hex);
    if (!digest) return nullptr;
    const auto found = std::ranges::lower_bound(kept_, number_of(*digest));
    if (found == kept_.end() || *found != number_of(*digest)) return nullptr;
    const auto index = static_cast<std::size_t>(found - kept_.begin());
    return index < marks_.size() ? &marks_[index] : nullptr;
}

// The file was read before the rows: what was recorded since is in both, but only now.
Result<bool> CaptureNames::came_meanwhile(std::string_view sha256_hex) {
    if (damaged_) return false;
    const auto capture = work_.captures()->get(sha256_hex);
    if (capture) return capture->has_value();
    if (capture.error().kind == ErrorKind::corrupt) return true;  // there, whatever its bytes are
    return capture.error();
}

Result<> CaptureNames::note(std::string_view sha256_hex, const Place& place) {
    if (sha256_hex.empty()) return {};
    if (work_.captures() == nullptr) {
        ++unheld_;
        return {};
    }
    if (std::uint8_t* mark = mark_of(sha256_hex)) {
        if ((*mark & (has_body | named)) == 0) ++work_.report.not_compared.captures_pruned;
        *mark |= named;
        return {};
    }
    if (left_out_until_ && place.at <= *left_out_until_) {
        note_left_out(sha256_hex);
        return {};
    }
    const auto known = missing_.find(std::string(sha256_hex));
    if (known != missing_.end()) {
        ++known->second.places;
        return {};
    }
    const auto is_there = came_meanwhile(sha256_hex);
    if (!is_there) return is_there.error();
    if (*is_there) return {};
    AuditDifference difference{AuditKind::capture_missing,
                               std::string(place.feed),
                               place.has_slot ? std::optional(place.at) : std::nullopt,
                               std::string(place.instrument),
                               "(no capture)",
                               fmt::format("capture {}", sha256_hex),
                               {},
                               {},
                               std::string(place.table),
                               place.row,
                               {}};
    if (missing_.size() >= kMostMissing) {
        work_.differs(std::move(difference));
    } else {
        missing_.emplace(sha256_hex, Missing{std::move(difference)});
    }
    return {};
}

// Each is named at several places, and counted once.
void CaptureNames::note_left_out(std::string_view sha256_hex) {
    const auto digest = sha256_from_hex(sha256_hex);
    if (!digest) return;
    left_out_.push_back(number_of(*digest));
    if (left_out_.size() >= left_out_sorted_at_) drop_repeated();
}

void CaptureNames::drop_repeated() {
    std::ranges::sort(left_out_);
    const auto repeated = std::ranges::unique(left_out_);
    left_out_.erase(repeated.begin(), repeated.end());
    left_out_sorted_at_ = std::max(left_out_sorted_at_, 2 * left_out_.size());
}

Result<> CaptureNames::finish(const std::map<TopicPartition, AuditedPartition>& partitions) {
    for (auto& [name, missing] : missing_) {
        if (missing.places > 1) {
            missing.difference.derived += fmt::format(", named at {} places", missing.places);
        }
        work_.differs(std::move(missing.difference));
    }
    missing_.clear();
    drop_repeated();
    work_.report.not_compared.captures_left_out = static_cast<std::int64_t>(left_out_.size());
    if (work_.captures() == nullptr && !damaged_ && unheld_ > 0 && !work_.captures_file().empty()) {
        work_.differs(difference_of(AuditKind::capture_missing,
                                    fmt::format("(no file {})", work_.captures_file()),
                                    fmt::format("captures, named at {} places", unheld_), {}));
    }
    // What one day or one feed names is not all that is named.
    if (work_.captures() == nullptr || damaged_ || !work_.is_about_everything() ||
        !work_.scope().feed.empty()) {
        return {};
    }
    if (auto done = note_unloaded(partitions); !done) return done;
    return look_for_unnamed();
}

// The accounts that the ledger has not reached name captures as well.
Result<> CaptureNames::note_unloaded(const std::map<TopicPartition, AuditedPartition>& partitions) {
    for (const auto& [at, partition] : partitions) {
        if (topic_on_tape(at.topic) != kOutcomesTopic || partition.is_elsewhere) continue;
        const auto extent = work_.tape().extent(partition.on_tape());
        if (!extent) return extent.error();
        AuditedPartition copy = partition;
        AuditWalk walk(work_, copy, false);
        auto done = walk.run(partition.loaded, extent->end, kBytesAtOnce,
                             [&](const Chunk& chunk) -> Result<> {
                                 for (const TapeMessage& message : chunk.messages) {
                                     const auto run = decode_outcomes(message.value);
                                     if (!run) continue;
                                     for (const Outcome& outcome : run->outcomes) {
                                         for (const Attempt& attempt : outcome.attempts) {
                                             auto* mark = mark_of(attempt.capture);
                                             if (mark != nullptr) *mark |= named;
                                         }
                                     }
                                 }
                                 return {};
                             });
        if (!done) return done;
    }
    return {};
}

// The times of the tries whose account is not in the store.
Result<std::vector<std::pair<Timestamp, Timestamp>>> CaptureNames::tries_without_account() {
    std::vector<std::pair<Timestamp, Timestamp>> times;
    auto done = RunTable(work_.store())
                    .each_try_without_account([&](Timestamp began, std::optional<Timestamp> ended) {
                        times.emplace_back(began, ended.value_or(began + kLongestTry));
                    });
    if (!done) return done.error();
    std::ranges::sort(times);
    return times;
}

// What was kept a short while before the audit began or since, or after the oldest of what waits in
// spool or journal: its account may be on its way.
bool CaptureNames::may_be_told_of_yet(const LookedAtCapture& one) const {
    const AuditScope& scope = work_.scope();
    return one.fetched_at >= scope.now - kOnItsWay ||
           (scope.held_back && one.fetched_at >= scope.held_back->since);
}

Result<> CaptureNames::look_for_unnamed() {
    if (std::ranges::all_of(marks_, [](std::uint8_t mark) { return (mark & named) != 0; })) {
        return {};
    }
    const auto times = tries_without_account();
    if (!times) return times.error();
    // The longest look back that any try needs: a sorted list alone does not say which began first
    // and lasts still.
    Timestamp::duration longest{0};
    for (const auto& [began, ended] : *times) longest = std::max(longest, ended - began);
    return work_.captures()->look_through(
        [](Timestamp) { return false; },
        [&](const LookedAtCapture& one) -> Result<> {
            const std::uint8_t* mark = mark_of(one.sha256);
            if (mark == nullptr || (*mark & named) != 0) return {};
            if (may_be_told_of_yet(one)) {
                ++work_.report.not_compared.captures_without_account;
                return {};
            }
            auto at = std::ranges::lower_bound(
                *times, std::pair(one.fetched_at - longest, Timestamp::min()));
            for (; at != times->end() && at->first <= one.fetched_at; ++at) {
                if (one.fetched_at > at->second) continue;
                ++work_.report.not_compared.captures_without_account;
                return {};
            }
            work_.differs(difference_of(
                AuditKind::capture_unnamed,
                fmt::format("what {} answered at {}", one.url, format_rfc3339(one.fetched_at)),
                "(no account tells of it)", one.sha256));
            return {};
        });
}

}  // namespace tapedeck
