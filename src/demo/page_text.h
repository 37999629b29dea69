#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "demo/price_walk.h"
#include "market/record.h"

namespace tapedeck {

// "90,120.55".
std::string grouped(const Price& price);
// `price` minus `from`, with a sign: "+1.20", "-0.05"; and in percent of `from`: "+0.45%".
std::string change_text(const Price& price, const Price& from);
std::string percent_text(const Price& price, const Price& from);
// The same percentage without sign and mark: "0.45".
std::string percent_digits(const Price& price, const Price& from);

std::string html_escaped(std::string_view text);

// "2026-11-24T00:05:00.412Z", always with milliseconds.
std::string iso_milliseconds(Timestamp time);
std::string unix_seconds(Timestamp time);
// "4:00PM EST", "04:00:01 PM EST" and the like are made of these.
std::string clock_text(const PriceView& view);  // "4:00PM EST"
std::string zone_text(const PriceView& view);   // "EST", "EDT", "UTC"

// What every page says of itself, once for programs and once for readers.
inline constexpr std::string_view kDemoMeta = "<meta name=\"generator\" content=\"tapedeck demo\">";
inline constexpr std::string_view kDemoNote =
    "<p class=\"demo-note\">This page was made by the tapedeck demo: its prices are simulated.</p>";

// Text that makes pages as heavy as the real ones: styles, dictionaries, articles. It holds no
// digits that look like a price and none of the hooks that rules look for. Made once, immutable.
class Filler {
public:
    // About `page_bytes` of a page are filled; 0 fills nothing.
    explicit Filler(std::size_t page_bytes);

    const std::string& styles() const { return styles_; }          // CSS rules
    const std::string& dictionary() const { return dictionary_; }  // "KEY":"text",… without braces
    const std::string& articles() const { return articles_; }      // <article> elements

private:
    std::string styles_;
    std::string dictionary_;
    std::string articles_;
};

}  // namespace tapedeck
