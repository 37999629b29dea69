#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "sqlite/sqlite_looking.h"

namespace tapedeck {

// The header that a capture has where secrets were taken out of its body: how many times. The
// SHA-256 is then that of the bytes as kept.
inline constexpr std::string_view kSecretsRemoved = "tapedeck-secrets-removed";

// An answer to be kept, as it came. Everything is borrowed for the call.
struct CapturedAnswer {
    std::string_view url;  // secrets masked by the caller
    int status = 0;
    const std::vector<std::pair<std::string, std::string>>& headers;  // cookies are left out
    std::string_view body;                                            // unpacked
    Timestamp fetched_at;
};

// An answer as kept. The same bytes are kept once; url, status and headers are those of the first
// answer that had them, and the attempts in the store know about the others.
struct Capture {
    std::string sha256;  // hex, lower case
    std::string url;
    int status = 0;
    std::string headers;     // lines of "name: value"
    Timestamp fetched_at;    // first
    Timestamp last_seen_at;  // last
    std::int64_t bytes = 0;
    std::optional<std::string> body;  // none: pruned
};

struct CaptureSizes {
    std::int64_t captures = 0;      // ever kept
    std::int64_t bodies = 0;        // still here
    std::int64_t bytes = 0;         // of those, unpacked
    std::int64_t packed_bytes = 0;  // of those, as kept
    std::int64_t used_bytes = 0;    // of the file, without pages that are free again
};

// A capture as it is looked through.
struct LookedAtCapture {
    std::string sha256;
    std::string url;
    Timestamp fetched_at;
    bool has_body = false;    // else: pruned
    bool was_hashed = false;  // the body, again
    std::string fault;        // of the body, where it is not what its SHA-256 says
};

// The bytes that sources answered, by SHA-256, packed with zstd, in a file of their own: what
// `why` and a mended source go back to. Its loss never loses a price. All functions may be called
// from any thread. Errors as open_file's; where the disk is full, nothing was changed.
class CaptureStore {
public:
    static Result<std::unique_ptr<CaptureStore>> open(const std::string& path, const Clock& clock);
    // For a recorder, whose prices do not hang on its evidence: a file that is damaged is set aside
    // as it is and a new one made, now or when it is found; one that cannot be opened is tried
    // again with the next answers. `tell` hears of either, on the thread that finds it.
    static std::unique_ptr<CaptureStore> open_for_recording(const std::string& path,
                                                            const Clock& clock,
                                                            std::function<void(const Error&)> tell);
    // To be read only, as look_at has it: what writes is `rejected`.
    static Result<std::unique_ptr<CaptureStore>> open_looking(const std::string& path,
                                                              const Clock& clock,
                                                              const LookOptions& options);

    // Keeps the answer; its SHA-256 in hex. A power failure may take back the last ones kept, a
    // crash of the program does not.
    Result<std::string> put(const CapturedAnswer& answer);
    // Keeps the answers in one transaction; their SHA-256 in order.
    Result<std::vector<std::string>> put_all(std::span<const CapturedAnswer> answers);

    // Nothing where such bytes were never kept. `corrupt` where the bytes are not what their
    // SHA-256 says.
    Result<std::optional<Capture>> get(std::string_view sha256_hex);

    // All captures, one after the other, in the order in which they were first kept. The bodies of
    // those that `hashes` chooses by the time of their answer are unpacked and hashed again.
    Result<> look_through(const std::function<bool(Timestamp fetched_at)>& hashes,
                          const std::function<Result<>(const LookedAtCapture&)>& sink);

    // Drops the bodies last seen longer ago than `retention` (0: however long ago), then those
    // unseen for longest until the file uses at most `budget_bytes` (0: however many); what is
    // known about them stays. The number of bodies dropped. A little at a time: `keep` never waits
    // for all of it.
    Result<std::int64_t> prune(std::chrono::milliseconds retention, std::int64_t budget_bytes);

    Result<CaptureSizes> sizes();

    // That the captures of slots until this moment, itself included, were left out on purpose: a
    // copy without its captures was restored, and this file begun beside it. The last one counts.
    Result<> note_left_out(Timestamp until);
    Result<std::optional<Timestamp>> left_out_until();

private:
    CaptureStore(std::string path, std::unique_ptr<Database> database, const Clock& clock)
        : path_(std::move(path)), clock_(clock), database_(std::move(database)) {}
    void close_file();
    Result<> open_anew(std::optional<Error> damage);
    Result<> put_aside(const Error& damage);
    Error not_open() const;
    static Result<std::unique_ptr<Database>> open_to_write(const std::string& path,
                                                           const Clock& clock);
    Result<> put_all_in_transaction(std::span<const CapturedAnswer> answers,
                                    std::span<const std::string> digests);
    Result<std::int64_t> look_at_some(std::int64_t after,
                                      const std::function<bool(Timestamp)>& hashes,
                                      std::vector<LookedAtCapture>& out);
    Result<> put_one(const CapturedAnswer& answer, const std::string& sha256_hex);
    Result<std::int64_t> drop_older(Timestamp keep_since);
    Result<std::int64_t> drop_over(std::int64_t budget_bytes);
    Result<std::int64_t> drop_some(std::chrono::milliseconds retention, std::int64_t budget_bytes);
    Result<std::int64_t> shrink_some();  // the free pages that are left
    Result<std::int64_t> used_bytes();

    const std::string path_;
    const Clock& clock_;
    std::function<void(const Error&)> tell_;  // none: a damaged file is left where it is
    std::mutex mutex_;
    // Guarded by mutex_.
    std::unique_ptr<Database> database_;  // none: it cannot be opened
    bool was_locked_ = false;             // the last time
};

}  // namespace tapedeck
