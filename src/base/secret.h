#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace tapedeck {

// A text that must not be seen: prints as *** wherever it goes, and is read by a named call only.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string text) : text_(std::move(text)) {}
    const std::string& reveal() const { return text_; }
    bool empty() const { return text_.empty(); }
    friend bool operator==(const Secret&, const Secret&) = default;

private:
    std::string text_;
};

inline std::string_view to_string(const Secret& secret) { return secret.empty() ? "" : "***"; }

}  // namespace tapedeck
