#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "net/http_client.h"

namespace tapedeck {

// What a service of AWS says is wrong: its code ("AccessDenied") and its own words.
struct AwsFault {
    int status = 0;
    std::string code;
    std::string message;
    std::string request_id;
    std::string region;  // of the bucket, where S3 names another
};

// Nothing where the answer is none of an error (status below 400, and no failure). An answer
// without a code has the status's in its place.
std::optional<AwsFault> fault_of(const Answer& answer);

// The error that a person sees: what was done, AWS's code and words, and what to do about it.
Error explained(const std::string& doing, const AwsFault& fault);

// The same request may succeed later: throttled, or an error of the service's own.
bool is_passing(const AwsFault& fault);

// The clock of this machine is not AWS's.
bool is_skew(const AwsFault& fault);

}  // namespace tapedeck
