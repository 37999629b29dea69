#include "config/toml_bounds.h"

#include <fmt/format.h>

#include <algorithm>

namespace tapedeck {
namespace {

constexpr int kMostParts = 32;
constexpr int kMostDepth = 32;
constexpr int kMostValues = 1'000'000;

class Scanner {
public:
    Scanner(std::string_view text, std::string_view file) : text_(text), file_(file) {}

    Result<> scan() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"' || c == '\'') {
                skip_string(c);
                continue;
            }
            if (c == '#') {
                at_ = std::min(text_.find('\n', at_), text_.size());
                continue;
            }
            ++at_;
            take(c);
            if (dots_ >= kMostParts) {
                return beyond(fmt::format("a key of more than {} parts", kMostParts));
            }
            if (depth_ > kMostDepth) {
                return beyond(
                    fmt::format("more than {} lists and tables within one another", kMostDepth));
            }
            if (values_ > kMostValues)
                return beyond(fmt::format("more than {} values", kMostValues));
        }
        return {};
    }

private:
    void take(char c) {
        switch (c) {
            case '.':
                ++dots_;
                return;
            case '\n':
                ++line_;
                break;
            case '[':
            case '{':
                ++depth_;
                break;
            case ']':
            case '}':
                depth_ = std::max(depth_ - 1, 0);
                break;
            case ',':
            case '=':
                ++values_;
                break;
            default:
                return;
        }
        dots_ = 0;
    }

    // A quoted part of a key leaves its dots to be counted on.
    void skip_string(char quote) {
        const std::string three(3, quote);
        const bool multi_line = text_.substr(at_).starts_with(three);
        for (at_ += multi_line ? 3 : 1; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '\n' && !multi_line) return;  // not TOML: the parser says so there
            if (c == '\n') ++line_;
            if (c == '\\' && quote == '"') {
                ++at_;
                if (at_ < text_.size() && text_[at_] == '\n') ++line_;
            } else if (multi_line && text_.substr(at_).starts_with(three)) {
                at_ += 3;
                // Up to two quotes may stand before the closing three.
                while (at_ < text_.size() && text_[at_] == quote) ++at_;
                return;
            } else if (!multi_line && c == quote) {
                ++at_;
                return;
            }
        }
    }

    Error beyond(std::string_view what) const {
        return {ErrorKind::malformed,
                fmt::format("{}:{}: {}, which no file of tapedeck's needs", file_, line_, what)};
    }

    const std::string_view text_;
    const std::string_view file_;
    std::size_t at_ = 0;
    int line_ = 1;
    int dots_ = 0;   // since the last sign that ends a key
    int depth_ = 0;  // of brackets of both kinds
    int values_ = 0;
};

}  // namespace

Result<> check_toml_bounds(std::string_view text, std::string_view file) {
    return Scanner(text, file).scan();
}

}  // namespace tapedeck
