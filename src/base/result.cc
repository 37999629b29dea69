#include "base/result.h"

namespace tapedeck {

std::string_view to_string(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::unavailable:
            return "unavailable";
        case ErrorKind::malformed:
            return "malformed";
        case ErrorKind::rejected:
            return "rejected";
        case ErrorKind::conflict:
            return "conflict";
        case ErrorKind::corrupt:
            return "corrupt";
    }
    TAPEDECK_ASSERT(false);
}

Error in_context(std::string_view place, const Error& error) {
    return {error.kind, std::string(place) + ": " + error.what};
}

}  // namespace tapedeck
