#include "market/zone.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <system_error>
#include <vector>

#include "base/mutex.h"
#include "market/carried_zones.h"

namespace tapedeck {

using std::chrono::duration_cast;
using std::chrono::seconds;

// What a file of zones (RFC 8536) tells: the instants at which an offset begins, and before them.
struct Zone::Changes {
    std::vector<std::int64_t> at;  // ascending, seconds since 1970
    std::vector<seconds> offset;   // from at[i] on
    seconds before{0};             // at[0]
};

namespace {

// The years that Timestamp's text form has; spans are cut to them, so that no sum overflows.
constexpr Timestamp kFirst = std::chrono::sys_days(std::chrono::year(-1) / 1 / 1);
constexpr Timestamp kLast = std::chrono::sys_days(std::chrono::year(10'001) / 1 / 1);

Timestamp clamped(std::int64_t time) {
    const auto limit = [](Timestamp at) {
        return duration_cast<seconds>(at.time_since_epoch()).count();
    };
    return Timestamp(seconds(std::clamp<std::int64_t>(time, limit(kFirst), limit(kLast))));
}

// Takes numbers off a file's bytes; once they end, all that follows is 0 and `ok` false.
class ZoneBytes {
public:
    explicit ZoneBytes(std::string_view bytes) : left_(bytes) {}
    bool ok() const { return ok_; }
    std::string_view take(std::size_t size) {
        if (size > left_.size()) ok_ = false;
        const std::string_view taken = left_.substr(0, ok_ ? size : 0);
        left_.remove_prefix(taken.size());
        return taken;
    }
    // Big-endian, two's complement.
    std::int64_t number(std::size_t size) {
        std::uint64_t value = 0;
        const std::string_view bytes = take(size);
        for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
        const unsigned unused = 64 - 8 * static_cast<unsigned>(size);
        return static_cast<std::int64_t>(value << unused) >> unused;
    }

private:
    std::string_view left_;
    bool ok_ = true;
};

struct Counts {
    std::size_t utc = 0, standard = 0, leap = 0, time = 0, type = 0, characters = 0;
};

std::optional<Counts> header(ZoneBytes& bytes) {
    if (bytes.take(4) != "TZif") return std::nullopt;
    const std::string_view version = bytes.take(16);
    if (!bytes.ok() || version[0] < '2') return std::nullopt;
    const auto count = [&bytes] { return static_cast<std::size_t>(bytes.number(4)); };
    Counts counts;
    counts.utc = count();
    counts.standard = count();
    counts.leap = count();
    counts.time = count();
    counts.type = count();
    counts.characters = count();
    return bytes.ok() ? std::optional(counts) : std::nullopt;
}

bool fits(const Zone::Changes& changes, const std::vector<std::size_t>& types,
          const std::vector<seconds>& offsets) {
    return !offsets.empty() && std::ranges::is_sorted(changes.at) &&
           std::ranges::all_of(types, [&](std::size_t type) { return type < offsets.size(); });
}

// The second of a file's two tables, which has instants of 64 bits. Nothing where it is none.
std::shared_ptr<const Zone::Changes> read_changes(std::string_view file) {
    ZoneBytes bytes(file);
    const auto first = header(bytes);
    if (!first) return nullptr;
    bytes.take(first->time * 5 + first->type * 6 + first->characters + first->leap * 8 +
               first->standard + first->utc);
    const auto counts = header(bytes);
    if (!counts || counts->time > file.size() || counts->type > file.size()) return nullptr;
    auto changes = std::make_shared<Zone::Changes>();
    std::vector<std::size_t> types;
    std::vector<seconds> offsets;
    for (std::size_t i = 0; i < counts->time; ++i) changes->at.push_back(bytes.number(8));
    for (std::size_t i = 0; i < counts->time; ++i) {
        types.push_back(static_cast<std::size_t>(bytes.number(1) & 0xFF));
    }
    for (std::size_t i = 0; i < counts->type; ++i) {
        offsets.emplace_back(bytes.number(4));
        bytes.take(2);  // whether it is summer time, and its abbreviation
    }
    if (!bytes.ok() || !fits(*changes, types, offsets)) return nullptr;
    for (const std::size_t type : types) changes->offset.push_back(offsets[type]);
    changes->before = offsets.front();
    return changes;
}

bool is_zone_name(std::string_view name) {
    return !name.empty() && name.size() < 100 && name.front() != '/' &&
           name.find("..") == name.npos && std::ranges::all_of(name, [](char c) {
               return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '/' || c == '_' || c == '-' || c == '+';
           });
}

// The machine's own file goes before the one in the program, as it is the newer one.
std::shared_ptr<const Zone::Changes> find_changes(const std::string& name) {
    using Known = std::map<std::string, std::shared_ptr<const Zone::Changes>>;
    static Mutex mutex;
    static Known known TAPEDECK_GUARDED_BY(mutex);
    const Lock lock(mutex);
    if (const auto found = known.find(name); found != known.end()) return found->second;
    const std::string path = "/usr/share/zoneinfo/" + name;
    std::string bytes;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) {  // a part of a name is a folder
        std::ifstream file(path, std::ios::binary);
        bytes.assign(std::istreambuf_iterator<char>(file), {});
    }
    if (bytes.empty()) bytes = carried_zone(name);
    auto changes = read_changes(bytes);
    if (changes) known.emplace(name, changes);
    return changes;
}

}  // namespace

LocalTime Zone::Span::to_local(Timestamp time) const {
    return LocalTime(std::chrono::floor<seconds>(time).time_since_epoch() + offset);
}

Timestamp Zone::Span::to_utc(LocalTime local) const {
    return Timestamp(local.time_since_epoch() - offset);
}

Result<Zone> Zone::named(std::string_view name) {
    Zone zone;
    if (name == "UTC") return zone;
    if (is_zone_name(name)) zone.changes_ = find_changes(std::string(name));
    if (!zone.changes_) {
        return Error{ErrorKind::rejected,
                     fmt::format("unknown time zone '{}': names are as in tzdata, "
                                 "'America/New_York' or 'UTC'",
                                 name)};
    }
    zone.name_ = std::string(name);
    return zone;
}

// The span that begins with change number `index` - 1.
Zone::Span Zone::span(std::size_t index) const {
    const Changes& changes = *changes_;
    return {index == 0 ? kFirst : clamped(changes.at[index - 1]),
            index == changes.at.size() ? kLast : clamped(changes.at[index]),
            index == 0 ? changes.before : changes.offset[index - 1]};
}

std::size_t Zone::index_at(std::int64_t time) const {
    const auto& at = changes_->at;
    return static_cast<std::size_t>(std::ranges::upper_bound(at, time) - at.begin());
}

Zone::Span Zone::span_at(Timestamp time) const {
    if (!changes_) return {kFirst, kLast, seconds(0)};
    return span(index_at(std::chrono::floor<seconds>(time).time_since_epoch().count()));
}

Timestamp Zone::to_utc(LocalTime local) const {
    if (!changes_) return Timestamp(local.time_since_epoch());
    // No offset is above 26 hours. The first span in which the clocks show it, or that begins
    // when they have passed it.
    const std::int64_t early = (local.time_since_epoch() - std::chrono::hours(26)).count();
    for (std::size_t index = index_at(early);; ++index) {
        const Span here = span(index);
        const Timestamp time = here.to_utc(local);
        if (time < here.begin && index > 0) return here.begin;
        if (time < here.end || index == changes_->at.size()) return time;
    }
}

}  // namespace tapedeck
