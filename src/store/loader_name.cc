#include "store/loader_name.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

namespace tapedeck {

std::string loader_name() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host = {"localhost"};
    return fmt::format("{}:{}", host.data(), ::getpid());
}

}  // namespace tapedeck
