#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tapedeck {

// Why there is no price. The one table in reason.cc maps each to the error kind (what the program
// does about it), to the kind that `tapedeck extract` prints, and to the coverage ledger's reason.
enum class Reason {
    malformed,         // the page or answer has no price where one should stand, or is no JSON/HTML
    empty,             // a body of no bytes, or of blanks
    truncated,         // the server closed before all promised bytes came
    too_large,         // more bytes than the source's max_bytes, packed or unpacked
    consent,           // a consent page in place of the quote
    challenge,         // a robot check (Cloudflare and the like)
    throttled,         // 429, or a text that says so
    unauthorized,      // 401, or an invalid crumb or API key
    forbidden,         // 403, 451
    not_found,         // 404, an unknown symbol, a list without the instrument
    wrong_instrument,  // the page names another instrument
    stale,             // the price is older than the source or feed allows
    wrong_currency,    // not the currency expected, or none known
    not_positive,      // zero or negative
    timeout,
    unreachable,   // no such host, no route, reset
    refused,       // connection refused
    tls,           // certificate or handshake
    redirects,     // too many, or in a circle
    server_error,  // 5xx
    resting,       // the source's circuit breaker is open: not asked
    out_of_time,   // the slot's grace ended before the pace allowed asking
    tape,          // read, but the tape did not take it
    interrupted,   // the program was stopped in the middle of the slot
};

struct ReasonRow {
    Reason reason;
    std::string_view name;          // the reason's own name: `sources`, logs
    ErrorKind kind;                 // policy: `unavailable` is retried in the same slot
    std::string_view extract_kind;  // {"error":{"kind":…}} of `tapedeck extract`
    std::string_view ledger;        // coverage.reason
};

std::span<const ReasonRow> reason_table();
const ReasonRow& row_of(Reason reason);
std::optional<Reason> reason_named(std::string_view name);

// One price that could not be had, with the words a person needs: "status 429 from …".
struct Failure {
    Reason reason;
    std::string what;
};

}  // namespace tapedeck
