#include "app/settings_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tapedeck {
namespace {

TEST(Explain, TellsAllAboutAKeyByAnyNameOfItsTable) {
    const auto text = explain("feed.coin.max_attempts");
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("from 1 to 100"), std::string::npos) << *text;
    EXPECT_NE(text->find("default  2"), std::string::npos) << *text;
    EXPECT_EQ(*explain("feed.NAME.max_attempts"), *text);
}

TEST(Explain, ListsTheKeysOfATable) {
    const auto text = explain("dag.x");
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("[dag.NAME]"), std::string::npos);
    EXPECT_NE(text->find("[dag.NAME.task.TASK]"), std::string::npos);
    EXPECT_EQ(text->find("[store]"), std::string::npos);
}

TEST(Explain, SuggestsTheKeyThatWasMeant) {
    EXPECT_EQ(explain("feed.coin.topci").error().what,
              "feed.coin.topci is not a known key; did you mean feed.coin.topic?");
    EXPECT_EQ(explain("on_problem").error().what,
              "on_problem is not a known key; did you mean alert.on_problem?");
    EXPECT_FALSE(explain("..."));
}

// TAPEDECK_RENEW=1 in the environment writes the page anew.
TEST(ReferencePage, IsWhatTheProgramSays) {
    const std::string path = TAPEDECK_ROOT "/docs/config.md";
    const std::string page = reference_page();
    if (std::getenv("TAPEDECK_RENEW") != nullptr) std::ofstream(path) << page;
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_EQ(text.str(), page) << "stale: run this test with TAPEDECK_RENEW=1";
}

TEST(Options, AllHaveSentencesOfHelp) {
    for (const KeyDoc& doc : described_settings()) {
        EXPECT_TRUE(doc.help.ends_with('.')) << doc.table << "." << doc.key;
    }
}

}  // namespace
}  // namespace tapedeck
