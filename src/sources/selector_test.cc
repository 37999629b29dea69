#include "sources/selector.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

struct Opened {
    HtmlScan scan;
    std::unique_ptr<HtmlTree> tree;
};

std::unique_ptr<Opened> open(std::string_view page) {
    auto opened = std::make_unique<Opened>();
    opened->scan = scan_html(page);
    auto tree = HtmlTree::build(opened->scan, page.size());
    EXPECT_TRUE(tree);
    opened->tree = *std::move(tree);
    return opened;
}

// The texts of the elements that `css` selects, joined by '|'.
std::string select(std::string_view page, std::string_view css, Names names = {}) {
    const auto opened = open(page);
    const auto selector = Selector::parse(css);
    if (!selector) return selector.error().what;
    std::string texts;
    const auto size = static_cast<HtmlTree::Index>(opened->tree->nodes().size());
    for (const auto element : selector->find(*opened->tree, 0, size, 100, names)) {
        if (!texts.empty()) texts += '|';
        texts += opened->tree->text_of(element);
    }
    return texts;
}

constexpr std::string_view kPage =
    "<!doctype html><title>t</title><div id=top class='a b'><p>1</p><p class='x y'>2</p>"
    "<span data-k='one two' lang=en-US>3</span><p>4</p><fin-streamer data-symbol='^GSPC'>5"
    "</fin-streamer></div><ul><li>a<li class=b>b<li>c<li>d</ul><em></em>";

TEST(Selector, FindsByTypeIdClassAndAttribute) {
    EXPECT_EQ(select(kPage, "p"), "1|2|4");
    EXPECT_EQ(select(kPage, "P.x.y"), "2");
    EXPECT_EQ(select(kPage, "#top > span"), "3");
    EXPECT_EQ(select(kPage, "div.a.b #missing"), "");
    EXPECT_EQ(select(kPage, "fin-streamer[data-symbol=\"^GSPC\"]"), "5");
    EXPECT_EQ(select(kPage, "[data-k~=two]"), "3");
    EXPECT_EQ(select(kPage, "[data-k^=one][data-k$=two][data-k*='e t']"), "3");
    EXPECT_EQ(select(kPage, "[lang|=en]"), "3");
    EXPECT_EQ(select(kPage, "[data-k='ONE TWO' i]"), "3");
    EXPECT_EQ(select(kPage, "[data-k='ONE TWO']"), "");
    EXPECT_EQ(select(kPage, "[data-k*='']"), "");
}

TEST(Selector, FollowsCombinators) {
    EXPECT_EQ(select(kPage, "p + p"), "2");
    EXPECT_EQ(select(kPage, "p ~ p"), "2|4");
    EXPECT_EQ(select(kPage, "body div p"), "1|2|4");
    EXPECT_EQ(select(kPage, "body > p"), "");
    EXPECT_EQ(select(kPage, "span+p , span"), "3|4");
}

TEST(Selector, CountsChildrenAsBrowsersDo) {
    EXPECT_EQ(select(kPage, "li:first-child"), "a");
    EXPECT_EQ(select(kPage, "li:last-child"), "d");
    EXPECT_EQ(select(kPage, "li:nth-child(2n+1)"), "a|c");
    EXPECT_EQ(select(kPage, "li:nth-child(even)"), "b|d");
    EXPECT_EQ(select(kPage, "li:nth-child( -n + 2 )"), "a|b");
    EXPECT_EQ(select(kPage, "li:nth-last-child(2)"), "c");
    EXPECT_EQ(select(kPage, "p:nth-of-type(3)"), "4");
    EXPECT_EQ(select(kPage, "p:last-of-type, span:only-of-type"), "3|4");
    EXPECT_EQ(select(kPage, "ul:only-child"), "");
    EXPECT_EQ(select(kPage, "li:not(.b):not(:last-child)"), "a|c");
    EXPECT_EQ(select(kPage, ":is(li, em).b"), "b");
    EXPECT_EQ(select(kPage, "div:has(> span) > p:first-child"), "1");
    EXPECT_EQ(select(kPage, "p:has(+ span)"), "2");
    EXPECT_EQ(select(kPage, "p:has(~ fin-streamer)"), "1|2|4");
    EXPECT_EQ(select(kPage, "em:empty, html:root > head > title"), "t|");
}

TEST(Selector, TakesTheOriginalsClassLists) {
    const auto opened = open(
        "<span class='Fw(b) Fz(36px)'>wrong</span>"
        "<span class='Trsdu(0.3s) Fw(b) Fz(36px) Mb(-4px) D(ib)'>112.13</span>");
    const auto selector = *Selector::of_classes("Fw(b) Fz(36px)  Mb(-4px) D(ib) ");
    const auto size = static_cast<HtmlTree::Index>(opened->tree->nodes().size());
    const auto found = selector.find(*opened->tree, 0, size, 9, {});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(opened->tree->text_of(found[0]), "112.13");
    EXPECT_EQ(Selector::of_classes(" ")->find(*opened->tree, 0, size, 9, {}).size(), 0u);
}

TEST(Selector, ReadsEscapes) {
    const std::string_view page = "<b class='Fz(36px) a:b'>1</b><i id='1x'>2</i>";
    EXPECT_EQ(select(page, "b.Fz\\(36px\\)"), "1");
    EXPECT_EQ(select(page, ".a\\:b"), "1");
    EXPECT_EQ(select(page, "#\\31 x"), "2");
}

TEST(Selector, PutsTheSymbolIn) {
    const std::string_view page =
        "<b data-symbol='^GSPC'>1</b><b data-symbol='BRK-B'>2</b><i id='l84_brk-b'>3</i>";
    EXPECT_EQ(select(page, "[data-symbol='{symbol}']", {"x", "BRK-B"}), "2");
    EXPECT_EQ(select(page, "#l84_{symbol:lower}", {"x", "BRK-B"}), "3");
    // A symbol is a value, never a piece of selector.
    EXPECT_EQ(select(page, "[data-symbol='{symbol}']", {"x", "'], b, ['"}), "");
}

TEST(Selector, RefusesWhatItDoesNotKnow) {
    for (const char* bad :
         {"", "a >", "a,,b", "[x", "[x=]", ":hover", "a::before", "p:nth-child(x)", "..a", "a b)",
          ":not(", "[a='b]", "a > > b", "{symbol"}) {
        EXPECT_FALSE(Selector::parse(bad)) << bad;
    }
}

TEST(Selector, GivesUpOnAPageMadeToBacktrack) {
    std::string page = "<!doctype html>";
    for (int i = 0; i < 400; ++i) page += "<div>";
    const auto found = select(page, "div div div div div div div div div span");
    EXPECT_EQ(found, "");
    EXPECT_EQ(select(page + "<b>x", "div div div div div div div div p b"), "");
}

TEST(Selector, MatchesScriptsWithoutATree) {
    const auto scan = scan_html(
        "<script type=\"application/json\" data-sveltekit-fetched "
        "data-url=\"/v7/quote?a=1&amp;b=2\">{}</script><script id='__NEXT_DATA__'>1</script>");
    ASSERT_EQ(scan.scripts.size(), 2u);
    const auto matches = [&](std::string_view css, std::size_t script) {
        const auto selector = Selector::parse(css);
        EXPECT_TRUE(selector && selector->is_compound()) << css;
        return selector->matches_raw(scan.scripts[script], {});
    };
    EXPECT_TRUE(matches("script[data-sveltekit-fetched][data-url*='?a=1&b']", 0));
    EXPECT_FALSE(matches("script[data-sveltekit-fetched]", 1));
    EXPECT_TRUE(matches("#__NEXT_DATA__", 1));
    EXPECT_TRUE(matches("script:not([type])", 1));
    EXPECT_FALSE(Selector::parse("body > script")->is_compound());
}

TEST(Selector, ReadsNoSelectorThatNobodyWrote) {
    EXPECT_TRUE(Selector::parse("." + std::string(Selector::kMostBytes - 1, 'c')));
    EXPECT_FALSE(Selector::parse("." + std::string(Selector::kMostBytes, 'c')));
    EXPECT_FALSE(Selector::of_classes(std::string(Selector::kMostBytes + 1, 'c')));
}

TEST(Selector, PaysForEveryWordOfALongAttributeAndStopsWhenItsBudgetIsSpent) {
    std::string page = "<p class='";
    for (int i = 0; i < 100'000; ++i) page += "word ";
    page += "last'>1</p><p class=last>2</p>";
    const auto opened = open(page);
    const auto selector = Selector::parse(".last");
    ASSERT_TRUE(selector);
    const auto size = static_cast<HtmlTree::Index>(opened->tree->nodes().size());
    SearchBudget budget;
    EXPECT_EQ(selector->find(*opened->tree, 0, size, 100, {}, budget).size(), 2U);
    EXPECT_LT(budget.left, SearchBudget::kPage - 15'000);
    budget.left = 1'000;
    EXPECT_TRUE(selector->find(*opened->tree, 0, size, 100, {}, budget).empty());
    EXPECT_TRUE(budget.is_spent());
    // Nothing is found for not having been looked at.
    const auto negated = Selector::parse("p:not(.last)");
    budget.left = 4;
    EXPECT_TRUE(negated->find(*opened->tree, 0, size, 100, {}, budget).empty());
}

}  // namespace
}  // namespace tapedeck
