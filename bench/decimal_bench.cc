// What do reading a price, writing it, and decoding a record's message cost on one core, and what
// do others take for the same? Data: 4096 prices between 0.00000001 and 99999.99, and as many
// messages of about 270 bytes made from them; the best of five
// rounds is printed, in CPU time of the thread.
//   Limits: prices: strtod, which is not exact, and Boost's cpp_dec_float. Messages: simdjson's
//   on-demand front end reading the same eight fields, after a copy into its padded buffer, its
//   texts left where they are and its times unread; and 2 million messages a second.

#include <fmt/format.h>
#include <simdjson.h>

#include <boost/multiprecision/cpp_dec_float.hpp>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "base/decimal.h"
#include "market/record.h"

namespace tapedeck {
namespace {

constexpr std::size_t kCount = 4096;
std::uint64_t kept = 0;  // what was computed, so that no compiler leaves it out

// Of this thread, so that a busy machine shows what an idle one would.
double cpu_nanoseconds() {
    timespec now{};
    TAPEDECK_ASSERT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class F>
void measure(std::string_view name, const F& each) {
    double best = 1e9;
    for (int round = 0; round < 5; ++round) {
        const double start = cpu_nanoseconds();
        for (int again = 0; again < 50; ++again) {
            for (std::size_t i = 0; i < kCount; ++i) each(i);
        }
        best = std::min(best, (cpu_nanoseconds() - start) / (50.0 * kCount));
    }
    fmt::print("{:<44} {:8.1f} ns  {:6.2f} million/s\n", name, best, 1e3 / best);
}

std::vector<std::string> prices() {
    std::mt19937_64 random(20261124);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < kCount; ++i) {
        const int scale = static_cast<int>(2 + random() % 7);
        const auto units = static_cast<std::int64_t>(1 + random() % 9'999'999);
        out.push_back(Decimal::from_parts(units, scale)->to_string());
    }
    return out;
}

std::vector<std::string> messages(const std::vector<std::string>& prices) {
    std::vector<std::string> out;
    Timestamp slot = *parse_rfc3339("2026-11-24T00:05:00Z");
    for (const std::string& price : prices) {
        Record record;
        record.instrument = "bitcoin";
        record.price = *Decimal::parse(price);
        record.currency = "USD";
        record.slot = slot += std::chrono::minutes(5);
        record.observed_at = slot + std::chrono::microseconds(412'913);
        record.source = "coinmarketcap";
        record.rule = "price-class";
        record.capture = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        encode_record(out.emplace_back(), record, RecordForm::coin);
    }
    return out;
}

void measure_decimals(const std::vector<std::string>& texts) {
    std::vector<Decimal> values;
    for (const std::string& text : texts) values.push_back(*Decimal::parse(text));
    std::string out;
    measure("Decimal::parse", [&](std::size_t i) {
        kept += static_cast<std::uint64_t>(Decimal::parse(texts[i])->coefficient());
    });
    measure("  strtod (not exact)", [&](std::size_t i) {
        kept += static_cast<std::uint64_t>(std::strtod(texts[i].c_str(), nullptr));
    });
    measure("  boost cpp_dec_float_50", [&](std::size_t i) {
        const boost::multiprecision::cpp_dec_float_50 value(texts[i]);
        kept += static_cast<std::uint64_t>(value.sign());
    });
    measure("Decimal::append_to", [&](std::size_t i) {
        out.clear();
        values[i].append_to(out);
        kept += out.size();
    });
    measure("Decimal::operator<=> of two scales",
            [&](std::size_t i) { kept += values[i] < values[(i + 1) % kCount] ? 1U : 0U; });
    std::string when;
    const Timestamp time = *parse_rfc3339("2026-11-24T00:05:00.412913Z");
    measure("parse_rfc3339 with microseconds", [&](std::size_t) {
        kept += static_cast<std::uint64_t>(
            parse_rfc3339("2026-11-24T00:05:00.412913Z")->time_since_epoch().count());
    });
    measure("append_rfc3339 with microseconds", [&](std::size_t) {
        when.clear();
        append_rfc3339(when, time);
        kept += when.size();
    });
}

void measure_messages(const std::vector<std::string>& values) {
    RecordDecoder decoder;
    TextArena arena;
    std::vector<Record> records;
    fmt::print("messages of {} bytes\n", values[0].size());
    measure("RecordDecoder::decode", [&](std::size_t i) {
        records.clear();
        TAPEDECK_ASSERT(decoder.decode(values[i], RecordForm::coin, arena, records));
        kept += static_cast<std::uint64_t>(records[0].price.coefficient());
    });
    simdjson::ondemand::parser parser;
    std::string padded;
    measure("  simdjson on demand", [&](std::size_t i) {
        padded.assign(values[i]);
        padded.reserve(padded.size() + simdjson::SIMDJSON_PADDING);
        simdjson::ondemand::document document;
        simdjson::ondemand::object object;
        if (parser.iterate(padded).get(document) != simdjson::SUCCESS) std::abort();
        if (document.get_object().get(object) != simdjson::SUCCESS) std::abort();
        for (auto field : object) {
            std::string_view key;
            std::string_view text;
            simdjson::ondemand::value value;
            if (field.unescaped_key().get(key) != simdjson::SUCCESS) std::abort();
            if (field.value().get(value) != simdjson::SUCCESS) std::abort();
            if (key == "current_price") {
                kept += static_cast<std::uint64_t>(
                    Decimal::parse(value.raw_json_token())->coefficient());
            } else if (key != "revision") {
                if (value.get_string().get(text) != simdjson::SUCCESS) std::abort();
                kept += text.size();
            }
        }
    });
    std::string out;
    measure("encode_record", [&](std::size_t) {
        out.clear();
        encode_record(out, records[0], RecordForm::coin);
        kept += out.size();
    });
}

}  // namespace
}  // namespace tapedeck

int main() {
    const auto texts = tapedeck::prices();
    tapedeck::measure_decimals(texts);
    tapedeck::measure_messages(tapedeck::messages(texts));
    fmt::print("(sum of everything computed: {})\n", tapedeck::kept);
}
