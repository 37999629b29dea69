#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tape/tape.h"

namespace tapedeck {

// What the tapes inside this process have in common: readers that share partitions within a group
// and wake when something is appended, without polling. A tape outlives its readers.
//
// Groups span this process only; another process at the same file gets every partition too, and the
// ledger's guard keeps their work apart. What another process appends is seen at the next `poll`.
class LocalTape : public Tape {
public:
    Result<std::unique_ptr<TapeReader>> open_reader(std::vector<std::string> topics,
                                                    std::string group) final;

    // Reads stored messages for one reader; one thread.
    class Cursor {
    public:
        virtual ~Cursor() = default;
        virtual Result<Extent> extent(const TopicPartition& at) = 0;
        // As Tape::read.
        virtual Result<Chunk> read(const TopicPartition& at, Offset from,
                                   std::size_t max_bytes) = 0;
    };

protected:
    virtual Result<std::unique_ptr<Cursor>> open_cursor() = 0;

    // Called when messages up to `end` are durable; wakes the readers of `at`.
    void appended(const TopicPartition& at, Offset end);
    // Called when a topic was made, so that readers that wait for it get its partitions.
    void topic_made(const std::string& topic, int partitions);

private:
    friend class LocalReader;

    struct Member {
        std::string group;
        std::set<std::string> topics;
        std::set<TopicPartition> owned;   // given out by Assigned, not yet taken back by Revoked
        std::set<TopicPartition> wanted;  // what the member shall own once others have let go
    };

    void leave(const Member& member);
    // Free: no reader of the group owns it.
    void share_out(const std::string& group) TAPEDECK_REQUIRES(mutex_);
    bool is_free(const std::string& group, const TopicPartition& at) const
        TAPEDECK_REQUIRES(mutex_);

    Mutex mutex_;
    Changed changed_;
    // Shared: a reader and this list.
    std::vector<std::shared_ptr<Member>> members_ TAPEDECK_GUARDED_BY(mutex_);
    std::map<std::string, int> partition_counts_ TAPEDECK_GUARDED_BY(mutex_);
    std::map<TopicPartition, Offset> ends_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
