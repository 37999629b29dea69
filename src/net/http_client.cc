#include "net/http_client.h"

namespace tapedeck {

std::string_view Answer::header(std::string_view name) const {
    for (auto entry = headers.rbegin(); entry != headers.rend(); ++entry) {
        if (entry->first == name) return entry->second;
    }
    return {};
}

}  // namespace tapedeck
