// RecordDecoder: on any bytes a result and no harm; a message that is refused leaves nothing
// behind; what is read can be encoded and read again as the same; and simdjson takes whatever ours
// takes for JSON.

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "market/record.h"

using namespace tapedeck;

namespace {

bool same(const Record& left, const Record& right) {
    return left.instrument == right.instrument && left.name == right.name &&
           left.price.to_string() == right.price.to_string() &&
           left.previous_close == right.previous_close && left.currency == right.currency &&
           left.slot == right.slot && left.observed_at == right.observed_at &&
           left.source == right.source && left.rule == right.rule &&
           left.revision == right.revision && left.capture == right.capture;
}

void check_record(const Record& record, RecordForm form) {
    TAPEDECK_ASSERT(!record.instrument.empty());
    TAPEDECK_ASSERT(record.price.is_positive());
    std::string value;
    encode_record(value, record, form);
    RecordDecoder decoder;
    TextArena arena;
    std::vector<Record> again;
    TAPEDECK_ASSERT(decoder.decode(value, form, arena, again));
    TAPEDECK_ASSERT(again.size() == 1 && same(again[0], record));
}

void check(std::string_view value, RecordForm form) {
    RecordDecoder decoder;
    TextArena arena;
    std::vector<Record> records(1);
    const auto result = decoder.decode(value, form, arena, records);
    if (value.empty()) {
        TAPEDECK_ASSERT(!result);
        return;
    }
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    const auto code = parser.parse(value.data(), value.size()).get(root);
    if (!result) {
        TAPEDECK_ASSERT(result.error().kind == ErrorKind::malformed);
        TAPEDECK_ASSERT(!result.error().what.empty());
        TAPEDECK_ASSERT(records.size() == 1);
        return;
    }
    // Its DOM refuses numbers that neither 64 bits nor a double hold.
    TAPEDECK_ASSERT(code == simdjson::SUCCESS || code == simdjson::NUMBER_ERROR);
    for (std::size_t i = 1; i < records.size(); ++i) check_record(records[i], form);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // In memory of exactly this size, so that a sanitizer sees a read beyond it.
    const std::vector<char> bytes(data, data + size);
    const std::string_view value(bytes.data(), bytes.size());
    check(value, RecordForm::coin);
    check(value, RecordForm::stock);
    return 0;
}
