#include "market/reason.h"

#include <gtest/gtest.h>

#include <set>

namespace tapedeck {
namespace {

TEST(Reason, EveryReasonHasOneRow) {
    const auto table = reason_table();
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < table.size(); ++i) {
        EXPECT_EQ(static_cast<std::size_t>(table[i].reason), i);
        EXPECT_EQ(&row_of(table[i].reason), &table[i]);
        EXPECT_TRUE(names.insert(table[i].name).second) << table[i].name << " stands twice";
    }
    EXPECT_EQ(table.size(), static_cast<std::size_t>(Reason::interrupted) + 1);
}

TEST(Reason, IsFoundByItsName) {
    for (const ReasonRow& row : reason_table()) EXPECT_EQ(reason_named(row.name), row.reason);
    EXPECT_EQ(reason_named(""), std::nullopt);
    EXPECT_EQ(reason_named("Throttled"), std::nullopt);
    EXPECT_EQ(reason_named("closed"), std::nullopt);
}

TEST(Reason, NamesAreWordsOfTheLedgerAndOfExtract) {
    for (const ReasonRow& row : reason_table()) {
        for (const std::string_view word : {row.name, row.extract_kind, row.ledger}) {
            EXPECT_FALSE(word.empty());
            EXPECT_EQ(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
                << word;
        }
    }
}

// What a later try in the same slot may find better; all else would be asked in vain.
TEST(Reason, OnlyWhatMayPassIsRetriedInTheSameSlot) {
    const std::set<Reason> passing{Reason::empty,        Reason::truncated, Reason::throttled,
                                   Reason::timeout,      Reason::refused,   Reason::unreachable,
                                   Reason::server_error, Reason::tape};
    for (const ReasonRow& row : reason_table()) {
        EXPECT_EQ(retryable(row.kind), passing.contains(row.reason)) << row.name;
    }
}

}  // namespace
}  // namespace tapedeck
