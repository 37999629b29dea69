#include "net/pacer.h"

#include "base/assert.h"
#include "base/mutex.h"

namespace tapedeck {
namespace {

using std::chrono::microseconds;

// What one request costs the bucket.
microseconds interval_of(const PaceLimit& limit) { return microseconds(limit.per) / limit.count; }

}  // namespace

int burst_of(const PaceLimit& limit) {
    constexpr std::int64_t kSpan = 10'000;
    constexpr std::int64_t kLeast = 12;
    if (limit.per.count() <= 0) return limit.count;
    const std::int64_t share = limit.count * kSpan / limit.per.count();
    return static_cast<int>(std::min<std::int64_t>(limit.count, std::max(kLeast, share)));
}

HostPace::Time HostPace::next_start(const PaceLimit& limit, Time now) const {
    TAPEDECK_ASSERT(limit.count >= 0 && limit.per.count() >= 0);
    Time start = std::max(now, held_until_);
    if (limit.count == 0) return start;
    if (!starts_.empty()) start = std::max(start, starts_.back());
    const auto count = static_cast<std::size_t>(limit.count);
    if (starts_.size() >= count)
        start = std::max(start, starts_[starts_.size() - count] + limit.per);
    if (due_ == Time::min()) return start;
    return std::max(start, due_ - interval_of(limit) * (burst_of(limit) - 1));
}

HostPace::Time HostPace::reserve(const PaceLimit& limit, Time now) {
    const Time start = next_start(limit, now);
    if (limit.count == 0) return start;
    due_ = std::max(due_, start) + interval_of(limit);
    kept_ = std::max(kept_, static_cast<std::size_t>(limit.count));
    starts_.push_back(start);
    if (starts_.size() > kept_) starts_.pop_front();
    return start;
}

HostPace& Pacer::pace_of(std::string_view host) {
    const auto found = hosts_.find(host);
    return found != hosts_.end() ? found->second : hosts_[std::string(host)];
}

Pacer::Time Pacer::reserve(std::string_view host, const PaceLimit& limit, Time now) {
    const Lock lock(mutex_);
    return pace_of(host).reserve(limit, now);
}

std::optional<Pacer::Time> Pacer::reserve_until(std::string_view host, const PaceLimit& limit,
                                                Time now, Time latest) {
    const Lock lock(mutex_);
    HostPace& pace = pace_of(host);
    if (pace.next_start(limit, now) > latest) return std::nullopt;
    return pace.reserve(limit, now);
}

void Pacer::hold(std::string_view host, Time until) {
    const Lock lock(mutex_);
    pace_of(host).hold(until);
}

Pacer::Time Pacer::held_until(std::string_view host) const {
    const Lock lock(mutex_);
    const auto found = hosts_.find(host);
    return found != hosts_.end() ? found->second.held_until() : Time::min();
}

}  // namespace tapedeck
