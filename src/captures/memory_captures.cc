#include "captures/memory_captures.h"

#include <algorithm>

#include "base/mutex.h"
#include "base/sha256.h"

namespace tapedeck {

std::string MemoryCaptures::keep(const CapturedAnswer& answer) {
    std::string digest = hex(sha256(answer.body));
    const auto [found, is_new] = by_sha256_.try_emplace(digest, captures_.size());
    if (is_new) {
        captures_.push_back({digest, std::string(answer.url), answer.status,
                             kept_headers(answer.headers), answer.fetched_at, answer.fetched_at,
                             static_cast<std::int64_t>(answer.body.size()), std::nullopt});
    }
    Capture& capture = captures_[found->second];
    capture.last_seen_at = std::max(capture.last_seen_at, answer.fetched_at);
    if (!capture.body) capture.body = std::string(answer.body);
    return digest;
}

Result<std::vector<std::string>> MemoryCaptures::put_all(std::span<const CapturedAnswer> answers) {
    const Lock lock(mutex_);
    std::vector<std::string> out;
    for (const CapturedAnswer& answer : answers) out.push_back(keep(answer));
    return out;
}

Result<std::optional<Capture>> MemoryCaptures::get(std::string_view sha256_hex) {
    const Lock lock(mutex_);
    const auto found = by_sha256_.find(sha256_hex);
    if (found == by_sha256_.end()) return std::optional<Capture>();
    return std::optional(captures_[found->second]);
}

Result<> MemoryCaptures::look_through(const std::function<bool(Timestamp fetched_at)>& hashes,
                                      const std::function<Result<>(const LookedAtCapture&)>& sink) {
    std::vector<LookedAtCapture> looked;
    {
        const Lock lock(mutex_);
        for (const Capture& capture : captures_) {
            looked.push_back({capture.sha256, capture.url, capture.fetched_at,
                              capture.body.has_value(),
                              capture.body.has_value() && hashes(capture.fetched_at), ""});
        }
    }
    for (const LookedAtCapture& capture : looked) {
        if (auto taken = sink(capture); !taken) return taken;
    }
    return {};
}

std::int64_t MemoryCaptures::used_bytes() const {
    std::int64_t bytes = 0;
    for (const Capture& capture : captures_) bytes += capture.body ? capture.bytes : 0;
    return bytes;
}

Capture* MemoryCaptures::unseen_for_longest() {
    Capture* oldest = nullptr;
    for (Capture& capture : captures_) {
        if (!capture.body) continue;
        if (oldest == nullptr || capture.last_seen_at < oldest->last_seen_at) oldest = &capture;
    }
    return oldest;
}

Result<std::int64_t> MemoryCaptures::prune(std::chrono::milliseconds retention,
                                           std::int64_t budget_bytes) {
    const Lock lock(mutex_);
    std::int64_t used = used_bytes();
    const auto is_due = [&](const Capture& oldest) {
        return (retention.count() > 0 && oldest.last_seen_at < clock_.now() - retention) ||
               (budget_bytes > 0 && used > budget_bytes);
    };
    std::int64_t dropped = 0;
    for (Capture* oldest = unseen_for_longest(); oldest != nullptr && is_due(*oldest);
         oldest = unseen_for_longest()) {
        used -= oldest->bytes;
        oldest->body.reset();
        ++dropped;
    }
    return dropped;
}

Result<CaptureSizes> MemoryCaptures::sizes() {
    const Lock lock(mutex_);
    CaptureSizes sizes;
    sizes.captures = static_cast<std::int64_t>(captures_.size());
    sizes.bodies = std::ranges::count_if(
        captures_, [](const Capture& capture) { return capture.body.has_value(); });
    sizes.bytes = used_bytes();
    sizes.packed_bytes = sizes.bytes;
    sizes.used_bytes = sizes.bytes;
    return sizes;
}

Result<std::optional<Timestamp>> MemoryCaptures::left_out_until() {
    return std::optional<Timestamp>();
}

}  // namespace tapedeck
