#include "collect/feed_settings.h"

#include <fmt/format.h>

#include "config/text_checks.h"
#include "market/price_table.h"

namespace tapedeck {

std::string must_be_instrument(std::string_view text) {
    // Tickers hold all kinds of signs (BRK-B, ^GSPC, EURUSD=X, M&M.NS, XBT/USD); those that would
    // break a list, a URL template or a line of a log are not among them. Letters of other scripts
    // are not either: no site names what it sells by them in its addresses.
    constexpr std::string_view kExample = "an instrument such as bitcoin or AAPL";
    if (text.empty() || text.size() > 64) return must_be(kExample, text);
    for (const char c : text) {
        if (static_cast<unsigned char>(c) >= 0x80) {
            return must_be(fmt::format("{}, of letters, digits and signs of ASCII", kExample),
                           text);
        }
        if (c <= ' ' || c == 0x7F || std::string_view("\"'`\\<>{},").find(c) != text.npos) {
            return must_be(kExample, text);
        }
    }
    return {};
}

std::string must_be_topic(std::string_view text) {
    const bool fine = !text.empty() && text.size() <= 249 && is_made_of(text, "._-") &&
                      text != "." && text != ".." && text != "tapedeck_outcomes";
    return fine ? std::string() : must_be("a topic's name such as coin_topic", text);
}

std::string must_be_table(std::string_view text) {
    const std::string fault = table_name_fault(text);
    return fault.empty() ? fault : must_be(fault, text);
}

std::string must_be_currency(std::string_view text) {
    const bool fine = text.size() >= 3 && text.size() <= 10 && is_made_of(text, "");
    return fine ? std::string() : must_be("a currency such as USD", text);
}

}  // namespace tapedeck
