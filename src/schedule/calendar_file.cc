#include "schedule/calendar_file.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <utility>

#include "config/toml_document.h"

namespace tapedeck {
namespace {

using std::chrono::local_days;
using std::chrono::minutes;

constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::size_t kMostBytes = 1 << 20;

// Reads a file's tables key by key. The first fault is kept with its line; later calls then give
// defaults, and the caller asks once, at the end.
class Reader {
public:
    explicit Reader(std::string_view path) : path_(path) {}

    const std::optional<Error>& fault() const { return fault_; }

    void refuse(const TomlNode& node, std::string_view what) {
        if (fault_) return;
        fault_ = Error{ErrorKind::malformed, fmt::format("{}:{}: {}", path_, node.at.line, what)};
    }

    void only(const TomlNode& table, std::initializer_list<std::string_view> known) {
        for (const TomlMember& member : table.members) {
            if (std::find(known.begin(), known.end(), member.key) == known.end()) {
                refuse(member.value, fmt::format("unknown key '{}'; known: {}", member.key,
                                                 fmt::join(known, ", ")));
            }
        }
    }

    std::string text(const TomlNode& table, std::string_view key, bool required = true) {
        const TomlNode* node = table.find(key);
        if (node != nullptr && node->kind == TomlKind::string) return node->text;
        if (node != nullptr) {
            refuse(*node, fmt::format("'{}' must be a text, not {}", key, describe(*node)));
        } else if (required) {
            refuse(table, fmt::format("'{}' is missing", key));
        }
        return {};
    }

    int integer(const TomlNode& table, std::string_view key, int otherwise, int least, int most) {
        const TomlNode* node = table.find(key);
        if (node == nullptr) return otherwise;
        if (node->kind == TomlKind::integer && node->integer >= least && node->integer <= most) {
            return static_cast<int>(node->integer);
        }
        refuse(*node, fmt::format("'{}' must be a whole number from {} to {}, not {}", key, least,
                                  most, describe(*node)));
        return otherwise;
    }

    LocalDate date(const TomlNode& table, std::string_view key) {
        const TomlNode* node = table.find(key);
        if (node == nullptr) {
            refuse(table, fmt::format("'{}' is missing", key));
            return {};
        }
        // The TOML reader has checked that such a day exists.
        if (node->kind == TomlKind::date && node->text.size() == 10) {
            if (const Result<Timestamp> midnight = parse_rfc3339(node->text)) {
                return LocalDate(
                    std::chrono::floor<std::chrono::days>(*midnight).time_since_epoch());
            }
        }
        refuse(*node,
               fmt::format("'{}' must be a date such as 2026-11-24, not {}", key, describe(*node)));
        return {};
    }

    // "09:30"
    TimeOfDay clock(const TomlNode& node) {
        const std::string_view text = node.text;
        const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
        if (node.kind == TomlKind::string && text.size() == 5 && digit(0) && digit(1) &&
            text[2] == ':' && digit(3) && digit(4)) {
            const int hour = (text[0] - '0') * 10 + (text[1] - '0');
            const int minute = (text[3] - '0') * 10 + (text[4] - '0');
            if (hour < 24 && minute < 60) return minutes(hour * 60 + minute);
        }
        refuse(node, fmt::format("{} is no time of day such as \"09:30\"", describe(node)));
        return {};
    }

    std::optional<TimeOfDay> optional_clock(const TomlNode& table, std::string_view key) {
        const TomlNode* node = table.find(key);
        if (node == nullptr) return {};
        return clock(*node);
    }

    unsigned weekday(const TomlNode& node) {
        const auto at = std::find(kDays.begin(), kDays.end(), node.text);
        if (node.kind == TomlKind::string && at != kDays.end()) {
            return static_cast<unsigned>(at - kDays.begin());
        }
        refuse(node,
               fmt::format("{} is no day of the week: {}", describe(node), fmt::join(kDays, ", ")));
        return 0;
    }

    // ["Mon", "Tue"]
    Weekdays weekdays(const TomlNode& table, std::string_view key, Weekdays otherwise) {
        const TomlNode* node = table.find(key);
        if (node == nullptr) return otherwise;
        unsigned set = 0;
        for (const TomlNode& item : list(*node, key)) set |= 1U << weekday(item);
        return static_cast<Weekdays>(set);
    }

    std::span<const TomlNode> list(const TomlNode& node, std::string_view key) {
        if (node.kind == TomlKind::array) return node.items;
        refuse(node, fmt::format("'{}' must be a list, not {}", key, describe(node)));
        return {};
    }

    // A list of tables; none where the key is absent.
    std::span<const TomlNode> tables(const TomlNode& table, std::string_view key) {
        const TomlNode* node = table.find(key);
        if (node == nullptr) return {};
        for (const TomlNode& item : list(*node, key)) {
            if (item.kind != TomlKind::table) {
                refuse(item, fmt::format("'{}' must hold tables, not {}", key, describe(item)));
            }
        }
        return fault_ ? std::span<const TomlNode>() : list(*node, key);
    }

    // An empty table where the key is absent.
    const TomlNode& table(const TomlNode& parent, std::string_view key) {
        const TomlNode* node = parent.find(key);
        if (node == nullptr) return empty_;
        if (node->kind == TomlKind::table) return *node;
        refuse(*node, fmt::format("'{}' must be a table, not {}", key, describe(*node)));
        return empty_;
    }

    template <class Enum>
    Enum choice(const TomlNode& table, std::string_view key, Enum otherwise,
                std::initializer_list<std::pair<std::string_view, Enum>> known) {
        const TomlNode* node = table.find(key);
        if (node == nullptr) return otherwise;
        for (const auto& [name, value] : known) {
            if (node->kind == TomlKind::string && node->text == name) return value;
        }
        refuse(*node, fmt::format("'{}' cannot be {}", key, describe(*node)));
        return otherwise;
    }

private:
    const std::string_view path_;
    std::optional<Error> fault_;
    const TomlNode empty_;
};

std::vector<TradingHours> read_hours(Reader& reader, const TomlNode& table) {
    std::vector<TradingHours> hours;
    const TomlNode* node = table.find("hours");
    if (node == nullptr) return hours;
    for (const TomlNode& item : reader.list(*node, "hours")) {
        if (item.kind != TomlKind::array || item.items.size() != 2) {
            reader.refuse(item, R"('hours' must hold pairs such as ["09:30", "16:00"])");
            break;
        }
        hours.push_back({reader.clock(item.items[0]), reader.clock(item.items[1])});
    }
    return hours;
}

SpecialDay read_special(Reader& reader, const TomlNode& day, const TomlNode& sources) {
    reader.only(day, {"date", "open", "close", "name", "source"});
    SpecialDay special{reader.date(day, "date"), reader.optional_clock(day, "close"),
                       reader.text(day, "name"), reader.text(day, "source"),
                       reader.optional_clock(day, "open")};
    if (const TomlNode* node = day.find("source")) {
        if (sources.find(special.source) == nullptr) {
            reader.refuse(*node, fmt::format("source '{}' is not in [sources]", special.source));
        } else {
            special.source = reader.text(sources, special.source);
        }
    }
    return special;
}

HolidayRule read_rule(Reader& reader, const TomlNode& table) {
    using Rule = HolidayRule;
    reader.only(table, {"name", "month", "day", "weekday", "nth", "easter", "offset", "saturday",
                        "sunday", "only", "open", "close", "since", "until"});
    Rule rule;
    rule.name = reader.text(table, "name");
    rule.month = static_cast<unsigned>(reader.integer(table, "month", 1, 1, 12));
    // The 29th of February is no day of every year.
    constexpr std::array<int, 12> kDaysOf{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    rule.day = static_cast<unsigned>(
        reader.integer(table, "day", 1, 1, kDaysOf[std::clamp(rule.month, 1U, 12U) - 1]));
    rule.offset = reader.integer(table, "offset", 0, -60, 60);
    if (const TomlNode* node = table.find("weekday")) {
        rule.kind = Rule::Kind::weekday;
        rule.weekday = reader.weekday(*node);
        rule.nth = reader.integer(table, "nth", 1, -1, 4);
        if (rule.nth == 0) reader.refuse(*node, "'nth' must be 1 to 4, or -1 for the last");
    }
    if (table.find("easter") != nullptr) {
        rule.kind = Rule::Kind::easter;
        rule.offset = reader.integer(table, "easter", 0, -60, 60);
    }
    const int kinds = static_cast<int>((table.find("day") != nullptr)) +
                      static_cast<int>((table.find("weekday") != nullptr)) +
                      static_cast<int>((table.find("easter") != nullptr));
    if (kinds != 1) {
        reader.refuse(
            table, fmt::format("rule '{}' needs one of 'day', 'weekday' and 'easter'", rule.name));
    }
    rule.saturday =
        reader.choice(table, "saturday", Rule::OnSaturday::stay,
                      {{"friday", Rule::OnSaturday::friday}, {"skip", Rule::OnSaturday::skip}});
    rule.sunday =
        reader.choice(table, "sunday", Rule::OnSunday::stay,
                      {{"monday", Rule::OnSunday::monday}, {"skip", Rule::OnSunday::skip}});
    rule.only = reader.weekdays(table, "only", rule.only);
    rule.close = reader.optional_clock(table, "close");
    rule.open = reader.optional_clock(table, "open");
    rule.since = reader.integer(table, "since", rule.since, 1, 9999);
    rule.until = reader.integer(table, "until", rule.until, 1, 9999);
    return rule;
}

// What a file says: a calendar of its own, or the name of the one that it equals.
struct CalendarFile {
    CalendarData data;
    std::string like;
};

Result<CalendarFile> read_file(std::string_view path, std::string_view text) {
    if (text.size() > kMostBytes) {
        return Error{ErrorKind::malformed, fmt::format("{}: {} bytes are more than a calendar's {}",
                                                       path, text.size(), kMostBytes)};
    }
    const Result<TomlNode> root = parse_toml(text, path);
    if (!root) return root.error();
    Reader reader(path);
    const TomlNode& calendar = reader.table(*root, "calendar");
    CalendarFile file;
    CalendarData& data = file.data;
    data.name = reader.text(calendar, "name");
    data.title = reader.text(calendar, "title", false);
    file.like = reader.text(calendar, "like", false);
    if (!file.like.empty()) {
        reader.only(*root, {"calendar"});
        reader.only(calendar, {"name", "title", "like"});
        if (reader.fault()) return *reader.fault();
        return file;
    }
    reader.only(*root, {"calendar", "hours", "sources", "days", "rule"});
    reader.only(calendar, {"name", "title", "like", "zone", "weekdays", "hours", "listed_from",
                           "listed_through"});
    const std::string zone_name = reader.text(calendar, "zone");
    if (reader.fault()) return *reader.fault();
    Result<Zone> zone = Zone::named(zone_name);
    if (!zone) return in_context(path, zone.error());
    data.zone = *zone;
    data.weekdays = reader.weekdays(calendar, "weekdays", 0b0111110);
    data.hours = read_hours(reader, calendar);
    for (const TomlNode& change : reader.tables(*root, "hours")) {
        reader.only(change, {"from", "hours"});
        data.changes.push_back({reader.date(change, "from"), read_hours(reader, change)});
    }
    data.listed_from = reader.date(calendar, "listed_from");
    data.listed_through = reader.date(calendar, "listed_through");

    const TomlNode& sources = reader.table(*root, "sources");
    const TomlNode& listed = reader.table(*root, "days");
    reader.only(listed, {"closed", "early", "late"});
    for (const TomlNode& item : reader.tables(listed, "closed")) {
        data.special.push_back(read_special(reader, item, sources));
        if (!data.special.back().is_closed()) {
            reader.refuse(item, "a closed day has neither 'open' nor 'close'");
        }
    }
    for (const TomlNode& item : reader.tables(listed, "late")) {
        data.special.push_back(read_special(reader, item, sources));
        if (!data.special.back().open) reader.refuse(item, "a late day needs its 'open'");
    }
    for (const TomlNode& item : reader.tables(listed, "early")) {
        data.special.push_back(read_special(reader, item, sources));
        if (!data.special.back().close) reader.refuse(item, "an early day needs its 'close'");
    }
    for (const TomlNode& item : reader.tables(*root, "rule")) {
        data.rules.push_back(read_rule(reader, item));
    }
    if (reader.fault()) return *reader.fault();
    return file;
}

Result<Calendar> make_calendar(std::string_view path, CalendarData data) {
    Result<Calendar> calendar = Calendar::make(std::move(data));
    if (!calendar) return in_context(path, calendar.error());
    return calendar;
}

// "data/calendars/XNAS.toml" -> "XNAS"; empty for other files.
std::string_view calendar_of(std::string_view path) {
    constexpr std::string_view kEnd = ".toml";
    if (!path.ends_with(kEnd)) return {};
    path.remove_suffix(kEnd.size());
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return {};
    const std::string_view folder = path.substr(0, slash);
    if (folder != "calendars" && !folder.ends_with("/calendars")) return {};
    return path.substr(slash + 1);
}

const ShippedFile* file_of(std::string_view name, std::span<const ShippedFile> files) {
    for (std::size_t i = files.size(); i-- > 0;) {
        if (calendar_of(files[i].path) == name) return &files[i];
    }
    return nullptr;
}

Error unknown(std::string_view wanted, std::span<const ShippedFile> files) {
    return {ErrorKind::rejected, fmt::format("unknown calendar '{}'; known: {}", wanted,
                                             fmt::join(calendar_names(files), ", "))};
}

// The calendar that the text at `path` holds, which must be called `name`.
Result<Calendar> read_named(std::string_view path, std::string_view text, std::string_view name,
                            std::span<const ShippedFile> files) {
    Result<CalendarFile> read = read_file(path, text);
    if (!read) return read.error();
    if (read->data.name != name) {
        return Error{ErrorKind::rejected,
                     fmt::format("{}: is named '{}' inside", path, read->data.name)};
    }
    if (read->like.empty()) return make_calendar(path, std::move(read->data));
    const ShippedFile* other = file_of(read->like, files);
    if (other == nullptr) return in_context(path, unknown(read->like, files));
    Result<Calendar> like = parse_calendar(other->path, other->text);
    if (!like) return in_context(path, like.error());
    CalendarData data = like->data();
    data.name = read->data.name;
    data.title = read->data.title;
    return make_calendar(path, std::move(data));
}

}  // namespace

Result<Calendar> parse_calendar(std::string_view path, std::string_view text) {
    Result<CalendarFile> file = read_file(path, text);
    if (!file) return file.error();
    if (!file->like.empty()) {
        return Error{ErrorKind::rejected,
                     fmt::format("{}: like = '{}' has no days of its own", path, file->like)};
    }
    return make_calendar(path, std::move(file->data));
}

Result<Calendar> calendar_named(std::string_view name, std::span<const ShippedFile> files) {
    if (name == "always") return Calendar::always();
    const ShippedFile* file = name.empty() ? nullptr : file_of(name, files);
    if (file == nullptr) return unknown(name, files);
    return read_named(file->path, file->text, name, files);
}

Result<Calendar> calendar_of_text(std::string_view name, std::string_view text,
                                  std::span<const ShippedFile> files) {
    return read_named(fmt::format("calendar {}", name), text, name, files);
}

std::vector<std::string> calendar_names(std::span<const ShippedFile> files) {
    std::vector<std::string> names{"always"};
    for (const ShippedFile& file : files) {
        const std::string_view name = calendar_of(file.path);
        if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) {
            names.emplace_back(name);
        }
    }
    return names;
}

}  // namespace tapedeck
