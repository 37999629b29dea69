#pragma once

#include <string>

#include "base/result.h"
#include "lambda/elf_file.h"

namespace tapedeck {

// What AWS Lambda is given: one program for Amazon Linux 2023, as a ZIP archive.
struct FunctionPackage {
    std::string machine;  // "x86_64", "arm64"
    std::string zip;
    std::size_t program_bytes = 0;
    ElfNeeds needs;
};

// Packs the program in the file `bootstrap`; where it is empty, the one that tools/lambda.sh of the
// checkout that this program was built in makes for `machine`. `rejected` where it is larger than
// 8 MB (4 MB packed) or needs more than Amazon Linux 2023's libc.
Result<FunctionPackage> make_package(const std::string& bootstrap, const std::string& machine);

}  // namespace tapedeck
