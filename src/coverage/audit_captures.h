#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "coverage/audit_work.h"

namespace tapedeck {

// The captures, held against their SHA-256 and against what names them: attempts, outcomes, rows.
// Nine bytes are kept of each.
class CaptureNames {
public:
    explicit CaptureNames(AuditWork& work) : work_(work) {}

    // Hashes the bytes again, and remembers what there is.
    Result<> read_kept();

    // Where a capture is named.
    struct Place {
        std::string_view feed;
        Timestamp at;  // its slot; of what has none, when it was seen
        bool has_slot = true;
        std::string_view instrument;
        std::string_view table;
        std::string row;
    };
    Result<> note(std::string_view sha256_hex, const Place& place);

    // After everything was noted: what is named and not there, what is there and not named.
    Result<> finish(const std::map<TopicPartition, AuditedPartition>& partitions);

private:
    struct Missing {
        AuditDifference difference;
        std::int64_t places = 1;
    };
    enum Mark : std::uint8_t { has_body = 1, named = 2 };

    Result<> read_file();
    void note_damage(const std::string& fault);
    void note_left_out(std::string_view sha256_hex);
    void drop_repeated();
    std::uint8_t* mark_of(std::string_view sha256_hex);
    Result<> note_unloaded(const std::map<TopicPartition, AuditedPartition>& partitions);
    Result<bool> came_meanwhile(std::string_view sha256_hex);
    bool may_be_told_of_yet(const LookedAtCapture& one) const;
    Result<> look_for_unnamed();
    Result<std::vector<std::pair<Timestamp, Timestamp>>> tries_without_account();

    AuditWork& work_;
    std::vector<std::uint64_t> kept_;  // the first bytes of each SHA-256, in order
    std::vector<std::uint8_t> marks_;
    std::map<std::string, Missing> missing_;
    std::optional<Timestamp> left_out_until_;
    std::vector<std::uint64_t> left_out_;      // as kept_; repeated between two sortings
    std::size_t left_out_sorted_at_ = 65'536;  // entries
    bool damaged_ = false;                     // the file, beyond single captures
    std::int64_t unheld_ = 0;  // places that name a capture, where there is no file of them
};

}  // namespace tapedeck
