#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tapedeck {

// The currencies in which a URL asks for prices, in capitals: {"EUR"} for
// "…?ids=x&vs_currency=eur". Empty where its query has none of the parameters by which sites ask
// so, or leaves it open.
std::vector<std::string> currencies_of_query(std::string_view url);

}  // namespace tapedeck
