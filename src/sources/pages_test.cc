// Reads the pages of tests/pages, our own in the shape of real ones, and holds the shipped sources,
// those pages and docs/sources.md against one another.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "sources/source.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;
using simdjson::dom::element;

const fs::path kPages = fs::path(TAPEDECK_ROOT) / "tests" / "pages";

std::string read_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::string text_at(element entry, const char* key) {
    std::string_view text;
    return entry[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::set<std::string> folders() {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(kPages)) {
        if (entry.is_directory()) names.insert(entry.path().filename().string());
    }
    return names;
}

void expect_reading(element entry, const Reading& reading) {
    EXPECT_EQ(reading.price.to_string(), text_at(entry, "price"));
    EXPECT_EQ(reading.name, text_at(entry, "name"));
    EXPECT_EQ(reading.previous_close ? reading.previous_close->to_string() : "",
              text_at(entry, "previous_close"));
    EXPECT_EQ(reading.currency, text_at(entry, "currency"));
    EXPECT_EQ(reading.as_of ? format_rfc3339(*reading.as_of) : "", text_at(entry, "as_of"));
    EXPECT_EQ(reading.rule, text_at(entry, "rule"));
}

void expect_result(element entry, const ReadResult& result) {
    const std::string error = text_at(entry, "error");
    const auto* failure = std::get_if<Failure>(&result);
    if (failure != nullptr) {
        EXPECT_EQ(row_of(failure->reason).name, error) << failure->what;
    } else if (!error.empty()) {
        ADD_FAILURE() << "read " << std::get<Reading>(result).price.to_string() << " by "
                      << std::get<Reading>(result).rule;
    } else {
        expect_reading(entry, std::get<Reading>(result));
    }
}

TEST(Pages, AreReadAsAPersonReadsThem) {
    const auto sources = load_sources("");
    ASSERT_TRUE(sources) << sources.error().what;
    for (const std::string& name : folders()) {
        ASSERT_TRUE(sources->contains(name)) << name;
        simdjson::dom::parser parser;
        simdjson::dom::array list;
        ASSERT_EQ(parser.load((kPages / name / "expected.json").string()).get(list),
                  simdjson::SUCCESS)
            << name;
        std::set<std::string> expected{"expected.json"};
        for (const element entry : list) {
            const std::string file = text_at(entry, "file");
            expected.insert(file);
            const std::string body = read_file(kPages / name / file);
            Page page;
            page.body = body;
            std::int64_t status = 0;
            const bool given = entry["status"].get(status) == simdjson::SUCCESS;
            page.status = given ? static_cast<int>(status) : 200;
            const std::string instrument = text_at(entry, "instrument");
            SCOPED_TRACE(name + "/" + file + " " + instrument);
            expect_result(entry, PageReader(*sources->at(name), page).read(instrument));
        }
        for (const auto& file : fs::directory_iterator(kPages / name)) {
            EXPECT_TRUE(expected.contains(file.path().filename().string()))
                << file.path() << " is not in expected.json";
        }
    }
}

TEST(Pages, AgreeWithTheShippedSourcesAndTheReference) {
    const auto sources = load_sources("");
    ASSERT_TRUE(sources) << sources.error().what;
    const std::string reference = read_file(fs::path(TAPEDECK_ROOT) / "docs" / "sources.md");
    const std::set<std::string> pages = folders();
    for (const auto& [name, source] : *sources) {
        EXPECT_TRUE(pages.contains(name)) << "tests/pages/" << name << " is missing";
        EXPECT_NE(reference.find("| `" + name + "` |"), std::string::npos)
            << "docs/sources.md has no row for " << name;
        EXPECT_EQ(source->file, "data/sources/" + name + ".toml");
    }
    EXPECT_EQ(pages.size(), sources->size());
}

TEST(Pages, EveryShippedFileIsASource) {
    const auto sources = load_sources("");
    ASSERT_TRUE(sources);
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(TAPEDECK_ROOT) / "data" / "sources")) {
        files += entry.path().extension() == ".toml" ? 1 : 0;
    }
    EXPECT_EQ(sources->size(), files);
}

}  // namespace
}  // namespace tapedeck
