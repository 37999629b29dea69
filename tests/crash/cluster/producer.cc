#include "tests/crash/cluster/producer.h"

#include <map>

#include "market/outcome.h"

namespace tapedeck {

using namespace std::chrono_literals;

void Producer::start(std::chrono::milliseconds pace, int slots) {
    thread_ = std::jthread([this, pace, slots](std::stop_token stop) {
        for (int i = 0; (slots < 0 || i < slots) && fault_.empty(); ++i) {
            if (stop.stop_requested()) return;
            send_slot(slots_);
            std::this_thread::sleep_for(pace);  // sets the rate alone; nothing hangs on it
        }
    });
}

void Producer::stop() {
    thread_.request_stop();
    wait();
}

void Producer::wait() {
    if (thread_.joinable()) thread_.join();
}

void Producer::send_slots(int count) {
    for (int i = 0; i < count && fault_.empty(); ++i) send_slot(slots_);
}

void Producer::send_slot(int number) {
    const std::size_t first = journal_.size();
    send(traffic_.slot(number));
    send(accounts_of(traffic_.slot_at(number), first));
    ++slots_;
}

void Producer::send(std::vector<Observation> observations) {
    const auto deadline = std::chrono::steady_clock::now() + 180s;
    while (!observations.empty() && fault_.empty()) {
        std::vector<OutgoingMessage> messages;
        for (const Observation& each : observations) messages.push_back(each.message);
        const auto results = tape_.append(messages);
        std::vector<Observation> again;
        for (std::size_t i = 0; i < observations.size(); ++i) {
            Observation& each = observations[i];
            const Result<Position> result =
                results ? (*results)[i] : Result<Position>(results.error());
            if (result) {
                if (each.is_too_large) fault_ = "a message that is too large was taken";
                journal_.push_back({std::move(each), *result});
            } else if (retryable(result.error().kind)) {
                ++unanswered_;
                journal_.push_back({each, std::nullopt});
                again.push_back(std::move(each));
            } else if (!each.is_too_large || result.error().kind != ErrorKind::rejected) {
                fault_ = "refused: " + result.error().what;
            }
        }
        observations = std::move(again);
        if (observations.empty()) return;
        if (std::chrono::steady_clock::now() > deadline) fault_ = "the tape takes nothing";
        std::this_thread::sleep_for(50ms);
    }
}

// What the runs of both feeds say of the slot, by the journal from `first` on: the last place
// where each instrument's own price was acknowledged.
std::vector<Observation> Producer::accounts_of(Timestamp slot, std::size_t first) const {
    std::map<std::string, RunOutcomes> runs;
    for (std::size_t i = first; i < journal_.size(); ++i) {
        const Observation& sent = journal_[i].observation;
        if (sent.feed.empty() || !journal_[i].position) continue;
        RunOutcomes& run = runs[sent.feed];
        run.run_id = sent.feed + "/" + format_rfc3339(slot) + "/1";
        run.feed = sent.feed;
        run.slot = slot;
        run.started = slot + 1ms;
        run.ended = slot + 30s;
        Outcome outcome;
        outcome.instrument = sent.instrument;
        const Position& at = *journal_[i].position;
        outcome.sent = Outcome::Sent{at.at.topic, at.at.partition, at.offset, "alpha", "test"};
        run.outcomes.push_back(std::move(outcome));
    }
    std::vector<Observation> out;
    for (const auto& [feed, run] : runs) {
        Observation account;
        account.is_outcomes = true;
        account.message = {std::string(kOutcomesTopic), feed, encode_outcomes(run), run.ended, {}};
        out.push_back(std::move(account));
    }
    return out;
}

}  // namespace tapedeck
