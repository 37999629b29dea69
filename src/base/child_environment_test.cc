#include "base/child_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace tapedeck {
namespace {

using testing::Contains;
using testing::Not;

TEST(ChildEnvironment, HoldsWhatProgramsNeedAndWhatIsNamedAndNothingElse) {
    ::setenv("PATH", "/bin:/usr/bin", 1);
    ::setenv("LC_TIME", "C", 1);
    ::setenv("RDS_PW", "canary-of-a-child", 1);
    ::setenv("PGPASSWORD", "canary-of-a-child", 1);
    ::setenv("AWS_SECRET_ACCESS_KEY", "canary-of-a-child", 1);
    const auto plain = child_environment({});
    EXPECT_THAT(plain, Contains("PATH=/bin:/usr/bin"));
    EXPECT_THAT(plain, Contains("LC_TIME=C"));
    for (const std::string& entry : plain) {
        EXPECT_EQ(entry.find("canary-of-a-child"), std::string::npos) << entry;
    }
    const std::vector<std::string> also{"RDS_PW", "PG*"};
    const auto named = child_environment(also);
    EXPECT_THAT(named, Contains("RDS_PW=canary-of-a-child"));
    EXPECT_THAT(named, Contains("PGPASSWORD=canary-of-a-child"));
    EXPECT_THAT(named, Not(Contains("AWS_SECRET_ACCESS_KEY=canary-of-a-child")));
    for (const char* name : {"RDS_PW", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"}) ::unsetenv(name);
}

}  // namespace
}  // namespace tapedeck
