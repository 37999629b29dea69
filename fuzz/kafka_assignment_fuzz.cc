// Any bytes as a group member's assignment, which some other program may have written.
#include <cstddef>
#include <cstdint>

#include "tape/kafka/kafka_admin.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tapedeck;
    const auto decoded = decode_assignment({reinterpret_cast<const char*>(data), size});
    if (!decoded) return 0;
    for (const TopicPartition& at : *decoded) {
        TAPEDECK_ASSERT(at.partition.value() >= 0 && at.topic.size() <= size);
    }
    constexpr std::size_t kPartitionBytes = 4;
    TAPEDECK_ASSERT(decoded->size() <= size / kPartitionBytes);
    return 0;
}
