#include "load/topic_watch.h"

#include <fmt/format.h>

namespace tapedeck {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};

}  // namespace

void TopicWatch::start(const TopicPartition& at) {
    watched_[at] = std::nullopt;
    looked_[at.topic] = clock_.steady();
}

std::optional<std::string> TopicWatch::fault(const TopicPartition& at) {
    const auto found = watched_.find(at);
    if (found == watched_.end() || !found->second) return std::nullopt;
    const auto now = clock_.steady();
    if (now - looked_[at.topic] < kBetweenLooks) return std::nullopt;
    const Seen seen = *found->second;
    const auto made_anew = [&](std::string_view what) {
        return fmt::format(
            "{}[{}] {}: the topic was deleted and made anew while it was read (offset {}, SHA-256 "
            "{} before)",
            at.topic, at.partition.value(), what, seen.offset.value(), hex(seen.digest));
    };
    const auto held = tape_.read(at, seen.offset, 1);
    if (held && !held->messages.empty() && held->messages[0].offset == seen.offset) {
        if (sha256(held->messages[0].value) != seen.digest) {
            return made_anew("holds another message than the one read");
        }
    } else {
        const auto extent = tape_.extent(at);
        if (!extent) return std::nullopt;
        if (seen.offset >= extent->end) {
            return made_anew("ends below a message that was read from it");
        }
        if (!held && seen.offset >= extent->earliest) return std::nullopt;
    }
    looked_[at.topic] = now;
    found->second.reset();  // the newest takes its place
    return std::nullopt;
}

void TopicWatch::note(const TopicPartition& at, Offset offset, const Sha256& digest) {
    const auto found = watched_.find(at);
    if (found != watched_.end() && !found->second) found->second = {offset, digest};
}

}  // namespace tapedeck
