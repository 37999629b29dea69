#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "market/record.h"

namespace tapedeck {

// A record of an array that cannot be read: its own bytes, borrowed from the message, and why.
struct RefusedRecord {
    std::string_view value;
    std::string why;
};

// As RecordDecoder::decode, but of an array what is JSON and no record costs only itself, and is
// added to `refused`. What is no JSON is refused whole; then `out` and `refused` are unchanged.
Result<> decode_parts(std::string_view value, RecordForm form, TextArena& arena,
                      std::vector<Record>& out, std::vector<RefusedRecord>& refused);

}  // namespace tapedeck
