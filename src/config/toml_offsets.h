#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "config/toml_document.h"

namespace tapedeck {

// Where positions lie in a text, in bytes; its size where they lie beyond. Quick for many that are
// asked for in their order, as one line may hold every value of a file. `text` must outlive it.
class TomlOffsets {
public:
    explicit TomlOffsets(std::string_view text);
    std::string_view text() const { return text_; }
    std::size_t of(TomlPosition at);

private:
    std::string_view text_;
    std::vector<std::size_t> starts_;  // of lines
    TomlPosition last_at_;
    std::size_t last_offset_ = 0;
};

}  // namespace tapedeck
