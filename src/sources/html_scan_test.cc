#include "sources/html_scan.h"

#include <gtest/gtest.h>

#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "sources/html_testing.h"
#include "sources/html_tree.h"
#include "sources/selector.h"

namespace tapedeck {
namespace {

std::string script_of(std::string_view page, std::size_t number = 0) {
    const auto scan = scan_html(page);
    return number < scan.scripts.size() ? std::string(scan.scripts[number].content) : "none";
}

TEST(HtmlScan, FindsScriptsWhereATokenizerDoes) {
    EXPECT_EQ(script_of("<p><script>a < b</script>"), "a < b");
    EXPECT_EQ(script_of("<SCRIPT x='>'>1</ScRiPt >"), "1");
    EXPECT_EQ(script_of("<script>'</scripty>'</script>"), "'</scripty>'");
    EXPECT_EQ(script_of("<!-- <script>no</script> --><script>yes</script>"), "yes");
    EXPECT_EQ(script_of("<title><script>no</script></title><script>yes</script>"), "yes");
    EXPECT_EQ(script_of("<a title=\"<script>\"></a><script>yes</script>"), "yes");
    EXPECT_EQ(script_of("<textarea><script>no</script></textarea><script>yes</script>"), "yes");
    EXPECT_EQ(script_of("<style><script>no</style><script>yes</script>"), "yes");
    EXPECT_EQ(script_of("<script>never closed"), "never closed");
    EXPECT_EQ(script_of("<script><!-- <script>x</script> --></script>"),
              "<!-- <script>x</script> -->");
    EXPECT_EQ(script_of("<!--><script>1</script>"), "1");
    EXPECT_EQ(script_of("<!doctype a><?php <script>?><script>1</script>"), "1");
}

TEST(HtmlScan, LeavesOutDrawingsButNoWords) {
    const auto pruned = [](std::string_view page) { return scan_html(page).pruned; };
    EXPECT_EQ(pruned("a<svg w=1><path d='M1'/><g><use href=#x></use></g></svg>b"),
              "a<svg w=1></svg>b");
    EXPECT_EQ(pruned("<svg><title>up</title><path/></svg>"), "<svg><title>up</title><path/></svg>");
    EXPECT_EQ(pruned("<svg><text>1.5</text></svg>"), "<svg><text>1.5</text></svg>");
    EXPECT_EQ(pruned("x<!-- y -->z<style>.a{}</style><script>1</script>"),
              "xz<style></style><script></script>");
    EXPECT_EQ(pruned("<svg><style>.a{}</style><path/></svg><!-- x -->y"),
              "<svg><style>.a{}</style><path/></svg>y");
    EXPECT_EQ(pruned("<svg><path><p>1</p><!-- kept from here on -->"),
              "<svg><path><p>1</p><!-- kept from here on -->");
}

TEST(HtmlScan, FindsTheFirstTitleAndTheEnd) {
    const auto scan =
        scan_html("<svg><title>no</title></svg><title>A &amp; B</title><title>c</title></html>");
    EXPECT_EQ(scan.title, "A &amp; B");
    EXPECT_TRUE(scan.has_html_end);
    EXPECT_FALSE(scan_html("<html><p></body>").has_html_end);
}

TEST(HtmlScan, ReadsAttributes) {
    std::string value;
    const std::string_view tag = " a=1 B = '2&quot;' c=\"x > y\" d data-url=/q?a&amp;b=1 e=";
    EXPECT_TRUE(raw_attribute(tag, "a", value) && value == "1");
    EXPECT_TRUE(raw_attribute(tag, "b", value) && value == "2\"");
    EXPECT_TRUE(raw_attribute(tag, "c", value) && value == "x > y");
    EXPECT_TRUE(raw_attribute(tag, "d", value) && value.empty());
    EXPECT_TRUE(raw_attribute(tag, "data-url", value) && value == "/q?a&b=1");
    EXPECT_TRUE(raw_attribute(tag, "e", value) && value.empty());
    EXPECT_FALSE(raw_attribute(tag, "f", value));
}

// Pages put together of the pieces on which tokenizers stumble.
std::string any_page() {
    static const std::vector<std::string> kPieces{
        "<p>",      "</p>",      "text ",      "<b class=\"a>b\">",
        "</b>",     "<script>",  "</script>",  "<!--",
        "-->",      "<svg>",     "</svg>",     "<path/>",
        "<style>",  "</style>",  "<title>",    "</title>",
        "'",        "\"",        "<a href='",  "<!",
        "<",        ">",         "&amp;",      "<div/>",
        "<math>",   "</math>",   "<textarea>", "</textarea>",
        "<x-y z>",  "--!>",      "<g>",        "</g>",
        "<iframe>", "</iframe>", "7",          "\n\n\n\n",
        "    ",     "<pre>",     " \r\n\t x",  "<table>",
        "<td>",     "</table>"};
    std::string page;
    for (const auto& piece :
         *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kPieces))) {
        page += piece;
    }
    return page;
}

RC_GTEST_PROP(HtmlScan, KeepsEveryPieceWhereItSaysThatItStands, ()) {
    const std::string page = any_page();
    const auto scan = scan_html(page);
    for (std::size_t i = 0; i < scan.pruned.size(); ++i) {
        const std::size_t at = scan.original_offset(i);
        RC_ASSERT(at < page.size());
        RC_ASSERT(page[at] == scan.pruned[i]);
        if (i > 0) RC_ASSERT(at > scan.original_offset(i - 1));
    }
}

// What is left out changes neither the elements nor the words of the tree, whatever the page.
RC_GTEST_PROP(HtmlScan, LeavesTheTreeAsItWas, ()) {
    const std::string page = "<!doctype html><body>" + any_page();
    const auto scan = scan_html(page);
    RC_ASSERT(outline_of(scan, page.size()) == outline_of(scan_of_whole(page), page.size()));
}

TEST(HtmlScan, LeavesOutAttributesThatNobodyAsksFor) {
    AttributeUses asked;
    asked.add({"class"});
    asked.add({"data-symbol"});
    const auto left = [&](std::string_view page) { return scan_html(page, &asked).pruned; };
    EXPECT_EQ(left("<div style=\"color: red\" class=\"a\" onclick='a > b()' Data-Symbol=X>t</div>"),
              "<div class=\"a\" Data-Symbol=X>t</div>");
    EXPECT_EQ(left("<a href=https://example.com/long/one>t"), "<a>t");
    EXPECT_EQ(left("<b style=\"a:bbbbbbbbbbb\">"), "<b style=\"a:bbbbbbbbbbb\">");
    EXPECT_EQ(left("<input type=\"hidden\" value=\"a long value\">"),
              "<input type=\"hidden\" value=\"a long value\">");
    EXPECT_EQ(left("<p title=\"cut off in the"), "<p title=\"cut off in the");
    const auto scan = scan_html("<p style=\"color: red\">12", &asked);
    EXPECT_EQ(scan.original_offset(scan.pruned.find("12")), 22u);
}

TEST(HtmlScan, LeavesOutValuesThatNoSelectorMatches) {
    AttributeUses asked;
    Selector::parse("span.a.b, [lang|=en], link[rel=x]")->add_uses(asked);
    const auto left = [&](std::string_view page) { return scan_html(page, &asked).pruned; };
    EXPECT_EQ(left("<span class='b c a'><span class=a><p class='a b'>"),
              "<span class='b c a'><span><p>");
    // The first of a name counts; the second must not take its place.
    EXPECT_EQ(left("<p lang=de lang=en>"), "<p>");
    EXPECT_EQ(left("<span class='&#97; b'>"), "<span class='&#97; b'>");
    EXPECT_EQ(left("<p id=1 class=x / >"), "<p / >");
    EXPECT_EQ(left("<p a class=x =y>"), "<p a class=x =y>");
    EXPECT_EQ(left("<body lang=de>"), "<body lang=de>");
}

// Pages of tags with attributes in every spelling, some of them alike.
std::string any_page_of_attributes() {
    static const std::vector<std::string> kPieces{"<p class=a>",
                                                  "<p class='b a'>",
                                                  "<p CLASS=\"A\">",
                                                  "<div class=\"long-one b\">",
                                                  "<div id=x>",
                                                  "<span k=v>",
                                                  "<span k='v w'>",
                                                  "<span k=V class=b k=v>",
                                                  "<a k=\"v-en\">",
                                                  "<i k=v />",
                                                  "<b class='a b'>",
                                                  "<em class=&#97;>",
                                                  "<u class=a\xA0>",
                                                  "<p a class=b =y>",
                                                  "<input k=v id=x>",
                                                  "<li class='a\tb\nc'>",
                                                  "</p>",
                                                  "</div>",
                                                  "</span>",
                                                  "</b>",
                                                  "one",
                                                  "two ",
                                                  "<p class>",
                                                  "<p k = 'v'id=x>"};
    std::string page;
    for (const auto& piece :
         *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kPieces))) {
        page += piece;
    }
    return page;
}

// Leaving out what a selector does not look for leaves out nothing that it finds.
RC_GTEST_PROP(HtmlScan, LeavesWhatASelectorFinds, ()) {
    static const std::vector<std::string> kSelectors{
        ".a",         ".b.a",        "p.a, .b",     "[k]",           "[k=v]",     "[k~=w]",
        "[k|=v]",     "[k^=v]",      "[k$=w]",      "[k*=\"-\"]",    "[k=v i]",   "#x",
        ":not(.a)",   "p:not([k])",  "div > .b",    ":has(> [k=v])", "p ~ #x",    "[class='a b']",
        "[class*=b]", ":is(.a, #x)", "span[k=v].b", "[class]",       "li.c + .a", "input[k=v]"};
    const auto selector = Selector::parse(*rc::gen::elementOf(kSelectors));
    const std::string page = "<!doctype html><body>" + any_page_of_attributes();
    AttributeUses asked;
    selector->add_uses(asked);
    const auto found = [&](const HtmlScan& scan) {
        const auto tree = HtmlTree::build(scan, page.size());
        const auto size = static_cast<HtmlTree::Index>((*tree)->nodes().size());
        return selector->find(**tree, 0, size, 1'000, {});
    };
    RC_ASSERT(found(scan_html(page, &asked)) == found(scan_html(page)));
}

}  // namespace
}  // namespace tapedeck
