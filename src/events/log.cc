#include "events/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/harmless.h"
#include "base/json_writer.h"
#include "base/mutex.h"

namespace tapedeck {

std::string_view to_string(Severity severity) {
    switch (severity) {
        case Severity::debug:
            return "debug";
        case Severity::info:
            return "info";
        case Severity::warn:
            return "warn";
        case Severity::error:
            return "error";
    }
    TAPEDECK_ASSERT(false);
}

EventFields& EventFields::field(std::string_view name, std::string_view value) {
    if (format_ == LogFormat::json) {
        text_ += ',';
        append_json_string(text_, name);
        text_ += ':';
        append_json_string(text_, value);
        return *this;
    }
    text_ += ' ';
    text_ += name;
    text_ += '=';
    const bool plain = !value.empty() && value.find_first_of(" \"=\n\r\t\\") == value.npos;
    if (plain) {
        text_ += value;
    } else {
        append_json_string(text_, value);
    }
    return *this;
}

EventFields& EventFields::field(std::string_view name, std::int64_t value) {
    if (format_ == LogFormat::json) {
        text_ += ',';
        append_json_string(text_, name);
        fmt::format_to(std::back_inserter(text_), ":{}", value);
    } else {
        fmt::format_to(std::back_inserter(text_), " {}={}", name, value);
    }
    return *this;
}

void Log::write(std::string_view name, Severity severity, const std::string& as_told) {
    const std::string fields = harmless(redactor_ == nullptr ? as_told : redactor_->clean(as_told));
    const std::string at = format_rfc3339(clock_.now());
    const std::string line =
        format_ == LogFormat::json
            ? fmt::format(R"({{"at":"{}","level":"{}","event":"{}"{}}})"
                          "\n",
                          at, to_string(severity), name, fields)
            : fmt::format("{} {:5} {}{}\n", at, to_string(severity), name, fields);
    const Lock lock(mutex_);
    if (sink_) return sink_(name, std::string_view(line).substr(0, line.size() - 1));
    for (std::size_t done = 0; done < line.size();) {
        const auto wrote = ::write(fd_, line.data() + done, line.size() - done);
        if (wrote < 0 && errno != EINTR) return;  // diagnostics must not stop the recorder
        if (wrote > 0) done += static_cast<std::size_t>(wrote);
    }
}

}  // namespace tapedeck
