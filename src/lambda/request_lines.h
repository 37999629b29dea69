#pragma once

#include <string>
#include <string_view>

#include "base/mutex.h"

namespace tapedeck {

// Writes log lines of JSON with the id of the call that they belong to, as AWS's own lines have it:
// {"requestId":"…","at":…}. Any thread.
class RequestLines {
public:
    explicit RequestLines(int fd) : fd_(fd) {}

    void begin(std::string request_id);
    void end() { begin({}); }
    void write(std::string_view line);

private:
    const int fd_;
    Mutex mutex_;
    std::string request_id_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
