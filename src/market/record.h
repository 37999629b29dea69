#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.h"
#include "base/time.h"

namespace tapedeck {

using Price = Decimal;

// Which of the two shapes a feed's messages and table have; a user's own feed has the stock form.
enum class RecordForm { coin, stock };

// One price on the tape, docs/formats/messages.md. The texts are borrowed: from the quote when
// encoding, from the message's bytes or the TextArena when decoding.
struct Record {
    std::string_view instrument;  // bitcoin; AAPL. The message key
    std::string_view name;        // stock form: "Apple Inc. (AAPL)"; coin form: the instrument
    Price price;
    std::optional<Price> previous_close;   // stock form only
    std::string_view currency;             // "USD", "GBp"; empty where not known
    std::optional<Timestamp> slot;         // none: a message of the original
    std::optional<Timestamp> observed_at;  // none: the original's; its message timestamp counts
    std::string_view source;               // empty: the original's
    std::string_view rule;
    std::int32_t revision = 0;
    std::string_view capture;  // SHA-256 in hex, or empty
};

// Keeps texts that had to be unescaped alive for as long as the records that point to them.
class TextArena {
public:
    std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
    void clear() { kept_.clear(); }

private:
    std::deque<std::string> kept_;  // a deque never moves its elements
};

// Appends the message's value, prices with their exact digits:
// {"coin_name":"bitcoin","current_price":22470.52,"currency":"USD","slot":…}
// The instrument must not be empty and the price must be positive. Empty fields are left out; a
// stock without a name gets its instrument for one, so that older readers find the field. Bytes
// that are no UTF-8 become U+FFFD, and NULs in texts are left out, since no database keeps them.
void encode_record(std::string& out, const Record& record, RecordForm form);

// Reads messages of both forms and appends their records. One decoder serves one thread.
//
// `value` is the message as it came, any bytes: one object of ours, or the original's array of
// objects (a record each, without slot and source; "stock_name" "Apple Inc. (AAPL)" gives the
// instrument AAPL, a name without such a group is the instrument itself; prices are numbers, or
// texts as `parse_price_text` reads them with the point as mark). Fields may stand in any order,
// unknown ones are skipped, null is as good as absent. `malformed` names the field and the value;
// then `out` is unchanged. Prices keep the digits written; a price through double is impossible.
// Refused besides what is no JSON: a field that stands twice, a current_price that is missing or
// not positive, a previous_close below zero, a NUL in a text, an instrument or source of more than
// 512 bytes (database indexes hold no longer keys).
class RecordDecoder {
public:
    RecordDecoder() = default;
    RecordDecoder(const RecordDecoder&) = delete;
    RecordDecoder& operator=(const RecordDecoder&) = delete;

    Result<> decode(std::string_view value, RecordForm form, TextArena& arena,
                    std::vector<Record>& out);
};

}  // namespace tapedeck
