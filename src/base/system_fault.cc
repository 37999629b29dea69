#include "base/system_fault.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace tapedeck {
namespace {

constexpr rlim_t kEnoughDescriptors = 65'536;

}  // namespace

std::string system_fault(int code) {
    std::string words = std::generic_category().message(code);
    if (code == ENFILE) return "too many open files on this machine: " + words;
    if (code != EMFILE) return words;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return words;
    return "too many open files: this process may have " + std::to_string(limit.rlim_cur) +
           " (ulimit -n)";
}

std::optional<std::string> missing_descriptors() {
    const int probe = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (probe >= 0) {
        ::close(probe);
        return std::nullopt;
    }
    if (errno != EMFILE && errno != ENFILE) return std::nullopt;
    return system_fault(errno);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const rlim_t wanted = std::min(limit.rlim_max, kEnoughDescriptors);
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = wanted;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace tapedeck
