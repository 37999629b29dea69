#include "collect/source_states.h"

#include "base/mutex.h"
#include "events/recording.h"
#include "net/url.h"

namespace tapedeck {

using std::chrono::microseconds;

bool SourceStates::may_ask(const Source& source, microseconds steady) {
    const Lock lock(mutex_);
    return breakers_[source.name].allow(steady);
}

void SourceStates::succeeded(const Source& source) {
    const Lock lock(mutex_);
    breakers_[source.name].succeeded();
    rests_.erase(source.name);
}

void SourceStates::failed(const Source& source, const Failure& failure, microseconds steady,
                          Timestamp wall) {
    microseconds rest{0};
    {
        const Lock lock(mutex_);
        CircuitBreaker& breaker = breakers_[source.name];
        const bool was_open = breaker.state(steady) == BreakerState::open;
        breaker.failed(failure.reason, steady);
        if (!was_open && breaker.state(steady) == BreakerState::open) {
            rest = breaker.rest_left(steady);
            // A trial that failed prolongs the rest: it began when the source was left alone.
            rests_.try_emplace(source.name, Rest{wall, {}}).first->second.cause = failure;
        }
    }
    if (rest.count() > 0) {
        log_.emit(SourceResting{source.name,
                                std::chrono::duration_cast<std::chrono::seconds>(rest).count(),
                                failure.what});
    }
}

std::optional<SourceStates::Rest> SourceStates::rest_of(const std::string& source) const {
    const Lock lock(mutex_);
    const auto found = rests_.find(source);
    if (found == rests_.end()) return std::nullopt;
    return found->second;
}

std::optional<microseconds> SourceStates::reserve_until(const Source& source,
                                                        const std::string& url, microseconds steady,
                                                        microseconds latest) {
    const PaceLimit limit{source.pace.count, source.pace.per};
    return pacer_.reserve_until(host_of(url), limit, steady, latest);
}

void SourceStates::hold(const std::string& url, microseconds until) {
    pacer_.hold(host_of(url), until);
}

microseconds SourceStates::held_until(const std::string& url) const {
    return pacer_.held_until(host_of(url));
}

std::map<std::string, SourceStates::Health> SourceStates::health(microseconds steady) const {
    const Lock lock(mutex_);
    std::map<std::string, Health> all;
    for (const auto& [name, breaker] : breakers_) {
        all[name] = {breaker.state(steady), breaker.failures(), breaker.rest_left(steady)};
    }
    return all;
}

}  // namespace tapedeck
