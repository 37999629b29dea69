#include "store/sqlite/replaced_note.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <vector>

#include "base/part_file.h"

namespace tapedeck {
namespace {

std::string note_path(const std::string& path) { return path + "-replaced"; }

std::string one_field(std::string text) {
    for (char& c : text) {
        if (c == '\t' || c == '\n') c = ' ';
    }
    return text;
}

// A line is: since, noticed_at, rescued, what, with tabs between them. None where it is cut short.
std::optional<Replaced> parse_note(const std::string& line) {
    std::array<std::string, 4> fields;
    std::size_t at = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const std::size_t end = i + 1 < fields.size() ? line.find('\t', at) : line.size();
        if (end == std::string::npos) return std::nullopt;
        fields[i] = line.substr(at, end - at);
        at = end + 1;
    }
    const auto since = parse_rfc3339(fields[0]);
    const auto noticed = parse_rfc3339(fields[1]);
    if (!since || !noticed) return std::nullopt;
    return Replaced{*since, *noticed, fields[3], fields[2]};
}

Result<> insert(Database& database, const Replaced& one) {
    auto query = database.prepare(
        "insert or ignore into replacements (since, noticed_at, what, rescued) values (?1, ?2, ?3, "
        "?4)");
    if (!query) return query.error();
    query->bind(1, one.since);
    query->bind(2, one.noticed_at);
    query->bind(3, one.what);
    query->bind(4, one.rescued);
    return query->run();
}

}  // namespace

Result<> keep_replaced_note(const std::string& path, const Replaced& replaced) {
    const std::string own = note_path(path);
    const std::string line = fmt::format("{}\t{}\t{}\t{}\n", format_rfc3339(replaced.since),
                                         format_rfc3339(replaced.noticed_at),
                                         one_field(replaced.rescued), one_field(replaced.what));
    const int fd = ::open(own.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return system_error(own, "noting that the database was replaced");
    const bool whole = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       ::fsync(fd) == 0;
    const Error failed = system_error(own, "noting that the database was replaced");
    ::close(fd);
    if (!whole) return failed;
    return {};
}

Result<> take_replaced_notes(Database& database) {
    const std::string own = note_path(database.path());
    std::vector<Replaced> notes;
    {
        std::ifstream file(own);
        if (!file) return {};
        for (std::string line; std::getline(file, line);) {
            if (auto note = parse_note(line)) notes.push_back(*std::move(note));
        }
    }
    auto transaction = Transaction::begin(database);
    if (!transaction) return transaction.error();
    for (const Replaced& note : notes) {
        if (auto done = insert(database, note); !done) return done;
    }
    if (auto done = transaction->commit(); !done) return done;
    if (::unlink(own.c_str()) != 0 && errno != ENOENT) {
        return system_error(own, "taking the note away");
    }
    return {};
}

}  // namespace tapedeck
