#include "lambda/request_lines.h"

#include <unistd.h>

#include <cerrno>

#include "base/json_writer.h"
#include "base/mutex.h"

namespace tapedeck {

void RequestLines::begin(std::string request_id) {
    const Lock lock(mutex_);
    request_id_ = std::move(request_id);
}

void RequestLines::write(std::string_view line) {
    const Lock lock(mutex_);
    std::string whole;
    if (!request_id_.empty() && line.starts_with("{")) {
        whole = "{\"requestId\":";
        append_json_string(whole, request_id_);
        whole += ',';
        line.remove_prefix(1);
    }
    whole.append(line).append("\n");
    for (std::size_t done = 0; done < whole.size();) {
        const auto wrote = ::write(fd_, whole.data() + done, whole.size() - done);
        if (wrote < 0 && errno != EINTR) return;
        if (wrote > 0) done += static_cast<std::size_t>(wrote);
    }
}

}  // namespace tapedeck
