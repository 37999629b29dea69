#include "app/function_package.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "app/config.h"
#include "base/system_fault.h"
#include "lambda/zip_file.h"

extern char** environ;

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostProgram = 8'000'000;
constexpr std::size_t kMostZip = 4'000'000;
constexpr std::string_view kGlibc = "2.34";  // Amazon Linux 2023's
constexpr auto kLibraries = std::to_array<std::string_view>(
    {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2",
     "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"});

// "2.9" is below "2.34".
bool is_above(std::string_view version, std::string_view limit) {
    const auto minor = [](std::string_view text) {
        return std::stoi(std::string(text.substr(text.find('.') + 1)));
    };
    return !version.empty() && (!version.starts_with("2.") || minor(version) > minor(limit));
}

// The checkout that this program lies in: build/PRESET/src/app/tapedeck.
Result<fs::path> checkout() {
    std::error_code fault;
    fs::path path = fs::read_symlink("/proc/self/exe", fault);
    for (int up = 0; up < 5 && !fault; ++up) path = path.parent_path();
    if (!fault && fs::exists(path / "tools/lambda.sh", fault)) return path;
    return Error{ErrorKind::rejected,
                 "there is no checkout with tools/lambda.sh around this program: name the "
                 "function's program with --bootstrap"};
}

// Runs the script with its talk on standard error; it returns when the program is there.
Result<> build(const fs::path& root, const std::string& arch) {
    std::string script = (root / "tools/lambda.sh").string();
    std::string argument = arch;
    std::array<char*, 3> arguments{script.data(), argument.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    pid_t child = 0;
    const int failed =
        ::posix_spawn(&child, script.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return Error{ErrorKind::unavailable,
                     fmt::format("cannot start {}: {}", script, system_fault(failed))};
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return Error{ErrorKind::rejected, script + " failed"};
}

Result<> check(const FunctionPackage& package, const std::string& machine) {
    const auto wrong = [](std::string what) {
        return Error{ErrorKind::rejected, "the function's program " + std::move(what)};
    };
    const ElfNeeds& needs = package.needs;
    if (needs.machine != machine) {
        return wrong(fmt::format("is of {}, not of {}", needs.machine, machine));
    }
    for (const std::string& library : needs.libraries) {
        if (std::ranges::find(kLibraries, library) == kLibraries.end()) {
            return wrong(fmt::format("needs {}, which Amazon Linux 2023 does not have", library));
        }
    }
    if (is_above(needs.highest_glibc, kGlibc)) {
        return wrong(fmt::format("needs GLIBC_{}, and Amazon Linux 2023 has {}",
                                 needs.highest_glibc, kGlibc));
    }
    if (!needs.stripped) return wrong("has its symbols: strip it");
    if (package.program_bytes > kMostProgram || package.zip.size() > kMostZip) {
        return wrong(fmt::format("has {} bytes, {} packed: 8 MB and 4 MB are the most",
                                 package.program_bytes, package.zip.size()));
    }
    return {};
}

}  // namespace

Result<FunctionPackage> make_package(const std::string& bootstrap, const std::string& machine) {
    std::string path = bootstrap;
    if (path.empty()) {
        const std::string arch = machine == "arm64" ? "aarch64" : "x86_64";
        const auto root = checkout();
        if (!root) return root.error();
        if (auto built = build(*root, arch); !built) return built.error();
        path = (*root / "build/lambda" / arch / "bootstrap").string();
    }
    const auto program = read_text_file(path);
    if (!program) return program.error();
    auto needs = read_elf(*program);
    if (!needs) return in_context(path, needs.error());
    FunctionPackage package{machine, zip_of("bootstrap", *program), program->size(),
                            *std::move(needs)};
    if (auto fine = check(package, machine); !fine) return fine.error();
    return package;
}

}  // namespace tapedeck
