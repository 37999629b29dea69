#include "app/own_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

TEST(OwnFiles, AreNoPlaceForOutputByWhateverName) {
    const TempFolder folder;
    Settings settings;
    settings.store.url.target = SqliteUrl{folder.file("t.db")};
    for (const char* name : {"t.db", "t.db-wal", "t.captures.db", "other.csv"}) {
        std::ofstream(folder.file(name)) << name;
    }
    std::filesystem::create_symlink(folder.file("t.db"), folder.file("link.svg"));
    std::filesystem::create_hard_link(folder.file("t.db"), folder.file("hard.svg"));
    for (const char* name : {"t.db", "t.db-wal", "t.captures.db", "link.svg", "hard.svg"}) {
        const auto refused = check_output_path(settings, folder.file(name));
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().kind, ErrorKind::rejected);
    }
    EXPECT_FALSE(check_output_path(settings, folder.path().string() + "/./t.db"));
    EXPECT_TRUE(check_output_path(settings, folder.file("other.csv")));
    EXPECT_TRUE(check_output_path(settings, folder.file("new.csv")));
    EXPECT_TRUE(check_output_path(settings, ""));
}

}  // namespace
}  // namespace tapedeck
