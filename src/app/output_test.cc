#include "app/output.h"

#include <gtest/gtest.h>

#include "app/export_rows.h"

namespace tapedeck {
namespace {

TEST(Output, ShowsNothingThatATerminalWouldObey) {
    Table table({{"name"}});
    table.add(
        {"\x1B]52;c;cm0gLXJm\x07"
         "Bitcoin\r\n\xC2\x9B"
         "2J"});
    const std::string text = table.text(true);
    EXPECT_EQ(text.find('\x1B'), std::string::npos);
    EXPECT_EQ(text.find('\x07'), std::string::npos);
    EXPECT_EQ(text.find("\xC2\x9B"), std::string::npos);
    EXPECT_NE(text.find("\\u001b]52;c;cm0gLXJm\\u0007Bitcoin  \\u009b2J"), std::string::npos)
        << text;
}

TEST(Output, ShowsNoSecretThatIsKnown) {
    known_secrets()->know(Secret("canary-of-output"), SecretReach::service);
    Table table({{"what"}});
    table.add({"password canary-of-output"});
    EXPECT_NE(table.text(false).find("password ***"), std::string::npos);
    EXPECT_EQ(shown("x%63anary-of-output"), "x***");
}

TEST(Export, WritesNoFormulaIntoACsvAndKeepsEveryNumber) {
    ExportRow row;
    row.feed = "coin";
    row.instrument = "=cmd|' /C calc'!A0";
    row.name = "@SUM(A1)\x1B[2J";
    row.price = {"-1.50", *Price::parse("-1.50")};
    row.source = "+x";
    std::string csv;
    append_csv(csv, row);
    EXPECT_EQ(csv.substr(0, csv.find(",1970")), "coin,'=cmd|' /C calc'!A0,'@SUM(A1)\\u001b[2J,");
    EXPECT_NE(csv.find(",-1.50,"), std::string::npos) << csv;
    EXPECT_NE(csv.find(",'+x,"), std::string::npos) << csv;
    std::string json;
    append_json_line(json, row);
    EXPECT_NE(json.find(R"("name":"@SUM(A1)\u001b[2J")"), std::string::npos) << json;
    EXPECT_NE(json.find(R"("price":"-1.50")"), std::string::npos) << json;
}

}  // namespace
}  // namespace tapedeck
