#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/redactor.h"
#include "events/counters.h"

namespace tapedeck {

// info: someone's action completed; warn: recovered, nothing lost; error: someone must act.
enum class Severity { debug, info, warn, error };
enum class LogFormat { text, json };

std::string_view to_string(Severity severity);

// Collects the fields of one event, in their order.
class EventFields {
public:
    explicit EventFields(LogFormat format) : format_(format) {}
    EventFields& field(std::string_view name, std::string_view value);
    EventFields& field(std::string_view name, const char* value) {
        return field(name, std::string_view(value));
    }
    EventFields& field(std::string_view name, std::int64_t value);
    EventFields& field(std::string_view name, Timestamp value) {
        return field(name, format_rfc3339(value));
    }
    const std::string& text() const { return text_; }

private:
    LogFormat format_;
    std::string text_;  // each field with the separator before it
};

// An event that has more to count than itself.
template <class Event>
concept Counting = requires(const Event& event, Counters& counters) {
    event.count(counters);
};

// Takes each event: adds it to the counters, and writes it as one line: JSON for programs, or text.
// An event is a struct of src/events/ with kName, kSeverity, `void fields(EventFields&) const` and,
// where it counts more than itself, `void count(Counters&) const`. Any thread may emit.
class Log {
public:
    // Writes to the descriptor `fd`, which stays the caller's; events below `least` are dropped.
    // What `redactor` knows is taken out of every line.
    Log(int fd, LogFormat format, Severity least, const Clock& clock,
        const Redactor* redactor = nullptr)
        : fd_(fd), format_(format), least_(least), clock_(clock), redactor_(redactor) {}

    // Gives each line, without its end, to `sink` in place of a descriptor: one call at a time, on
    // the thread that emits.
    using Sink = std::function<void(std::string_view event, std::string_view line)>;
    Log(Sink sink, LogFormat format, Severity least, const Clock& clock,
        const Redactor* redactor = nullptr)
        : fd_(-1),
          format_(format),
          least_(least),
          clock_(clock),
          redactor_(redactor),
          sink_(std::move(sink)) {}

    template <class Event>
    void emit(const Event& event) {
        counters_.add("events", 1, {{"event", Event::kName}});
        if constexpr (Counting<Event>) event.count(counters_);
        if (Event::kSeverity < least_) return;
        EventFields fields(format_);
        event.fields(fields);
        write(Event::kName, Event::kSeverity, fields.text());
    }

    // Of everything that was emitted, whether or not its line was written.
    const Counters& counters() const { return counters_; }

private:
    void write(std::string_view name, Severity severity, const std::string& as_told);

    const int fd_;
    const LogFormat format_;
    const Severity least_;
    const Clock& clock_;
    const Redactor* const redactor_;  // none: nothing is taken out
    const Sink sink_;
    Counters counters_;
    Mutex mutex_;  // keeps lines whole
};

}  // namespace tapedeck
