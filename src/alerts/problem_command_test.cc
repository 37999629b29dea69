#include "alerts/problem_command.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

TEST(RunProblemCommand, GivesWhatHappenedInTheEnvironment) {
    const Problem problem{"failed:coin", "coin", "1 of 2"};
    EXPECT_TRUE(run_problem_command(
        "test \"$TAPEDECK_EVENT $TAPEDECK_PROBLEM $TAPEDECK_FEED $TAPEDECK_WHAT\" = "
        "'recovery failed:coin coin 1 of 2'",
        true, problem));
    const auto failed = run_problem_command("exit 3", false, problem);
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().what.find('3'), std::string::npos);
}

TEST(ProblemCommand, RunsOneAfterTheOtherAndKeepsNobodyWaiting) {
    const TempFolder folder;
    const std::string gate = folder.file("gate");
    const std::string out = folder.file("out");
    const SystemClock clock;
    Log log(-1, LogFormat::text, Severity::error, clock);
    {
        ProblemCommand command("while [ ! -e '" + gate +
                                   "' ]; do sleep 0.01; done; echo "
                                   "\"$TAPEDECK_EVENT $TAPEDECK_PROBLEM\" >> '" +
                                   out + "'",
                               log);
        // Both are told while the first command cannot end yet.
        EXPECT_TRUE(command.tell(false, {"failed:coin", "coin", "1 of 2"}));
        EXPECT_TRUE(command.tell(true, {"failed:coin", "coin", "1 of 2"}));
        EXPECT_FALSE(std::filesystem::exists(out));
        std::ofstream(gate) << "open";
    }
    std::ifstream file(out);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(text, "problem failed:coin\nrecovery failed:coin\n");
}

TEST(ProblemCommand, SaysInTheLogThatItFailed) {
    const SystemClock clock;
    std::string lines;
    Log log([&](std::string_view, std::string_view line) { lines += line; }, LogFormat::text,
            Severity::error, clock);
    { EXPECT_TRUE(ProblemCommand("exit 3", log).tell(false, {"failed:coin", "coin", "x"})); }
    EXPECT_NE(lines.find("on_problem ended with 3"), std::string::npos) << lines;
}

TEST(RunProblemCommand, PassesOnNoneOfOurSecretsAndNoneOfOurFiles) {
    const TempFolder folder;
    const std::string out = folder.file("out");
    ::setenv("CANARY_KEY", "canary-of-a-child", 1);
    ::setenv("PGPASSWORD", "canary-of-a-child", 1);
    ::setenv("TELL_ME", "as I wished", 1);
    std::ofstream held(folder.file("held"));  // without O_CLOEXEC
    ASSERT_TRUE(run_problem_command("env > '" + out + "'; ls -l /proc/self/fd >> '" + out + "'",
                                    false, {"failed:coin", "coin", "x"}, {"TELL_*"}));
    ::unsetenv("CANARY_KEY");
    ::unsetenv("PGPASSWORD");
    std::ifstream file(out);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(text.find("canary-of-a-child"), std::string::npos) << text;
    EXPECT_EQ(text.find("held"), std::string::npos) << text;
    EXPECT_NE(text.find("TELL_ME=as I wished"), std::string::npos) << text;
    EXPECT_NE(text.find("PATH="), std::string::npos) << text;
    EXPECT_NE(text.find("TAPEDECK_EVENT=problem"), std::string::npos) << text;
}

}  // namespace
}  // namespace tapedeck
