#include "app/backup_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>

#include "app/config.h"
#include "base/part_file.h"
#include "sqlite/sqlite.h"
#include "store/tape_label.h"

namespace tapedeck {
namespace {

constexpr std::array<std::string_view, 5> kNames{"journal", "spool", "store", "tape", "captures"};
constexpr std::string_view kFirstLine = "tapedeck backup 1";
const DatabaseOptions kAtRest{.read_only = true, .parameters = "immutable=1"};

std::optional<BackupPart> part_named(std::string_view name) {
    const auto at = std::ranges::find(kNames, name);
    if (at == kNames.end()) return std::nullopt;
    return static_cast<BackupPart>(at - kNames.begin());
}

std::int64_t size_of(const std::string& path) {
    std::error_code failed;
    const auto size = std::filesystem::file_size(path, failed);
    return failed ? -1 : static_cast<std::int64_t>(size);
}

Error not_a_backup(const std::string& path, std::string_view why) {
    return {ErrorKind::rejected, fmt::format("{} is no backup of tapedeck's: {}", path, why)};
}

// "store store.db 4096"
std::optional<HeldPart> read_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == line.npos || last == first) return std::nullopt;
    const auto part = part_named(line.substr(0, first));
    const std::string_view name = line.substr(first + 1, last - first - 1);
    const std::string_view digits = line.substr(last + 1);
    std::int64_t bytes = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
    if (!part || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (name.empty() || name.find('/') != name.npos) return std::nullopt;
    return HeldPart{*part, std::string(name), bytes};
}

using Ledger = std::map<std::pair<std::string, std::int64_t>, std::int64_t>;

// The first text of the answer; empty where there is none, or no such table in an older file.
Result<std::string> text_of(Database& file, const std::string& table, std::string_view sql,
                            const std::string& value) {
    auto has = file.prepare("select count(*) from sqlite_schema where name = ?1");
    if (!has) return has.error();
    has->bind(1, table);
    const auto counted = has->step();
    if (!counted) return counted.error();
    if (has->integer(0) == 0) return std::string();
    auto query = file.prepare(sql);
    if (!query) return query.error();
    if (!value.empty()) query->bind(1, value);
    const auto row = query->step();
    if (!row) return row.error();
    return *row ? query->text(0) : std::string();
}

// What of the ledger is about this tape: see store/tape_label.h.
Result<Ledger> read_ledger(Database& store, Database& tape) {
    const auto identity =
        text_of(tape, "tape_identity", "select 'sqlite:' || id from tape_identity", {});
    if (!identity) return identity.error();
    const auto suffix =
        text_of(store, "tapes", "select suffix from tapes where identity = ?1", *identity);
    if (!suffix) return suffix.error();
    const TapeLabel label(*suffix);
    auto query = store.prepare("select topic, partition, next_offset from offsets");
    if (!query) return query.error();
    Ledger ledger;
    for (;;) {
        const auto row = query->step();
        if (!row) return row.error();
        if (!*row) return ledger;
        const std::string topic = query->text(0);
        if (!label.is_of(topic)) continue;
        ledger[{std::string(topic_on_tape(topic)), query->integer(1)}] = query->integer(2);
    }
}

Result<PairState> compare(const Ledger& ledger, Database& tape) {
    auto query =
        tape.prepare("select topic, partition, earliest, next_offset from tape_partitions");
    if (!query) return query.error();
    PairState state;
    Ledger left = ledger;
    const auto wrong = [&](const std::string& topic, std::int64_t partition, std::int64_t loaded,
                           const std::string& what) {
        return Error{ErrorKind::corrupt,
                     fmt::format("{}: {}[{}] is loaded up to offset {}, and the tape {}",
                                 tape.path(), topic, partition, loaded, what)};
    };
    for (;;) {
        const auto row = query->step();
        if (!row) return row.error();
        if (!*row) break;
        const std::string topic = query->text(0);
        const std::int64_t partition = query->integer(1);
        const std::int64_t earliest = query->integer(2);
        const std::int64_t end = query->integer(3);
        const auto found = ledger.find({topic, partition});
        const std::int64_t loaded = found == ledger.end() ? 0 : found->second;
        left.erase({topic, partition});
        if (loaded > end) {
            return wrong(topic, partition, loaded, fmt::format("ends at {}", end));
        }
        if (loaded < earliest) {
            return wrong(topic, partition, loaded, fmt::format("begins at {}", earliest));
        }
        state.loaded += loaded;
        state.waiting += end - loaded;
    }
    for (const auto& [at, loaded] : left) {
        if (loaded > 0) return wrong(at.first, at.second, loaded, "has no such partition");
    }
    return state;
}

}  // namespace

std::string_view to_string(BackupPart part) { return kNames[static_cast<std::size_t>(part)]; }

std::vector<HeldPart> files_of(const Settings& settings) {
    std::vector<HeldPart> files;
    const auto add = [&](BackupPart part, const std::string& path) {
        files.push_back({part, path, std::max<std::int64_t>(0, size_of(path))});
    };
    const auto* sqlite = std::get_if<SqliteUrl>(&settings.store.url.target);
    if (sqlite == nullptr) add(BackupPart::journal, journal_path(settings));
    add(BackupPart::spool, spool_path(settings));
    if (sqlite != nullptr) add(BackupPart::store, sqlite->path);
    if (const auto* tape = std::get_if<SqliteUrl>(&settings.tape.url.target)) {
        add(BackupPart::tape, tape->path);
    }
    if (settings.captures.enabled) add(BackupPart::captures, captures_path(settings));
    return files;
}

std::string name_within(BackupPart part, bool dump) {
    return fmt::format("{}.{}", to_string(part), dump ? "dump" : "db");
}

Result<> write_holds(const std::string& folder, const std::vector<HeldPart>& parts) {
    const std::string path = fmt::format("{}/{}", folder, kHoldsFile);
    std::string text = std::string(kFirstLine) + "\n";
    for (const HeldPart& one : parts) {
        text += fmt::format("{} {} {}\n", to_string(one.part),
                            std::filesystem::path(one.path).filename().string(), one.bytes);
    }
    std::ofstream file(path, std::ios::binary);
    file << text;
    if (!file.flush()) return Error{ErrorKind::unavailable, "cannot write " + path};
    file.close();
    return sync_path(path);
}

Result<std::vector<HeldPart>> read_holds(const std::string& backup) {
    std::error_code failed;
    if (!std::filesystem::exists(backup, failed)) {
        return Error{ErrorKind::rejected, "there is no backup " + backup};
    }
    if (!std::filesystem::is_directory(backup, failed)) {
        return std::vector<HeldPart>{{BackupPart::store, backup, size_of(backup)}};
    }
    const auto text = read_text_file(fmt::format("{}/{}", backup, kHoldsFile));
    if (!text) return not_a_backup(backup, text.error().what);
    std::vector<HeldPart> parts;
    std::size_t at = 0;
    for (bool first = true; at < text->size(); first = false) {
        const std::size_t end = std::min(text->find('\n', at), text->size());
        const std::string_view line = std::string_view(*text).substr(at, end - at);
        at = end + 1;
        if (first && line == kFirstLine) continue;
        const auto part = first ? std::nullopt : read_line(line);
        if (!part) return not_a_backup(backup, fmt::format("{} says '{}'", kHoldsFile, line));
        const std::string path = backup + "/" + part->path;
        if (size_of(path) != part->bytes) {
            return not_a_backup(
                backup, fmt::format("{} is to have {} bytes and {}", path, part->bytes,
                                    size_of(path) < 0 ? std::string("is not there")
                                                      : fmt::format("has {}", size_of(path))));
        }
        parts.push_back({part->part, path, part->bytes});
    }
    const bool has_store = std::ranges::any_of(
        parts, [](const HeldPart& one) { return one.part == BackupPart::store; });
    if (!has_store) return not_a_backup(backup, "it holds no store");
    return parts;
}

bool is_dump(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string magic(5, '\0');
    return file.read(magic.data(), 5) && magic == "PGDMP";
}

Result<> check_pages(const std::string& path) {
    auto database = Database::open(path, kAtRest);
    if (!database) return database.error();
    auto check = (*database)->prepare("pragma quick_check(1)");
    if (!check) return check.error();
    const auto row = check->step();
    if (!row) return row.error();
    if (*row && check->bytes(0) == "ok") return {};
    return Error{ErrorKind::corrupt, path + " is damaged: " + check->text(0)};
}

Result<PairState> check_pair(const std::string& store, const std::string& tape) {
    auto rows = Database::open(store, kAtRest);
    if (!rows) return rows.error();
    if (store == tape) {
        const auto ledger = read_ledger(**rows, **rows);
        if (!ledger) return ledger.error();
        return compare(*ledger, **rows);
    }
    auto messages = Database::open(tape, kAtRest);
    if (!messages) return messages.error();
    const auto ledger = read_ledger(**rows, **messages);
    if (!ledger) return ledger.error();
    return compare(*ledger, **messages);
}

}  // namespace tapedeck
