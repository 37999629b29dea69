#include "app/config_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "config/nearest.h"
#include "config/values.h"

namespace tapedeck {
namespace {

// The list as it is to be, or why it cannot be.
Result<std::vector<std::string>> edited(std::vector<std::string> list, const InstrumentEdit& edit) {
    const auto find = [&](const std::string& name) {
        return std::find(list.begin(), list.end(), name);
    };
    const auto refuse = [](std::string what) {
        return Error{ErrorKind::rejected, std::move(what)};
    };
    if (edit.action == InstrumentEdit::Action::add) {
        if (find(edit.instrument) != list.end()) {
            return refuse(fmt::format("feed {} has {} already", edit.feed, edit.instrument));
        }
        list.push_back(edit.instrument);
        return list;
    }
    const auto at = find(edit.instrument);
    if (at == list.end()) {
        return refuse(fmt::format("feed {} has no {}{}", edit.feed, edit.instrument,
                                  did_you_mean(edit.instrument, list)));
    }
    if (edit.action == InstrumentEdit::Action::remove) {
        list.erase(at);
        return list;
    }
    if (find(edit.new_name) != list.end()) {
        return refuse(fmt::format("feed {} has {} already", edit.feed, edit.new_name));
    }
    *at = edit.new_name;
    return list;
}

struct Editable {
    std::string path;
    std::optional<std::string> text;  // none: there is no file yet
};

Result<Editable> open_editable(const ConfigOptions& options) {
    auto path = config_file(options);
    if (!path) return path.error();
    if (path->empty()) {
        return Editable{
            options.folder.empty() ? "tapedeck.toml" : options.folder + "/tapedeck.toml",
            std::nullopt};
    }
    std::error_code fault;
    if (!std::filesystem::exists(*path, fault) && !fault) {
        return Editable{*std::move(path), std::nullopt};
    }
    if (auto may = may_be_replaced(*path); !may) return may.error();
    auto text = read_text_file(*path);
    if (!text) return text.error();
    return Editable{*std::move(path), *std::move(text)};
}

std::string as_comments(std::string_view toml) {
    if (toml.empty()) return {};
    std::string out = "# To use what the variables named, take these marks away:\n";
    while (!toml.empty()) {
        const std::size_t end = std::min(toml.find('\n'), toml.size());
        out += fmt::format("# {}\n", toml.substr(0, end));
        toml.remove_prefix(std::min(end + 1, toml.size()));
    }
    return out;
}

Result<EditedConfig> write_changes(const ConfigOptions& options, const Editable& editable,
                                   std::span<const TomlChange> changes,
                                   std::string_view suggestion) {
    auto text = change_toml(editable.text.value_or(""), editable.path, changes);
    if (!text) return text.error();
    const std::string comments = as_comments(suggestion);
    if (text->find(comments) == std::string::npos) *text += "\n" + comments;
    // What the file says must be right by itself, whatever --set says today.
    ConfigOptions alone = options;
    alone.sets.clear();
    auto loaded = load_config_text(alone, *text, editable.path);
    if (!loaded) return loaded.error();
    if (auto written = replace_file(editable.path, *text, editable.text); !written) {
        return written.error();
    }
    EditedConfig out;
    out.file = editable.path;
    out.created = !editable.text;
    out.config = *std::move(loaded);
    return out;
}

}  // namespace

Result<EditedConfig> edit_config(const ConfigOptions& options, std::span<const TomlChange> changes,
                                 std::string_view suggestion) {
    auto editable = open_editable(options);
    if (!editable) return editable.error();
    return write_changes(options, *editable, changes, suggestion);
}

Result<EditedConfig> edit_instruments(const ConfigOptions& options, const InstrumentEdit& edit) {
    auto editable = open_editable(options);
    if (!editable) return editable.error();
    ConfigOptions alone = options;
    alone.sets.clear();
    auto before = load_config_text(alone, editable->text.value_or(""), editable->path);
    if (!before) return before.error();
    const auto feed = before->settings.feeds.find(edit.feed);
    if (feed == before->settings.feeds.end()) {
        std::vector<std::string> names;
        for (const auto& [name, its] : before->settings.feeds) names.push_back(name);
        return Error{ErrorKind::rejected, fmt::format("there is no feed {}{}", edit.feed,
                                                      did_you_mean(edit.feed, names))};
    }
    auto after = edited(feed->second.instruments, edit);
    if (!after) return after.error();
    const TomlChange change{
        {"feed", edit.feed}, "instruments", ValueKind<std::vector<std::string>>::show(*after)};
    auto out = write_changes(options, *editable, {&change, 1}, {});
    if (!out) return out.error();
    out->before = feed->second.instruments;
    out->after = *std::move(after);
    return out;
}

}  // namespace tapedeck
