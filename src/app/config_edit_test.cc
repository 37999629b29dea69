#include "app/config_edit.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "config/toml_document.h"
#include "config/values.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

using Strings = std::vector<std::string>;

std::string with_instruments(std::string_view text, const Strings& instruments) {
    const TomlChange change{{"feed", "coin"}, "instruments", ValueKind<Strings>::show(instruments)};
    const auto changed = change_toml(text, "f.toml", {&change, 1});
    EXPECT_TRUE(changed) << (changed ? "" : changed.error().what);
    return changed ? *changed : "";
}

TEST(ChangeToml, AddsToAListInOneLine) {
    EXPECT_EQ(
        with_instruments("[feed.coin]\ninstruments = [\"a\", \"b\"] # mine\n", {"a", "b", "c"}),
        "[feed.coin]\ninstruments = [\"a\", \"b\", \"c\"] # mine\n");
    EXPECT_EQ(with_instruments("[feed.coin]\ninstruments = []\n", {"c"}),
              "[feed.coin]\ninstruments = [\"c\"]\n");
    EXPECT_EQ(with_instruments("[feed.coin]\ninstruments = [\"a\",]\n", {"a", "c"}),
              "[feed.coin]\ninstruments = [\"a\", \"c\",]\n");
}

TEST(ChangeToml, AddsALineToAListOfLines) {
    EXPECT_EQ(with_instruments("[feed.coin]\ninstruments = [\n  \"a\",  # first\n  \"b\",  # "
                               "second\n]\n",
                               {"a", "b", "c"}),
              "[feed.coin]\ninstruments = [\n  \"a\",  # first\n  \"b\",  # second\n  \"c\",\n]\n");
    EXPECT_EQ(with_instruments("[feed.coin]\ninstruments = [\n\t\"a\",\n\t\"b\" # last\n]\n",
                               {"a", "b", "c"}),
              "[feed.coin]\ninstruments = [\n\t\"a\",\n\t\"b\", # last\n\t\"c\"\n]\n");
    EXPECT_EQ(with_instruments("[feed.coin]\r\ninstruments = [\r\n  'a',\r\n]\r\n", {"a", "c"}),
              "[feed.coin]\r\ninstruments = [\r\n  'a',\r\n  \"c\",\r\n]\r\n");
}

TEST(ChangeToml, RemovesAStringWithItsCommaAndNothingElse) {
    EXPECT_EQ(with_instruments("[feed.coin]\ninstruments = [\"a\", \"b\", \"c\"]\n", {"a", "c"}),
              "[feed.coin]\ninstruments = [\"a\", \"c\"]\n");
    EXPECT_EQ(with_instruments("[feed.coin]\ninstruments = [\"a\", \"b\"]\n", {"a"}),
              "[feed.coin]\ninstruments = [\"a\"]\n");
    EXPECT_EQ(with_instruments("[feed.coin]\ninstruments = [\"a\"]\n", {}),
              "[feed.coin]\ninstruments = []\n");
    EXPECT_EQ(with_instruments("[feed.coin]\ninstruments = [\n  # all of them\n  \"a\",  # first\n "
                               " \"b\",  # second\n]\n",
                               {"a"}),
              "[feed.coin]\ninstruments = [\n  # all of them\n  \"a\",  # first\n]\n");
}

TEST(ChangeToml, RenamesInPlace) {
    EXPECT_EQ(with_instruments("[feed.coin]\ninstruments = ['a', # \"a\"\n \"b\"]\n", {"x", "b"}),
              "[feed.coin]\ninstruments = [\"x\", # \"a\"\n \"b\"]\n");
}

TEST(ChangeToml, PutsAMissingKeyUnderItsTable) {
    EXPECT_EQ(with_instruments("# top\n[feed.coin] # mine\ntopic = \"t\"\n[feed.stock]\n", {"a"}),
              "# top\n[feed.coin] # mine\ntopic = \"t\"\ninstruments = [\"a\"]\n[feed.stock]\n");
    EXPECT_EQ(with_instruments("[feed.coin]", {"a"}), "[feed.coin]\ninstruments = [\"a\"]\n");
    EXPECT_EQ(with_instruments("feed.coin = { topic = \"t\" }\n", {"a"}),
              "feed.coin = {instruments = [\"a\"],  topic = \"t\" }\n");
}

TEST(ChangeToml, PutsAMissingTableAtTheEnd) {
    EXPECT_EQ(with_instruments("", {"a"}), "[feed.coin]\ninstruments = [\"a\"]\n");
    EXPECT_EQ(with_instruments("[store]\nurl = \"sqlite:x\"", {"a"}),
              "[store]\nurl = \"sqlite:x\"\n\n[feed.coin]\ninstruments = [\"a\"]\n");
    // A table of which only an inner one stands there is opened by itself.
    EXPECT_EQ(with_instruments("[feed.coin.deep]\nx = 1\n", {"a"}),
              "[feed.coin.deep]\nx = 1\n\n[feed.coin]\ninstruments = [\"a\"]\n");
}

TEST(ChangeToml, RefusesWhatItCannotChangeInPlace) {
    const TomlChange change{{"feed", "coin"}, "instruments", "[\"a\"]"};
    const auto changed = change_toml("[feed]\ncoin.topic = \"t\"\n", "f.toml", {&change, 1});
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().kind, ErrorKind::rejected);
    EXPECT_TRUE(changed.error().what.starts_with("f.toml: [feed.coin] instruments cannot be "))
        << changed.error().what;
}

TEST(ChangeToml, ChangesPlainValuesOfAnyKind) {
    const std::vector<TomlChange> changes{
        {{"a"}, "one", "2"}, {{"a"}, "two", "\"x\""}, {{"a"}, "three", "{b = 1}"}};
    const auto changed = change_toml(
        "\xEF\xBB\xBF[a]\none=1#c\ntwo = '''\nlong\n'''  # t\nthree = { c = [1, # ]\n 2] }\n",
        "f.toml", changes);
    ASSERT_TRUE(changed) << changed.error().what;
    EXPECT_EQ(*changed, "\xEF\xBB\xBF[a]\none=2#c\ntwo = \"x\"  # t\nthree = {b = 1}\n");
}

// A list laid out in any way: blanks, line ends and comments between its strings.
std::string laid_out(const Strings& items) {
    const auto filler = [] {
        return *rc::gen::element<std::string>("", " ", "  ", "\n", "\n    ", " # it's \"so\"\n\t",
                                              "\r\n");
    };
    std::string out = "[" + filler();
    for (std::size_t i = 0; i < items.size(); ++i) {
        const bool literal = *rc::gen::arbitrary<bool>();
        out += literal ? "'" + items[i] + "'" : toml_string(items[i]);
        out += filler();
        if (i + 1 < items.size() || *rc::gen::arbitrary<bool>()) out += "," + filler();
    }
    return out + "]";
}

TEST(ChangeToml, GivesTheListThatWasAskedForInAnyLayout) {
    EXPECT_TRUE(rc::check([] {
        const auto name = rc::gen::element<std::string>("a", "b", "c#", "d]", "e", "f");
        std::set<std::string> before;
        for (const std::string& item : *rc::gen::container<Strings>(name)) before.insert(item);
        const Strings list(before.begin(), before.end());
        Strings wanted = list;
        const int kind = *rc::gen::inRange(0, 3);
        if (kind == 0 || wanted.empty()) {
            wanted.push_back("new");
        } else {
            const auto at = *rc::gen::inRange<std::size_t>(0, wanted.size());
            if (kind == 1) wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(at));
            if (kind == 2) wanted[at] = "new";
        }
        const std::string text = "[feed.coin]\ninstruments = " + laid_out(list) + "\n# end\n";
        const TomlChange change{{"feed", "coin"}, "instruments", ValueKind<Strings>::show(wanted)};
        const auto changed = change_toml(text, "f.toml", {&change, 1});
        if (!changed) RC_FAIL(changed.error().what + "\n" + text);
        RC_ASSERT(changed->ends_with("\n# end\n"));
    }));
}

// Of a hundred thousand instruments, in one line and in a line each.
TEST(ChangeToml, AddsToALongListInAMoment) {
    for (const std::string between : {", ", ",\n"}) {
        std::string list;
        std::vector<std::string> wanted;
        for (int i = 0; i < 100'000; ++i) {
            wanted.push_back("i" + std::to_string(i));
            list += "\"" + wanted.back() + "\"" + between;
        }
        wanted.push_back("last");
        const std::string text = "[feed.coin]\ninstruments = [" + list + "]\n";
        const TomlChange change{{"feed", "coin"}, "instruments", ValueKind<Strings>::show(wanted)};
        const auto changed = change_toml(text, "f.toml", {&change, 1});
        ASSERT_TRUE(changed) << changed.error().what;
        EXPECT_EQ(parse_toml(*changed, "f.toml")
                      ->find("feed")
                      ->find("coin")
                      ->find("instruments")
                      ->items.size(),
                  100'001U);
    }
}

// A folder of its own for every test.
class ConfigFile : public ::testing::Test {
protected:
    void SetUp() override { options_.folder = folder_; }

    std::string path(const std::string& name = "tapedeck.toml") const {
        return folder_ + "/" + name;
    }
    void write(const std::string& text) const { std::ofstream(path()) << text; }

    const TempFolder temporary_;
    const std::string folder_ = temporary_.path().string();
    ConfigOptions options_;
};

using Action = InstrumentEdit::Action;

TEST_F(ConfigFile, IsMadeByTheFirstEdit) {
    const auto edit = edit_instruments(options_, {Action::add, "coin", "cardano", ""});
    ASSERT_TRUE(edit) << edit.error().what;
    EXPECT_TRUE(edit->created);
    EXPECT_EQ(edit->after.back(), "cardano");
    EXPECT_EQ(edit->after.size(), edit->before.size() + 1);
    const auto loaded = load_config(options_);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->settings.feeds.at("coin").instruments, edit->after);
}

TEST_F(ConfigFile, KeepsItsModeAndASymbolicLink) {
    write("[feed.coin]\ninstruments = [\"bitcoin\"] # mine\n");
    ASSERT_EQ(::chmod(path().c_str(), 0640), 0);
    ASSERT_EQ(::symlink("tapedeck.toml", path("link.toml").c_str()), 0);
    options_.file = path("link.toml");
    const auto edit = edit_instruments(options_, {Action::rename, "coin", "bitcoin", "solana"});
    ASSERT_TRUE(edit) << edit.error().what;
    EXPECT_FALSE(edit->created);
    struct stat status {};
    ASSERT_EQ(::lstat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0640U);
    EXPECT_TRUE(std::filesystem::is_symlink(path("link.toml")));
    EXPECT_EQ(*read_text_file(path()), "[feed.coin]\ninstruments = [\"solana\"] # mine\n");
}

TEST_F(ConfigFile, StaysAsItIsWhenTheEditIsRefused) {
    const std::string text = "[feed.coin]\ninstruments = [\"bitcoin\"]\n";
    write(text);
    const auto what = [&](const InstrumentEdit& edit) {
        const auto result = edit_instruments(options_, edit);
        return result ? std::string("done") : result.error().what;
    };
    EXPECT_EQ(what({Action::add, "coin", "bitcoin", ""}), "feed coin has bitcoin already");
    EXPECT_EQ(what({Action::remove, "coin", "bitcion", ""}),
              "feed coin has no bitcion; did you mean bitcoin?");
    EXPECT_EQ(what({Action::add, "coins", "x", ""}), "there is no feed coins; did you mean coin?");
    EXPECT_NE(what({Action::add, "coin", "two words", ""}).find("must be an instrument"),
              std::string::npos);
    EXPECT_EQ(*read_text_file(path()), text);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(ConfigFile, IsNotReplacedOverSomebodyElsesChange) {
    write("one\n");
    const auto replaced = replace_file(path(), "mine\n", "what I read\n");
    ASSERT_FALSE(replaced);
    EXPECT_EQ(replaced.error().kind, ErrorKind::conflict);
    EXPECT_EQ(*read_text_file(path()), "one\n");
    EXPECT_FALSE(replace_file(path(), "mine\n", std::nullopt));
    EXPECT_TRUE(replace_file(path(), "mine\n", "one\n"));
    EXPECT_EQ(*read_text_file(path()), "mine\n");
}

TEST_F(ConfigFile, IsTheOneThatOptionsThenEnvironmentName) {
    write("[tape]\npartitions = 1\n");
    std::ofstream(path("other.toml")) << "[tape]\npartitions = 2\n";
    EXPECT_EQ(load_config(options_)->settings.tape.partitions, 1);
    options_.environment = path("other.toml");
    EXPECT_EQ(load_config(options_)->settings.tape.partitions, 2);
    options_.file = path();
    EXPECT_EQ(load_config(options_)->settings.tape.partitions, 1);
    options_.sets = {"tape.partitions=5", "tape.partitions=4"};
    EXPECT_EQ(load_config(options_)->settings.tape.partitions, 4);
    options_.file = path("absent.toml");
    const auto absent = load_config(options_);
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().kind, ErrorKind::rejected);
    EXPECT_NE(absent.error().what.find("absent.toml"), std::string::npos);
    options_.file = "";
    EXPECT_FALSE(load_config(options_)) << "and is not what is built in";
}

// A person mends it: exit 1, and not 6, for which a service is started again.
TEST_F(ConfigFile, IsRejectedWhereItCannotBeRead) {
    options_.file = folder_;
    const auto loaded = load_config(options_);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().kind, ErrorKind::rejected);
}

TEST_F(ConfigFile, IsNotReplacedWhereItIsNoRegularFile) {
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    options_.file = path("pipe");
    const auto edit = edit_instruments(options_, {Action::add, "coin", "cardano", ""});
    ASSERT_FALSE(edit);
    EXPECT_NE(edit.error().what.find("no regular file"), std::string::npos);
    EXPECT_TRUE(std::filesystem::is_fifo(path("pipe")));
    EXPECT_FALSE(replace_file("/dev/null", "text", std::nullopt));
}

TEST_F(ConfigFile, AsksOnlySourcesWhoseFilesAreInOrderWhereItIsChecked) {
    std::ofstream(path("mine.toml")) << "[source]\nname = \"mine\"\n";
    options_.sets = {"sources.folder=" + folder_};
    auto report = check_config(options_);
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->faults.empty());
    ASSERT_EQ(report->notes.size(), 1U);
    EXPECT_NE(report->notes[0].find("mine.toml:1: "), std::string::npos) << report->notes[0];
    options_.sets.push_back("feed.coin.sources=[mine]");
    report = check_config(options_);
    ASSERT_TRUE(report);
    ASSERT_EQ(report->faults.size(), 1U);
    EXPECT_NE(report->faults[0].find("mine.toml:1: "), std::string::npos) << report->faults[0];
}

TEST_F(ConfigFile, GivesTheSameDigestForTheSameSettings) {
    const auto built_in = load_config(options_);
    ASSERT_TRUE(built_in) << built_in.error().what;
    write("# nothing but words\n[tape]\npartitions = 3\n");
    EXPECT_EQ(load_config(options_)->digest, built_in->digest);
    options_.sets = {"tape.partitions=4"};
    EXPECT_NE(load_config(options_)->digest, built_in->digest);
}

TEST_F(ConfigFile, KnowsSourcesOfTheUsersFolder) {
    options_.sets = {"feed.coin.sources=[mine]"};
    EXPECT_FALSE(load_config(options_));
    std::ofstream(path("mine.toml")) << "";
    options_.sets.push_back("sources.folder=" + folder_);
    const auto loaded = load_config(options_);
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().what);
}

}  // namespace
}  // namespace tapedeck
