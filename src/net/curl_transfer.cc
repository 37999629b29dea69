#include "net/curl_transfer.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/ascii.h"
#include "base/system_fault.h"
#include "config/proxy_url.h"
#include "net/address_reach.h"
#include "net/redirect.h"
#include "net/url.h"

namespace tapedeck {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxHeaderBytes = 256 * 1024;

// What libcurl cannot refuse: an option or value that it does not know is a mistake of ours.
template <class T>
void set(CURL* easy, CURLoption option, T value) {
    const CURLcode code = curl_easy_setopt(easy, option, value);
    TAPEDECK_ASSERT(code == CURLE_OK);
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_tls(CURLcode code) {
    switch (code) {
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CRL_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_ENGINE_NOTFOUND:
        case CURLE_SSL_ENGINE_SETFAILED:
        case CURLE_SSL_ENGINE_INITFAILED:
        case CURLE_USE_SSL_FAILED:
            return true;
        default:
            return false;
    }
}

}  // namespace

CurlTransfer::CurlTransfer(RequestId id, Request request, Timestamp now)
    : easy_(curl_easy_init()),
      request_(std::move(request)),
      deadline_(std::chrono::steady_clock::now() + request_.timeout),
      timeout_(request_.timeout) {
    TAPEDECK_ASSERT(easy_);
    answer_.id = id;
    answer_.started = now;
}

void CurlTransfer::prepare(const CurlOptions& options, CURLSH* share) {
    CURL* easy = easy_.get();
    const CookieLines of_chain = request_.cookie_jar.empty() ? cookies() : CookieLines();
    set(easy, CURLOPT_COOKIEFILE, nullptr);  // libcurl 7.88's reset forgets to free the list
    curl_easy_reset(easy);
    error_[0] = '\0';
    header_bytes_ = 0;
    headers_ended_ = false;
    leads_on_ = false;
    answer_.headers.clear();
    answer_.body.clear();

    set(easy, CURLOPT_PRIVATE, this);
    set(easy, CURLOPT_ERRORBUFFER, error_.data());
    set(easy, CURLOPT_SHARE, share);
    set(easy, CURLOPT_URL, request_.url.c_str());
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    // Over TLS the handshake tells whether one connection carries many requests: the others of a
    // slot wait for that, and one handshake serves them all. Without TLS there is nothing to learn,
    // and libcurl would wait for the first answer.
    const bool tls = request_.url.starts_with("https:");
    set(easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_QUICK_EXIT, 1L);  // a hanging name server does not hold up a time-out
    set(easy, CURLOPT_ACCEPT_ENCODING, "");
    set(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
    if (!options.ca_file.empty()) set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    // Without a jar, what a site sets lasts until this request is answered: some redirect to
    // themselves until the cookie that came along comes back.
    set(easy, CURLOPT_COOKIEFILE, "");
    for (const curl_slist* line = of_chain.get(); line != nullptr; line = line->next) {
        set(easy, CURLOPT_COOKIELIST, line->data);
    }

    const auto left = std::chrono::ceil<milliseconds>(deadline_ - std::chrono::steady_clock::now());
    set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left.count(), 1)));
    set(easy, CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(std::max<std::int64_t>(request_.connect_timeout.count(), 1)));
    set(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request_.max_bytes));

    private_allowed_ = options.private_redirects;
    led_astray_ = false;
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &CurlTransfer::on_open);
    set(easy, CURLOPT_OPENSOCKETDATA, this);
    // A connection that is kept for another source was judged for that one.
    if (followed_ > 0 && from_public_) set(easy, CURLOPT_FRESH_CONNECT, 1L);
    set(easy, CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
    set(easy, CURLOPT_HEADERDATA, this);
    set(easy, CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
    set(easy, CURLOPT_WRITEDATA, this);
    set(easy, CURLOPT_XFERINFOFUNCTION, &CurlTransfer::on_progress);
    set(easy, CURLOPT_XFERINFODATA, this);
    set(easy, CURLOPT_NOPROGRESS, 0L);
    set_method();
    set_headers();
    set_proxy();
}

void CurlTransfer::set_method() {
    CURL* easy = easy_.get();
    // libcurl would send a body again by itself where a connection that was kept had died.
    const bool sends = has_body(request_);
    if (sends && !request_.repeatable) set(easy, CURLOPT_FRESH_CONNECT, 1L);
    if (request_.method == Method::head) {
        set(easy, CURLOPT_NOBODY, 1L);
        set(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t{0});  // what is announced does not come
    } else if (request_.method == Method::remove) {
        set(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
    } else if (sends && request_.file) {
        set(easy, CURLOPT_UPLOAD, 1L);
        set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.file->size));
        set(easy, CURLOPT_READFUNCTION, &CurlTransfer::on_send);
        set(easy, CURLOPT_READDATA, this);
        set(easy, CURLOPT_SEEKFUNCTION, &CurlTransfer::on_seek);
        set(easy, CURLOPT_SEEKDATA, this);
        set(easy, CURLOPT_CUSTOMREQUEST, std::string(to_string(request_.method)).c_str());
        open_file();
    } else if (sends) {
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
        set(easy, CURLOPT_POSTFIELDS, request_.body.data());
        set(easy, CURLOPT_CUSTOMREQUEST, std::string(to_string(request_.method)).c_str());
    }
}

bool CurlTransfer::open_file() {
    file_.reset(std::fopen(request_.file->path.c_str(), "rbe"));
    file_left_ = request_.file->size;
    if (file_ && ::fseeko(file_.get(), request_.file->offset, SEEK_SET) == 0) return true;
    failure_ = Failure{Reason::malformed,
                       fmt::format("cannot read {}: {}", request_.file->path, system_fault(errno))};
    return false;
}

std::size_t CurlTransfer::on_send(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto* transfer = static_cast<CurlTransfer*>(self);
    if (transfer->failure_) return CURL_READFUNC_ABORT;
    const auto want = static_cast<std::size_t>(
        std::min<std::int64_t>(transfer->file_left_, static_cast<std::int64_t>(size * count)));
    const std::size_t got = std::fread(bytes, 1, want, transfer->file_.get());
    if (got < want) {
        transfer->failure_ = Failure{
            Reason::malformed,
            fmt::format("{} became shorter while it was sent", transfer->request_.file->path)};
        return CURL_READFUNC_ABORT;
    }
    transfer->file_left_ -= static_cast<std::int64_t>(got);
    return got;
}

// Back to its beginning, where a connection must be made anew before the answer.
int CurlTransfer::on_seek(void* self, curl_off_t offset, int origin) {
    if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    return static_cast<CurlTransfer*>(self)->open_file() ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

CurlTransfer::CookieLines CurlTransfer::cookies() const {
    curl_slist* lines = nullptr;
    if (curl_easy_getinfo(easy_.get(), CURLINFO_COOKIELIST, &lines) != CURLE_OK) return {};
    return CookieLines(lines);
}

void CurlTransfer::set_headers() {
    header_list_.reset();
    const auto add = [this](const std::string& line) {
        curl_slist* longer = curl_slist_append(header_list_.get(), line.c_str());
        TAPEDECK_ASSERT(longer);
        static_cast<void>(header_list_.release());
        header_list_.reset(longer);
    };
    for (const Header& header : request_.headers) {
        // A semicolon is libcurl's way to send a header without a value.
        add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value.reveal());
    }
    if (!has_body(request_)) {
        set(easy_.get(), CURLOPT_HTTPHEADER, header_list_.get());
        return;
    }
    add("Expect:");  // no second's wait for a "100 Continue"
    const bool typed = std::ranges::any_of(request_.headers, [](const Header& header) {
        return lower_ascii(header.name) == "content-type";
    });
    // libcurl would call everything that is not a file a form.
    if (!typed && request_.method == Method::put) add("Content-Type:");
    set(easy_.get(), CURLOPT_HTTPHEADER, header_list_.get());
}

void CurlTransfer::set_proxy() {
    set(easy_.get(), CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (request_.proxy) {
        set(easy_.get(), CURLOPT_PROXY, request_.proxy->reveal().c_str());
        set(easy_.get(), CURLOPT_NOPROXY, "");
    } else if (is_loopback(host_of(request_.url))) {
        set(easy_.get(), CURLOPT_PROXY, "");
    }
}

// Judged by the address, not by the name that leads there, and before anything is sent. Behind a
// proxy the address is the proxy's, and whom it asks is its own affair.
curl_socket_t CurlTransfer::on_open(void* self, curlsocktype /*purpose*/, curl_sockaddr* address) {
    auto* transfer = static_cast<CurlTransfer*>(self);
    const bool redirected = transfer->followed_ > 0;
    if (redirected && !may_be_led_to(transfer->from_public_, is_public_address(address->addr),
                                     transfer->private_allowed_)) {
        transfer->led_astray_ = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t CurlTransfer::on_header(char* bytes, std::size_t size, std::size_t count, void* self) {
    const std::string_view line(bytes, size * count);
    return static_cast<CurlTransfer*>(self)->take_header(line) ? line.size() : 0;
}

std::size_t CurlTransfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
    const std::string_view part(bytes, size * count);
    return static_cast<CurlTransfer*>(self)->take_body(part) ? part.size() : part.size() + 1;
}

int CurlTransfer::on_progress(void* self, curl_off_t /*expected*/, curl_off_t received,
                              curl_off_t /*to_send*/, curl_off_t /*sent*/) {
    auto* transfer = static_cast<CurlTransfer*>(self);
    if (received <= transfer->request_.max_bytes) return 0;
    return transfer->is_too_large("packed") ? 1 : 0;
}

bool CurlTransfer::is_too_large(std::string what) {
    failure_ =
        Failure{Reason::too_large, fmt::format("{} sent more than the {} bytes allowed ({})",
                                               host_of(request_.url), request_.max_bytes, what)};
    return true;
}

bool CurlTransfer::take_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > kMaxHeaderBytes) {
        failure_ = Failure{Reason::too_large, fmt::format("{} sent more than {} bytes of headers",
                                                          host_of(request_.url), kMaxHeaderBytes)};
        return false;
    }
    if (line.starts_with("HTTP/")) {
        answer_.headers.clear();  // of an interim answer
        headers_ended_ = false;
        return true;
    }
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
        answer_.headers.emplace_back(lower_ascii(trimmed(line.substr(0, colon))),
                                     std::string(trimmed(line.substr(colon + 1))));
    } else if (trimmed(line).empty()) {
        headers_ended_ = true;
        leads_on_ = is_redirect(status()) && !answer_.header("location").empty();
    }
    return true;
}

bool CurlTransfer::take_body(std::string_view bytes) {
    if (leads_on_) return true;
    std::string& body = answer_.body;
    const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(request_.max_bytes, 0));
    if (bytes.size() > limit - std::min(limit, body.size())) return !is_too_large("unpacked");
    if (body.empty() && answer_.header("content-encoding").empty()) {
        // Costs address space alone until the bytes are there, so that a lie costs nothing.
        curl_off_t promised = -1;
        curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &promised);
        if (promised > 0) body.reserve(std::min(limit, static_cast<std::size_t>(promised)));
    }
    body.append(bytes);
    return true;
}

int CurlTransfer::status() const {
    long code = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
    return static_cast<int>(code);
}

bool CurlTransfer::follows_redirect(CURLcode code) {
    if (code != CURLE_OK || !leads_on_) return false;
    const char* address = nullptr;
    curl_easy_getinfo(easy_.get(), CURLINFO_PRIMARY_IP, &address);
    from_public_ =
        from_public_ || (address != nullptr && is_public_address(std::string_view(address)));
    failure_ = redirect(request_, status(), answer_.header("location"), followed_);
    if (failure_) return false;
    ++followed_;
    return true;
}

Answer CurlTransfer::finish(CURLcode code, Timestamp now) {
    answer_.status = status();
    answer_.url = request_.url;
    answer_.ended = now;
    if (code == CURLE_COULDNT_CONNECT && led_astray_) {
        failure_ = Failure{Reason::redirects,
                           fmt::format("redirected to {}, which is in this machine's own network: "
                                       "[net] private_redirects allows it",
                                       host_of(request_.url))};
    }
    if (code != CURLE_OK && !failure_) failure_ = failure_of(code);
    if (!failure_ && !headers_ended_) failure_ = failure_of(CURLE_PARTIAL_FILE);
    // By its meaning (RFC 9110 §15.5.8) no answer of the site's.
    if (const std::string proxy = proxy_host();
        !failure_ && answer_.status == 407 && !proxy.empty()) {
        failure_ = Failure{Reason::unreachable,
                           fmt::format("the proxy {} wants another user or password", proxy)};
    }
    answer_.failure = std::move(failure_);
    return std::move(answer_);
}

std::string CurlTransfer::waited() const { return format_duration(timeout_); }

// What the machine said of the connection that could not be made; libcurl forgets it where it had
// no descriptor for a socket.
std::string CurlTransfer::connect_fault() const {
    long number = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
    if (number != 0) return system_fault(static_cast<int>(number));
    return missing_descriptors().value_or("no way there");
}

Failure CurlTransfer::connect_failure() const {
    long number = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
    const std::string host = host_of(request_.url);
    if (number == ECONNREFUSED) {
        return {Reason::refused, fmt::format("{} refused the connection", host)};
    }
    return {Reason::unreachable, fmt::format("no connection to {}: {}", host, connect_fault())};
}

std::string CurlTransfer::proxy_host() const {
    if (request_.proxy) {
        const auto address = parse_proxy(request_.proxy->reveal());
        return address ? address->host : "of the configuration";
    }
    // One of the environment, http_proxy and its like: libcurl's message names whom it asked.
    constexpr std::string_view kBegin = "Failed to connect to ";
    std::string_view text = error_.data();
    if (!text.starts_with(kBegin)) return {};
    text.remove_prefix(kBegin.size());
    const std::string_view asked = text.substr(0, text.find(' '));
    const std::string host = host_of(request_.url);
    const bool site = asked.empty() || host == asked ||
                      host.starts_with(std::string(asked) + ":") ||
                      host.starts_with(fmt::format("[{}]", asked));
    return site ? std::string() : std::string(asked);
}

// What went wrong between here and the site's proxy, or by it: nobody would look for that there.
std::optional<Failure> CurlTransfer::proxy_failure(CURLcode code) const {
    const std::string proxy = proxy_host();
    if (proxy.empty()) return std::nullopt;
    const std::string host = host_of(request_.url);
    const auto failure = [](std::string what) {
        return Failure{Reason::unreachable, std::move(what)};
    };
    long connect_status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &connect_status);
    if (connect_status >= 300) {
        return failure(fmt::format("the proxy {} answered {} when asked for the way to {}", proxy,
                                   connect_status, host));
    }
    long number = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
    switch (code) {
        case CURLE_COULDNT_RESOLVE_PROXY:
            return failure(missing_descriptors().value_or(fmt::format("no such proxy: {}", proxy)));
        case CURLE_COULDNT_CONNECT:
            return failure(
                number == ECONNREFUSED
                    ? fmt::format("the proxy {} refused the connection", proxy)
                    : fmt::format("no connection to the proxy {}: {}", proxy, connect_fault()));
        case CURLE_PROXY:
            return failure(fmt::format("the proxy {} made no way to {}", proxy, host));
        case CURLE_OPERATION_TIMEDOUT: {
            curl_off_t connected = 0;
            curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &connected);
            if (connected != 0) return std::nullopt;
            return Failure{Reason::timeout,
                           fmt::format("no way to {} through the proxy {} in time", host, proxy)};
        }
        default:
            return std::nullopt;
    }
}

Failure CurlTransfer::failure_of(CURLcode code) const {
    if (auto of_proxy = proxy_failure(code)) return *std::move(of_proxy);
    const std::string host = host_of(request_.url);
    const bool answered = status() != 0;
    if (is_tls(code)) {
        return {Reason::tls,
                fmt::format("{}: {}", host,
                            error_[0] != '\0' ? error_.data() : curl_easy_strerror(code))};
    }
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT: {
            curl_off_t connected = 0;
            curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &connected);
            return {Reason::timeout,
                    connected == 0
                        ? fmt::format("no connection to {} in time", host)
                        : fmt::format("no whole answer from {} within {}", host, waited())};
        }
        case CURLE_COULDNT_RESOLVE_HOST:
            return {Reason::unreachable,
                    missing_descriptors().value_or(fmt::format("no such host: {}", host))};
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_PROXY:
            return {Reason::unreachable, fmt::format("no way through the proxy to {}", host)};
        case CURLE_COULDNT_CONNECT:
            return connect_failure();
        case CURLE_FILESIZE_EXCEEDED:
            return {Reason::too_large, fmt::format("{} announces more than the {} bytes allowed",
                                                   host, request_.max_bytes)};
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
            return {Reason::truncated, fmt::format("{} closed before its answer was whole", host)};
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
            if (answered) {
                return {Reason::truncated, fmt::format("{} broke off in its answer", host)};
            }
            return {Reason::unreachable,
                    fmt::format("the connection to {} broke: {}", host, curl_easy_strerror(code))};
        default:
            return {Reason::malformed, fmt::format("{}: {}", host, curl_easy_strerror(code))};
    }
}

}  // namespace tapedeck
