#include "demo/instruments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "demo/hash.h"

namespace tapedeck {
namespace {

struct CoinRow {
    std::string_view slug, name, symbol, gecko_id, base;
    int volatility;
};

// Names and identifiers as the sites have them; prices near those of late 2025, and small ones on
// purpose, as digits are what a recorder loses first.
constexpr auto kCoins = std::to_array<CoinRow>({
    {"bitcoin", "Bitcoin", "BTC", "bitcoin", "90120.55", 100},
    {"ethereum", "Ethereum", "ETH", "ethereum", "3021.37", 140},
    {"tether", "Tether USDt", "USDT", "tether", "0.9996", 2},
    {"xrp", "XRP", "XRP", "ripple", "2.0513", 150},
    {"bnb", "BNB", "BNB", "binancecoin", "890.12", 110},
    {"solana", "Solana", "SOL", "solana", "138.64", 170},
    {"usd-coin", "USDC", "USDC", "usd-coin", "0.9998", 2},
    {"tron", "TRON", "TRX", "tron", "0.2794", 100},
    {"dogecoin", "Dogecoin", "DOGE", "dogecoin", "0.07441", 200},
    {"cardano", "Cardano", "ADA", "cardano", "0.4138", 180},
    {"bitcoin-cash", "Bitcoin Cash", "BCH", "bitcoin-cash", "533.06", 150},
    {"chainlink", "Chainlink", "LINK", "chainlink", "13.02", 180},
    {"stellar", "Stellar", "XLM", "stellar", "0.2517", 170},
    {"monero", "Monero", "XMR", "monero", "391.48", 130},
    {"litecoin", "Litecoin", "LTC", "litecoin", "84.93", 140},
    {"avalanche", "Avalanche", "AVAX", "avalanche-2", "14.27", 190},
    {"shiba-inu", "Shiba Inu", "SHIB", "shiba-inu", "0.000008513", 220},
    {"toncoin", "Toncoin", "TON", "the-open-network", "1.561", 180},
    {"polkadot-new", "Polkadot", "DOT", "polkadot", "2.318", 180},
    {"uniswap", "Uniswap", "UNI", "uniswap", "6.144", 190},
    {"pepe", "Pepe", "PEPE", "pepe", "0.000004481", 260},
    {"ethereum-classic", "Ethereum Classic", "ETC", "ethereum-classic", "13.71", 160},
    {"cosmos", "Cosmos", "ATOM", "cosmos", "2.512", 180},
    {"filecoin", "Filecoin", "FIL", "filecoin", "1.603", 200},
    {"gridcoin", "GridCoin", "GRC", "gridcoin-research", "0.010917", 250},
});

constexpr auto kListed = [] {
    std::array<std::string_view, kCoins.size()> slugs{};
    std::ranges::transform(kCoins, slugs.begin(), &CoinRow::slug);
    return slugs;
}();

struct StockRow {
    std::string_view symbol, name, base;
    int volatility;
    DemoInstrument::Kind kind = DemoInstrument::Kind::stock;
};

constexpr auto kStocks = std::to_array<StockRow>({
    {"AAPL", "Apple Inc.", "271.49", 45},
    {"TSLA", "Tesla, Inc.", "391.09", 120},
    {"AMZN", "Amazon.com, Inc.", "220.69", 60},
    {"GOOG", "Alphabet Inc.", "299.65", 55},
    {"META", "Meta Platforms, Inc.", "594.25", 70},
    {"NFLX", "Netflix, Inc.", "1104.31", 65},
    {"NVDA", "NVIDIA Corporation", "178.88", 100},
    {"MSFT", "Microsoft Corporation", "472.12", 45},
    {"AMD", "Advanced Micro Devices, Inc.", "203.78", 120},
    {"SHOP", "Shopify Inc.", "144.60", 110},
    {"INTC", "Intel Corporation", "34.50", 110},
    {"^GSPC", "S&P 500", "6602.99", 25, DemoInstrument::Kind::index},
    {"^DJI", "Dow Jones Industrial Average", "46245.41", 20, DemoInstrument::Kind::index},
    {"^IXIC", "NASDAQ Composite", "22273.08", 30, DemoInstrument::Kind::index},
    {"^RUT", "Russell 2000 Index", "2369.59", 35, DemoInstrument::Kind::index},
});

bool same_text(std::string_view left, std::string_view right) {
    return lower_ascii(left) == lower_ascii(right);
}

bool listed(std::string_view name) {
    if (name.empty() || name.size() > 40) return false;
    const bool plain = std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-.^=_").find(c) != std::string_view::npos;
    });
    return plain && !same_text(name.substr(0, 7), "unknown") &&
           !same_text(name.substr(0, 8), "nonexist");
}

std::string upper(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return result;
}

int digits_of(std::string_view base) {
    const auto point = base.find('.');
    return point == std::string_view::npos ? 0 : static_cast<int>(base.size() - point - 1);
}

DemoInstrument coin_of(const CoinRow& row) {
    return {DemoInstrument::Kind::coin, std::string(row.slug),
            std::string(row.name),      std::string(row.symbol),
            std::string(row.gecko_id),  std::string(row.base),
            digits_of(row.base),        row.volatility};
}

// "gridcoin-two" -> "Gridcoin Two".
std::string title_of(std::string_view slug) {
    std::string title;
    bool first = true;
    for (const char c : slug) {
        if (c == '-' || c == '_') {
            title += ' ';
            first = true;
            continue;
        }
        title += first ? upper(std::string_view(&c, 1)) : std::string(1, c);
        first = false;
    }
    return title;
}

// Between 0.0001 and 9999.99, with six digits that count.
std::string base_of_coin(std::uint64_t hash) {
    const std::uint64_t mantissa = 100'000 + hash % 900'000;
    switch ((hash >> 32) % 4) {
        case 0:
            return fmt::format("0.000{}", mantissa);
        case 1:
            return fmt::format("0.{}", mantissa);
        case 2:
            return fmt::format("{}.{:04}", mantissa / 10'000, mantissa % 10'000);
        default:
            return fmt::format("{}.{:02}", mantissa / 100, mantissa % 100);
    }
}

template <class Rows, class Field>
const auto* row_with(const Rows& rows, Field field, std::string_view text) {
    const auto found =
        std::ranges::find_if(rows, [&](const auto& row) { return same_text(row.*field, text); });
    return found == rows.end() ? nullptr : &*found;
}

DemoInstrument made_coin(std::string_view slug, std::string symbol) {
    const std::uint64_t hash = hash_of(slug);
    const std::string base = base_of_coin(hash);
    return {DemoInstrument::Kind::coin,
            std::string(slug),
            title_of(slug),
            std::move(symbol),
            std::string(slug),
            base,
            digits_of(base),
            static_cast<int>(80 + (hash >> 40) % 200)};
}

}  // namespace

std::optional<DemoInstrument> coin_by_slug(std::string_view slug) {
    if (!listed(slug)) return std::nullopt;
    if (const auto* row = row_with(kCoins, &CoinRow::slug, slug)) return coin_of(*row);
    std::string symbol;
    for (const char c : slug.substr(0, 12)) {
        if (c != '-' && c != '_' && symbol.size() < 5) symbol += c;
    }
    return made_coin(lower_ascii(slug), upper(symbol));
}

std::optional<DemoInstrument> coin_by_symbol(std::string_view symbol) {
    if (!listed(symbol)) return std::nullopt;
    if (const auto* row = row_with(kCoins, &CoinRow::symbol, symbol)) return coin_of(*row);
    return made_coin(lower_ascii(symbol), upper(symbol));
}

std::optional<DemoInstrument> coin_by_gecko_id(std::string_view id) {
    if (const auto* row = row_with(kCoins, &CoinRow::gecko_id, id)) return coin_of(*row);
    return coin_by_slug(id);
}

std::optional<DemoInstrument> coin_by_pair(std::string_view pair) {
    std::string text = upper(pair);
    std::erase_if(text, [](char c) { return c == '-' || c == '/' || c == '_'; });
    // Kraken's older names put X before coins and Z before money: XXBTZUSD, XETHZUSD, USDTZUSD.
    if (text.size() == 8 && text.ends_with("ZUSD")) {
        text = (text.front() == 'X' ? text.substr(1, 3) : text.substr(0, 4)) + "USD";
    }
    std::string coin;
    for (const std::string_view money : {"USDT", "USDC", "USD"}) {
        if (text.size() > money.size() && text.ends_with(money)) {
            coin = text.substr(0, text.size() - money.size());
            break;
        }
    }
    if (coin.empty()) return std::nullopt;
    if (coin == "XBT") coin = "BTC";
    if (coin == "XDG") coin = "DOGE";
    return coin_by_symbol(coin);
}

std::optional<DemoInstrument> stock_by_symbol(std::string_view symbol) {
    if (!listed(symbol)) return std::nullopt;
    if (const auto* row = row_with(kStocks, &StockRow::symbol, symbol)) {
        return DemoInstrument{row->kind,
                              std::string(row->symbol),
                              std::string(row->name),
                              std::string(row->symbol),
                              {},
                              std::string(row->base),
                              2,
                              row->volatility};
    }
    if (symbol.ends_with("-USD")) return coin_by_pair(symbol);
    const std::uint64_t hash = hash_of(upper(symbol));
    return DemoInstrument{DemoInstrument::Kind::stock,
                          upper(symbol),
                          title_of(lower_ascii(symbol)) + " Holdings, Inc.",
                          upper(symbol),
                          {},
                          fmt::format("{}.{:02}", 5 + hash % 900, (hash >> 20) % 100),
                          2,
                          static_cast<int>(40 + (hash >> 40) % 80)};
}

std::span<const std::string_view> listed_coins() { return kListed; }

}  // namespace tapedeck
