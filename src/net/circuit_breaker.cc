#include "net/circuit_breaker.h"

#include <algorithm>

namespace tapedeck {

bool speaks_of_source(Reason reason) {
    switch (reason) {
        case Reason::malformed:
        case Reason::empty:
        case Reason::truncated:
        case Reason::too_large:
        case Reason::consent:
        case Reason::challenge:
        case Reason::throttled:
        case Reason::unauthorized:
        case Reason::forbidden:
        case Reason::timeout:
        case Reason::unreachable:
        case Reason::refused:
        case Reason::tls:
        case Reason::redirects:
        case Reason::server_error:
            return true;
        case Reason::not_found:
        case Reason::wrong_instrument:
        case Reason::stale:
        case Reason::wrong_currency:
        case Reason::not_positive:
        case Reason::resting:
        case Reason::out_of_time:
        case Reason::tape:
        case Reason::interrupted:
            return false;
    }
    return false;
}

namespace {

// Ended by us, before or beside the source's answer.
bool is_our_own(Reason reason) {
    return reason == Reason::resting || reason == Reason::out_of_time || reason == Reason::tape ||
           reason == Reason::interrupted;
}

}  // namespace

std::string_view to_string(BreakerState state) {
    switch (state) {
        case BreakerState::closed:
            return "closed";
        case BreakerState::open:
            return "open";
        case BreakerState::half_open:
            return "half_open";
    }
    return "";
}

CircuitBreaker::CircuitBreaker(BreakerLimits limits)
    : limits_(limits), next_rest_(limits.first_rest) {
    TAPEDECK_ASSERT(limits.failures_to_open > 0 && limits.first_rest.count() > 0 &&
                    limits.longest_rest >= limits.first_rest);
}

BreakerState CircuitBreaker::state(Time now) const {
    if (!rests_until_) return BreakerState::closed;
    return now < *rests_until_ ? BreakerState::open : BreakerState::half_open;
}

CircuitBreaker::Time CircuitBreaker::rest_left(Time now) const {
    return state(now) == BreakerState::open ? *rests_until_ - now : Time::zero();
}

bool CircuitBreaker::allow(Time now) {
    switch (state(now)) {
        case BreakerState::closed:
            return true;
        case BreakerState::open:
            return false;
        case BreakerState::half_open:
            break;
    }
    if (trial_began_ && now - *trial_began_ < limits_.first_rest) return false;
    trial_began_ = now;
    return true;
}

void CircuitBreaker::succeeded() {
    failures_ = 0;
    rests_until_.reset();
    trial_began_.reset();
    next_rest_ = limits_.first_rest;
}

void CircuitBreaker::failed(Reason reason, Time now) {
    const bool trial_ended = state(now) == BreakerState::half_open && trial_began_.has_value();
    if (!speaks_of_source(reason)) {
        if (!trial_ended) return;
        if (is_our_own(reason)) {
            trial_began_.reset();  // it told nothing: the next request is the trial
        } else {
            succeeded();
        }
        return;
    }
    failures_ = std::min(failures_ + 1, 1'000'000);
    const bool too_many =
        state(now) == BreakerState::closed && failures_ >= limits_.failures_to_open;
    if (trial_ended || too_many) open(now);
}

void CircuitBreaker::open(Time now) {
    rests_until_ = now + next_rest_;
    trial_began_.reset();
    next_rest_ = next_rest_ > limits_.longest_rest / 2 ? limits_.longest_rest : next_rest_ * 2;
}

}  // namespace tapedeck
