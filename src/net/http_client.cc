#include "net/http_client.h"

#include "base/assert.h"

namespace tapedeck {

std::string_view to_string(Method method) {
    switch (method) {
        case Method::get:
            return "GET";
        case Method::head:
            return "HEAD";
        case Method::put:
            return "PUT";
        case Method::post:
            return "POST";
        case Method::remove:
            return "DELETE";
    }
    TAPEDECK_ASSERT(false);
}

bool has_body(const Request& request) {
    return request.method == Method::put || request.method == Method::post;
}

std::string_view Answer::header(std::string_view name) const {
    for (auto entry = headers.rbegin(); entry != headers.rend(); ++entry) {
        if (entry->first == name) return entry->second;
    }
    return {};
}

}  // namespace tapedeck
