#include "config/read_fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/nearest.h"
#include "config/text_checks.h"

namespace tapedeck {

std::string to_string(const Origin& origin) {
    return origin.at.line == 0 ? origin.file : fmt::format("{}:{}", origin.file, origin.at.line);
}

std::string to_string(const ConfigFault& fault) {
    const std::string place = to_string(fault.origin);
    return fault.table.empty() ? fmt::format("{}: {}", place, fault.what)
                               : fmt::format("{}: [{}] {}", place, fault.table, fault.what);
}

bool FieldReader::enter(const TomlMember& member) {
    if (member.value.kind != TomlKind::table) {
        fault(member, member.value, wrong_type("a table", member.value).what);
        return false;
    }
    path_.push_back(member.key);
    // A table may be opened by [feed.coin] in one file and again in the next: the first counts.
    origins_.try_emplace(join_key(path_), Origin{file_, member.value.key_at});
    return true;
}

bool FieldReader::is_name(const TomlMember& member) {
    if (must_be_name(member.key).empty()) return true;
    faults_.push_back({{file_, member.value.key_at},
                       join_key(path_),
                       fmt::format("{} is no name of letters, digits, '_', '-' and '.'",
                                   toml_string(member.key.substr(0, 60)))});
    return false;
}

void FieldReader::unknown(const TomlMember& member, const std::vector<std::string>& known) {
    const bool table = path_.empty() && member.value.kind == TomlKind::table;
    fault(member, member.value,
          fmt::format("is not a known {}{}", table ? "table" : "key",
                      did_you_mean(member.key, known)));
}

void FieldReader::fault(const TomlMember& member, const TomlNode& where, std::string_view what) {
    // The key's own line, unless it is one item of a list that is at fault.
    const TomlPosition at = &where == &member.value ? member.value.key_at : where.at;
    faults_.push_back(
        {{file_, at}, join_key(path_), fmt::format("{} {}", toml_key(member.key), what)});
}

void FieldReader::out_of_range(const TomlMember& member, std::string_view limits) {
    fault(member, member.value, wrong_type(limits, member.value).what);
}

bool FieldReader::text_allowed(const TomlMember& member, const TomlNode& where,
                               const std::string& text, TextCheck check) {
    // An empty text unsets an option, where it may be unset at all.
    if (text.empty() && &where == &member.value) return true;
    const std::string what = check(text);
    if (what.empty()) return true;
    fault(member, where, what);
    return false;
}

bool FieldReader::list_allowed(const TomlMember& member, TextCheck check, bool distinct) {
    std::map<std::string_view, int> seen;
    bool fine = true;
    for (const TomlNode& item : member.value.items) {
        if (check != nullptr && !text_allowed(member, item, item.text, check)) fine = false;
        if (!distinct) continue;
        const auto [first, is_new] = seen.emplace(item.text, item.at.line);
        if (is_new) continue;
        fault(member, item,
              fmt::format("has {} twice{}", toml_string(item.text),
                          first->second == item.at.line || first->second == 0
                              ? ""
                              : fmt::format(", first in line {}", first->second)));
        fine = false;
    }
    return fine;
}

void FieldReader::note_origin(const std::string& key, const TomlNode& value) {
    path_.push_back(key);
    origins_[join_key(path_)] = Origin{file_, value.key_at};
    path_.pop_back();
}

void MissingFinder::need(const std::string& key) {
    path_.push_back(key);
    const bool given = origins_.contains(join_key(path_));
    path_.pop_back();
    if (given) return;
    const std::string table = join_key(path_);
    const auto origin = origins_.find(table);
    faults_.push_back(
        {origin == origins_.end() ? Origin{std::string(kBuiltInName), {}} : origin->second, table,
         fmt::format("{} is missing", key)});
}

}  // namespace tapedeck
