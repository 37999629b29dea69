// decode_outcomes: on any bytes a result and no harm; what is read is encoded and read again as
// the same.

#include <cstdint>
#include <string_view>
#include <vector>

#include "market/outcome.h"

using namespace tapedeck;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::vector<char> bytes(data, data + size);
    const auto run = decode_outcomes({bytes.data(), bytes.size()});
    if (!run) {
        TAPEDECK_ASSERT(run.error().kind == ErrorKind::malformed);
        return 0;
    }
    const auto again = decode_outcomes(encode_outcomes(*run));
    TAPEDECK_ASSERT(again && *again == *run);
    return 0;
}
