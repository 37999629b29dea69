// Runs the program on a world that is the same every time and holds what it prints, stdout, stderr
// and exit code, against the files of expected/.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/conformance/temp_folder.h"
#include "tests/golden/fixture.h"

namespace tapedeck {
namespace {

struct Shown {
    const char* name;
    const char* arguments;
};

// Sizes, hashes of the configuration, the loading process and this machine's disk differ from run
// to run, and are no news.
std::string without_chance(std::string text) {
    static const std::pair<std::regex, const char*> kRules[] = {
        {std::regex(R"(\d+\.\d MiB)"), "N MiB"},
        {std::regex(R"(("(?:free|store|used)_bytes":)\d+)"), "$1N"},
        {std::regex(R"(("config":")[0-9a-f]{64})"), "$1DIGEST"},
        {std::regex(R"(("deployment":")[0-9a-f]{16}")"), "$1ID\""},
        {std::regex(R"(("loader":")[^"]+)"), "$1HOST:PID"},
        {std::regex(R"((rows \d+, \S+Z by )\S+)"), "$1HOST:PID"},
        {std::regex(R"((loader )[^ :]+:\d+)"), "$1HOST:PID"},
        {std::regex(R"(\d+ MiB free)"), "N MiB free"},
        {std::regex(R"(tapedeck.db: \d+ bytes)"), "tapedeck.db: N bytes"},
    };
    for (const auto& [pattern, instead] : kRules) text = std::regex_replace(text, pattern, instead);
    return text;
}

class Golden : public ::testing::TestWithParam<Shown> {
protected:
    static void SetUpTestSuite() {
        world_ = new TempFolder;
        const auto made = make_golden_world(world_->path().string());
        ASSERT_TRUE(made) << made.error().what;
    }
    static void TearDownTestSuite() {
        delete world_;
        world_ = nullptr;
    }

    static std::string shown(const std::string& arguments) {
        const std::string command = "cd '" + world_->path().string() +
                                    "' && env -u TAPEDECK_CONFIG " TAPEDECK_PROGRAM " " +
                                    arguments + " 2>&1";
        FILE* pipe = ::popen(command.c_str(), "r");
        if (pipe == nullptr) return "popen failed";
        std::string text = "$ tapedeck " + arguments + "\n";
        char piece[4'096];
        for (std::size_t read = 0; (read = ::fread(piece, 1, sizeof piece, pipe)) > 0;) {
            text.append(piece, read);
        }
        const int status = ::pclose(pipe);
        return without_chance(text) + "exit " + std::to_string(WEXITSTATUS(status)) + "\n";
    }

    static TempFolder* world_;
};

TempFolder* Golden::world_ = nullptr;

TEST_P(Golden, IsAsItWas) {
    const std::string path = std::string(TAPEDECK_GOLDEN "/") + GetParam().name + ".txt";
    const std::string now = shown(GetParam().arguments);
    if (std::getenv("TAPEDECK_RENEW") != nullptr) {
        std::ofstream(path) << now;
        return;
    }
    std::ifstream file(path);
    ASSERT_TRUE(file) << path << " is missing; renew by TAPEDECK_RENEW=1";
    std::stringstream before;
    before << file.rdbuf();
    EXPECT_EQ(before.str(), now) << "renew by TAPEDECK_RENEW=1, and read the difference";
}

constexpr Shown kShown[] = {
    {"status", "status"},
    {"status_json", "status --json"},
    {"status_fail", "status --fail --json"},
    {"gaps", "gaps"},
    {"gaps_json", "gaps --json"},
    {"gaps_of_bitcoin", "gaps --instrument bitcoin"},
    {"gaps_of_a_day_before", "gaps 2026-11-24"},
    {"gaps_of_a_feed_that_is_none", "gaps --feed coins"},
    {"gaps_of_no_span", "gaps --from 2026-11-25 --to 2026-11-24"},
    {"audit", "audit"},
    {"dead_letters_list", "dead-letters list"},
    {"dead_letters_list_json", "dead-letters list --state all --json"},
    {"dead_letters_show", "dead-letters show 1"},
    {"dead_letters_show_json", "dead-letters show 1 --json"},
    {"dead_letters_show_none", "dead-letters show 9"},
    {"dead_letters_drop_for_no_reason", "dead-letters drop 1"},
    {"dead_letters_retry_of_nothing", "dead-letters retry"},
    {"audit_json", "audit 2026-11-25 --json"},
    {"why_a_row", "why coin:1"},
    {"why_a_row_json", "why coin:1 --json"},
    {"why_a_fallback", "why coin bitcoin 2026-11-25T15:05:00Z"},
    {"why_a_failure", "why coin ethereum 2026-11-25T15:05:00Z"},
    {"why_a_missed_slot", "why coin ethereum 2026-11-25T15:15:00Z"},
    {"why_no_slot", "why coin ethereum 2026-11-25T15:16:00Z"},
    {"why_a_try_by_hand", "why coin ethereum 2026-11-25T14:00:00Z"},
    {"why_a_try_by_hand_json", "why coin ethereum 2026-11-25T14:00:00Z --json"},
    {"why_several", "why 1"},
    {"plot", "plot bitcoin --width 60 --height 10"},
    {"plot_json", "plot bitcoin --json"},
    {"plot_svg", "plot bitcoin --svg out.svg --width 320 --height 200 && cat out.svg"},
    {"next", "next --count 2"},
    {"next_json", "next --count 2 --json"},
    {"export_csv", "export"},
    {"export_json_lines", "export --format jsonl --feed stock"},
    {"export_as_known_at", "export --feed coin --as-known-at 2026-11-25T15:04:00Z"},
    {"sources", "sources"},
    {"sources_json", "sources --json"},
    {"sources_one", "sources site"},
    {"slots_of_a_day_that_ends_early",
     "slots --cron '0 9-17 * * *' --zone America/New_York --calendar XNAS --from 2026-11-26 --to "
     "2026-11-28"},
    {"dag_list", "dag list"},
    {"dag_show", "dag show coin_market_record"},
    {"instruments_list", "instruments list"},
    {"config_show", "config show"},
    {"config_explain", "config explain feed.coin.sources"},
    {"config_explain_a_slip", "config explain feed.coin.source"},
    {"config_check", "config check"},
    {"no_verb", ""},
    {"a_slip_in_the_verb", "stats"},
    {"a_slip_in_an_option", "status --jsn"},
    {"a_file_that_is_not_there", "--config other.toml status"},
};

INSTANTIATE_TEST_SUITE_P(Of, Golden, ::testing::ValuesIn(kShown),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace tapedeck
