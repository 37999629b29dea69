#include "app/man_page.h"

#include <gmock/gmock.h>

namespace tapedeck {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ManPage, HoldsEveryWordAsTextThatTroffLeavesAlone) {
    const std::string page = man_page(
        "1.2",
        {{"", {"Records.", {{"--help", "-h, --help", "Print this"}}}},
         {"gaps",
          {".what\n'is \\missing",
           {{"--from", "--from TIME", "From then on"}, {"--help", "-h, --help", "Not again"}}}}});
    EXPECT_THAT(page, HasSubstr(".TH TAPEDECK 1 \"\" \"tapedeck 1.2\""));
    EXPECT_THAT(page, HasSubstr(".SS gaps\n\\&.what\n\\&'is \\emissing\n"
                                ".TP\n.B \\-\\-from TIME\nFrom then on\n"));
    EXPECT_THAT(page, HasSubstr(".B \\-h, \\-\\-help\nPrint this"));
    EXPECT_THAT(page, Not(HasSubstr("Not again")));
}

}  // namespace
}  // namespace tapedeck
