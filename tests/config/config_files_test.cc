#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "app/config.h"
#include "app/settings_layers.h"
#include "app/settings_text.h"

// `*.good.toml` must be taken as it is. `*.bad.toml` must be refused with exactly the lines that
// its first lines give after "# expect: ". TAPEDECK_RENEW=1 in the environment writes those anew.
namespace tapedeck {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

std::vector<fs::path> files_ending(std::string_view ending) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(TAPEDECK_ROOT "/tests/config")) {
        if (entry.path().string().ends_with(ending)) out.push_back(entry.path());
    }
    std::sort(out.begin(), out.end());
    return out;
}

Lines lines_of(std::string_view text) {
    Lines out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        out.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

std::string without(std::string text, const std::string& part) {
    for (std::size_t at = 0; (at = text.find(part, at)) != text.npos;) text.erase(at, part.size());
    return text;
}

constexpr std::string_view kExpect = "# expect: ";

Lines expected(const std::string& text) {
    Lines out;
    for (const std::string& line : lines_of(text)) {
        if (!line.starts_with(kExpect)) break;
        out.push_back(line.substr(kExpect.size()));
    }
    return out;
}

// A renewed expectation must not move the lines that it names, so their number stays.
void renew(const fs::path& path, const std::string& text, const Lines& faults) {
    const Lines all = lines_of(text);
    std::ofstream file(path);
    for (const std::string& fault : faults) file << kExpect << fault << "\n";
    for (std::size_t i = expected(text).size(); i < all.size(); ++i) file << all[i] << "\n";
}

class BadFile : public ::testing::TestWithParam<fs::path> {};

TEST_P(BadFile, IsRefusedWithTheWordsThatItExpects) {
    ConfigOptions options;
    options.file = GetParam().string();
    const std::string folder = GetParam().parent_path().string() + "/";
    const auto loaded = load_config(options);
    ASSERT_FALSE(loaded) << "was taken";
    const Lines faults = lines_of(without(loaded.error().what, folder));
    const std::string text = *read_text_file(*options.file);
    if (std::getenv("TAPEDECK_RENEW") != nullptr) renew(GetParam(), text, faults);
    EXPECT_EQ(faults, expected(text));
}

class GoodFile : public ::testing::TestWithParam<fs::path> {};

TEST_P(GoodFile, IsTakenAndItsEffectReadsBack) {
    ConfigOptions options;
    options.file = GetParam().string();
    const auto loaded = load_config(options);
    ASSERT_TRUE(loaded) << loaded.error().what;
    const auto back = parse_effective(loaded->effective);
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(effective_toml(*back), loaded->effective);
}

std::string name_of(const ::testing::TestParamInfo<fs::path>& info) {
    return info.param.stem().stem().string();
}

INSTANTIATE_TEST_SUITE_P(Config, BadFile, ::testing::ValuesIn(files_ending(".bad.toml")), name_of);
INSTANTIATE_TEST_SUITE_P(Config, GoodFile, ::testing::ValuesIn(files_ending(".good.toml")),
                         name_of);

}  // namespace
}  // namespace tapedeck
