#include "market/sql_words.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

TEST(SqlWords, AreThoseOfBothDatabases) {
    EXPECT_TRUE(is_sql_word("select"));
    EXPECT_TRUE(is_sql_word("pragma")) << "of SQLite alone";
    EXPECT_TRUE(is_sql_word("user")) << "of PostgreSQL alone";
    EXPECT_FALSE(is_sql_word("coin_records"));
    EXPECT_FALSE(is_sql_word(""));
}

}  // namespace
}  // namespace tapedeck
