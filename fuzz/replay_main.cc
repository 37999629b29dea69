// Runs a fuzzer's function over the files of a folder, without libFuzzer: each file as it is, and
// the small ones cut short at every length and with every byte replaced by some that matter to
// parsers. Exits with 1 where the folder has no file; a finding aborts, after the input was shown.

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kLargestAltered = 600;
constexpr std::string_view kBytes("\0\"\\0-.,eE{}[]:\n \x80\xFF", 18);

std::string now;  // NOLINT: what is run now, for the signal handler

void show_input(int /*signal*/) {
    std::fprintf(stderr, "on the input (%zu bytes): ", now.size());
    for (const char c : now) std::fprintf(stderr, "%02x", static_cast<unsigned char>(c));
    std::fprintf(stderr, "\n");
}

void run(std::string_view bytes) {
    now = bytes;
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::size_t run_altered(const std::string& bytes) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        run(std::string_view(bytes).substr(0, size));
    }
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        std::string altered = bytes;
        for (const char byte : kBytes) {
            altered[at] = byte;
            run(altered);
        }
        altered[at] = static_cast<char>(bytes[at] ^ 1);
        run(altered);
    }
    return bytes.size() * (kBytes.size() + 2);
}

}  // namespace

int main(int count, char** arguments) {
    std::signal(SIGABRT, show_input);
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < count; ++i) {
        std::error_code error;
        for (const auto& entry : std::filesystem::directory_iterator(arguments[i], error)) {
            if (entry.is_regular_file()) files.push_back(entry.path());
        }
    }
    std::ranges::sort(files);
    std::size_t inputs = 0;
    for (const auto& file : files) {
        std::ifstream in(file, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(in), {}};
        run(bytes);
        ++inputs;
        if (bytes.size() <= kLargestAltered) inputs += run_altered(bytes);
    }
    std::printf("%zu files, %zu inputs\n", files.size(), inputs);
    return files.empty() ? 1 : 0;
}
