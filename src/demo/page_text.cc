#include "demo/page_text.h"

#include <fmt/format.h>

#include <array>

#include "base/assert.h"
#include "demo/hash.h"

namespace tapedeck {
namespace {

constexpr auto kWords = std::to_array<std::string_view>(
    {"market",  "ledger", "harbour", "morning", "signal",  "copper",  "window", "measure",
     "silver",  "river",  "quiet",   "session", "autumn",  "paper",   "bridge", "listing",
     "network", "reader", "garden",  "report",  "lantern", "station", "volume", "orchard",
     "weather", "simple", "traffic", "journal", "compass", "village", "record", "meadow"});

std::string_view word(std::uint64_t hash) { return kWords[hash % kWords.size()]; }

std::string sentence(std::uint64_t seed) {
    std::string text;
    for (std::uint64_t i = 0; i < 11; ++i) {
        if (i > 0) text += ' ';
        text += word(mixed(seed, i));
    }
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
    return text + ".";
}

// Ten thousandths of `from` that `price` is above it, cut towards zero.
std::int64_t basis_points(const Price& price, const Price& from) {
    const auto difference = Decimal::difference(price, from);
    TAPEDECK_ASSERT(difference && from.is_positive());
    const int scale = std::max(difference->scale(), from.scale());
    const auto above = difference->rounded(scale, Rounding::down);
    const auto below = from.rounded(scale, Rounding::down);
    TAPEDECK_ASSERT(above && below);
    return static_cast<std::int64_t>(above->coefficient() * 10'000 / below->coefficient());
}

}  // namespace

std::string grouped(const Price& price) {
    std::string text = price.to_string();
    auto at = std::min(text.find('.'), text.size());
    const std::size_t first = text.front() == '-' ? 1 : 0;
    while (at > first + 3) {
        at -= 3;
        text.insert(at, 1, ',');
    }
    return text;
}

std::string change_text(const Price& price, const Price& from) {
    const auto difference = Decimal::difference(price, from);
    TAPEDECK_ASSERT(difference);
    return (difference->is_negative() ? "" : "+") + grouped(*difference);
}

std::string percent_digits(const Price& price, const Price& from) {
    const std::int64_t points = basis_points(price, from);
    const std::int64_t size = points < 0 ? -points : points;
    return fmt::format("{}.{:02}", size / 100, size % 100);
}

std::string percent_text(const Price& price, const Price& from) {
    return fmt::format("{}{}%", price < from ? "-" : "+", percent_digits(price, from));
}

std::string html_escaped(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            case '\'':
                result += "&#x27;";
                break;
            default:
                result += c;
        }
    }
    return result;
}

std::string iso_milliseconds(Timestamp time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const auto part = std::chrono::floor<std::chrono::milliseconds>(time - whole);
    std::string text = format_rfc3339(Timestamp(whole));
    text.pop_back();  // the Z
    return fmt::format("{}.{:03}Z", text, part.count());
}

std::string unix_seconds(Timestamp time) {
    return std::to_string(
        std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
}

std::string zone_text(const PriceView& view) {
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(view.utc_offset).count();
    if (hours == 0) return "UTC";
    if (hours == -5) return "EST";
    if (hours == -4) return "EDT";
    return fmt::format("GMT{:+}", hours);
}

std::string clock_text(const PriceView& view) {
    const std::chrono::hh_mm_ss time(view.local_as_of -
                                     std::chrono::floor<std::chrono::days>(view.local_as_of));
    const auto hour = time.hours().count();
    return fmt::format("{}:{:02}{} {}", hour % 12 == 0 ? 12 : hour % 12, time.minutes().count(),
                       hour < 12 ? "AM" : "PM", zone_text(view));
}

Filler::Filler(std::size_t page_bytes) {
    const std::size_t part = page_bytes / 3;
    for (std::uint64_t i = 0; styles_.size() < part; ++i) {
        styles_ +=
            fmt::format(".{}-{} .{}{{margin:{}px {}px;display:flex;color:var(--{})}}\n",
                        word(mixed(1, i)), i, word(mixed(2, i)), i % 40, i % 7, word(mixed(3, i)));
    }
    for (std::uint64_t i = 0; dictionary_.size() < part; ++i) {
        dictionary_ += fmt::format("\"{}_{}\":\"{}\",", word(mixed(4, i)), i, sentence(i));
    }
    if (!dictionary_.empty()) dictionary_.pop_back();
    for (std::uint64_t i = 0; articles_.size() < part; ++i) {
        articles_ += fmt::format(
            "<article class=\"story-{}\"><h3><a href=\"/stories/{}\">{}</a></h3><p>{} {}</p>"
            "<div class=\"meta\"><span>{}</span></div></article>\n",
            i % 9, i, sentence(mixed(5, i)), sentence(mixed(6, i)), sentence(mixed(7, i)),
            word(mixed(8, i)));
    }
}

}  // namespace tapedeck
