#include "events/counters.h"

#include "base/mutex.h"

namespace tapedeck {

void Counters::add(std::string_view name, std::int64_t by, Labels labels) {
    CounterKey key{std::string(name), {}};
    for (const auto& [label, value] : labels) key.labels.emplace_back(label, value);
    const Lock lock(mutex_);
    counts_[std::move(key)] += by;
}

std::map<CounterKey, std::int64_t> Counters::read() const {
    const Lock lock(mutex_);
    return counts_;
}

}  // namespace tapedeck
