#include "coverage/audit_windows.h"

#include <algorithm>

namespace tapedeck {
namespace {

constexpr std::size_t kMostWindows = 32'768;
constexpr std::size_t kMostStretches = 8;
constexpr std::int64_t kNear = 4'096;  // offsets: read through rather than left out

void add_stretch(std::vector<AuditWindows::Stretch>& all, const AuditWindows::Stretch& more) {
    for (AuditWindows::Stretch& known : all) {
        if (known.partition != more.partition) continue;
        if (more.from.value() > known.to.value() + kNear) continue;
        if (more.to.value() + kNear < known.from.value()) continue;
        known.from = std::min(known.from, more.from);
        known.to = std::max(known.to, more.to);
        return;
    }
    all.push_back(more);
    if (all.size() <= kMostStretches) return;
    // One stretch for each partition: more is read than is needed, and nothing is forgotten.
    std::vector<AuditWindows::Stretch> whole;
    for (const AuditWindows::Stretch& one : all) {
        const auto same =
            std::ranges::find(whole, one.partition, &AuditWindows::Stretch::partition);
        if (same == whole.end()) {
            whole.push_back(one);
            continue;
        }
        same->from = std::min(same->from, one.from);
        same->to = std::max(same->to, one.to);
    }
    all = std::move(whole);
}

Timestamp at_number(std::int64_t number) { return Timestamp(std::chrono::microseconds(number)); }

}  // namespace

AuditWindows::Sum AuditWindows::number_of(const Sha256& hash) {
    Sum number = 0;
    for (std::size_t i = 0; i < 16; ++i) number = number << 8U | hash[i];
    return number;
}

void AuditWindows::widen() {
    ++shift_;
    std::map<std::int64_t, Sums> wider;
    for (auto& [index, sums] : sums_) {
        Sums& into = wider[index >> 1];
        into.messages_hash += sums.messages_hash;
        into.rows_hash += sums.rows_hash;
        into.messages += sums.messages;
        for (std::size_t i = 0; i < into.rows.size(); ++i) into.rows[i] += sums.rows[i];
        for (const Stretch& one : sums.stretches) add_stretch(into.stretches, one);
    }
    sums_ = std::move(wider);
}

AuditWindows::Sums& AuditWindows::sums_at(Timestamp at) {
    while (sums_.size() >= kMostWindows) widen();
    return sums_[at.time_since_epoch().count() >> shift_];
}

void AuditWindows::add_message(Timestamp at, const Sha256& hash, std::size_t partition,
                               Offset offset) {
    Sums& sums = sums_at(at);
    sums.messages_hash += number_of(hash);
    ++sums.messages;
    add_stretch(sums.stretches, {partition, offset, next(offset)});
}

void AuditWindows::add_row(Timestamp at, const Sha256& hash, std::size_t table) {
    Sums& sums = sums_at(at);
    sums.rows_hash += number_of(hash);
    ++sums.rows[table];
}

std::vector<AuditWindows::Window> AuditWindows::differing() const {
    std::vector<Window> out;
    for (const auto& [index, sums] : sums_) {
        if (sums.messages_hash == sums.rows_hash && sums.messages == sums.rows[0] + sums.rows[1]) {
            continue;
        }
        const std::int64_t first = index << shift_;
        const std::int64_t last = first + ((std::int64_t{1} << shift_) - 1);
        out.push_back(
            {at_number(first), at_number(last), sums.messages, sums.rows, sums.stretches});
    }
    return out;
}

}  // namespace tapedeck
