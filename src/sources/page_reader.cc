#include <fmt/format.h>

#include <algorithm>

#include "market/price_text.h"
#include "sources/diagnosis.h"
#include "sources/page_view.h"
#include "sources/rules.h"
#include "sources/source.h"

namespace tapedeck {
namespace {

constexpr std::size_t kLongestName = 400;    // bytes; what a page calls an instrument
constexpr std::size_t kLongestWhat = 1'000;  // of a failure, which every instrument has

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

}  // namespace

struct PageReader::Impl {
    Impl(const Source& s, const Page& p) : source(s), rules(*s.rules), page(p), view(rules, page) {}

    const Source& source;
    const RuleSet& rules;
    const Page page;
    PageView view;
    bool worth_is_checked = true;  // of the price: sign and age

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

    ReadResult read(std::string_view instrument);
    ReadResult apply(const Rule& rule, const Names& names, bool named);
    ReadResult apply_at(const Rule& rule, const PageView::Place& place, const Names& names);
    std::optional<Failure> fill(Reading& reading, const Rule& rule, const PageView::Place& place,
                                const Names& names, std::string_view shown_currency);
    std::optional<Failure> check(const Reading& reading, std::string_view shown_currency) const;
    std::string price_problem(const Rule& rule) const;
};

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
    if (worth_is_checked ? !reading.price.is_positive() : reading.price.is_negative()) {
        return fail(Reason::not_positive, fmt::format("the price of {} is {}", reading.instrument,
                                                      reading.price.to_string()));
    }
    if (!rules.currency.empty() && reading.currency != rules.currency) {
        return fail(Reason::wrong_currency, fmt::format("currency \"{}\" in place of {}",
                                                        reading.currency, rules.currency));
    }
    // "€24,000" where the rule says USD: the page was made for another reader.
    if (!sign_may_be(shown_currency, reading.currency)) {
        return fail(Reason::wrong_currency, fmt::format("the price is shown in {}, not in {}",
                                                        shown_currency, reading.currency));
    }
    const bool is_dated = worth_is_checked && page.fetched_at != Timestamp{};
    if (is_dated && source.max_age.count() > 0 && reading.unread_as_of) {
        return fail(Reason::stale, fmt::format("the price of {} may be of any time: {}",
                                               reading.instrument, *reading.unread_as_of));
    }
    const bool dated = is_dated && reading.as_of;
    if (dated && source.max_age.count() > 0 && page.fetched_at - *reading.as_of > source.max_age) {
        return fail(Reason::stale, fmt::format("the price of {} is of {}", reading.instrument,
                                               format_rfc3339(*reading.as_of)));
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
    reading.evidence_at = found->at;
    reading.evidence_size = found->size;
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
    if (auto failure = diagnose(source, rules, page, view, names, false)) return *failure;
    std::string other;
    const int said = says(rules.symbol, {}, names, other);
    std::optional<Failure> worst;
    if (said < 0) {
        worst = fail(Reason::wrong_instrument,
                     fmt::format("the page is of {}, not of {}", other, names.symbol));
    } else {
        for (const Rule& rule : rules.rules) {
            ReadResult result = apply(rule, names, said > 0);
            if (std::holds_alternative<Reading>(result)) return result;
            auto& failure = std::get<Failure>(result);
            if (!worst || weight(failure.reason) > weight(worst->reason)) worst = failure;
        }
    }
    if (auto failure = diagnose(source, rules, page, view, names, true)) {
        if (weight(failure->reason) >= weight(worst->reason) ||
            failure->reason != Reason::truncated) {
            return *failure;
        }
    }
    return *worst;
}

PageReader::PageReader(const Source& source, const Page& page)
    : impl_(std::make_unique<Impl>(source, page)) {}
PageReader::~PageReader() = default;

ReadResult PageReader::read(std::string_view instrument) { return impl_->read(instrument); }

ReadResult PageReader::read_as_shown(std::string_view instrument) {
    impl_->worth_is_checked = false;
    ReadResult result = impl_->read(instrument);
    impl_->worth_is_checked = true;
    return result;
}

std::vector<std::pair<std::string, ReadResult>> PageReader::read_every_rule(
    std::string_view instrument) {
    const Names names = impl_->names_of(instrument);
    std::vector<std::pair<std::string, ReadResult>> results;
    if (auto failure =
            diagnose(impl_->source, impl_->rules, impl_->page, impl_->view, names, false)) {
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
