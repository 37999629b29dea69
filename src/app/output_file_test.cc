#include "app/output_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include "app/config.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;
using Kind = OutputPlace::Kind;

class OutputFileTest : public ::testing::Test {
protected:
    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    void put(const std::string& name, const std::string& text) const {
        std::ofstream(path(name)) << text;
    }
    std::string text_of(const std::string& name) const { return *read_text_file(path(name)); }
    std::ptrdiff_t count() const { return std::distance(fs::directory_iterator(folder_), {}); }

    static Result<> write(const std::string& to, std::string_view text) {
        auto file = OutputFile::open(to);
        if (!file) return file.error();
        if (auto written = (*file)->write(text); !written) return written;
        return (*file)->finish();
    }
    static std::string refusal(const std::string& to) {
        const auto place = output_place(to);
        return place ? "" : place.error().what;
    }

private:
    const TempFolder temporary_;
    const std::string folder_ = fs::canonical(temporary_.path()).string();
};

TEST_F(OutputFileTest, IsMadeAndHasItsNameWhenItIsWhole) {
    auto file = OutputFile::open(path("new"));
    ASSERT_TRUE(file) << file.error().what;
    ASSERT_TRUE((*file)->write("prices"));
    EXPECT_FALSE(fs::exists(path("new")));
    ASSERT_TRUE((*file)->finish());
    EXPECT_EQ(text_of("new"), "prices");
    EXPECT_EQ(count(), 1);
}

TEST_F(OutputFileTest, LeavesTheOldOneWhereItIsNotFinished) {
    put("old", "old");
    {
        auto file = OutputFile::open(path("old"));
        ASSERT_TRUE(file);
        ASSERT_TRUE((*file)->write("half of"));
    }
    EXPECT_EQ(text_of("old"), "old");
    EXPECT_EQ(count(), 1);
}

TEST_F(OutputFileTest, KeepsModeAndOwnerOfTheOldOne) {
    put("old", "old");
    ASSERT_EQ(::chmod(path("old").c_str(), 0604), 0);
    const bool root = ::geteuid() == 0;
    if (root) {
        ASSERT_EQ(::chown(path("old").c_str(), 1234, 4321), 0);
    }
    ASSERT_TRUE(write(path("old"), "new"));
    struct stat status {};
    ASSERT_EQ(::stat(path("old").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0604U);
    if (root) {
        EXPECT_EQ(std::pair(status.st_uid, status.st_gid), std::pair(1234U, 4321U));
    }
    EXPECT_EQ(text_of("old"), "new");
}

TEST_F(OutputFileTest, ReplacesWhatALinkLeadsToAndNoLink) {
    fs::create_directory(path("there"));
    put("there/file", "old");
    fs::create_symlink("there/file", path("first"));
    fs::create_symlink(path("first"), path("second"));
    ASSERT_TRUE(write(path("second"), "new"));
    EXPECT_TRUE(fs::is_symlink(path("second")));
    EXPECT_TRUE(fs::is_symlink(path("first")));
    EXPECT_EQ(text_of("there/file"), "new");
}

TEST_F(OutputFileTest, WritesIntoAPipeAndLeavesItThere) {
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    fs::create_symlink("pipe", path("link"));
    std::string read;
    std::jthread reader([&] { read = *read_text_file(path("pipe")); });
    const auto done = write(path("link"), "prices");
    reader.join();
    EXPECT_TRUE(done);
    EXPECT_EQ(read, "prices");
    EXPECT_TRUE(fs::is_fifo(path("pipe")));
    EXPECT_EQ(count(), 2);
}

TEST_F(OutputFileTest, SaysWhatADeviceSaysAndLeavesItThere) {
    const auto done = write("/dev/full", "prices");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().what, "cannot write /dev/full: No space left on device");
    EXPECT_TRUE(fs::is_character_file("/dev/full"));
    EXPECT_TRUE(write("/dev/null", "prices"));
    EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

// As `>>` opens it: what stands there stays, and the name leads to the same file afterwards.
TEST_F(OutputFileTest, WritesOnWhereADescriptorOfThisProcessStands) {
    put("log", "before ");
    const int fd = ::open(path("log").c_str(), O_WRONLY | O_APPEND);
    ASSERT_GE(fd, 0);
    for (const std::string folder : {"/dev/fd", "/proc/self/fd"}) {
        const auto place = output_place(folder + "/" + std::to_string(fd));
        ASSERT_TRUE(place) << place.error().what;
        EXPECT_EQ(place->kind, Kind::stream);
        EXPECT_EQ(place->descriptor, fd);
    }
    ASSERT_TRUE(write("/dev/fd/" + std::to_string(fd), "after"));
    ::close(fd);
    EXPECT_EQ(text_of("log"), "before after");
    EXPECT_EQ(output_place("/dev/stdout")->descriptor, STDOUT_FILENO);
    EXPECT_FALSE(write("/dev/fd/" + std::to_string(fd), "into what is closed"));
}

TEST_F(OutputFileTest, RefusesWhatIsNoPlaceToWriteTo) {
    fs::create_symlink("nowhere", path("dangling"));
    fs::create_symlink("round", path("round"));
    EXPECT_EQ(refusal(path("")), "cannot write " + path("") + ": it is a folder");
    EXPECT_EQ(refusal("/"), "cannot write /: it is a folder");
    EXPECT_EQ(refusal("/tmp"), "cannot write /tmp: it is a folder");
    EXPECT_EQ(refusal(path("dangling")), "cannot write " + path("dangling") + ": it is a link to " +
                                             path("nowhere") + ", which is not there");
    EXPECT_NE(refusal(path("round")), "");
    EXPECT_EQ(refusal(path("no/such/folder")),
              "cannot write " + path("no/such/folder") + ": No such file or directory");
    EXPECT_FALSE(fs::exists(path("nowhere")));
}

TEST_F(OutputFileTest, TakesANameThatIsAsLongAsNamesMayBe) {
    const std::string name(255, 'n');
    ASSERT_TRUE(write(path(name), "prices"));
    EXPECT_EQ(text_of(name), "prices");
}

TEST_F(OutputFileTest, FollowsNoLinkThatSomebodyLaidForItsNewFile) {
    put("victim", "old");
    fs::create_symlink("victim", path(".tapedeck." + std::to_string(::getpid()) + ".tmp"));
    ASSERT_TRUE(write(path("new"), "prices"));
    EXPECT_EQ(text_of("victim"), "old");
    EXPECT_EQ(text_of("new"), "prices");
    EXPECT_FALSE(fs::is_symlink(path("new")));
}

}  // namespace
}  // namespace tapedeck
