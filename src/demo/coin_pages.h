#pragma once

#include <span>
#include <string>

#include "demo/page_text.h"
#include "demo/price_walk.h"

namespace tapedeck {

// The years whose markup the coin pages follow. What a rule can hold on to in each:
//   y2023: div.priceValue > span; a smaller div.priceValue further down holds a ratio, not a price;
//          h2 > small.nameSymbol; JSON in #__NEXT_DATA__ at /props/pageProps/info/statistics/price
//   y2025: span[data-test="text-cdp-price-display"]; [data-role="coin-symbol"]; JSON at
//          /props/pageProps/detailRes/detail/statistics/price
//   y2026: as y2025 with other generated class names, and the text split by an empty comment
// In all of them the JSON is of 37 seconds before the price that is shown, with more digits.
enum class CoinPageYear { y2023, y2025, y2026 };

std::string coin_page(const PriceView& view, CoinPageYear year, const Filler& filler);

// The list of many coins, a table as in 2023 (tr.cmc-table-row, the price in
// .cmc-table__cell--sort-by__price); with the same list in #__NEXT_DATA__, as in 2020.
std::string coin_list_page(std::span<const PriceView> views, const Filler& filler);

}  // namespace tapedeck
