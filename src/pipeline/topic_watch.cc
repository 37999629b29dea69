#include "pipeline/topic_watch.h"

#include <fmt/format.h>

namespace tapedeck {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};

}  // namespace

void TopicWatch::start(const TopicPartition& at) { watched_[at] = {clock_.steady(), std::nullopt}; }

std::optional<std::string> TopicWatch::fault(const TopicPartition& at) {
    const auto found = watched_.find(at);
    if (found == watched_.end() || !found->second.seen) return std::nullopt;
    Watched& watched = found->second;
    const auto now = clock_.steady();
    if (now - watched.looked < kBetweenLooks) return std::nullopt;
    const Seen seen = *watched.seen;
    const auto made_anew = [&](std::string_view what) {
        return fmt::format(
            "{}[{}] {}: the topic was deleted and made anew while it was read (offset {}, SHA-256 "
            "{} before)",
            at.topic, at.partition.value(), what, seen.offset.value(), hex(seen.digest));
    };
    const auto extent = tape_.extent(at);
    if (!extent) return std::nullopt;
    if (seen.offset >= extent->end) return made_anew("ends below a message that was read from it");
    if (seen.offset >= extent->earliest) {
        const auto held = tape_.read(at, seen.offset, 1);
        if (!held) return std::nullopt;
        if (!held->messages.empty() && held->messages[0].offset == seen.offset &&
            sha256(held->messages[0].value) != seen.digest) {
            return made_anew("holds another message than the one read");
        }
    }
    watched.looked = now;
    watched.seen.reset();  // the newest takes its place
    return std::nullopt;
}

void TopicWatch::note(const TopicPartition& at, Offset offset, const Sha256& digest) {
    const auto found = watched_.find(at);
    if (found != watched_.end() && !found->second.seen) found->second.seen = {offset, digest};
}

}  // namespace tapedeck
