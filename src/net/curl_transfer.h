#pragma once

#include <curl/curl.h>

#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "net/curl_client.h"

namespace tapedeck {

struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
struct FreeHeaders {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// One request of a CurlClient on its way, redirects included. The handle's callbacks point here,
// so that it neither moves nor dies while the handle is in a multi.
class CurlTransfer {
public:
    using Steady = std::chrono::steady_clock::time_point;

    CurlTransfer(RequestId id, Request request, Timestamp now);
    CurlTransfer(const CurlTransfer&) = delete;
    CurlTransfer& operator=(const CurlTransfer&) = delete;

    CURL* easy() const { return easy_.get(); }

    // Makes the handle ready for the request as it now stands. `share` holds the cookies.
    void prepare(const CurlOptions& options, CURLSH* share);

    // True where the hop that has just ended leads to another: prepare and run again.
    bool follows_redirect(CURLcode code);

    // The answer, once.
    Answer finish(CURLcode code, Timestamp now);

private:
    static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* self);
    static std::size_t on_send(char* bytes, std::size_t size, std::size_t count, void* self);
    static int on_seek(void* self, curl_off_t offset, int origin);
    static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self);
    static int on_progress(void* self, curl_off_t expected, curl_off_t received, curl_off_t,
                           curl_off_t);

    static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address);

    // What the handle itself has been given, in libcurl's lines; a share's are not among them.
    using CookieLines = std::unique_ptr<curl_slist, FreeHeaders>;
    CookieLines cookies() const;

    bool take_header(std::string_view line);
    bool take_body(std::string_view bytes);
    bool is_too_large(std::string what);
    void set_method();
    void set_headers();
    bool open_file();
    void set_proxy();
    Failure failure_of(CURLcode code) const;
    Failure connect_failure() const;
    std::string connect_fault() const;
    std::string proxy_host() const;  // empty: asked without one
    std::optional<Failure> proxy_failure(CURLcode code) const;
    std::string waited() const;
    int status() const;

    std::unique_ptr<CURL, FreeEasy> easy_;
    std::unique_ptr<curl_slist, FreeHeaders> header_list_;
    Request request_;
    std::unique_ptr<std::FILE, CloseFile> file_;  // of the request's part of one
    std::int64_t file_left_ = 0;
    const Steady deadline_;
    const std::chrono::milliseconds timeout_;
    Answer answer_;
    int followed_ = 0;
    bool from_public_ = false;      // a hop so far was answered by an address of the internet
    bool private_allowed_ = false;  // redirects may lead into our own network
    bool led_astray_ = false;       // one would have
    std::size_t header_bytes_ = 0;
    bool headers_ended_ = false;      // libcurl takes a close among the headers as their end
    bool leads_on_ = false;           // this hop's answer is a redirect: its body is not kept
    std::optional<Failure> failure_;  // what a callback or redirect found
    std::array<char, CURL_ERROR_SIZE> error_{};
};

}  // namespace tapedeck
