#include "net/curl_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <deque>
#include <map>
#include <unordered_map>
#include <utility>

#include "net/curl_transfer.h"
#include "net/url.h"

namespace tapedeck {
namespace {

using std::chrono::milliseconds;

struct FreeMulti {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeShare {
    void operator()(CURLSH* share) const { curl_share_cleanup(share); }
};
using Multi = std::unique_ptr<CURLM, FreeMulti>;
using Share = std::unique_ptr<CURLSH, FreeShare>;

// libcurl counts these, and since 7.84 from any thread (its feature "threadsafe").
class CurlLibrary {
public:
    CurlLibrary() { TAPEDECK_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); }
    ~CurlLibrary() { curl_global_cleanup(); }
    CurlLibrary(const CurlLibrary&) = delete;
    CurlLibrary& operator=(const CurlLibrary&) = delete;
};

Multi new_multi(const CurlOptions& options) {
    Multi multi(curl_multi_init());
    TAPEDECK_ASSERT(multi);
    const auto most = static_cast<long>(options.max_connections);
    curl_multi_setopt(multi.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, most);
    curl_multi_setopt(multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                      static_cast<long>(options.max_per_host));
    curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, most);
    curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    return multi;
}

Share new_share(bool with_cookies) {
    Share share(curl_share_init());
    TAPEDECK_ASSERT(share);
    curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    if (with_cookies) curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
    return share;
}

// A line break in a header would be a second header, or a second request.
bool breaks_line(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

std::optional<Failure> mistake_in(const Request& request, std::string_view host) {
    if (host.empty()) {
        return Failure{Reason::malformed, "the address asked for is no http or https URL"};
    }
    if (request.file && ::access(request.file->path.c_str(), R_OK) != 0) {
        return Failure{Reason::malformed, fmt::format("{} cannot be read", request.file->path)};
    }
    for (const Header& header : request.headers) {
        if (header.name.empty() || header.name.find_first_of(": ") != std::string::npos ||
            breaks_line(header.name) || breaks_line(header.value.reveal())) {
            return Failure{Reason::malformed,
                           fmt::format("the request to {} has a header that cannot be sent", host)};
        }
    }
    return std::nullopt;
}

struct Pending {
    RequestId id;
    Request request;
};

// What waits for a host, and how many of its requests are on the wire.
struct HostQueue {
    std::deque<Pending> waiting;
    int on_the_wire = 0;
};

using HostQueues = std::map<std::string, HostQueue, std::less<>>;

struct OnTheWire {
    std::unique_ptr<CurlTransfer> transfer;
    HostQueues::iterator host;  // of the request as it was asked
    CURLSH* share;
};

}  // namespace

struct CurlClient::Impl {
    Impl(const Clock& the_clock, CurlOptions the_options)
        : clock(the_clock), options(std::move(the_options)), multi(new_multi(options)) {}

    ~Impl() { cancel(); }

    void cancel();
    CURLSH* share_of(const std::string& jar);
    HostQueues::iterator next_host();
    bool launch();
    void launch_one(HostQueues::iterator host);
    void put_on_the_wire(CurlTransfer& transfer, CURLSH* share);
    void perform();
    void collect();
    void leave_the_wire(std::unordered_map<CURL*, OnTheWire>::iterator entry);

    const CurlLibrary library;
    const Clock& clock;
    const CurlOptions options;
    std::map<std::string, Share, std::less<>> shares;  // by jar; outlive the handles
    Multi multi;
    HostQueues hosts;
    std::string last_host;  // had the last turn
    std::size_t waiting = 0;
    std::unordered_map<CURL*, OnTheWire> on_the_wire;
    std::vector<Answer> ended;
};

void CurlClient::Impl::cancel() {
    for (auto& [easy, entry] : on_the_wire) curl_multi_remove_handle(multi.get(), easy);
    on_the_wire.clear();
    hosts.clear();
    waiting = 0;
    ended.clear();
}

CURLSH* CurlClient::Impl::share_of(const std::string& jar) {
    auto& share = shares[jar];
    if (!share) share = new_share(!jar.empty());
    return share.get();
}

// The first host after the one that had the last turn with a request waiting and room for it.
HostQueues::iterator CurlClient::Impl::next_host() {
    const auto ready = [this](const auto& entry) {
        return !entry.second.waiting.empty() && entry.second.on_the_wire < options.max_per_host;
    };
    const auto after = hosts.upper_bound(last_host);
    const auto found = std::find_if(after, hosts.end(), ready);
    if (found != hosts.end()) return found;
    const auto before = std::find_if(hosts.begin(), after, ready);
    return before != after ? before : hosts.end();
}

// Fills free places from the queues; false where nothing was started.
bool CurlClient::Impl::launch() {
    bool any = false;
    while (waiting > 0 && on_the_wire.size() < static_cast<std::size_t>(options.max_connections)) {
        const auto host = next_host();
        if (host == hosts.end()) break;
        launch_one(host);
        any = true;
    }
    return any;
}

void CurlClient::Impl::launch_one(HostQueues::iterator host) {
    Pending pending = std::move(host->second.waiting.front());
    host->second.waiting.pop_front();
    --waiting;
    ++host->second.on_the_wire;
    last_host = host->first;
    CURLSH* share = share_of(pending.request.cookie_jar);
    auto transfer =
        std::make_unique<CurlTransfer>(pending.id, std::move(pending.request), clock.now());
    put_on_the_wire(*transfer, share);
    CURL* easy = transfer->easy();
    on_the_wire.emplace(easy, OnTheWire{std::move(transfer), host, share});
}

void CurlClient::Impl::put_on_the_wire(CurlTransfer& transfer, CURLSH* share) {
    transfer.prepare(options, share);
    const CURLMcode code = curl_multi_add_handle(multi.get(), transfer.easy());
    TAPEDECK_ASSERT(code == CURLM_OK);
}

void CurlClient::Impl::perform() {
    int running = 0;
    const CURLMcode code = curl_multi_perform(multi.get(), &running);
    TAPEDECK_ASSERT(code == CURLM_OK);
}

void CurlClient::Impl::collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        CURL* easy = message->easy_handle;
        const CURLcode code = message->data.result;  // the message dies with the removal
        curl_multi_remove_handle(multi.get(), easy);
        const auto entry = on_the_wire.find(easy);
        TAPEDECK_ASSERT(entry != on_the_wire.end());
        CurlTransfer& transfer = *entry->second.transfer;
        if (transfer.follows_redirect(code)) {
            put_on_the_wire(transfer, entry->second.share);
        } else {
            ended.push_back(transfer.finish(code, clock.now()));
            leave_the_wire(entry);
        }
    }
}

void CurlClient::Impl::leave_the_wire(std::unordered_map<CURL*, OnTheWire>::iterator entry) {
    const auto host = entry->second.host;
    on_the_wire.erase(entry);
    --host->second.on_the_wire;
    if (host->second.on_the_wire == 0 && host->second.waiting.empty()) hosts.erase(host);
}

Result<std::unique_ptr<CurlClient>> CurlClient::open(const Clock& clock, CurlOptions options) {
    TAPEDECK_ASSERT(options.max_connections > 0 && options.max_per_host > 0);
    if (!options.ca_file.empty() && ::access(options.ca_file.c_str(), R_OK) != 0) {
        return Error{ErrorKind::rejected,
                     fmt::format("the file of authorities {} cannot be read", options.ca_file)};
    }
    return std::unique_ptr<CurlClient>(
        new CurlClient(std::make_unique<Impl>(clock, std::move(options))));
}

CurlClient::CurlClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CurlClient::~CurlClient() = default;

void CurlClient::start(RequestId id, Request request) {
    std::string host = host_of(request.url);
    if (auto failure = mistake_in(request, host)) {
        Answer answer;
        answer.id = id;
        answer.url = std::move(request.url);
        answer.started = answer.ended = impl_->clock.now();
        answer.failure = std::move(failure);
        impl_->ended.push_back(std::move(answer));
        return;
    }
    impl_->hosts[std::move(host)].waiting.push_back({id, std::move(request)});
    ++impl_->waiting;
}

std::vector<Answer> CurlClient::wait(milliseconds at_most, std::stop_token stop) {
    at_most = std::clamp(at_most, milliseconds(0), milliseconds(INT_MAX));
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    CURLM* multi = impl_->multi.get();
    const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
    while (under_way() > 0) {
        impl_->launch();
        impl_->perform();
        impl_->collect();
        // The places that came free are filled before the answers are given out, so that the
        // network works while the caller does.
        if (impl_->launch()) impl_->perform();
        if (!impl_->ended.empty() || stop.stop_requested()) break;
        const auto left =
            std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        curl_multi_poll(multi, nullptr, 0, static_cast<int>(left.count()), nullptr);
    }
    return std::exchange(impl_->ended, {});
}

void CurlClient::cancel_all() { impl_->cancel(); }

std::size_t CurlClient::under_way() const {
    return impl_->waiting + impl_->on_the_wire.size() + impl_->ended.size();
}

void CurlClient::close_idle() {
    TAPEDECK_ASSERT(under_way() == 0);
    impl_->multi = new_multi(impl_->options);
}

}  // namespace tapedeck
