#include <fmt/format.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "app/backup_set.h"
#include "app/load_globals.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/json_writer.h"
#include "base/part_file.h"
#include "store/journal/statement_journal.h"
#include "store/sqlite/sqlite_backup.h"
#include "store/sqlite/sqlite_store.h"

namespace tapedeck {
namespace {

bool is_there(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

// Whether any of the tables has a row.
Result<bool> holds_anything(const std::string& path, std::initializer_list<const char*> tables) {
    auto database = Database::open(path, {.read_only = true});
    if (!database) return database.error();
    for (const char* table : tables) {
        const auto row = (*database)->integer(fmt::format("select 1 from {} limit 1", table));
        if (!row) return row.error();
        if (*row) return true;
    }
    return false;
}

// What is copied besides the store, in the order of BackupPart.
Result<std::vector<HeldPart>> parts_beside(const Settings& settings, bool captures) {
    std::vector<HeldPart> parts;
    for (const HeldPart& file : files_of(settings)) {
        if (file.part == BackupPart::store || !is_there(file.path)) continue;
        Result<bool> wanted = true;
        if (file.part == BackupPart::captures) wanted = captures;
        if (file.part == BackupPart::journal) wanted = holds_anything(file.path, {"journal"});
        if (file.part == BackupPart::spool) {
            wanted = holds_anything(file.path, {"spooled", "spool_refused"});
        }
        if (!wanted) return wanted.error();
        if (*wanted) parts.push_back(file);
    }
    return parts;
}

// A file that is of no use afterwards, with what SQLite puts beside it.
class Removed {
public:
    explicit Removed(std::string path) : path_(std::move(path)) {}
    ~Removed() {
        std::error_code ignored;
        for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
            std::filesystem::remove(path_ + suffix, ignored);
        }
    }
    Removed(const Removed&) = delete;
    Removed& operator=(const Removed&) = delete;

private:
    const std::string path_;
};

// A folder in the making: it goes when it is not given its name.
class PartFolder {
public:
    explicit PartFolder(const std::string& path) : path_(path + ".part") { remove(); }
    ~PartFolder() { remove(); }
    PartFolder(const PartFolder&) = delete;
    PartFolder& operator=(const PartFolder&) = delete;

    const std::string& path() const { return path_; }

    Result<> make() {
        std::error_code failed;
        std::filesystem::create_directory(path_, failed);
        if (!failed) return {};
        return Error{ErrorKind::unavailable, fmt::format("{}: {}", path_, failed.message())};
    }

    Result<> name(const std::string& path) {
        if (auto synced = sync_path(path_); !synced) return synced;
        // Over a folder that is not empty, or a file, this fails.
        if (::rename(path_.c_str(), path.c_str()) != 0) return system_error(path, "naming it");
        std::error_code ignored;
        return sync_path(std::filesystem::absolute(path, ignored).parent_path().string());
    }

private:
    void remove() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string path_;
};

class Copying {
public:
    Copying(Assembly& assembly, bool with_progress)
        : assembly_(assembly), with_progress_(with_progress) {}

    // One after the other, in the order of BackupPart.
    Result<std::vector<HeldPart>> into_folder(const std::string& folder,
                                              std::vector<HeldPart> beside) {
        beside.push_back({BackupPart::store, {}, 0});
        std::ranges::sort(beside, {}, &HeldPart::part);
        std::vector<HeldPart> made;
        for (const HeldPart& one : beside) {
            const bool dump = one.part == BackupPart::store && is_postgres();
            const std::string target = folder + "/" + name_within(one.part, dump);
            auto copied = copy(one, target);
            if (!copied) return copied.error();
            made.push_back(*std::move(copied));
        }
        return made;
    }

    Result<HeldPart> copy(const HeldPart& one, const std::string& target) {
        Progress progress(fmt::format("copying the {}", to_string(one.part)));
        const auto show = [&](int percent) {
            if (with_progress_) progress.show(percent, 100);
        };
        auto done = one.part == BackupPart::store ? copy_store(target, show)
                                                  : back_up_file(one.path, target, show);
        if (!done) return done.error();
        std::error_code ignored;
        return HeldPart{one.part, target,
                        static_cast<std::int64_t>(std::filesystem::file_size(target, ignored))};
    }

    bool is_postgres() const {
        return std::holds_alternative<PostgresUrl>(assembly_.settings().store.url.target);
    }

private:
    // What waits in an SQLite store's journal is copied before the store, and told to the copy.
    Result<> copy_store(const std::string& target, const std::function<void(int)>& show) {
        const std::string path = journal_path(assembly_.settings());
        if (is_postgres() || !is_there(path)) return assembly_.store().backup(target, show);
        const auto waiting = holds_anything(path, {"journal"});
        if (!waiting) return waiting.error();
        if (!*waiting) return assembly_.store().backup(target, show);
        const std::string kept = target + ".journal";
        if (auto copied = back_up_file(path, kept, [](int) {}); !copied) return copied;
        const Removed goes(kept);
        if (auto done = assembly_.store().backup(target, show); !done) return done;
        {
            auto store = SqliteStore::open(target, assembly_.clock());
            if (!store) return store.error();
            auto journal = StatementJournal::open(kept, assembly_.clock());
            if (!journal) return journal.error();
            if (auto done = (*journal)->replay(**store); !done) return done;
        }
        std::error_code ignored;
        if (std::filesystem::file_size(target + "-wal", ignored) > 0 && !ignored) return {};
        const Removed beside(target + "-wal");  // an empty one, which nobody has open
        const Removed index(target + "-shm");
        return {};
    }

    Assembly& assembly_;
    const bool with_progress_;
};

const HeldPart* find_part(const std::vector<HeldPart>& parts, BackupPart part) {
    const auto found = std::ranges::find(parts, part, &HeldPart::part);
    return found == parts.end() ? nullptr : &*found;
}

// Of an SQLite store and its tape; nothing is known of a dump, or of what is in Kafka.
Result<std::optional<PairState>> check_backup(const Assembly& assembly,
                                              const std::vector<HeldPart>& parts) {
    const auto& settings = assembly.config().settings;
    const HeldPart* store = find_part(parts, BackupPart::store);
    const HeldPart* tape = find_part(parts, BackupPart::tape);
    if (is_dump(store->path) || is_kafka(settings)) return std::optional<PairState>();
    auto state = check_pair(store->path, tape == nullptr ? store->path : tape->path);
    if (!state) return state.error();
    return std::optional(*state);
}

void write_json(const std::string& path, const std::vector<HeldPart>& parts,
                const std::optional<PairState>& state) {
    std::string out;
    JsonWriter json(out);
    std::int64_t bytes = 0;
    for (const HeldPart& one : parts) bytes += one.bytes;
    json.begin_object().key("file").text(path).key("bytes").number(bytes);
    json.key("holds").begin_array();
    for (const HeldPart& one : parts) {
        json.begin_object().key("part").text(to_string(one.part)).key("file").text(one.path);
        json.key("bytes").number(one.bytes).end_object();
    }
    json.end_array();
    if (state) json.key("loaded").number(state->loaded).key("waiting").number(state->waiting);
    json.end_object();
    print(out + "\n");
}

void show_backup(const std::vector<HeldPart>& parts, const std::optional<PairState>& state,
                 const Settings& settings) {
    for (const HeldPart& one : parts) {
        const bool with_tape = one.part == BackupPart::store &&
                               std::holds_alternative<EmbeddedUrl>(settings.tape.url.target);
        print(fmt::format("{}: the {}{}, {} bytes\n", one.path, to_string(one.part),
                          with_tape ? " and its tape" : "", one.bytes));
    }
    if (!state) return;
    print(
        fmt::format("{} messages are loaded and {} wait on the tape, which fits the store; every "
                    "page of the files is sound\n",
                    state->loaded, state->waiting));
}

// What a restored recorder does not find.
void tell_the_rest(const Settings& settings, const std::vector<HeldPart>& parts) {
    if (settings.captures.enabled && find_part(parts, BackupPart::captures) == nullptr) {
        fail(Exit::fine, fmt::format("the pages as they came are in {}, which is not in the copy: "
                                     "--captures takes them along",
                                     captures_path(settings)));
    }
    if (is_kafka(settings)) {
        fail(Exit::fine,
             fmt::format("the tape is {}, and stays there: what it holds past the copied ledger is "
                         "loaded after a restore",
                         to_string(settings.tape.url)));
    }
}

}  // namespace

Exit verb_backup(const Globals& globals, const BackupOptions& options) {
    if (is_there(options.file)) {
        return fail(Exit::failed,
                    fmt::format("{} exists already, and a copy never takes the place of a file; "
                                "name another or move it away",
                                options.file));
    }
    std::error_code ignored;
    const auto folder = std::filesystem::absolute(options.file, ignored).parent_path();
    if (!std::filesystem::is_directory(folder, ignored)) {
        return fail(Exit::not_found, fmt::format("there is no folder {} for the copy {}",
                                                 folder.string(), options.file));
    }
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    Assembly::Options opening;
    opening.tape = TapeUse::look;
    opening.only_look = true;
    opening.captures = false;
    opening.log_least = Severity::error;
    opening.quiet = globals.quiet;
    auto assembly = Assembly::open(*std::move(config), std::move(opening));
    if (!assembly) return fail_opening(assembly.error());
    const Settings& settings = (*assembly)->settings();
    auto beside = parts_beside(settings, options.captures);
    if (!beside) return fail(beside.error());
    Copying copying(**assembly, !globals.quiet);
    std::vector<HeldPart> parts;
    std::optional<PartFolder> making;
    if (beside->empty()) {
        auto copied = copying.copy({BackupPart::store, {}, 0}, options.file);
        if (!copied) return fail(copied.error());
        parts.push_back(*std::move(copied));
    } else {
        making.emplace(options.file);
        if (auto made = making->make(); !made) return fail(made.error());
        auto copied = copying.into_folder(making->path(), *std::move(beside));
        if (!copied) return fail(copied.error());
        parts = *std::move(copied);
    }
    if (making) {
        if (auto listed = write_holds(making->path(), parts); !listed) return fail(listed.error());
        if (auto named = making->name(options.file); !named) return fail(named.error());
        for (HeldPart& one : parts) one.path.replace(0, making->path().size(), options.file);
    }
    const auto state = check_backup(**assembly, parts);
    if (!state) {
        return fail(in_context(options.file + " is copied as all is, and does not fit together",
                               state.error()));
    }
    if (globals.json) {
        write_json(options.file, parts, *state);
    } else {
        show_backup(parts, *state, settings);
        if (!globals.quiet) tell_the_rest(settings, parts);
    }
    return Exit::fine;
}

}  // namespace tapedeck
