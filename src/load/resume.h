#pragma once

#include <optional>
#include <string>
#include <variant>

#include "store/store.h"
#include "tape/tape.h"

namespace tapedeck {

// How loading of a partition goes on, decided from the ledger and the tape alone.
struct Resume {
    Offset from;
    std::optional<TapeGap> gap;  // what the tape no longer has
};
struct RefusePartition {
    std::string why;
};
// `last` is the message at offset ledger.next - 1 where the tape still has it. A topic that was
// deleted and made anew is refused: its end lies below the ledger, or its last message differs.
std::variant<Resume, RefusePartition> plan_resume(const LedgerEntry& ledger, const Extent& extent,
                                                  const std::optional<TapeMessage>& last);

// How a partition is refused that holds another message at `offset` than the one loaded from there.
std::string other_message_at(const TopicPartition& at, Offset offset, const Sha256& loaded);

}  // namespace tapedeck
