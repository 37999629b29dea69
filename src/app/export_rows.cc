#include "app/export_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/output.h"
#include "base/harmless.h"
#include "base/json_writer.h"
#include "store/row_instrument.h"
#include "store/row_text.h"

namespace tapedeck {
namespace {

ExportRow row_of(const RowView& view, RecordForm form) {
    ExportRow row;
    row.name = text_or_empty(view, 1);
    row.instrument = row_instrument(view, 0, 1, form);
    row.price = stored_price(view, 2);
    row.date = view.timestamp(3);
    if (!view.is_null(4)) row.slot = view.timestamp(4);
    row.source = text_or_empty(view, 5);
    row.revision = view.is_null(6) ? 0 : view.integer(6);
    if (!view.is_null(7)) row.recorded_at = view.timestamp(7);
    row.capture = text_or_empty(view, 8);
    row.currency = text_or_empty(view, 9);
    row.previous_close = stored_price(view, 10);
    row.id = view.integer(11);
    return row;
}

// The rows of one table with a slot, or without.
Statement statement_of(const PriceTable& table, const ExportChoice& choice, bool with_slot) {
    const bool stock = table.form == RecordForm::stock;
    const std::string name = stock ? "stock" : "coin";
    const std::string_view when = with_slot ? "slot" : "date";
    std::vector<Value> values{choice.span.from, choice.span.to};
    std::string where =
        fmt::format("slot is {}null and {} >= $1 and {} < $2", with_slot ? "not " : "", when, when);
    if (!choice.instrument.empty()) {
        where += " and " + rows_of_instrument(table, choice.instrument, values);
    }
    if (choice.known_at) {
        // A row of somebody else's making says nothing of when it came: its date counts.
        values.emplace_back(*choice.known_at);
        where += fmt::format(" and coalesce(recorded_at, date) <= ${}", values.size());
    }
    const std::string_view order =
        with_slot ? "slot, instrument, revision desc, recorded_at, id" : "date, id";
    return {fmt::format("select instrument, {}, {}, date, slot, source, revision, recorded_at, "
                        "capture, currency, {}, id from {} where {} order by {}",
                        name, stored_price_column("price"),
                        stock ? stored_price_column("previous_close") : "null", table.name, where,
                        order),
            std::move(values),
            {}};
}

// The feed of a row: the one that has its instrument, else the first of the table.
const std::string& feed_of_instrument(const std::vector<const Feed*>& feeds,
                                      const std::string& instrument) {
    for (const Feed* feed : feeds) {
        if (std::ranges::find(feed->instruments, instrument) != feed->instruments.end()) {
            return feed->name;
        }
    }
    return feeds.front()->name;
}

// A text that a spreadsheet would run in place of show: "=cmd|…", "+…", "-…", "@…".
bool is_formula(std::string_view text) {
    return !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != text.npos;
}

// A text from outside; numbers and times are written as they are.
void append_field(std::string& out, std::string_view as_stored) {
    const std::string text = (is_formula(as_stored) ? "'" : "") + harmless(as_stored);
    if (text.find_first_of(",\"\r\n") == text.npos) {
        out += text;
        return;
    }
    out += '"';
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

// A number is never a formula, with whatever sign.
void append_price(std::string& out, const StoredPrice& price) {
    if (price.number) {
        out += price.text;
    } else {
        append_field(out, price.text);
    }
}

void write_text(JsonWriter& json, std::string_view key, std::string_view text) {
    json.key(key);
    if (text.empty()) {
        json.null();
    } else {
        json.text(text);
    }
}

}  // namespace

bool OnePerSlot::takes(const ExportRow& row) {
    if (!row.slot) return true;
    if (slot_ == row.slot && instrument_ == row.instrument) return false;
    slot_ = row.slot;
    instrument_ = row.instrument;
    return true;
}

Result<> each_row(Store& store, const std::map<std::string, Feed>& feeds,
                  const ExportChoice& choice,
                  const std::function<Result<>(const ExportRow&)>& sink) {
    std::map<std::string, std::vector<const Feed*>> tables;
    for (const auto& [name, feed] : feeds) tables[feed.table.name].push_back(&feed);
    for (const auto& [table, sharing] : tables) {
        const bool wanted = choice.feed.empty() ||
                            std::ranges::find(sharing, choice.feed, &Feed::name) != sharing.end();
        if (!wanted) continue;
        for (const bool with_slot : {false, true}) {
            OnePerSlot chooser;
            auto done = store.query(
                statement_of(sharing.front()->table, choice, with_slot),
                [&, &sharing = sharing](const RowView& view) -> Result<> {
                    ExportRow row = row_of(view, sharing.front()->table.form);
                    if (!choice.instrument.empty() && row.instrument != choice.instrument) {
                        return {};
                    }
                    row.feed = feed_of_instrument(sharing, row.instrument);
                    row.table = sharing.front()->table.name;
                    if (!choice.feed.empty() && row.feed != choice.feed) {
                        return {};
                    }
                    if (!choice.all && !chooser.takes(row)) return {};
                    return sink(row);
                });
            if (!done) return done;
        }
    }
    return {};
}

void OddPrices::look_at(const ExportRow& row) {
    if (row.price.number) return;
    if (count_++ > 0) return;
    first_ = fmt::format("{} id {} of {}: {}", row.table, row.id, row.instrument,
                         shown_price(row.price));
}

std::string OddPrices::sentence() const {
    if (count_ == 0) return "";
    return fmt::format("{} hold{} no number as price, the first {}",
                       count_ == 1 ? "1 row" : fmt::format("{} rows", count_),
                       count_ == 1 ? "s" : "", first_);
}

std::string csv_header() {
    return "feed,instrument,name,slot,date,price,previous_close,currency,source,revision,"
           "recorded_at,capture\n";
}

void append_csv(std::string& out, const ExportRow& row) {
    append_field(out, row.feed);
    out += ',';
    append_field(out, row.instrument);
    out += ',';
    append_field(out, row.name);
    out += ',';
    if (row.slot) append_rfc3339(out, *row.slot);
    out += ',';
    append_rfc3339(out, row.date);
    out += ',';
    append_price(out, row.price);
    out += ',';
    append_price(out, row.previous_close);
    out += ',';
    append_field(out, row.currency);
    out += ',';
    append_field(out, row.source);
    out += fmt::format(",{},", row.revision);
    if (row.recorded_at) append_rfc3339(out, *row.recorded_at);
    out += ',';
    append_field(out, row.capture);
    out += '\n';
}

void append_json_line(std::string& out, const ExportRow& row) {
    std::string line;
    JsonWriter json(line);
    json.begin_object().key("feed").text(row.feed).key("instrument").text(row.instrument);
    write_text(json, "name", row.name);
    write_time(json, "slot", row.slot);
    write_time(json, "date", row.date);
    write_text(json, "price", row.price.text);
    write_text(json, "previous_close", row.previous_close.text);
    write_text(json, "currency", row.currency);
    write_text(json, "source", row.source);
    json.key("revision").number(row.revision);
    write_time(json, "recorded_at", row.recorded_at);
    write_text(json, "capture", row.capture);
    json.end_object();
    out.append(harmless(line)).append("\n");
}

}  // namespace tapedeck
