#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "captures/captures.h"
#include "sqlite/sqlite_looking.h"

namespace tapedeck {

// Captures in a file of their own, packed with zstd. Errors as open_file's; where the disk is full,
// nothing was changed. A power failure may take back the last ones kept, a crash of the program
// does not.
class SqliteCaptures : public Captures {
public:
    static Result<std::unique_ptr<SqliteCaptures>> open(const std::string& path,
                                                        const Clock& clock);
    // For a recorder, whose prices do not hang on its evidence: a file that is damaged is set aside
    // as it is and a new one made, now or when it is found; one that cannot be opened is tried
    // again with the next answers. `tell` hears of either, on the thread that finds it.
    static std::unique_ptr<SqliteCaptures> open_for_recording(
        const std::string& path, const Clock& clock, std::function<void(const Error&)> tell);
    // To be read only, as look_at has it: what writes is `rejected`.
    static Result<std::unique_ptr<SqliteCaptures>> open_looking(const std::string& path,
                                                                const Clock& clock,
                                                                const LookOptions& options);

    Result<std::vector<std::string>> put_all(std::span<const CapturedAnswer> answers) override;
    Result<std::optional<Capture>> get(std::string_view sha256_hex) override;
    Result<> look_through(const std::function<bool(Timestamp fetched_at)>& hashes,
                          const std::function<Result<>(const LookedAtCapture&)>& sink) override;
    Result<std::int64_t> prune(std::chrono::milliseconds retention,
                               std::int64_t budget_bytes) override;
    Result<CaptureSizes> sizes() override;
    Result<std::optional<Timestamp>> left_out_until() override;

    // That the captures of slots until this moment, itself included, were left out on purpose: a
    // copy without its captures was restored, and this file begun beside it. The last one counts.
    Result<> note_left_out(Timestamp until);

private:
    SqliteCaptures(std::string path, std::unique_ptr<Database> database, const Clock& clock)
        : path_(std::move(path)), clock_(clock), database_(std::move(database)) {}
    void close_file() TAPEDECK_REQUIRES(mutex_);
    Result<> open_anew(std::optional<Error> damage) TAPEDECK_REQUIRES(mutex_);
    Result<> put_aside(const Error& damage);
    Error not_open() const;
    static Result<std::unique_ptr<Database>> open_to_write(const std::string& path,
                                                           const Clock& clock);
    Result<> put_all_in_transaction(std::span<const CapturedAnswer> answers,
                                    std::span<const std::string> digests) TAPEDECK_REQUIRES(mutex_);
    Result<std::int64_t> look_at_some(std::int64_t after,
                                      const std::function<bool(Timestamp)>& hashes,
                                      std::vector<LookedAtCapture>& out);
    Result<> put_one(const CapturedAnswer& answer, const std::string& sha256_hex)
        TAPEDECK_REQUIRES(mutex_);
    Result<std::int64_t> drop_older(Timestamp keep_since) TAPEDECK_REQUIRES(mutex_);
    Result<std::int64_t> drop_over(std::int64_t budget_bytes) TAPEDECK_REQUIRES(mutex_);
    Result<std::int64_t> drop_some(std::chrono::milliseconds retention, std::int64_t budget_bytes);
    Result<std::int64_t> shrink_some();  // the free pages that are left
    Result<std::int64_t> used_bytes() TAPEDECK_REQUIRES(mutex_);

    const std::string path_;
    const Clock& clock_;
    std::function<void(const Error&)> tell_;  // none: a damaged file is left where it is
    Mutex mutex_;
    std::unique_ptr<Database> database_ TAPEDECK_GUARDED_BY(mutex_);  // none: it cannot be opened
    bool was_locked_ TAPEDECK_GUARDED_BY(mutex_) = false;             // the last time
};

}  // namespace tapedeck
