#pragma once

#include <span>
#include <string_view>

namespace tapedeck {

// A text file of data/ or dags/ that was put into the binary: "data/sources/yahoo.toml".
struct ShippedFile {
    std::string_view path;
    std::string_view text;
};

// In the order of their paths. Generated at build time by cmake/ship.cmake.
std::span<const ShippedFile> shipped_files();

}  // namespace tapedeck
