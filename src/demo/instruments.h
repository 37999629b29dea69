#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tapedeck {

// What the simulated sites list: the names they use for it, and where its price starts.
struct DemoInstrument {
    enum class Kind { coin, stock, index };

    Kind kind = Kind::stock;
    std::string id;        // a coin's slug, a stock's or index's ticker: the key of its walk
    std::string name;      // "Bitcoin", "Apple Inc."
    std::string symbol;    // "BTC", "AAPL"
    std::string gecko_id;  // coins: coingecko's name, "avalanche-2"
    std::string base;      // the price that it swings around, with the digits that pages show
    int digits = 2;        // after the point, as pages show it
    int volatility = 100;  // percent of bitcoin's
    bool trades_always() const { return kind == Kind::coin; }
};

// Every name is listed, those unknown here with names and prices made from a hash, except
//   - what is empty, longer than 40 bytes, or has bytes other than letters, digits and "-.^=_";
//   - what begins with "unknown" or "nonexist", in any case: for trying out bad symbols.
// Pure functions.
std::optional<DemoInstrument> coin_by_slug(std::string_view slug);      // bitcoin
std::optional<DemoInstrument> coin_by_symbol(std::string_view symbol);  // BTC, any case
std::optional<DemoInstrument> coin_by_gecko_id(std::string_view id);    // avalanche-2
// What an exchange or Yahoo calls a coin against the dollar: BTC-USD, BTCUSDT, XXBTZUSD, XBTUSD,
// XDGUSD, btcusd, DOGE/USD.
std::optional<DemoInstrument> coin_by_pair(std::string_view pair);
std::optional<DemoInstrument> stock_by_symbol(std::string_view symbol);  // AAPL, ^GSPC, BTC-USD

// The coins of the simulated lists, in the order of their ranks.
std::span<const std::string_view> listed_coins();

}  // namespace tapedeck
