#include "tests/crash/cluster/traffic.h"

#include <fmt/format.h>

#include <array>

namespace tapedeck {
namespace {

constexpr std::array kCoins{"bitcoin", "ethereum", "bnb",      "dogecoin", "solana", "avalanche",
                            "cardano", "polkadot", "litecoin", "stellar",  "tron",   "monero"};
constexpr std::array kStocks{"AAPL", "MSFT", "GOOG", "AMZN", "TSLA", "BRK-B"};

std::string joined(const std::vector<std::string>& parts) {
    return fmt::format("{}", fmt::join(parts, "|"));
}

}  // namespace

std::int64_t micros(Timestamp time) { return time.time_since_epoch().count(); }

Traffic::Traffic(std::uint64_t seed, std::string coin_topic, std::string stock_topic,
                 Timestamp first_slot, TrafficShape shape)
    : coin_topic_(std::move(coin_topic)),
      stock_topic_(std::move(stock_topic)),
      first_slot_(first_slot),
      shape_(shape),
      random_(seed) {
    TAPEDECK_ASSERT(static_cast<std::size_t>(shape.coins) <= kCoins.size());
    TAPEDECK_ASSERT(static_cast<std::size_t>(shape.stocks) <= kStocks.size());
    for (int i = 0; i < shape.coins; ++i) coins_.emplace_back(kCoins[static_cast<std::size_t>(i)]);
    for (int i = 0; i < shape.stocks; ++i) {
        stocks_.emplace_back(kStocks[static_cast<std::size_t>(i)]);
    }
}

bool Traffic::one_in(int count) { return random_() % static_cast<std::uint64_t>(count) == 0; }

// The serial number stands in the first nine digits after the point; zeros at the end count.
std::string Traffic::new_price() {
    const std::int64_t serial = ++serial_;
    const std::uint64_t whole =
        one_in(20) ? random_() % 1'000'000'000'000'000U : random_() % 90'000;
    std::string price = fmt::format("{}.{:09}", whole, serial);
    if (one_in(3)) price += std::string(1 + random_() % 3, '0');
    if (one_in(10)) price += fmt::format("{:09}", 1 + random_() % 999'999'999);
    return price;
}

Timestamp Traffic::moment_after(Timestamp slot) {
    return slot + std::chrono::microseconds(1 + random_() % 20'000'000);
}

Observation Traffic::record(bool is_stock, const std::string& instrument, Timestamp slot,
                            const std::string& source, const std::string& price) {
    const Timestamp seen = moment_after(slot);
    const std::string name =
        is_stock ? fmt::format("{} Corp. ({})", instrument, instrument) : instrument;
    const std::string previous = is_stock ? new_price() : std::string();
    Observation out;
    out.message.topic = is_stock ? stock_topic_ : coin_topic_;
    out.message.key = instrument;
    out.message.timestamp = std::chrono::floor<std::chrono::milliseconds>(seen);
    out.message.value = is_stock
                            ? fmt::format(R"({{"stock_name":"{}","symbol":"{}","current_price":{},)"
                                          R"("previous_close":{},)",
                                          name, instrument, price, previous)
                            : fmt::format(R"({{"coin_name":"{}","current_price":{},)", name, price);
    out.message.value += fmt::format(
        R"("currency":"USD","slot":"{}","observed_at":"{}","source":"{}","rule":"test",)"
        R"("revision":0}})",
        format_rfc3339(slot), format_rfc3339(seen), source);
    const std::string slot_text = std::to_string(micros(slot));
    ExpectedRow row;
    row.table = is_stock ? "stock_records" : "coin_records";
    row.key = joined({slot_text, instrument, source, "0"});
    row.price = price;
    row.instrument = instrument;
    row.slot = slot_text;
    row.source = source;
    row.date = std::to_string(micros(seen));
    row.line = joined({name, price, previous, row.date, instrument, slot_text, source, "0", "USD"});
    out.rows.push_back(std::move(row));
    return out;
}

Observation Traffic::array(Timestamp at) {
    const bool is_stock = one_in(4);
    Observation out;
    out.message.topic = is_stock ? stock_topic_ : coin_topic_;
    out.message.timestamp = std::chrono::floor<std::chrono::milliseconds>(moment_after(at));
    const std::string date = std::to_string(micros(out.message.timestamp));
    out.message.value = "[";
    for (int i = 0; i < shape_.in_array; ++i) {
        const auto& names = is_stock ? stocks_ : coins_;
        const std::string& instrument = names[random_() % names.size()];
        const std::string price = new_price();
        const std::string previous = is_stock ? new_price() : std::string();
        const std::string name =
            is_stock ? fmt::format("{} Corp. ({})", instrument, instrument) : instrument;
        if (i > 0) out.message.value += ", ";
        out.message.value +=
            is_stock ? fmt::format(
                           R"({{"stock_name": "{}", "current_price": {}, "previous_close": {}}})",
                           name, price, previous)
                     : fmt::format(R"({{"coin_name": "{}", "current_price": {}}})", name, price);
        ExpectedRow row;
        row.table = is_stock ? "stock_records" : "coin_records";
        row.price = price;
        row.line = joined({name, price, previous, date, instrument, "", "", "", ""});
        out.rows.push_back(std::move(row));
    }
    out.message.value += "]";
    return out;
}

Observation Traffic::unreadable(Timestamp at) {
    Observation out;
    out.is_readable = false;
    out.message.topic = coin_topic_;
    out.message.key = coins_[random_() % coins_.size()];
    out.message.timestamp = std::chrono::floor<std::chrono::milliseconds>(moment_after(at));
    const std::string price = new_price();
    switch (random_() % 6) {
        case 0:
            out.message.value = fmt::format(R"({{"coin_name":"bitcoin","n":{}}})", price);
            break;
        case 1:
            out.message.value =
                fmt::format(R"({{"coin_name":"bitcoin","current_price":-{}}})", price);
            break;
        case 2:
            out.message.value = fmt::format(R"({{"coin_name":"bitcoin","current_price":{})", price);
            break;
        case 3:
            out.message.value = fmt::format("\xff\xfe{}", price);
            break;
        case 4:
            out.message.value = std::string("\0\0", 2) + price;
            break;
        default: {  // one of an array's: it costs only itself
            out.message.key.clear();
            out.refused = R"({"coin_name":"bnb"})";
            out.message.value = fmt::format(R"([{{"coin_name":"bitcoin","current_price":{}}},{}])",
                                            price, out.refused);
            ExpectedRow row;
            row.table = "coin_records";
            row.price = price;
            row.line = joined({"bitcoin", price, "", std::to_string(micros(out.message.timestamp)),
                               "bitcoin", "", "", "", ""});
            out.rows.push_back(std::move(row));
            break;
        }
    }
    return out;
}

Observation Traffic::too_large(std::size_t bytes) {
    Observation out;
    out.is_too_large = true;
    out.message.topic = coin_topic_;
    out.message.key = coins_.front();
    out.message.timestamp = std::chrono::floor<std::chrono::milliseconds>(first_slot_);
    out.message.value.reserve(bytes);  // of noise, which does not become smaller on its way
    while (out.message.value.size() < bytes) {
        out.message.value += static_cast<char>(random_() & 0xff);
    }
    return out;
}

std::vector<Observation> Traffic::slot(int number) {
    const Timestamp slot = slot_at(number);
    std::vector<Observation> out;
    const auto add = [&](bool is_stock, const std::string& instrument) {
        const std::string price = new_price();
        out.push_back(record(is_stock, instrument, slot, "alpha", price));
        out.back().feed = is_stock ? "stock" : "coin";
        out.back().instrument = instrument;
        if (!shape_.again) return;
        if (one_in(12)) out.push_back(record(is_stock, instrument, slot, "alpha", price));
        if (one_in(25)) out.push_back(record(is_stock, instrument, slot, "alpha", new_price()));
        if (one_in(10)) out.push_back(record(is_stock, instrument, slot, "beta", new_price()));
    };
    for (const std::string& coin : coins_) add(false, coin);
    for (const std::string& stock : stocks_) add(true, stock);
    for (int i = 0; i < shape_.arrays; ++i) out.push_back(array(slot));
    for (int i = 0; i < shape_.unreadable; ++i) out.push_back(unreadable(slot));
    return out;
}

}  // namespace tapedeck
