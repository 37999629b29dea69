#include "demo/misbehaviour.h"

#include <algorithm>
#include <utility>

#include "base/mutex.h"
#include "demo/hash.h"

namespace tapedeck {
namespace {

constexpr std::size_t kMostTargets = 100'000;  // remembered; then counting begins anew

}  // namespace

std::string_view to_string(Misbehaviour kind) {
    switch (kind) {
        case Misbehaviour::consent:
            return "consent";
        case Misbehaviour::throttled:
            return "throttled";
        case Misbehaviour::server_error:
            return "server_error";
        case Misbehaviour::challenge:
            return "challenge";
        case Misbehaviour::slow:
            return "slow";
        case Misbehaviour::cut:
            return "cut";
        case Misbehaviour::drip:
            return "drip";
        case Misbehaviour::hang:
            return "hang";
        case Misbehaviour::empty:
            return "empty";
        case Misbehaviour::garbage:
            return "garbage";
        case Misbehaviour::redirects:
            return "redirects";
        case Misbehaviour::other_page:
            return "other_page";
        case Misbehaviour::not_found:
            return "not_found";
    }
    return "";
}

MisbehaviourRates MisbehaviourRates::none() {
    MisbehaviourRates rates;
    rates.consent = rates.throttled = rates.server_error = 0;
    rates.slow = rates.cut = rates.challenge = 0;
    return rates;
}

void MisbehaviourPlan::script(std::string_view site, Misbehaviour kind, int count) {
    const Lock lock(mutex_);
    script_.push_back({std::string(site), kind, count});
}

std::optional<Misbehaviour> MisbehaviourPlan::next(std::string_view site, std::string_view target,
                                                   bool chance) {
    const Lock lock(mutex_);
    std::erase_if(script_, [](const Scripted& scripted) { return scripted.left <= 0; });
    for (Scripted& scripted : script_) {
        if (!scripted.site.empty() && scripted.site != site) continue;
        --scripted.left;
        return scripted.kind;
    }
    if (!chance) return std::nullopt;
    const std::uint64_t key = mixed(hash_of(site), hash_of(target));
    if (asked_.size() >= kMostTargets) asked_.clear();
    const std::uint64_t time = asked_[key]++;
    int draw = static_cast<int>(mixed(mixed(seed_, key), time) % 100'000);
    for (const auto& [kind, rate] : {std::pair{Misbehaviour::consent, rates_.consent},
                                     {Misbehaviour::throttled, rates_.throttled},
                                     {Misbehaviour::server_error, rates_.server_error},
                                     {Misbehaviour::slow, rates_.slow},
                                     {Misbehaviour::cut, rates_.cut},
                                     {Misbehaviour::challenge, rates_.challenge}}) {
        if (draw < rate) return kind;
        draw -= rate;
    }
    return std::nullopt;
}

}  // namespace tapedeck
