#include "tape/message_copies.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace tapedeck {
namespace {

constexpr std::size_t kFirstBlock = 16 * 1024;
constexpr std::size_t kLargestBlock = 64 * 1024;

}  // namespace

std::string_view MessageCopies::keep(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > room_) {
        if (!blocks_) blocks_ = std::make_shared<std::vector<Block>>();
        const std::size_t usual =
            std::min(kFirstBlock << std::min<std::size_t>(blocks_->size(), 4), kLargestBlock);
        room_ = std::max(usual, text.size());
        free_ = blocks_->emplace_back(std::make_unique_for_overwrite<char[]>(room_)).get();
    }
    char* const kept = free_;
    std::memcpy(kept, text.data(), text.size());
    free_ += text.size();
    room_ -= text.size();
    return {kept, text.size()};
}

void MessageCopies::add(const TapeMessage& message) {
    TAPEDECK_ASSERT(messages_.empty() || messages_.back().offset < message.offset);
    if (messages_.empty()) messages_.reserve(last_count_);
    messages_.push_back(
        {message.offset, message.timestamp, keep(message.key), keep(message.value)});
    bytes_ += message.value.size();
}

void MessageCopies::clear() {
    messages_.clear();
    blocks_.reset();
    room_ = 0;
    bytes_ = 0;
}

Chunk MessageCopies::take(const TopicPartition& at, Offset from, std::size_t max_bytes) {
    TAPEDECK_ASSERT(!messages_.empty() && messages_.front().offset >= from);
    std::size_t count = 0;
    for (std::size_t bytes = 0; count < messages_.size(); ++count) {
        bytes += messages_[count].value.size();
        if (bytes > max_bytes && count > 0) break;
    }
    const std::vector<TapeMessage> rest(messages_.begin() + static_cast<std::ptrdiff_t>(count),
                                        messages_.end());
    messages_.resize(count);
    const Offset end = next(messages_.back().offset);
    Chunk chunk{at, from, end, std::move(messages_), blocks_};
    messages_ = {};
    clear();
    last_count_ = count;
    for (const TapeMessage& message : rest) add(message);  // into blocks of their own
    return chunk;
}

}  // namespace tapedeck
