#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "demo/price_walk.h"

// Yahoo's JSON answers, made from simulated prices. Numbers are written as the site writes them:
// without trailing zeros.
namespace tapedeck {

// A quote with {"raw": number, "fmt": text} pairs, as pages embed it.
void write_formatted_quote(JsonWriter& json, const PriceView& view);

// v7/finance/quote: {"quoteResponse":{"result":[…],"error":null}}; unknown symbols are left out.
std::string quote_answer(std::span<const PriceView> views, bool formatted);

// v8/finance/chart of today in 5-minute bars: previousClose is that of an intraday chart, and
// chartPreviousClose the same.
std::string chart_answer(const PriceView& view, const PriceWalk& walk);

// v7/finance/spark.
std::string spark_answer(std::span<const PriceView> views, const PriceWalk& walk);

// v10/finance/quoteSummary with the modules price and summaryDetail.
std::string summary_answer(const PriceView& view, bool formatted);

std::string volume_text(const PriceView& view);  // "32,129,951"

}  // namespace tapedeck
