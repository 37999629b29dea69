#include "market/record.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/json_writer.h"
#include "base/utf8.h"
#include "market/instrument_name.h"
#include "market/json_scanner.h"
#include "market/price_text.h"
#include "market/record_parts.h"

namespace tapedeck {
namespace {

// PostgreSQL's indexes hold no longer keys, and no database's text holds a NUL.
constexpr std::size_t kMostNameBytes = 512;

enum class Field {
    unknown,
    coin_name,
    stock_name,
    symbol,
    current_price,
    previous_close,
    currency,
    slot,
    observed_at,
    source,
    rule,
    revision,
    capture,
};

constexpr std::array<std::string_view, 13> kFieldNames{
    "",     "coin_name",   "stock_name", "symbol", "current_price", "previous_close", "currency",
    "slot", "observed_at", "source",     "rule",   "revision",      "capture"};

constexpr std::string_view name_of(Field field) {
    return kFieldNames[static_cast<std::size_t>(field)];
}

// The field of that name in messages of that form; the other form's are unknown to it.
Field field_named(std::string_view name, RecordForm form) {
    const auto is = [name](Field field) { return name == name_of(field) ? field : Field::unknown; };
    const bool stock = form == RecordForm::stock;
    switch (name.size()) {
        case 4:
            return name[0] == 's' ? is(Field::slot) : is(Field::rule);
        case 6:
            if (name[1] == 'o') return is(Field::source);
            return stock ? is(Field::symbol) : Field::unknown;
        case 7:
            return is(Field::capture);
        case 8:
            return name[0] == 'c' ? is(Field::currency) : is(Field::revision);
        case 9:
            return stock ? Field::unknown : is(Field::coin_name);
        case 10:
            return stock ? is(Field::stock_name) : Field::unknown;
        case 11:
            return is(Field::observed_at);
        case 13:
            return is(Field::current_price);
        case 14:
            return stock ? is(Field::previous_close) : Field::unknown;
        default:
            return Field::unknown;
    }
}

void put_field_text(JsonWriter& json, Field field, std::string_view text) {
    if (text.empty()) return;
    json.key(name_of(field));
    if (text.find('\0') == std::string_view::npos) {
        json.text(text);
        return;
    }
    std::string clean(text);
    std::erase(clean, '\0');
    json.text(clean);
}

void put_field_time(std::string& out, JsonWriter& json, Field field, Timestamp time) {
    json.key(name_of(field)).raw("\"");
    append_rfc3339(out, time);
    out += '"';
}

void put_price(std::string& out, JsonWriter& json, Field field, const Price& price) {
    json.key(name_of(field)).raw("");
    price.append_to(out);
}

Error malformed_message(std::string what) { return {ErrorKind::malformed, std::move(what)}; }

// Reads the objects of one message. Every function returns false after setting `error`.
class MessageReader {
public:
    MessageReader(std::string_view value, RecordForm form, TextArena& arena,
                  std::vector<RefusedRecord>* refused)
        : scanner_(value), form_(form), arena_(arena), refused_(refused) {}

    bool read_message(std::vector<Record>& out) {
        if (scanner_.peek() != '[') {
            return read_object(out.emplace_back()) && (scanner_.at_end() || not_json());
        }
        scanner_.take('[');
        if (!scanner_.take(']')) {
            do {
                ++element_;
                if (!read_element(out)) return false;
            } while (scanner_.take(','));
            if (!scanner_.take(']')) return not_json();
        }
        return scanner_.at_end() || not_json();
    }

    Error error() && { return malformed_message(what()); }

private:
    std::string what() const {
        return element_ == 0 ? what_ : "record " + std::to_string(element_) + ": " + what_;
    }

    // One of an array. Where it is JSON and no record, reading goes on behind it.
    bool read_element(std::vector<Record>& out) {
        if (refused_ == nullptr) return read_object(out.emplace_back());
        scanner_.peek();  // past blanks
        JsonScanner whole = scanner_;
        if (read_object(out.emplace_back())) return true;
        out.pop_back();
        const std::size_t begin = whole.at();
        if (!whole.skip_value()) return false;
        refused_->push_back({whole.since(begin), what()});
        scanner_ = std::move(whole);
        return true;
    }

    bool fail(std::string what) {
        what_ = std::move(what);
        return false;
    }
    bool not_json() {
        return fail("no JSON object or array of objects from byte " +
                    std::to_string(scanner_.at()) + " on");
    }

    bool read_object(Record& record) {
        symbol_ = {};
        seen_ = 0;
        has_other_name_ = false;
        if (!scanner_.take('{')) return not_json();
        if (!scanner_.take('}')) {
            JsonScanner::String key;
            do {
                if (!scanner_.string(key) || !scanner_.take(':')) return not_json();
                const Field field = field_named(key.text, form_);
                if (field == Field::unknown && key.text == name_of(other_name())) {
                    has_other_name_ = true;
                }
                if (!read_field(field, record)) return false;
            } while (scanner_.take(','));
            if (!scanner_.take('}')) return not_json();
        }
        return complete(record);
    }

    bool read_field(Field field, Record& record) {
        if (field == Field::unknown) return scanner_.skip_value() || not_json();
        const std::uint32_t bit = 1U << static_cast<unsigned>(field);
        if ((seen_ & bit) != 0) return fail(std::string(name_of(field)) + " stands twice");
        seen_ |= bit;
        switch (field) {
            case Field::coin_name:
            case Field::stock_name:
                return read_text(field, record.name);
            case Field::symbol:
                return read_text(field, symbol_);
            case Field::current_price: {
                std::optional<Price> price;
                if (!read_price(field, price)) return false;
                if (!price) return fail("current_price is null");
                record.price = *price;
                return record.price.is_positive() ||
                       fail("current_price is not positive: " + record.price.to_string());
            }
            case Field::previous_close:
                if (!read_price(field, record.previous_close)) return false;
                return !record.previous_close || !record.previous_close->is_negative() ||
                       fail("previous_close is negative: " + record.previous_close->to_string());
            case Field::currency:
                return read_text(field, record.currency);
            case Field::slot:
                return read_time(field, record.slot);
            case Field::observed_at:
                return read_time(field, record.observed_at);
            case Field::source:
                return read_text(field, record.source);
            case Field::rule:
                return read_text(field, record.rule);
            case Field::revision:
                return read_revision(record.revision);
            case Field::capture:
                return read_text(field, record.capture);
            case Field::unknown:
                break;
        }
        TAPEDECK_ASSERT(false);
    }

    Field other_name() const {
        return form_ == RecordForm::coin ? Field::stock_name : Field::coin_name;
    }

    // The original's stock DAG sends to the coins' topic, for one.
    bool no_name(Field name) {
        std::string what = std::string(name_of(name)) + " is missing or empty";
        if (has_other_name_) {
            const bool stock = form_ == RecordForm::coin;
            what += std::string("; has ") + (stock ? "stock_name" : "coin_name") +
                    ": is this feed's topic " + (stock ? "stock's?" : "coin's?");
        }
        return fail(std::move(what));
    }

    // What must hold of an object whose fields are each well-formed.
    bool complete(Record& record) {
        const Field name = form_ == RecordForm::coin ? Field::coin_name : Field::stock_name;
        if (record.name.empty()) record.name = symbol_;
        if (record.name.empty()) return no_name(name);
        if ((seen_ & 1U << static_cast<unsigned>(Field::current_price)) == 0) {
            return fail("current_price is missing, of " + in_quotes(record.name));
        }
        record.instrument = symbol_.empty() ? instrument_of(record.name, form_) : symbol_;
        if (record.instrument.size() > kMostNameBytes) {
            return fail("instrument is too long: " + in_quotes(record.instrument));
        }
        if (record.source.size() > kMostNameBytes) {
            return fail("source is too long: " + in_quotes(record.source));
        }
        return true;
    }

    // A value of another type than the field's.
    bool wrong_type(Field field, std::string_view wanted) {
        const std::size_t begin = scanner_.at();
        if (!scanner_.skip_value()) return not_json();
        return fail(std::string(name_of(field)) + " is no " + std::string(wanted) + ": " +
                    in_quotes(scanner_.since(begin)));
    }

    bool read_text(Field field, std::string_view& out) {
        const char next = scanner_.peek();
        if (next == 'n') return scanner_.literal("null") || not_json();
        if (next != '"') return wrong_type(field, "text");
        JsonScanner::String text;
        if (!scanner_.string(text)) return not_json();
        out = text.text;
        if (text.escaped) {
            if (out.find('\0') != std::string_view::npos) {
                return fail(std::string(name_of(field)) + " holds a NUL: " + in_quotes(out));
            }
            out = arena_.keep(std::string(out));
        }
        return true;
    }

    bool read_price(Field field, std::optional<Price>& out) {
        const char next = scanner_.peek();
        if (next == 'n') return scanner_.literal("null") || not_json();
        const auto put = [&](Result<Decimal> price) {
            if (!price) return fail(std::string(name_of(field)) + " is " + price.error().what);
            out = *price;
            return true;
        };
        if (next == '"') {
            JsonScanner::String text;
            if (!scanner_.string(text)) return not_json();
            auto plain = Decimal::parse(text.text);
            if (plain) return put(std::move(plain));
            return put(parse_price_text(text.text, DecimalMark::point));
        }
        if (next != '-' && (next < '0' || next > '9')) return wrong_type(field, "price");
        std::string_view digits;
        if (!scanner_.number(digits)) return not_json();
        return put(Decimal::parse(digits));
    }

    bool read_time(Field field, std::optional<Timestamp>& out) {
        const char next = scanner_.peek();
        if (next == 'n') return scanner_.literal("null") || not_json();
        if (next != '"') return wrong_type(field, "time");
        JsonScanner::String text;
        if (!scanner_.string(text)) return not_json();
        const auto time = parse_rfc3339(text.text);
        if (!time) return fail(std::string(name_of(field)) + " is " + time.error().what);
        out = *time;
        return true;
    }

    bool read_revision(std::int32_t& out) {
        const char next = scanner_.peek();
        if (next == 'n') return scanner_.literal("null") || not_json();
        if (next != '-' && (next < '0' || next > '9')) {
            return wrong_type(Field::revision, "number");
        }
        std::string_view digits;
        if (!scanner_.number(digits)) return not_json();
        const char* const end = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), end, out);
        if (error != std::errc() || stop != end || out < 0) {
            return fail("revision is no whole number from 0 on: " + in_quotes(digits));
        }
        return true;
    }

    JsonScanner scanner_;
    const RecordForm form_;
    TextArena& arena_;
    std::vector<RefusedRecord>* const refused_;  // none: one that cannot be read is all
    std::size_t element_ = 0;                    // from 1 on within an array
    std::string what_;

    // Of the object that is read.
    std::string_view symbol_;
    std::uint32_t seen_ = 0;
    bool has_other_name_ = false;
};

std::size_t first_broken_byte(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t length = utf8_length(text.substr(at));
        if (length == 0) break;
        at += length;
    }
    return at;
}

}  // namespace

void encode_record(std::string& out, const Record& record, RecordForm form) {
    TAPEDECK_ASSERT(!record.instrument.empty());
    TAPEDECK_ASSERT(record.price.is_positive());
    JsonWriter json(out);
    json.begin_object();
    if (form == RecordForm::coin) {
        put_field_text(json, Field::coin_name, record.instrument);
    } else {
        put_field_text(json, Field::stock_name,
                       record.name.empty() ? record.instrument : record.name);
        put_field_text(json, Field::symbol, record.instrument);
    }
    put_price(out, json, Field::current_price, record.price);
    if (form == RecordForm::stock && record.previous_close) {
        put_price(out, json, Field::previous_close, *record.previous_close);
    }
    put_field_text(json, Field::currency, record.currency);
    if (record.slot) put_field_time(out, json, Field::slot, *record.slot);
    if (record.observed_at) put_field_time(out, json, Field::observed_at, *record.observed_at);
    put_field_text(json, Field::source, record.source);
    put_field_text(json, Field::rule, record.rule);
    json.key(name_of(Field::revision)).number(record.revision);
    put_field_text(json, Field::capture, record.capture);
    json.end_object();
}

namespace {

// `refused`: none where one record that cannot be read is all.
Result<> decode_message(std::string_view value, RecordForm form, TextArena& arena,
                        std::vector<Record>& out, std::vector<RefusedRecord>* refused) {
    if (value.empty()) return malformed_message("the message is empty");
    if (!simdjson::validate_utf8(value.data(), value.size())) {
        return malformed_message("the message is no UTF-8 from byte " +
                                 std::to_string(first_broken_byte(value)) + " on");
    }
    const std::size_t before = out.size();
    const std::size_t refused_before = refused == nullptr ? 0 : refused->size();
    MessageReader reader(value, form, arena, refused);
    if (!reader.read_message(out)) {
        out.resize(before);
        if (refused != nullptr) refused->resize(refused_before);
        return std::move(reader).error();
    }
    return {};
}

}  // namespace

Result<> RecordDecoder::decode(std::string_view value, RecordForm form, TextArena& arena,
                               std::vector<Record>& out) {
    return decode_message(value, form, arena, out, nullptr);
}

Result<> decode_parts(std::string_view value, RecordForm form, TextArena& arena,
                      std::vector<Record>& out, std::vector<RefusedRecord>& refused) {
    return decode_message(value, form, arena, out, &refused);
}

}  // namespace tapedeck
