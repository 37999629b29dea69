#pragma once

#include <span>
#include <string>

#include "demo/page_text.h"
#include "demo/price_walk.h"

namespace tapedeck {

// The years whose markup the stock pages follow. What a rule can hold on to in each:
//   y2020: span "Fw(b) Fz(36px) Mb(-4px) D(b)", td[data-test="PREV_CLOSE-value"], "AAPL - Apple
//          Inc." in the h1, readable stores in root.App.main
//   y2023: fin-streamer[data-test="qsp-price"][data-symbol], after a strip of indexes whose first
//          is ^GSPC; h1 "D(ib) Fz(18px)"; the stores in root.App.main cannot be read
//   y2024: fin-streamer[data-testid="qsp-price"] > span, white space around every text, the same
//          strip further down; answers of JSON end points in script[data-sveltekit-fetched]
//   y2026: span[data-testid="qsp-price"] with a trailing blank; every fin-streamer with a
//          data-symbol speaks of others; the previous close stands in one without data-symbol
// While the market is closed, the price after hours stands beside the regular one.
enum class StockPageYear { y2020, y2023, y2024, y2026 };

// `strip` are the indexes (and others) that the page shows besides its own.
std::string stock_page(const PriceView& view, std::span<const PriceView> strip, StockPageYear year,
                       const Filler& filler);

}  // namespace tapedeck
