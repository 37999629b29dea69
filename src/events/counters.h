#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace tapedeck {

// What an event has added to: a name in the plural, and what tells its series from the others of
// that name. Labels are names of the configuration (feeds, topics, DAGs, reasons) and never what
// somebody else's text says, so that there are few.
struct CounterKey {
    std::string name;
    std::vector<std::pair<std::string, std::string>> labels;
    friend std::strong_ordering operator<=>(const CounterKey&, const CounterKey&) = default;
};

// How often things have happened since the program began: each number only grows. Any thread.
class Counters {
public:
    using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    void add(std::string_view name, std::int64_t by, Labels labels = {});
    // All that were ever added to, by name and labels.
    std::map<CounterKey, std::int64_t> read() const;

private:
    mutable Mutex mutex_;
    std::map<CounterKey, std::int64_t> counts_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
