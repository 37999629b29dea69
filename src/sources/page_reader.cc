#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "market/price_text.h"
#include "sources/charset.h"
#include "sources/diagnosis.h"
#include "sources/page_view.h"
#include "sources/rules.h"
#include "sources/source.h"
#include "sources/trust.h"

namespace tapedeck {
namespace {

constexpr std::size_t kLongestName = 400;    // bytes; what a page calls an instrument
constexpr std::size_t kLongestWhat = 1'000;  // of a failure, which every instrument has
// Clocks of sites run ahead of ours by seconds; more than this is no clock error.
constexpr auto kFuture = std::chrono::minutes(10);

// Which of several failures tells a person most.
int weight(Reason reason) {
    switch (reason) {
        case Reason::wrong_instrument:
            return 6;
        case Reason::not_positive:
        case Reason::wrong_currency:
        case Reason::stale:
            return 5;
        case Reason::truncated:
            return 4;
        case Reason::not_found:
            return 3;
        default:
            return 1;
    }
}

Result<Timestamp> parse_time(std::string_view text, const Finder& finder) {
    auto time = parse_page_time(text, finder.unit, finder.zone);
    if (!time || !finder.whole_seconds) return time;
    return Timestamp(std::chrono::floor<std::chrono::seconds>(*time));
}

// Codes as sites write them: ISO 4217, pence and cents (GBp, ZAc, ILA), coins (USDT, BTC).
bool is_currency(std::string_view text) {
    if (text.size() < 2 || text.size() > 10) return false;
    const auto upper = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    if (text == "GBp" || text == "ZAc") return true;
    return std::ranges::all_of(text, upper);
}

bool is_instrument(std::string_view text, const Names& names) {
    return equal_folded(text, names.instrument) || equal_folded(text, names.symbol);
}

// The page in UTF-8, and the way back from there to the bytes that came.
class Written {
public:
    Written(const Page& page, std::int64_t max_bytes) : bytes_(page.body) {
        if (static_cast<std::int64_t>(page.body.size()) > max_bytes) return;  // is not looked at
        known_ = charset_of(page.body, page.content_type, !begins_as_json(page.body));
        changed_ = known_.charset && !known_.charset->is_utf8();
        if (changed_) text_ = known_.charset->to_utf8(bytes_.substr(known_.mark_size));
    }

    Page as_utf8(Page page) const {
        if (changed_) page.body = text_;
        return page;
    }

    Charset charset() const { return known_.charset.value_or(Charset::utf8()); }

    // The name of a character set that is not carried; empty where it is.
    const std::string& unknown() const { return known_.label; }

    // Where `size` bytes at `at` of the text stand in what came.
    std::pair<std::size_t, std::size_t> source_of(std::size_t at, std::size_t size) const {
        if (!changed_ || size == 0) return {at, size};
        const std::string_view text = bytes_.substr(known_.mark_size);
        const std::size_t begin = known_.charset->source_of(text, at);
        const std::size_t end = known_.charset->source_of(text, at + size);
        return {known_.mark_size + begin, end - begin};
    }

private:
    std::string_view bytes_;
    PageCharset known_{Charset::utf8(), {}, 0};
    bool changed_ = false;
    std::string text_;
};

}  // namespace

struct PageReader::Impl {
    Impl(const Source& s, const Page& p, Demands d)
        : source(s),
          rules(*s.rules),
          written(p, s.max_bytes),
          page(written.as_utf8(p)),
          demands(std::move(d)),
          view(rules, page) {}

    const Source& source;
    const RuleSet& rules;
    const Written written;
    const Page page;  // in UTF-8
    const Demands demands;
    PageView view;

    Names names_of(std::string_view instrument) const {
        const auto symbol = source.symbols.find(instrument);
        return {instrument, symbol == source.symbols.end() ? instrument : symbol->second};
    }

    Failure fail(Reason reason, std::string_view what) const {
        return {reason, fmt::format("{}: {}", source.name, shortened(what, kLongestWhat))};
    }

    // What the page says of itself: 1 the instrument, 0 nothing, -1 another one, put into `other`.
    int says(const Field& field, const PageView::Place& place, const Names& names,
             std::string& other) {
        int answer = 0;
        for (const Finder& finder : field) {
            const auto found = view.find_one(finder, place, names);
            if (!found) continue;
            if (is_instrument(fold_space(found->text), names)) return 1;
            if (answer == 0) other = found->text;
            answer = -1;
        }
        return answer;
    }

    std::optional<Failure> look_at(const Names& names);
    ReadResult read(std::string_view instrument);
    ReadResult apply(const Rule& rule, const Names& names, bool named);
    ReadResult apply_at(const Rule& rule, const PageView::Place& place, const Names& names);
    std::optional<Failure> fill(Reading& reading, const Rule& rule, const PageView::Place& place,
                                const Names& names, std::string_view shown_currency);
    std::optional<Failure> check(const Reading& reading, std::string_view shown_currency) const;
    std::optional<Failure> check_currency(const Reading& reading,
                                          std::string_view shown_currency) const;
    std::optional<Failure> check_time(const Reading& reading) const;
    std::string price_problem(const Rule& rule) const;
};

// What the page is in place of a quote, before any rule is tried.
std::optional<Failure> PageReader::Impl::look_at(const Names& names) {
    if (auto failure = diagnose(source, rules, page, view, names, false)) return failure;
    if (written.unknown().empty()) return std::nullopt;
    return fail(Reason::malformed, fmt::format("the page is in the character set \"{}\", which is "
                                               "not carried",
                                               written.unknown()));
}

// Everything beside the price, which stands in `reading` already.
std::optional<Failure> PageReader::Impl::fill(Reading& reading, const Rule& rule,
                                              const PageView::Place& place, const Names& names,
                                              std::string_view shown_currency) {
    if (const auto found = view.find(rule.full_name, place, names)) {
        reading.name = shortened(found->text, kLongestName);
    }
    view.find(rule.previous_close, place, names, [&](const FoundText& found, const Finder& finder) {
        const auto price = parse_price_text(found.text, finder.decimal_mark);
        if (!price || found.cut_off || price->is_negative()) return false;
        reading.previous_close = *price;
        return true;
    });
    view.find(rule.currency, place, names, [&](const FoundText& found, const Finder&) {
        const std::string text(trim(found.text));
        if (!is_currency(text)) return false;
        reading.currency = text;
        return true;
    });
    if (reading.currency.empty()) reading.currency = currency_of_sign(shown_currency);
    if (reading.currency.empty() && shown_currency.empty() && rules.asked_currencies.size() == 1) {
        reading.currency = rules.asked_currencies.front();
    }
    // A time that should be there and cannot be read must not pass for one that is recent.
    if (!rule.as_of.empty()) reading.unread_as_of = "the page does not say when its price was made";
    view.find(rule.as_of, place, names, [&](const FoundText& found, const Finder& finder) {
        const auto time = parse_time(found.text, finder);
        if (time) {
            reading.as_of = *time;
        } else {
            reading.unread_as_of = time.error().what;
        }
        return static_cast<bool>(time);
    });
    if (reading.as_of) reading.unread_as_of.reset();
    return check(reading, shown_currency);
}

std::optional<Failure> PageReader::Impl::check(const Reading& reading,
                                               std::string_view shown_currency) const {
    if (!reading.price.is_positive()) {
        return fail(Reason::not_positive, fmt::format("the price of {} is {}", reading.instrument,
                                                      reading.price.to_string()));
    }
    if (auto failure = check_currency(reading, shown_currency)) return failure;
    return check_time(reading);
}

std::optional<Failure> PageReader::Impl::check_currency(const Reading& reading,
                                                        std::string_view shown_currency) const {
    const std::string& currency = reading.currency;
    if (!rules.currency.empty() && currency != rules.currency) {
        return fail(Reason::wrong_currency,
                    fmt::format("currency \"{}\" in place of {}", currency, rules.currency));
    }
    const std::vector<std::string>& asked = rules.asked_currencies;
    if (!asked.empty() && !currency.empty() && std::ranges::find(asked, currency) == asked.end()) {
        return fail(Reason::wrong_currency,
                    fmt::format("the url asks for prices in {}, and this one is in {}",
                                fmt::join(asked, " and "), currency));
    }
    // "€24,000" where the rule says USD: the page was made for another reader.
    if (!sign_may_be(shown_currency, currency)) {
        return fail(Reason::wrong_currency,
                    fmt::format("the price is shown in {}, not in {}", shown_currency, currency));
    }
    if (!demands.currency.empty() && !currency.empty() && currency != demands.currency) {
        return fail(Reason::wrong_currency,
                    fmt::format("{} is priced in {}, the feed wants {}", reading.instrument,
                                currency, demands.currency));
    }
    return std::nullopt;
}

std::optional<Failure> PageReader::Impl::check_time(const Reading& reading) const {
    const auto max_age = demands.max_age.count() > 0 ? demands.max_age : source.max_age;
    if (max_age.count() > 0 && reading.unread_as_of) {
        return fail(Reason::stale, fmt::format("the price of {} may be of any time: {}",
                                               reading.instrument, *reading.unread_as_of));
    }
    if (!reading.as_of || page.fetched_at == Timestamp{}) return std::nullopt;
    if (*reading.as_of > page.fetched_at + kFuture) {
        return fail(Reason::malformed,
                    fmt::format("the price of {} is of {}, which has not come yet",
                                reading.instrument, format_rfc3339(*reading.as_of)));
    }
    if (!demands.saved && max_age.count() > 0 && *reading.as_of < page.fetched_at - max_age) {
        return fail(Reason::stale,
                    fmt::format("the price of {} is of {}, older than {}", reading.instrument,
                                format_rfc3339(*reading.as_of), format_duration(max_age)));
    }
    return std::nullopt;
}

std::string PageReader::Impl::price_problem(const Rule& rule) const {
    if (view.is_spent()) return "the page takes too long to search: no rule looks further";
    for (const Finder& finder : rule.price) {
        if (finder.kind == Finder::Kind::css) {
            if (!view.tree_error().empty()) return view.tree_error();
            return fmt::format("nothing to read at {}", finder.selector->text());
        }
    }
    return "no price where it should stand";
}

ReadResult PageReader::Impl::apply_at(const Rule& rule, const PageView::Place& place,
                                      const Names& names) {
    std::string other;
    if (says(rule.symbol, place, names, other) < 0) {
        return fail(Reason::wrong_instrument,
                    fmt::format("the page is of {}, not of {}", other, names.symbol));
    }
    Reading reading;
    reading.instrument = names.instrument;
    reading.rule = rule.name;
    std::string shown_currency;
    std::string refused;
    bool cut = false;
    const auto found =
        view.find(rule.price, place, names, [&](const FoundText& text, const Finder& finder) {
            cut = text.cut_off;
            if (cut) return false;
            const auto shown = parse_shown_price(text.text, finder.decimal_mark);
            if (!shown) {
                refused = text.text;
                return false;
            }
            reading.price = shown->price;
            shown_currency = shown->currency;
            return true;
        });
    if (!found && cut) return fail(Reason::truncated, "the page ends within the price");
    if (!found && !refused.empty()) {
        return fail(Reason::malformed,
                    fmt::format("\"{}\" is no price", std::string_view(refused).substr(0, 80)));
    }
    if (!found) return fail(Reason::malformed, price_problem(rule));
    std::tie(reading.evidence_at, reading.evidence_size) =
        written.source_of(found->at, found->size);
    if (auto failure = fill(reading, rule, place, names, shown_currency)) return *failure;
    return reading;
}

// `named`: the page has said that it is the instrument's.
ReadResult PageReader::Impl::apply(const Rule& rule, const Names& names, bool named) {
    if (rules.identity_page && !named && !rule.names_instrument && rule.symbol.empty()) {
        const std::string& nested = view.tree_error();  // what it says of itself was out of reach
        return fail(Reason::malformed, nested.empty() || view.looks_like_json()
                                           ? "the page does not say whose price it shows"
                                           : nested);
    }
    if (rule.when && !view.has(*rule.when, names)) {
        return fail(Reason::malformed,
                    view.tree_error().empty()
                        ? fmt::format("the page has nothing that matches {}", rule.when->text())
                        : view.tree_error());
    }
    std::vector<PageView::Place> places;
    Failure why{Reason::malformed, "nothing to read"};
    if (rule.document) {
        for (const EntryRef& entry : view.entries(*rule.document, names, why)) {
            places.push_back({entry, std::nullopt});
        }
    } else if (rule.entries) {
        for (const HtmlTree::Index row : view.rows(rule, names, why)) {
            places.push_back({std::nullopt, row});
        }
    } else {
        places.emplace_back();
    }
    if (places.empty()) return fail(why.reason, why.what);
    std::optional<Failure> first;
    for (const PageView::Place& place : places) {
        ReadResult result = apply_at(rule, place, names);
        if (std::holds_alternative<Reading>(result)) return result;
        const auto& failure = std::get<Failure>(result);
        if (!first || weight(failure.reason) > weight(first->reason)) first = failure;
    }
    return *first;
}

ReadResult PageReader::Impl::read(std::string_view instrument) {
    const Names names = names_of(instrument);
    view.grant();
    if (auto failure = look_at(names)) return *failure;
    std::string other;
    const int said = says(rules.symbol, {}, names, other);
    std::optional<Failure> worst;
    std::vector<Reading> readings;
    if (said < 0) {
        worst = fail(Reason::wrong_instrument,
                     fmt::format("the page is of {}, not of {}", other, names.symbol));
    } else {
        for (const Rule& rule : rules.rules) {
            ReadResult result = apply(rule, names, said > 0);
            if (auto* reading = std::get_if<Reading>(&result)) {
                readings.push_back(std::move(*reading));
                continue;
            }
            auto& failure = std::get<Failure>(result);
            if (!worst || weight(failure.reason) > weight(worst->reason)) worst = failure;
        }
    }
    if (!readings.empty()) {
        const auto trusted = trusted_reading(readings);
        if (const auto* at = std::get_if<std::size_t>(&trusted)) return readings[*at];
        return fail(Reason::malformed, std::get<std::string>(trusted));
    }
    if (auto failure = diagnose(source, rules, page, view, names, true)) {
        if (weight(failure->reason) >= weight(worst->reason) ||
            failure->reason != Reason::truncated) {
            return *failure;
        }
    }
    return *worst;
}

PageReader::PageReader(const Source& source, const Page& page, Demands demands)
    : impl_(std::make_unique<Impl>(source, page, std::move(demands))) {}
PageReader::~PageReader() = default;

ReadResult PageReader::read(std::string_view instrument) { return impl_->read(instrument); }

std::string PageReader::as_utf8(std::string_view part) const {
    return impl_->written.charset().to_utf8(part);
}

std::vector<std::pair<std::string, ReadResult>> PageReader::read_every_rule(
    std::string_view instrument) {
    const Names names = impl_->names_of(instrument);
    std::vector<std::pair<std::string, ReadResult>> results;
    if (auto failure = impl_->look_at(names)) {
        for (const Rule& rule : impl_->rules.rules) results.emplace_back(rule.name, *failure);
        return results;
    }
    std::string other;
    const int said = impl_->says(impl_->rules.symbol, {}, names, other);
    for (const Rule& rule : impl_->rules.rules) {
        if (said < 0) {
            results.emplace_back(rule.name, impl_->fail(Reason::wrong_instrument,
                                                        fmt::format("the page is of {}, not of {}",
                                                                    other, names.symbol)));
            continue;
        }
        results.emplace_back(rule.name, impl_->apply(rule, names, said > 0));
    }
    return results;
}

}  // namespace tapedeck
