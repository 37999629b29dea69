#include "config/option_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/nearest.h"

namespace tapedeck {
namespace {

std::string path_of(const KeyDoc& doc) {
    return doc.key.empty() ? doc.table : doc.table + "." + doc.key;
}

bool is_placeholder(std::string_view part) {
    return !part.empty() &&
           std::all_of(part.begin(), part.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::vector<std::string> parts_of(std::string_view path) {
    std::vector<std::string> parts;
    while (true) {
        const std::size_t dot = path.find('.');
        parts.emplace_back(path.substr(0, dot));
        if (dot == path.npos) return parts;
        path.remove_prefix(dot + 1);
    }
}

// Whether `asked` names what `path` ("feed.NAME.topic") describes.
bool names(const std::vector<std::string>& asked, const std::vector<std::string>& path) {
    return std::equal(asked.begin(), asked.end(), path.begin(), path.end(),
                      [](const std::string& name, const std::string& part) {
                          return name == part || is_placeholder(part);
                      });
}

std::string default_of(const KeyDoc& doc) {
    if (doc.default_text.empty()) return "must be given";
    return doc.default_is_words ? doc.default_text : "default " + doc.default_text;
}

std::string explain_key(const KeyDoc& doc) {
    std::string out = fmt::format("[{}] {}\n{}\n\n", doc.table, doc.key, doc.help);
    out += fmt::format("  type     {}{}{}\n", doc.type, doc.limits.empty() ? "" : ", ", doc.limits);
    out += fmt::format("  {:<8} {}\n", doc.default_is_words ? "unset" : "default",
                       doc.default_text.empty() ? "none: it must be given" : doc.default_text);
    if (!doc.other_key.empty()) out += fmt::format("  also as  {}\n", doc.other_key);
    if (!doc.example.empty()) out += fmt::format("  example  {} = {}\n", doc.key, doc.example);
    return out;
}

std::string explain_tables(const std::vector<KeyDoc>& docs, const std::vector<std::string>* asked) {
    std::string out;
    bool shown = false;
    for (const KeyDoc& doc : docs) {
        if (doc.key.empty()) {
            const auto path = parts_of(doc.table);
            // The table itself, and what it holds: `feed`, `feed.coin`, `dag.x.task`.
            shown = asked == nullptr ||
                    (asked->size() <= path.size() &&
                     names(*asked, {path.begin(),
                                    path.begin() + static_cast<std::ptrdiff_t>(asked->size())}));
            if (!shown) continue;
            out += fmt::format("{}[{}]  {}\n", out.empty() ? "" : "\n", doc.table, doc.help);
        } else if (shown) {
            out += fmt::format("  {:<26} {} ({})\n", doc.key, doc.help, default_of(doc));
        }
    }
    return out;
}

template <class Finish>
std::string written(const std::vector<ShownValue>& values, Finish finish) {
    std::string out;
    const std::vector<std::string>* table = nullptr;
    for (const ShownValue& value : values) {
        if (table == nullptr || value.table != *table) {
            out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", join_key(value.table));
            table = &value.table;
        }
        std::string line = fmt::format("{} = {}", toml_key(value.key), value.toml);
        finish(value, line);
        out += line + "\n";
    }
    return out;
}

}  // namespace

std::string as_toml(const std::vector<ShownValue>& values) {
    return written(values, [](const ShownValue&, std::string&) {});
}

std::string as_toml(const std::vector<ShownValue>& values, const Origins& origins) {
    return written(values, [&](const ShownValue& value, std::string& line) {
        line = fmt::format("{:<50}  # {}", line, origin_of(origins, value));
    });
}

std::string origin_of(const Origins& origins, const ShownValue& value) {
    std::vector<std::string> path = value.table;
    path.push_back(value.key);
    const auto found = origins.find(join_key(path));
    return found == origins.end() ? "default" : to_string(found->second);
}

Result<std::string> explain(const std::vector<KeyDoc>& docs, std::string_view key) {
    if (key.empty()) return explain_tables(docs, nullptr);
    const auto asked = split_key(key);
    if (!asked) return Error{ErrorKind::rejected, asked.error().what};
    std::vector<std::string> known;
    for (const KeyDoc& doc : docs) {
        if (!doc.key.empty() && names(*asked, parts_of(path_of(doc)))) return explain_key(doc);
        known.push_back(path_of(doc));
    }
    if (std::string tables = explain_tables(docs, &*asked); !tables.empty()) return tables;
    // A key is often asked for without its table.
    for (const KeyDoc& doc : docs) {
        if (doc.key == key) {
            return Error{ErrorKind::rejected,
                         fmt::format("{} is not a known key; did you mean {}?", key, path_of(doc))};
        }
    }
    // Compare with the placeholders filled in as asked, so that names do not count as slips.
    for (std::string& path : known) {
        auto parts = parts_of(path);
        for (std::size_t i = 0; i < parts.size() && i < asked->size(); ++i) {
            if (is_placeholder(parts[i])) parts[i] = (*asked)[i];
        }
        path = join_key(parts);
    }
    return Error{ErrorKind::rejected,
                 fmt::format("{} is not a known key{}", key, did_you_mean(key, known))};
}

std::string reference_tables(const std::vector<KeyDoc>& docs) {
    std::string out;
    for (const KeyDoc& doc : docs) {
        if (doc.key.empty()) {
            out += fmt::format("\n## [{}]\n{}\n\n| key | type | default | |\n|---|---|---|---|\n",
                               doc.table, doc.help);
            continue;
        }
        std::string type = doc.type;
        for (std::size_t bar = 0; (bar = type.find('|', bar)) != type.npos; bar += 2) {
            type.replace(bar, 1, "\\|");
        }
        if (!doc.limits.empty()) type += ", " + doc.limits;
        std::string initial = "required";
        if (!doc.default_text.empty()) {
            initial = doc.default_is_words ? doc.default_text : "`" + doc.default_text + "`";
        }
        std::string help = doc.help;
        if (!doc.other_key.empty()) help += fmt::format(" Also read as `{}`.", doc.other_key);
        if (!doc.example.empty()) help += fmt::format(" For example `{}`.", doc.example);
        out += fmt::format("| `{}` | {} | {} | {} |\n", doc.key, type, initial, help);
    }
    return out;
}

}  // namespace tapedeck
