#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "base/strong.h"
#include "base/time.h"
#include "market/reason.h"

namespace tapedeck {

using RequestId = Strong<struct RequestIdTag, std::uint64_t>;

struct Header {
    std::string name;
    Secret value;  // never logged; API keys travel here
};

enum class Method { get, head, put, post, remove };
std::string_view to_string(Method method);  // "GET", "DELETE"

// Bytes of a file that are sent without being held: [offset, offset + size).
struct FilePart {
    std::string path;
    std::int64_t offset = 0;
    std::int64_t size = 0;
};

// One question. With a method that sends nothing (GET, HEAD, DELETE) there is no body.
struct Request {
    std::string url;
    Method method = Method::get;
    std::vector<Header> headers;
    std::string body;
    std::optional<FilePart> file;  // in place of `body`
    // The same body may be sent twice without harm, as to a connection that had died unnoticed.
    // What is not repeatable goes over a connection of its own.
    bool repeatable = false;
    std::chrono::milliseconds timeout{10'000};  // from start to last byte
    std::chrono::milliseconds connect_timeout{5'000};
    std::int64_t max_bytes = 8 * 1024 * 1024;  // of the body, packed and unpacked alike
    int max_redirects = 5;
    std::optional<Secret> proxy;  // "http://user:password@host:port"
    // Requests with the same name share cookies; empty: those that its own redirects set, no other.
    std::string cookie_jar;
    // What stands in URL, headers or proxy and is for the host asked alone.
    std::vector<Secret> confidential;
};

// Whether the request has bytes to send.
bool has_body(const Request& request);

// What came back. With `failure` set, status, headers and body hold what had come until then.
struct Answer {
    RequestId id;
    int status = 0;
    std::vector<std::pair<std::string, std::string>>
        headers;       // names in lower case; last response's
    std::string body;  // unpacked
    std::string url;   // after redirects
    Timestamp started;
    Timestamp ended;
    std::optional<Failure> failure;  // of the transport; an HTTP status of 4xx or 5xx is none

    // The value of the last header of that (lower-case) name; empty where there is none.
    std::string_view header(std::string_view name) const;
};

// The seam to the web: many requests under way at once, answers in the order in which they end.
// Every implementation passes tests/conformance/http_client_suite.h. One thread per client.
class HttpClient {
public:
    virtual ~HttpClient() = default;

    // Puts a request under way; never blocks. Its answer comes from `wait`, exactly once.
    virtual void start(RequestId id, Request request) = 0;

    // Answers that have ended, at least one unless `at_most` passes, `stop` is requested or
    // nothing is under way.
    virtual std::vector<Answer> wait(std::chrono::milliseconds at_most, std::stop_token stop) = 0;

    // Drops everything under way; no answer comes for it.
    virtual void cancel_all() = 0;

    virtual std::size_t under_way() const = 0;

    // For the pause between two slots: lets go of what is kept for the next request. Cookies stay;
    // nothing may be under way.
    virtual void rest() = 0;
};

}  // namespace tapedeck
