#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "demo/price_walk.h"

// The JSON answers of coin sites and exchanges, made from simulated prices: all of them give the
// price that the coin pages show, in their own spelling.
namespace tapedeck {

// coinmarketcap's pro API. `by_id`: an object keyed by the coin's number, as quotes/latest has it;
// else an array, as listings/latest.
std::string coinmarketcap_answer(std::span<const PriceView> views, bool by_id, bool in_arrays);

// api/v3/simple/price?ids=…&vs_currencies=usd; with last_updated_at where asked.
std::string coingecko_simple_answer(std::span<const PriceView> views, bool with_time);
std::string coingecko_markets_answer(std::span<const PriceView> views);
std::string coingecko_coin_answer(const PriceView& view);

// `asked` is the pair as it was asked for: "BTC-USD".
std::string coinbase_spot_answer(const PriceView& view);
std::string coinbase_ticker_answer(const PriceView& view);
std::string coinbase_trades_answer(const PriceView& view);
std::string coinbase_product_answer(const PriceView& view);
std::string coinbase_products_answer(std::span<const PriceView> views);

// The pair's long name: BTC -> XXBTZUSD, SOL -> SOLUSD.
std::string kraken_pair(const DemoInstrument& coin);
std::string kraken_answer(std::span<const PriceView> views);

// One object, or an array of them where `symbols` was asked for.
std::string binance_answer(std::span<const std::pair<std::string, PriceView>> views, bool many);
std::string bitstamp_answer(const PriceView& view);

}  // namespace tapedeck
