#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "captures/captures.h"

namespace tapedeck {

// Captures for as long as the process lives; nothing is packed.
class MemoryCaptures : public Captures {
public:
    explicit MemoryCaptures(const Clock& clock) : clock_(clock) {}

    Result<std::vector<std::string>> put_all(std::span<const CapturedAnswer> answers) override;
    Result<std::optional<Capture>> get(std::string_view sha256_hex) override;
    Result<> look_through(const std::function<bool(Timestamp fetched_at)>& hashes,
                          const std::function<Result<>(const LookedAtCapture&)>& sink) override;
    Result<std::int64_t> prune(std::chrono::milliseconds retention,
                               std::int64_t budget_bytes) override;
    Result<CaptureSizes> sizes() override;
    Result<std::optional<Timestamp>> left_out_until() override;

private:
    std::string keep(const CapturedAnswer& answer) TAPEDECK_REQUIRES(mutex_);
    std::int64_t used_bytes() const TAPEDECK_REQUIRES(mutex_);
    // Of those that have a body; none: none has.
    Capture* unseen_for_longest() TAPEDECK_REQUIRES(mutex_);

    const Clock& clock_;
    Mutex mutex_;
    // In the order in which they were first kept.
    std::vector<Capture> captures_ TAPEDECK_GUARDED_BY(mutex_);
    std::map<std::string, std::size_t, std::less<>> by_sha256_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
