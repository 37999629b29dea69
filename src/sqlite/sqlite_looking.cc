#include "sqlite/sqlite_looking.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "sqlite/sqlite_checks.h"

namespace tapedeck {
namespace {

// SQLite's own words for the ways (sqlite.org/uri.html). A reader that does not write the WAL's
// index either leaves no trace, and needs no room; for one, SQLite reads a WAL that a kill has left
// without repairing its index.
constexpr std::string_view kBeside = "mode=ro&readonly_shm=1";
constexpr std::string_view kMaking = "mode=ro";
constexpr std::string_view kUnchanging = "mode=ro&immutable=1";

bool exists(const std::string& path) {
    std::error_code failed;
    return std::filesystem::exists(path, failed);
}

bool is_empty(const std::string& path) {
    std::error_code failed;
    const auto size = std::filesystem::file_size(path, failed);
    return failed || size == 0;
}

// What a stranger made would keep the owner from writing; what root makes, SQLite gives to the
// owner.
bool may_make_files_beside(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return false;
    if (::geteuid() != 0 && ::geteuid() != status.st_uid) return false;
    const auto folder = std::filesystem::absolute(path).parent_path();
    return ::access(folder.c_str(), W_OK) == 0;
}

struct Tried {
    std::unique_ptr<Database> database;
    FileForm form;
};

// Opens the file in one way, and reads of it what shows whether that way works.
Result<Tried> open_so(const LookedAt& how) {
    auto database = how.open();
    if (!database) return database.error();
    const auto form = inspect(**database);
    if (!form) return form.error();
    if (!form->empty) {
        const auto first = (*database)->integer("select count(*) from sqlite_schema");
        if (!first) return first.error();
    }
    return Tried{*std::move(database), *form};
}

Error cannot_keep_locks(const LookedAt& how, const Error& why) {
    return {
        ErrorKind::unavailable,
        fmt::format("{0} cannot be read here: {0}-wal and {0}-shm, which SQLite needs to read it "
                    "beside its writer, are not both there and cannot be made ({1})",
                    how.path, why.what)};
}

// The last way: without locks, where nobody writes and the WAL holds nothing.
Result<Tried> open_unchanging(LookedAt& how, const LookOptions& options, const Error& why) {
    how.watch = FileWatch::of_unchanging(how.path);  // before it is asked who writes
    if (!is_empty(real_path(how.path) + "-wal")) return cannot_keep_locks(how, why);
    if (options.in_use) {
        const auto in_use = options.in_use();
        if (!in_use) return in_use.error();
        if (*in_use) return cannot_keep_locks(how, why);
    }
    how.parameters = kUnchanging;
    return open_so(how);
}

// Only what says that locks or the WAL's index cannot be had here is answered by another way.
bool is_of_the_way(const Error& error) { return error.kind == ErrorKind::unavailable; }

Result<Tried> open_somehow(LookedAt& how, const LookOptions& options) {
    const std::string real = real_path(how.path);
    const bool both = exists(real + "-wal") && exists(real + "-shm");
    Error why{ErrorKind::unavailable, "they are missing, and the file is another user's"};
    if (both) {
        how.parameters = kBeside;
        auto tried = open_so(how);
        if (tried || !is_of_the_way(tried.error())) return tried;
        why = tried.error();
    } else {
        // One that has no WAL needs nothing beside it.
        how.parameters = kUnchanging;
        auto peeked = how.open();
        if (!peeked) return peeked.error();
        const auto form = inspect(**peeked);
        if (!form) return form.error();
        if (form->empty) return nothing_yet(how.path);
        if (!form->wal) {
            how.parameters = kMaking;
            return open_so(how);
        }
    }
    if (may_make_files_beside(real)) {
        how.parameters = kMaking;
        auto tried = open_so(how);
        if (tried || !is_of_the_way(tried.error())) return tried;
        why = tried.error();
    }
    if (both) return why;
    return open_unchanging(how, options, why);
}

struct Object {
    std::string type;
    std::string name;
    std::string sql;
};

Result<std::vector<Object>> objects_of(Database& database) {
    std::vector<Object> out;
    auto query = database.prepare(
        "select type, name, sql from (select * from sqlite_schema union all select * from "
        "sqlite_temp_schema) where type in ('table', 'view') and name not like 'sqlite\\_%' "
        "escape '\\' order by type");
    if (!query) return query.error();
    for (;;) {
        const auto row = query->step();
        if (!row) return row.error();
        if (!*row) return out;
        out.push_back({query->text(0), query->text(1), query->text(2)});
    }
}

// The columns of `table` by name, with their defaults as SQL.
Result<std::vector<std::pair<std::string, std::string>>> columns_of(Database& database,
                                                                    const std::string& table) {
    std::vector<std::pair<std::string, std::string>> out;
    auto query = database.prepare("select name, dflt_value from pragma_table_info(?1)");
    if (!query) return query.error();
    query->bind(1, table);
    for (;;) {
        const auto row = query->step();
        if (!row) return row.error();
        if (!*row) return out;
        out.emplace_back(query->text(0), query->is_null(1) ? "null" : query->text(1));
    }
}

// "create table x …" as "create temp table x …".
std::string as_temporary(const Object& object) {
    const std::string start = object.type == "table" ? "create table" : "create view";
    TAPEDECK_ASSERT(object.sql.size() > start.size());
    return (object.type == "table" ? "create temp table" : "create temp view") +
           object.sql.substr(start.size());
}

// A view in the table's place, with the columns that the file's table lacks; empty: none.
Result<std::string> widened(Database& file, Database& whole, const std::string& table) {
    const auto there = columns_of(file, table);
    if (!there) return there.error();
    const auto wanted = columns_of(whole, table);
    if (!wanted) return wanted.error();
    std::string more;
    for (const auto& [name, value] : *wanted) {
        const auto same = [&name = name](const auto& column) { return column.first == name; };
        if (std::ranges::any_of(*there, same)) continue;
        fmt::format_to(std::back_inserter(more), ", {} as \"{}\"", value, name);
    }
    if (more.empty()) return more;
    return fmt::format("create temp view \"{0}\" as select *{1} from main.\"{0}\"", table, more);
}

}  // namespace

Result<std::unique_ptr<Database>> LookedAt::open() const {
    auto database = Database::open(path, {true, busy_timeout, parameters});
    if (!database) return database;
    if (watch) (*database)->watch(*watch);
    for (const std::string& sql : lens) {
        if (auto done = (*database)->execute(sql); !done) {
            return in_context("reading an older file", done.error());
        }
    }
    return database;
}

bool lacks_its_wal(const std::string& path) {
    const std::string real = real_path(path);
    return exists(real + "-shm") && !exists(real + "-wal");
}

Error wal_was_deleted(const std::string& path) {
    return {ErrorKind::corrupt,
            path +
                "-wal was deleted while the file is in use; whoever writes it stops and keeps what "
                "he has, then it can be opened again"};
}

LookedAt beside_own_writer(const std::string& path, std::chrono::milliseconds busy_timeout) {
    LookedAt how;
    how.path = path;
    how.busy_timeout = busy_timeout;
    return how;
}

Error nothing_yet(const std::string& path) {
    return {ErrorKind::rejected,
            fmt::format("there is no {} yet: `tapedeck run` makes it and records into it", path)};
}

Result<std::vector<std::string>> lens_for(Database& database,
                                          const std::function<Result<>(Database&)>& make) {
    auto whole = Database::open(":memory:", {});
    if (!whole) return whole.error();
    if (auto made = make(**whole); !made) return made.error();
    const auto there = objects_of(database);
    if (!there) return there.error();
    const auto wanted = objects_of(**whole);
    if (!wanted) return wanted.error();
    std::vector<std::string> lens;
    for (const Object& object : *wanted) {
        const auto same = std::ranges::find(*there, object.name, &Object::name);
        if (same == there->end()) {
            lens.push_back(as_temporary(object));
        } else if (object.type == "table" && same->type == "table") {
            auto view = widened(database, **whole, object.name);
            if (!view) return view.error();
            if (!view->empty()) lens.push_back(*std::move(view));
        }
    }
    if (!lens.empty()) lens.insert(lens.begin(), "pragma temp_store = memory");  // not the disk
    return lens;
}

Result<LookedAt> look_at(const std::string& path, const SchemaPart& part,
                         const LookOptions& options) {
    if (auto regular = check_regular(path); !regular) return regular.error();
    if (!exists(path)) return nothing_yet(path);
    LookedAt how;
    how.path = path;
    how.busy_timeout = options.busy_timeout;
    if (lacks_its_wal(path) && options.in_use) {
        const auto in_use = options.in_use();
        if (!in_use) return in_use.error();
        if (*in_use) return wal_was_deleted(path);
    }
    const auto tried = open_somehow(how, options);
    if (!tried) return tried.error();
    Database& database = *tried->database;
    if (tried->form.empty) return nothing_yet(path);
    if (auto ours = check_ours(database, part); !ours) return ours.error();
    const auto version = version_of(database, part.name);
    if (!version) return version.error();
    how.older = *version < static_cast<int>(part.steps.size());
    if (how.older) {
        auto lens = lens_for(database, [&](Database& whole) -> Result<> {
            for (const std::string_view step : part.steps) {
                if (auto done = whole.execute(std::string(step)); !done) return done;
            }
            return {};
        });
        if (!lens) return lens.error();
        how.lens = *std::move(lens);
    }
    return how;
}

}  // namespace tapedeck
