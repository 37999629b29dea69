// How long does it take to read a price out of a page? CPU milliseconds a page, the fetch excluded:
// by a CSS rule (tree built) and by a rule that reads JSON in a script (no tree), each with a page
// opened anew. The peers (BeautifulSoup, lxml, selectolax) do the same in extract_peers.py, on the
// same files. Pages of 30,000 nested elements must end within half a second.
//
//   extract_bench SOURCE INSTRUMENT FILE ["RULE" …]      every rule that reads it, or those named
//   extract_bench --hostile
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

#include "sources/source.h"

namespace {

using namespace tapedeck;

double cpu_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// The median of `rounds` readings of one page.
template <class Read>
double median_ms(int rounds, Read read) {
    std::vector<double> times;
    for (int i = 0; i < rounds; ++i) {
        const double begin = cpu_ms();
        read();
        times.push_back(cpu_ms() - begin);
    }
    std::ranges::sort(times);
    return times[times.size() / 2];
}

std::string repeated(std::string_view part, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += part;
    return text;
}

// A source of the one rule that is measured, so that no other rule's work is counted.
Result<Source> only_rule(const Source& source, std::string_view rule) {
    std::string text;
    if (source.file.starts_with("data/")) {
        std::ifstream in(source.file);
        std::stringstream all;
        all << in.rdbuf();
        text = all.str();
    }
    std::string kept;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = text.find("\n[[rule]]", at + 1);
        if (end == std::string::npos) end = text.size();
        const std::string_view part = std::string_view(text).substr(at, end - at);
        const bool is_rule = part.starts_with("\n[[rule]]");
        if (!is_rule || part.find(fmt::format("name = \"{}\"", rule)) != std::string_view::npos) {
            kept += part;
        }
        at = end;
    }
    return parse_source(kept, source.file);
}

int measure(const Source& source, std::string_view instrument, const char* file, char** rules,
            int rule_count) {
    std::ifstream in(file, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    const std::string body = all.str();
    Page page;
    page.body = body;
    std::vector<std::string> names(rules, rules + rule_count);
    if (names.empty()) {
        for (const auto& [name, result] : PageReader(source, page).read_every_rule(instrument)) {
            if (std::holds_alternative<Reading>(result)) names.push_back(name);
        }
    }
    fmt::print("{} ({} kB) by {}\n", file, body.size() / 1000, source.name);
    const double whole = median_ms(21, [&] { PageReader(source, page).read(instrument); });
    fmt::print("  {:<16} {:8.3f} ms\n", "all rules", whole);
    for (const std::string& name : names) {
        const auto one = only_rule(source, name);
        if (!one) {
            fmt::print(stderr, "{}\n", one.error().what);
            return 2;
        }
        std::string price = "-";
        const double ms = median_ms(21, [&] {
            const ReadResult result = PageReader(*one, page).read(instrument);
            if (const auto* reading = std::get_if<Reading>(&result)) {
                price = reading->price.to_string();
            }
        });
        fmt::print("  {:<16} {:8.3f} ms   {}\n", name, ms, price);
    }
    return 0;
}

int measure_hostile(const Source& source) {
    const std::vector<std::pair<std::string, std::string>> pages{
        {"30,000 div", repeated("<div>", 30'000)},
        {"30,000 b and i", repeated("<b><i>", 15'000)},
        {"30,000 font with attribute", repeated("<font size=1>", 30'000)},
        {"30,000 table", repeated("<table><tr><td>", 10'000)},
        {"30,000 svg", repeated("<svg>", 30'000)},
        {"30,000 unclosed p in a", repeated("<a><p>", 15'000)},
        {"8 MB of <", std::string(8'000'000, '<')},
    };
    int slow = 0;
    for (const auto& [name, text] : pages) {
        const std::string body = "<!doctype html><html><title>X (AAPL)</title><body>" + text;
        Page page;
        page.body = body;
        const double ms = median_ms(3, [&] { PageReader(source, page).read("AAPL"); });
        fmt::print("  {:<28} {:8.1f} ms{}\n", name, ms, ms > 500 ? "  TOO SLOW" : "");
        slow += ms > 500 ? 1 : 0;
    }
    return slow == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const auto sources = tapedeck::load_sources("");
    if (!sources) {
        fmt::print(stderr, "{}\n", sources.error().what);
        return 2;
    }
    if (argc == 2 && std::string_view(argv[1]) == "--hostile") {
        return measure_hostile(*sources->at("yahoo"));
    }
    const auto source = argc < 4 ? sources->end() : sources->find(argv[1]);
    if (source == sources->end()) {
        fmt::print(stderr, "usage: {} SOURCE INSTRUMENT FILE [RULE …] | --hostile\n", argv[0]);
        return 2;
    }
    return measure(*source->second, argv[2], argv[3], argv + 4, argc - 4);
}
