#include "net/memory_http_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "net/redirect.h"
#include "net/url.h"

namespace tapedeck {
namespace {

using std::chrono::microseconds;

constexpr microseconds kNever = microseconds::max();

}  // namespace

MemoryHttpClient::MemoryHttpClient(Clock& clock, Site site, Passing pass)
    : clock_(clock), site_(std::move(site)), pass_(std::move(pass)) {}

MemoryHttpClient::MemoryHttpClient(Clock& clock, Site site)
    : MemoryHttpClient(clock, std::move(site), [&clock](microseconds span, std::stop_token stop) {
          clock.sleep_until(clock.now() + span, std::move(stop));
      }) {}

MemoryHttpClient MemoryHttpClient::advancing(ManualClock& clock, Site site) {
    return {clock, std::move(site),
            [&clock](microseconds span, const std::stop_token&) { clock.advance(span); }};
}

void MemoryHttpClient::start(RequestId id, Request request) {
    Transfer transfer;
    transfer.request = std::move(request);
    transfer.answer.id = id;
    transfer.answer.started = clock_.now();
    transfer.deadline = clock_.steady() + transfer.request.timeout;
    ask(transfer);
    under_way_.push_back(std::move(transfer));
}

// What the site says to the request as it now stands, and when that will have come.
void MemoryHttpClient::ask(Transfer& transfer) const {
    Answer& answer = transfer.answer;
    answer.url = transfer.request.url;
    transfer.due = clock_.steady();
    const std::string host = host_of(transfer.request.url);
    if (host.empty()) {
        answer.failure =
            Failure{Reason::malformed, "the address asked for is no http or https URL"};
        return;
    }
    WebAnswer said = site_(transfer.request);
    transfer.due = said.hangs ? kNever : transfer.due + said.latency;
    if (transfer.due > transfer.deadline) {
        transfer.due = transfer.deadline;
        answer.status = 0;
        answer.headers.clear();
        answer.failure =
            Failure{Reason::timeout, fmt::format("no whole answer from {} within {}", host,
                                                 format_duration(transfer.request.timeout))};
        return;
    }
    answer.status = said.failure ? 0 : said.status;
    answer.failure = std::move(said.failure);
    answer.headers = std::move(said.headers);
    for (auto& [name, value] : answer.headers) name = lower_ascii(std::move(name));
    answer.body = std::move(said.body);
    if (!answer.failure && std::cmp_greater(answer.body.size(), transfer.request.max_bytes)) {
        answer.body.clear();
        answer.failure =
            Failure{Reason::too_large, fmt::format("{} sent more than the {} bytes allowed", host,
                                                   transfer.request.max_bytes)};
    }
}

// The hop has ended: true where the whole request has, false where it was sent on.
bool MemoryHttpClient::settle(Transfer& transfer) const {
    Answer& answer = transfer.answer;
    if (answer.failure || !is_redirect(answer.status) || answer.header("location").empty()) {
        return true;
    }
    const std::string location(answer.header("location"));
    answer.failure = redirect(transfer.request, answer.status, location, transfer.followed);
    if (answer.failure) return true;
    ++transfer.followed;
    ask(transfer);
    return false;
}

std::vector<Answer> MemoryHttpClient::take_due() {
    // In the order of their ends; those that end together, in the order of their start.
    std::ranges::stable_sort(under_way_, {}, &Transfer::due);
    std::vector<Answer> ended;
    const microseconds now = clock_.steady();
    while (!under_way_.empty() && under_way_.front().due <= now) {
        Transfer transfer = std::move(under_way_.front());
        under_way_.pop_front();
        if (settle(transfer)) {
            transfer.answer.ended = clock_.now();
            ended.push_back(std::move(transfer.answer));
        } else {
            const auto place =
                std::ranges::upper_bound(under_way_, transfer.due, {}, &Transfer::due);
            under_way_.insert(place, std::move(transfer));
        }
    }
    return ended;
}

microseconds MemoryHttpClient::next_due() const {
    return under_way_.empty() ? kNever : under_way_.front().due;
}

std::vector<Answer> MemoryHttpClient::wait(std::chrono::milliseconds at_most,
                                           std::stop_token stop) {
    const microseconds begun = clock_.steady();
    constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 24);  // as CurlClient's
    const microseconds deadline =
        begun + std::clamp(at_most, std::chrono::milliseconds(0), kLongest);
    while (true) {
        std::vector<Answer> ended = take_due();
        const microseconds now = clock_.steady();
        if (!ended.empty() || under_way_.empty() || stop.stop_requested() || now >= deadline) {
            return ended;
        }
        pass_(std::min(next_due(), deadline) - now, stop);
    }
}

}  // namespace tapedeck
