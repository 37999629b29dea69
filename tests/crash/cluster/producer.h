#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/cluster/traffic.h"

namespace tapedeck {

// A message that was sent, and what its sender was told.
struct Sent {
    Observation observation;
    std::optional<Position> position;  // acknowledged there; none: it may be on the tape, or not
};

// Sends observations until each is acknowledged, and notes every send: one that the tape gave no
// answer to is noted as such, and sent again, as a collector's next try would do. One thread at a
// time.
class Producer {
public:
    Producer(Tape& tape, Traffic& traffic) : tape_(tape), traffic_(traffic) {}
    ~Producer() { stop(); }
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    // Slots from where it left off, each followed by the account of its runs, in a thread of its
    // own: `slots` of them, or until `stop` with -1.
    void start(std::chrono::milliseconds pace, int slots = -1);
    void stop();  // after the slot under way
    void wait();  // until all are sent

    // In the caller's thread, while the other does not run.
    void send_slots(int count);
    void send(std::vector<Observation> observations);

    // How far it is; any thread.
    int slots() const { return slots_; }

    // After stop or wait.
    const std::vector<Sent>& journal() const { return journal_; }
    const std::string& fault() const { return fault_; }  // empty: every send ended well
    std::int64_t unanswered() const { return unanswered_; }

private:
    void send_slot(int number);
    std::vector<Observation> accounts_of(Timestamp slot, std::size_t first) const;

    Tape& tape_;
    Traffic& traffic_;
    std::vector<Sent> journal_;
    std::string fault_;
    std::int64_t unanswered_ = 0;
    std::atomic<int> slots_ = 0;
    std::jthread thread_;
};

}  // namespace tapedeck
