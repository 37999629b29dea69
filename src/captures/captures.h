#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

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

// The lines under which headers are kept: "name: value", without cookies and authorizations.
std::string kept_headers(const std::vector<std::pair<std::string, std::string>>& headers);

// The seam to the bytes that sources answered, by SHA-256: what `why` and a mended source go back
// to. Their loss never loses a price. Every implementation passes
// tests/conformance/captures_suite.h. All functions may be called from any thread. Errors:
// `unavailable` (locked, full, away: nothing was changed), `corrupt`.
class Captures {
public:
    virtual ~Captures() = default;

    // Keeps the answers, all of them or none; their SHA-256 in hex, in order. Cookies are left out.
    virtual Result<std::vector<std::string>> put_all(std::span<const CapturedAnswer> answers) = 0;
    // One of them.
    Result<std::string> put(const CapturedAnswer& answer);

    // Nothing where such bytes were never kept. `corrupt` where the bytes are not what their
    // SHA-256 says.
    virtual Result<std::optional<Capture>> get(std::string_view sha256_hex) = 0;

    // All captures, one after the other, in the order in which they were first kept. The bodies of
    // those that `hashes` chooses by the time of their answer are unpacked and hashed again.
    virtual Result<> look_through(const std::function<bool(Timestamp fetched_at)>& hashes,
                                  const std::function<Result<>(const LookedAtCapture&)>& sink) = 0;

    // Drops the bodies last seen longer ago than `retention` (0: however long ago), then those
    // unseen for longest until they use at most `budget_bytes` (0: however many); what is known
    // about them stays. The number of bodies dropped. A little at a time: `put_all` never waits for
    // all of it.
    virtual Result<std::int64_t> prune(std::chrono::milliseconds retention,
                                       std::int64_t budget_bytes) = 0;

    virtual Result<CaptureSizes> sizes() = 0;

    // Until when, itself included, the captures of slots were left out on purpose.
    virtual Result<std::optional<Timestamp>> left_out_until() = 0;
};

}  // namespace tapedeck
