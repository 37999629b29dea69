// Answers each line of the input with one line: a decimal, an order, or the error's kind.
//   parse TEXT · add A B · subtract A B · multiply A B · compare A B · round MODE SCALE A

#include <array>
#include <iostream>
#include <sstream>
#include <string>

#include "base/decimal.h"

namespace tapedeck {
namespace {

std::string answer(const Result<Decimal>& result) {
    return result ? result->to_string() : std::string(to_string(result.error().kind));
}

std::string order_of(const Decimal& left, const Decimal& right) {
    if (left < right) return "less";
    return left == right ? "equal" : "greater";
}

Rounding mode_named(const std::string& name) {
    constexpr std::array kNames{"half_even", "half_up", "down", "up", "floor", "ceiling"};
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (name == kNames[i]) return static_cast<Rounding>(i);
    }
    TAPEDECK_ASSERT(false);
}

std::string answer_line(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "parse") return answer(Decimal::parse(std::string_view(line).substr(6)));
    if (verb == "round") {
        std::string mode;
        std::string number;
        int scale = 0;
        words >> mode >> scale >> number;
        const auto given = Decimal::parse(number);
        return given ? answer(given->rounded(scale, mode_named(mode))) : answer(given);
    }
    std::string left_text;
    std::string right_text;
    words >> left_text >> right_text;
    const auto left = Decimal::parse(left_text);
    const auto right = Decimal::parse(right_text);
    if (!left || !right) return answer(left ? right : left);
    if (verb == "add") return answer(Decimal::sum(*left, *right));
    if (verb == "subtract") return answer(Decimal::difference(*left, *right));
    if (verb == "multiply") return answer(Decimal::product(*left, *right));
    TAPEDECK_ASSERT(verb == "compare");
    return order_of(*left, *right);
}

}  // namespace
}  // namespace tapedeck

int main() {
    std::string line;
    while (std::getline(std::cin, line)) std::cout << tapedeck::answer_line(line) << '\n';
}
