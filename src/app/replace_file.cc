// The file side of config_edit.h.

#include <fmt/format.h>

#include <filesystem>

#include "app/config_edit.h"
#include "app/output_file.h"

namespace tapedeck {
namespace {

Result<> still_as_expected(const std::string& path, const std::optional<std::string>& expected) {
    std::error_code fault;
    const bool exists = std::filesystem::exists(path, fault);
    if (exists != expected.has_value()) {
        return Error{ErrorKind::conflict,
                     fmt::format("{} was {} meanwhile", path, exists ? "made" : "removed")};
    }
    if (!exists) return {};
    const auto now = read_text_file(path);
    if (!now) return now.error();
    if (*now == *expected) return {};
    return Error{ErrorKind::conflict, fmt::format("{} was changed meanwhile", path)};
}

}  // namespace

Result<> may_be_replaced(const std::string& path) {
    const auto place = output_place(path);
    if (!place) return place.error();
    if (place->kind != OutputPlace::Kind::stream) return {};
    return Error{ErrorKind::rejected,
                 fmt::format("{} is no regular file, and cannot be changed in place", path)};
}

Result<> replace_file(const std::string& path, std::string_view text,
                      const std::optional<std::string>& expected) {
    if (auto may = may_be_replaced(path); !may) return may;
    auto file = OutputFile::open(path);
    if (!file) return file.error();
    if (auto written = (*file)->write(text); !written) return written;
    if (auto same = still_as_expected((*file)->place().path, expected); !same) return same;
    return (*file)->finish();
}

}  // namespace tapedeck
