#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/system_fault.h"
#include "config/shipped.h"
#include "sources/rules.h"
#include "sources/source.h"

namespace tapedeck {
namespace {

constexpr std::string_view kFolder = "data/sources/";
constexpr std::uintmax_t kMaxFile = 1024 * 1024;  // a source is a few kB of text

Result<Source> read_file(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) > kMaxFile || error) {
        return Error{ErrorKind::malformed,
                     fmt::format("{}: {}", path.string(),
                                 error ? error.message() : "too large for a source")};
    }
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) {
        return Error{ErrorKind::unavailable,
                     fmt::format("{}: {}", path.string(), system_fault(errno))};
    }
    return parse_source(text.str(), path.string());
}

Result<std::vector<std::filesystem::path>> files_of(const std::string& folder) {
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == ".toml") files.push_back(entry->path());
    }
    if (error) {
        return Error{ErrorKind::unavailable,
                     fmt::format("folder of sources {}: {}", folder, error.message())};
    }
    std::ranges::sort(files);
    return files;
}

void put(Sources& sources, Source source) {
    std::string name = source.name;
    sources[std::move(name)] = std::make_shared<const Source>(std::move(source));
}

// The elements whose attribute `class` is this very text; a list that is none of a selector's is
// found as a set alone.
Selector with_class_text(std::string_view classes) {
    std::string text;
    for (const char c : classes) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    auto selector = Selector::parse("[class=\"" + text + "\"]");
    return selector ? *std::move(selector) : Selector::nothing();
}

}  // namespace

Result<Sources> load_sources(const std::string& user_folder, std::vector<BrokenSource>& broken) {
    Sources sources;
    for (const ShippedFile& file : shipped_files()) {
        if (!file.path.starts_with(kFolder)) continue;
        auto source = parse_source(file.text, file.path);
        if (!source) return source.error();
        put(sources, *std::move(source));
    }
    if (user_folder.empty()) return sources;
    const auto files = files_of(user_folder);
    if (!files) return files.error();
    std::map<std::string, std::string> seen;  // the file of each name
    for (const auto& file : *files) {
        auto source = read_file(file);
        if (!source) {
            broken.push_back({file.stem().string(), source.error().what});
            continue;
        }
        const auto [first, fresh] = seen.emplace(source->name, file.string());
        if (fresh) {
            put(sources, *std::move(source));
        } else {
            broken.push_back(
                {source->name, fmt::format("{}: the source {} stands in {} too", file.string(),
                                           source->name, first->second)});
        }
    }
    for (const BrokenSource& one : broken) sources.erase(one.name);
    return sources;
}

Result<Sources> load_sources(const std::string& user_folder) {
    std::vector<BrokenSource> broken;
    auto sources = load_sources(user_folder, broken);
    if (sources && !broken.empty()) return Error{ErrorKind::malformed, broken.front().what};
    return sources;
}

Result<Source> make_source(const ClassListSource& parameters) {
    const auto refuse = [&](std::string_view why) {
        return Error{ErrorKind::malformed, fmt::format("source {} of the original's parameters: {}",
                                                       parameters.name, why)};
    };
    if (!parameters.base_url.starts_with("http")) return refuse("base_url must be a URL");
    const auto is_blank = [](const std::string& text) {
        return text.find_first_not_of(" \t") == std::string::npos;
    };
    if (is_blank(parameters.price_html_class)) return refuse("price_html_class is empty");
    for (const std::string* list : {&parameters.price_html_class, &parameters.stock_name_html_class,
                                    &parameters.previous_close_html_class}) {
        if (const auto selector = Selector::of_classes(*list); !selector) {
            return refuse(selector.error().what);
        }
    }
    // The original takes the first element that has a class; of several it compares the attribute's
    // text, and a page that says the same otherwise is read too.
    const auto classes = [](const std::string& list) {
        const std::size_t first = list.find_first_not_of(" \t");
        const bool is_one =
            list.find_first_not_of(" \t", list.find_first_of(" \t", first)) == std::string::npos;
        Field field(is_one ? 1 : 2);
        for (Finder& finder : field) finder.kind = Finder::Kind::css;
        if (!is_one) field.front().selector = with_class_text(list);
        field.back().selector = *Selector::of_classes(list);
        return field;
    };
    Source source;
    source.name = parameters.name;
    source.url = parameters.base_url;
    if (source.url.find("{instrument") == std::string::npos) source.url += "{instrument}";
    source.pace = {30, std::chrono::minutes(1)};
    source.headers = {
        {"User-Agent", Secret("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like "
                              "Gecko) Chrome/130.0.0.0 Safari/537.36")},
        {"Accept-Language", Secret("en-US,en;q=0.9")}};
    Rule rule;
    rule.name = "classes";
    rule.price = classes(parameters.price_html_class);
    if (!is_blank(parameters.previous_close_html_class)) {
        rule.previous_close = classes(parameters.previous_close_html_class);
    }
    RuleSet rules;
    rules.identity_page = false;  // the original took what the URL gave
    if (!is_blank(parameters.stock_name_html_class)) {
        const Field names = classes(parameters.stock_name_html_class);
        rule.symbol = names;
        rule.full_name = names;
        // "Apple Inc. (AAPL)": the page says whose price it shows.
        for (Finder& symbol : rule.symbol) {
            symbol.after_last = "(";
            symbol.before = ")";
        }
        for (Finder& plain : rule.full_name) plain.before_last = " (";
        rule.full_name.insert(rule.full_name.end(), names.begin(), names.end());
    }
    rules.rules.push_back(std::move(rule));
    rules.attributes = attributes_of(rules);
    rules.script_json = script_json_of(rules);
    source.rules = std::make_shared<const RuleSet>(std::move(rules));
    source.file = "the original's parameters";
    return source;
}

}  // namespace tapedeck
