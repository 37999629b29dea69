#include "store/sqlite/lease_row.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <optional>

namespace tapedeck {
namespace {

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

// When the process was started, in ticks since the machine was: field 22 of /proc/PID/stat, the
// 20th after the name in brackets. None where there is no such process, or only what its parent has
// not yet taken note of: it holds nothing any more.
std::optional<std::int64_t> started_of(std::int64_t pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string text;
    std::getline(file, text);
    std::size_t at = text.rfind(')');
    if (at == std::string::npos || at + 2 >= text.size()) return std::nullopt;
    if (const char state = text[at + 2]; state == 'Z' || state == 'X') return std::nullopt;
    for (int field = 0; field < 20; ++field) {
        at = text.find(' ', at + 1);
        if (at == std::string::npos) return std::nullopt;
    }
    std::int64_t ticks = 0;
    const char* const first = text.data() + at + 1;
    if (std::from_chars(first, text.data() + text.size(), ticks).ec != std::errc()) {
        return std::nullopt;
    }
    return ticks;
}

// The file itself, so that the row of a copy is known as the original's.
std::string file_id(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return {};
    return fmt::format("{}:{}", status.st_dev, status.st_ino);
}

}  // namespace

Result<> take_lease_row(Database& database, const std::string& holder, Timestamp now) {
    const std::string boot = boot_id();
    const std::string file = file_id(database.path());
    {
        auto query = database.prepare(
            "select holder, pid, started, taken_at from leases where name = 'schedule' and boot = "
            "?1 and file = ?2");
        if (!query) return query.error();
        query->bind(1, boot);
        query->bind(2, file);
        const auto row = query->step();
        if (!row) return row.error();
        // In one process the lock on the file is enough.
        if (*row && query->integer(1) != ::getpid() &&
            started_of(query->integer(1)) == query->integer(2)) {
            return Error{ErrorKind::conflict,
                         fmt::format("{}: {} (pid {}) holds the lease since {}, though the lock on "
                                     "the file of the lease is gone: was that file deleted?",
                                     database.path(), query->text(0), query->integer(1),
                                     format_rfc3339(query->timestamp(3)))};
        }
    }
    auto take = database.prepare(
        "insert or replace into leases (name, holder, boot, pid, started, file, taken_at) values "
        "('schedule', ?1, ?2, ?3, ?4, ?5, ?6)");
    if (!take) return take.error();
    take->bind(1, holder);
    take->bind(2, boot);
    take->bind(3, std::int64_t{::getpid()});
    take->bind(4, started_of(::getpid()).value_or(0));
    take->bind(5, file);
    take->bind(6, now);
    return take->run();
}

Result<> drop_lease_row(Database& database) {
    auto drop = database.prepare(
        "delete from leases where name = 'schedule' and boot = ?1 and pid = ?2 and started = ?3");
    if (!drop) return drop.error();
    const std::string boot = boot_id();
    drop->bind(1, boot);
    drop->bind(2, std::int64_t{::getpid()});
    drop->bind(3, started_of(::getpid()).value_or(0));
    return drop->run();
}

}  // namespace tapedeck
