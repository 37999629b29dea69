#include <fmt/format.h>

#include <algorithm>

#include "tape/kafka/kafka_admin.h"

namespace tapedeck {
namespace {

// Big-endian fields one after another; once one does not fit, none does.
class Fields {
public:
    explicit Fields(std::string_view bytes) : bytes_(bytes) {}

    std::int32_t int16() { return static_cast<std::int16_t>(number(2)); }
    std::int32_t int32() { return static_cast<std::int32_t>(number(4)); }
    std::string_view text() {
        const std::int32_t size = int16();
        if (size < 0) return fail();
        return take(static_cast<std::size_t>(size));
    }
    bool is_whole() const { return is_whole_; }
    std::size_t left() const { return bytes_.size(); }

private:
    std::string_view fail() {
        is_whole_ = false;
        bytes_ = {};
        return {};
    }
    std::string_view take(std::size_t size) {
        if (size > bytes_.size()) return fail();
        const std::string_view out = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return out;
    }
    std::uint32_t number(std::size_t size) {
        std::uint32_t out = 0;
        for (const char c : take(size)) out = out << 8 | static_cast<unsigned char>(c);
        return out;
    }

    std::string_view bytes_;
    bool is_whole_ = true;
};

KafkaMember member_of(const rd_kafka_group_member_info& info) {
    const auto text = [](const char* from) { return std::string(from == nullptr ? "" : from); };
    KafkaMember member{text(info.member_id), text(info.client_id), text(info.client_host), {}};
    const auto* bytes = static_cast<const char*>(info.member_assignment);
    const auto size = static_cast<std::size_t>(std::max(info.member_assignment_size, 0));
    // Another program's members may have a form of their own: then it is not known what they read.
    if (bytes == nullptr) return member;
    auto partitions = decode_assignment({bytes, size});
    if (partitions) member.partitions = *std::move(partitions);
    return member;
}

}  // namespace

Result<std::vector<TopicPartition>> decode_assignment(std::string_view bytes) {
    std::vector<TopicPartition> out;
    if (bytes.empty()) return out;
    const Error malformed{ErrorKind::malformed,
                          fmt::format("an assignment of {} bytes ends early", bytes.size())};
    Fields fields(bytes);
    fields.int16();  // version: later ones add at the end
    const std::int32_t topics = fields.int32();
    if (!fields.is_whole() || topics < 0) return malformed;
    for (std::int32_t i = 0; i < topics; ++i) {
        const std::string topic(fields.text());
        const std::int32_t count = fields.int32();
        constexpr std::size_t kPartitionBytes = 4;
        if (!fields.is_whole() || count < 0 ||
            static_cast<std::size_t>(count) > fields.left() / kPartitionBytes) {
            return malformed;
        }
        for (std::int32_t j = 0; j < count; ++j) {
            const std::int32_t partition = fields.int32();
            if (partition < 0) return malformed;
            out.push_back({topic, Partition(partition)});
        }
    }
    std::ranges::sort(out);
    return out;
}

Result<std::vector<KafkaMember>> list_members(const KafkaClient& client, const std::string& group) {
    const struct rd_kafka_group_list* found = nullptr;
    const auto code =
        rd_kafka_list_groups(client.get(), group.c_str(), &found, client.request_timeout_ms());
    const KafkaHandle<const rd_kafka_group_list> groups(found);
    const std::string doing = fmt::format("asking for the members of group {}", group);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return client.error(code, doing);
    std::vector<KafkaMember> out;
    for (int i = 0; i < groups->group_cnt; ++i) {
        const rd_kafka_group_info& each = groups->groups[i];
        if (each.err == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) continue;
        if (each.err != RD_KAFKA_RESP_ERR_NO_ERROR) return client.error(each.err, doing);
        for (int j = 0; j < each.member_cnt; ++j) out.push_back(member_of(each.members[j]));
    }
    std::ranges::sort(out, {}, &KafkaMember::id);
    return out;
}

}  // namespace tapedeck
