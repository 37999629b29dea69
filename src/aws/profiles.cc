#include "aws/profiles.h"

#include <fmt/format.h>

namespace tapedeck {
namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    const auto first = text.find_first_not_of(kBlank);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string section_of(std::string_view heading, bool is_config) {
    std::string_view name = trimmed(heading);
    if (is_config && name.starts_with("profile ")) name = trimmed(name.substr(8));
    return std::string(name);
}

// A comment within a line begins with a blank before it.
std::string_view without_comment(std::string_view value) {
    for (const std::string_view mark : {" #", " ;", "\t#", "\t;"}) {
        value = value.substr(0, value.find(mark));
    }
    return trimmed(value);
}

}  // namespace

Result<> add_profiles(AwsProfiles& profiles, std::string_view text, const std::string& file,
                      bool is_config) {
    AwsProfile* section = nullptr;
    std::string parent;
    int number = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view raw = text.substr(at, end - at);
        const std::string_view line = trimmed(raw);
        at = end + 1;
        ++number;
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (line.front() == '[') {
            const std::size_t close = line.find(']');
            if (close == line.npos) {
                return Error{ErrorKind::malformed,
                             fmt::format("{}, line {}: a section has no end", file, number)};
            }
            section = &profiles[section_of(line.substr(1, close - 1), is_config)];
            parent.clear();
            continue;
        }
        const std::size_t equals = line.find('=');
        if (section == nullptr || equals == line.npos) {
            return Error{
                ErrorKind::malformed,
                fmt::format("{}, line {}: is no \"key = value\" of a section", file, number)};
        }
        const std::string key(trimmed(line.substr(0, equals)));
        const std::string_view value = without_comment(line.substr(equals + 1));
        const bool nested = raw.front() == ' ' || raw.front() == '\t';
        if (!nested) parent = value.empty() ? key + "." : "";
        section->try_emplace(nested ? parent + key : key, value);
    }
    return {};
}

}  // namespace tapedeck
