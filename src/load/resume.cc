#include "load/resume.h"

#include <fmt/format.h>

#include "base/sha256.h"
#include "tape/tape_rules.h"

namespace tapedeck {

std::variant<Resume, RefusePartition> plan_resume(const LedgerEntry& ledger, const Extent& extent,
                                                  const std::optional<TapeMessage>& last) {
    if (extent.end < ledger.next) {
        return RefusePartition{fmt::format(
            "{} ends at offset {}, but the ledger has loaded up to {}: the topic was deleted and "
            "made anew, or another tape stands behind the same name",
            to_string(ledger.at), extent.end.value(), ledger.next.value())};
    }
    if (last && ledger.last_digest && sha256(last->value) != *ledger.last_digest) {
        return RefusePartition{other_message_at(ledger.at, last->offset, *ledger.last_digest)};
    }
    if (extent.earliest > ledger.next) {
        return Resume{extent.earliest, TapeGap{ledger.at, ledger.next, extent.earliest}};
    }
    return Resume{ledger.next, std::nullopt};
}

std::string other_message_at(const TopicPartition& at, Offset offset, const Sha256& loaded) {
    return fmt::format(
        "{} holds another message at offset {} than the one loaded from there (SHA-256 {} in the "
        "ledger): the topic was deleted and made anew",
        to_string(at), offset.value(), hex(loaded));
}

}  // namespace tapedeck
