#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "net/http_client.h"

namespace tapedeck {

// What a site of a MemoryHttpClient does with one request.
struct WebAnswer {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;  // any case
    std::string body;
    std::chrono::microseconds latency{0};  // until the last byte
    bool hangs = false;                    // never answers
    std::optional<Failure> failure;        // of the transport, in place of an answer
};
using Site = std::function<WebAnswer(const Request&)>;

// The HttpClient without a network: a function is the web. It keeps the limits of a request
// (timeout, max_bytes, max_redirects) and follows redirects as the real one does (net/redirect.h);
// it has no cookies, proxies or connections. Time is the clock's alone. One thread; the site is
// called in `start`, and again for each hop when its time has come.
class MemoryHttpClient : public HttpClient {
public:
    // `wait` sleeps by the clock; on a ManualClock somebody else must advance it.
    MemoryHttpClient(Clock& clock, Site site);

    // `wait` itself advances the clock to the next answer, or by `at_most`: a test on one thread
    // runs hours in no time and is the same every time. The clock must outlive the client.
    static MemoryHttpClient advancing(ManualClock& clock, Site site);

    void start(RequestId id, Request request) override;
    std::vector<Answer> wait(std::chrono::milliseconds at_most, std::stop_token stop) override;
    void cancel_all() override { under_way_.clear(); }
    void rest() override {}  // nothing is kept
    std::size_t under_way() const override { return under_way_.size(); }

private:
    struct Transfer {
        Request request;
        Answer answer;                       // as far as known
        std::chrono::microseconds deadline;  // steady
        std::chrono::microseconds due;       // steady: the hop's end
        int followed = 0;
    };
    using Passing = std::function<void(std::chrono::microseconds, std::stop_token)>;

    MemoryHttpClient(Clock& clock, Site site, Passing pass);
    void ask(Transfer& transfer) const;
    bool settle(Transfer& transfer) const;
    std::vector<Answer> take_due();
    std::chrono::microseconds next_due() const;

    Clock& clock_;
    Site site_;
    Passing pass_;  // lets a span of steady time pass
    std::deque<Transfer> under_way_;
};

}  // namespace tapedeck
