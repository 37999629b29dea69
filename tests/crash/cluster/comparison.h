#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/crash/cluster/database.h"
#include "tests/crash/cluster/producer.h"

namespace tapedeck {

// What the database must hold when everything on the tape is loaded, by what was sent and where it
// was acknowledged. Messages that the tape no longer has, and that were not loaded, are its gaps.
struct Expected {
    std::vector<std::string> rows;          // "table|" and ExpectedRow::line
    std::vector<std::string> duplicates;    // table|instrument|slot|source|kept|other|date|place
    std::vector<std::string> dead_letters;  // topic|partition|offset|timestamp|key|value in hex
    std::vector<std::string> ends;          // of every partition: topic|partition|offset
    std::int64_t absorbed = 0;
};

using Ends = std::map<TopicPartition, Offset>;

struct Lost {  // messages that were removed from the tape before they were loaded: [from, to)
    TopicPartition at;
    Offset from;
    Offset to;
};

// Reads the tape of `topics` and lays it beside the journal. Each difference is a line of `faults`:
// an acknowledged message that is not where it was acknowledged, a message that nobody sent. What
// lies below `since` is of earlier tests.
Expected expect(Tape& tape, const std::vector<std::string>& topics, const Ends& since,
                const std::vector<Sent>& journal, const std::vector<Lost>& lost,
                std::vector<std::string>& faults);

// Compares with the database, one to one both ways; the differences, a line each, at most some
// dozen of a kind.
std::vector<std::string> compare(const Expected& expected, ClusterDatabase& database,
                                 const std::vector<std::string>& topics,
                                 const std::vector<Lost>& lost);

}  // namespace tapedeck
