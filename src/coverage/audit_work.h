#pragma once

#include <vector>

#include "coverage/audit.h"
#include "mend/dead_letters.h"
#include "store/deployment.h"
#include "store/tape_label.h"

// The parts of an audit: each looks at one thing, and all of them tell what they find to the same
// AuditWork.
namespace tapedeck {

// What an audit is about, and what it has found so far.
class AuditWork {
public:
    AuditWork(const AuditParts& parts, const AuditScope& scope, const AuditTalk& talk)
        : parts_(parts), scope_(scope), talk_(talk) {}

    Store& store() { return parts_.store; }
    Tape& tape() { return parts_.tape; }
    Captures* captures() { return parts_.captures; }
    const std::string& captures_file() const { return parts_.captures_file; }
    const std::string& captures_fault() const { return parts_.captures_fault; }
    const std::map<std::string, Feed>& feeds() const { return parts_.feeds; }
    std::span<const Expectation> expectations() const { return parts_.expectations; }
    const AuditScope& scope() const { return scope_; }
    // Then not even what lies in the future or before 1970 is left out.
    bool is_about_everything() const {
        return scope_.from <= Timestamp() && scope_.to > scope_.now;
    }
    bool holds(Timestamp at) const {
        return is_about_everything() || (scope_.from <= at && at < scope_.to);
    }
    bool is_asked(std::string_view feed) const {
        return scope_.feed.empty() || scope_.feed == feed;
    }

    void differs(AuditDifference difference);
    // Work done and work to do, in messages and rows.
    void expects(std::int64_t units) { total_ += units; }
    void has_done(std::int64_t units);

    AuditReport report;
    AccountOwner owner;  // of the accounts that are compared

private:
    const AuditParts& parts_;
    const AuditScope& scope_;
    const AuditTalk& talk_;
    std::int64_t done_ = 0;
    std::int64_t total_ = 0;
};

// The whole number in the first column of the only row; 0 where it is null.
Result<std::int64_t> audit_number(Store& store, const Statement& statement);

// A partition that is loaded from: what ledger, batches and tape say of it.
struct AuditedPartition {
    TopicPartition at;          // as the store calls it: store/tape_label.h
    bool is_elsewhere = false;  // of a tape that the store was loaded from before
    Extent extent{};
    Offset start;    // where loading began, by choice: what is before was never loaded
    Offset loaded;   // by ledger or batches, whichever is further: what is below is in the store
    Offset batches;  // where the last of them ends
    std::optional<Sha256> last_digest;
    bool is_consistent = true;                     // ledger and batches agree
    std::vector<std::pair<Offset, Offset>> holes;  // found while it was walked through

    TopicPartition on_tape() const { return place_on_tape(at); }

    bool is_gone(Offset offset) const;           // the tape had it, and has it no more
    bool is_gone(Offset from, Offset to) const;  // all of [from, to)
    bool touches_gone(Offset from, Offset to) const;
};

// Compares the offset ledger with the batches, the gaps and the tape, for all topics; what it
// stands at is then known by partition. To be asked first: rows are added all the time.
Result<std::map<TopicPartition, AuditedPartition>> audit_ledger(AuditWork& work);

// Where the ledger stands by now.
Result<Offset> audit_loaded_now(AuditWork& work, const TopicPartition& at);

// Reads [from, to) of a partition, a chunk at a time, over holes. The first walk finds and reports
// them.
class AuditWalk {
public:
    AuditWalk(AuditWork& work, AuditedPartition& partition, bool is_first)
        : work_(work), partition_(partition), is_first_(is_first) {}
    Result<> run(Offset from, Offset to, std::size_t most_bytes,
                 const std::function<Result<>(const Chunk&)>& sink);

private:
    Result<Offset> pass_hole(Offset at, Offset to);

    AuditWork& work_;
    AuditedPartition& partition_;
    const bool is_first_;
};

// The dead letters of a stretch of a partition, by offset.
struct AuditedLetter {
    std::int64_t id;
    std::optional<Timestamp> timestamp;
    std::string key;
    std::string value;
    bool of_the_store;  // the message was read, and a record of it refused
    LetterState state = LetterState::open;
    bool seen = false;

    bool is_of(const TapeMessage& message) const {  // as a whole
        return !of_the_store && value == message.value;
    }
};
using AuditedLetters = std::multimap<Offset, AuditedLetter>;

// What a dead letter says of the message as a whole, whatever today's rules read in it. Those that
// have been settled are `seen`.
struct WholeLetter {
    bool is_dropped = false;  // by a person: it gives nothing
    bool is_retried = false;  // it gave what it gives, later than its neighbours
    bool is_open = false;
};
WholeLetter whole_letter(const TapeMessage& message, AuditedLetters& letters);

// One of them, of the columns id, message_offset, timestamp, key, value and reason.
AuditedLetter audited_letter(const RowView& row);
Result<AuditedLetters> audit_letters(AuditWork& work, const TopicPartition& at, Offset from,
                                     Offset to);

// Each part of the audit.
Result<> audit_prices(AuditWork& work, std::map<TopicPartition, AuditedPartition>& partitions,
                      class CaptureNames& names);
Result<> audit_accounts(AuditWork& work, std::map<TopicPartition, AuditedPartition>& partitions,
                        class CaptureNames& names);
Result<> audit_coverage(AuditWork& work);

}  // namespace tapedeck
