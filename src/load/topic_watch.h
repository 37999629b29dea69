#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/sha256.h"
#include "tape/tape.h"

namespace tapedeck {

// Notices that a topic is deleted and made anew while it is read. Once the new one is longer than
// the old one was, reading goes on in it without an error, and what stands before is passed over;
// so one message of each partition is remembered, and that of one partition of each topic looked
// for again once a second at most, as a topic is made anew with all its partitions. One thread.
class TopicWatch {
public:
    // Both must outlive it.
    TopicWatch(Tape& tape, const Clock& clock) : tape_(tape), clock_(clock) {}

    // Reading of a partition begins; the tape was just seen to be the right one.
    void start(const TopicPartition& at);

    // Why the messages that just came are from another topic than those before; nothing where they
    // are not, and where nobody can say now.
    std::optional<std::string> fault(const TopicPartition& at);

    // The tape held this message, which came before the last call of `fault`.
    void note(const TopicPartition& at, Offset offset, const Sha256& digest);

private:
    struct Seen {
        Offset offset;
        Sha256 digest;
    };
    Tape& tape_;
    const Clock& clock_;
    std::map<TopicPartition, std::optional<Seen>> watched_;
    std::map<std::string, std::chrono::microseconds> looked_;  // by topic: steady time
};

}  // namespace tapedeck
