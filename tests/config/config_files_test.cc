#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "app/config.h"
#include "app/config_history.h"
#include "app/kafka_settings.h"
#include "app/made_feeds.h"
#include "app/settings_layers.h"
#include "app/settings_text.h"
#include "base/clock.h"
#include "config/secrets.h"
#include "market/own_tables.h"
#include "schedule/planner.h"
#include "store/sqlite/sqlite_store.h"

// `*.good.toml` must be taken as it is. `*.bad.toml` must be refused with exactly the lines that
// its first lines give after "# expect: ". TAPEDECK_RENEW=1 in the environment writes those anew.
namespace tapedeck {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

const Timestamp kMoment = *parse_rfc3339("2026-11-24T00:00:00Z");

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

// One after the other: what a start of the recorder asks of a configuration, or a verb. None may
// refuse what another has taken.
TEST_P(GoodFile, IsTakenByAllThatValidate) {
    ConfigOptions options;
    options.file = GetParam().string();
    const auto report = check_config(options);
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->faults, Lines{});
    const auto loaded = load_config(options);
    ASSERT_TRUE(loaded) << loaded.error().what;
    const Settings& settings = loaded->settings;
    const auto made = make_sources(settings);
    ASSERT_TRUE(made) << made.error().what;
    const auto feeds = make_feeds(settings, *made);
    ASSERT_TRUE(feeds) << feeds.error().what;

    ManualClock clock(kMoment);
    auto store = SqliteStore::open(":memory:", clock);
    ASSERT_TRUE(store) << store.error().what;
    for (const auto& [name, feed] : *feeds) {
        const auto is_made = (*store)->ensure_table(feed.table);
        EXPECT_TRUE(is_made) << is_made.error().what;
    }
    const ConfigEntry now{kMoment, loaded->digest, loaded->effective};
    const auto begun = begin_schedule(**store, settings, now, std::nullopt);
    ASSERT_TRUE(begun) << begun.error().what;
    const auto history = config_history(**store);
    const auto seen = first_seen_dags(**store);
    ASSERT_TRUE(history && seen);
    const auto expected = expectations_in(*history, *seen);
    EXPECT_TRUE(expected) << expected.error().what;

    for (const DagSpec& dag : make_dags(settings)) {
        const auto valid = validate(dag);
        EXPECT_TRUE(valid) << valid.error().what;
        DagState state;
        state.dag = dag.name;
        state.first_seen = kMoment;
        const auto schedule = dag_schedule(dag, state);
        ASSERT_TRUE(schedule) << schedule.error().what;
        const PlannedDag planned{dag, *schedule, state};
        EXPECT_EQ(plan({&planned, 1}, kMoment).after.size(), 1U);
    }
    // What is in no environment of a test stays unread; what is there goes into each option.
    for (const auto& [name, secret] : settings.secrets) {
        if (!secret.env.empty()) ::setenv(secret.env.c_str(), "of the test", 1);
    }
    const bool in_files = std::ranges::any_of(
        settings.secrets, [](const auto& one) { return !one.second.file.empty(); });
    if (!is_kafka(settings) || in_files) return;
    const auto kafka = kafka_options(settings);
    EXPECT_TRUE(kafka) << kafka.error().what;
}

// What the engines make themselves is found in their own sources, so that none is forgotten.
TEST(OwnTables, AreAllThatTheEnginesMake) {
    const std::regex made(
        R"(create (?:unique )?(?:table|index|view) (?:if not exists )?([a-z_]+)[ (])");
    std::set<std::string> names;
    for (const char* folder :
         {"store/postgres", "store/sqlite", "tape/sqlite", "captures/sqlite"}) {
        const fs::path path = fs::path(TAPEDECK_ROOT "/src") / folder;
        for (const auto& entry : fs::directory_iterator(path)) {
            const std::string file = entry.path().filename().string();
            if (!file.ends_with(".cc") || file.ends_with("_test.cc")) continue;
            const std::string text = *read_text_file(entry.path().string());
            for (std::sregex_iterator at(text.begin(), text.end(), made), end; at != end; ++at) {
                if ((*at)[1] != "if") names.insert((*at)[1]);
            }
        }
    }
    EXPECT_GT(names.size(), 40U);
    for (const std::string& name : names) EXPECT_TRUE(is_own_table(name)) << name;
}

// Each way to a secret reads it by the same rules.
TEST(Secrets, AreReadAlikeByAll) {
    const std::string path = ::testing::TempDir() + "config_files_test_secret";
    Settings settings;
    settings.secrets["key"].file = path;
    const SecretLookup lookup = secret_lookup(settings);
    std::ofstream(path) << "abc\r\n";
    EXPECT_EQ(lookup("key")->reveal(), "abc");
    std::ofstream(path) << "";
    EXPECT_EQ(lookup("key").error().what, find_secret(settings.secrets, "key").error().what);
    EXPECT_EQ(lookup("key").error().kind, ErrorKind::unavailable);
    std::ofstream(path) << std::string(70'000, 'x');
    EXPECT_EQ(lookup("key").error().what,
              fmt::format("secret key: {} is larger than 64 KiB", path));
    fs::remove(path);
}

std::string name_of(const ::testing::TestParamInfo<fs::path>& info) {
    return info.param.stem().stem().string();
}

INSTANTIATE_TEST_SUITE_P(Config, BadFile, ::testing::ValuesIn(files_ending(".bad.toml")), name_of);
INSTANTIATE_TEST_SUITE_P(Config, GoodFile, ::testing::ValuesIn(files_ending(".good.toml")),
                         name_of);

}  // namespace
}  // namespace tapedeck
