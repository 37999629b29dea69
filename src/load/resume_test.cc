#include "load/resume.h"

#include <gtest/gtest.h>

#include "base/sha256.h"
#include "tests/parts/test_parts.h"

namespace tapedeck {
namespace {

using parts::kSlot;

TEST(PlanResume, GoesOnAtTheLedgerWhereTheTapeStillHasIt) {
    const LedgerEntry ledger{{"t", Partition(0)}, Offset(7), kSlot, sha256("last")};
    const TapeMessage last{Offset(6), kSlot, "", "last"};
    const auto plan = plan_resume(ledger, {Offset(2), Offset(9)}, last);
    ASSERT_TRUE(std::holds_alternative<Resume>(plan));
    EXPECT_EQ(std::get<Resume>(plan).from, Offset(7));
    EXPECT_FALSE(std::get<Resume>(plan).gap);
}

}  // namespace
}  // namespace tapedeck
