#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tapedeck {

// What a program for Linux needs of the machine that runs it.
struct ElfNeeds {
    std::string machine;                 // "x86_64", "arm64"
    std::vector<std::string> libraries;  // DT_NEEDED: "libc.so.6"
    std::string highest_glibc;           // "2.34", of all versions of symbols; empty: none
    bool stripped = true;                // has no table of symbols
};

// `malformed` where the bytes are no 64-bit little-endian program.
Result<ElfNeeds> read_elf(std::string_view bytes);

}  // namespace tapedeck
