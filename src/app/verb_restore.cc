#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <list>

#include "app/backup_set.h"
#include "app/demo.h"
#include "app/load_globals.h"
#include "app/open_parts.h"
#include "app/spans.h"
#include "app/verbs.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/part_file.h"
#include "captures/sqlite/sqlite_captures.h"
#include "sqlite/sqlite.h"
#include "store/deployment.h"
#include "store/postgres/postgres_backup.h"

namespace tapedeck {
namespace {

// A file of the backup and where the configuration has it.
struct Move {
    HeldPart from;
    std::string to;  // empty: the configuration's PostgreSQL
};

// Even one of these beside a restored file would be taken for its own.
Result<> must_be_free(const std::string& path) {
    std::error_code ignored;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
        if (!std::filesystem::exists(path + suffix, ignored)) continue;
        return Error{ErrorKind::rejected,
                     fmt::format("{}{} is there, and a restored file never takes the place of "
                                 "another: move it away, or name another place in the "
                                 "configuration",
                                 path, suffix)};
    }
    const auto folder = std::filesystem::absolute(path, ignored).parent_path();
    if (std::filesystem::is_directory(folder, ignored)) return {};
    return Error{ErrorKind::rejected,
                 fmt::format("there is no folder {} for {}", folder.string(), path)};
}

bool has(const std::vector<HeldPart>& parts, BackupPart part) {
    return std::ranges::find(parts, part, &HeldPart::part) != parts.end();
}

// Where each part goes; `rejected` where backup and configuration are of different forms.
Result<std::vector<Move>> moves_of(const std::vector<HeldPart>& held, const Settings& settings) {
    const auto places = files_of(settings);
    const bool postgres = std::holds_alternative<PostgresUrl>(settings.store.url.target);
    std::vector<Move> moves;
    for (const HeldPart& part : held) {
        std::error_code ignored;
        const auto wal = std::filesystem::file_size(part.path + "-wal", ignored);
        if (!ignored && wal > 0) {
            return Error{ErrorKind::rejected,
                         fmt::format("{0} has been written to since: {0}-wal holds more of it; "
                                     "whoever has it open is to close it",
                                     part.path)};
        }
        if (part.part == BackupPart::store && is_dump(part.path) != postgres) {
            return Error{ErrorKind::rejected,
                         fmt::format("{} is {}, and the configuration's store is {}", part.path,
                                     postgres ? "no dump of PostgreSQL" : "a dump of PostgreSQL",
                                     to_string(settings.store.url))};
        }
        if (part.part == BackupPart::store && postgres) {
            moves.push_back({part, {}});
            continue;
        }
        const auto place = std::ranges::find(places, part.part, &HeldPart::part);
        if (place == places.end()) {
            return Error{ErrorKind::rejected,
                         fmt::format("the backup holds a {0}, {1}, and the configuration names no "
                                     "file for it{2}",
                                     to_string(part.part), part.path,
                                     part.part == BackupPart::tape ? " in [tape] url" : "")};
        }
        if (auto is_free = must_be_free(place->path); !is_free) return is_free.error();
        moves.push_back({part, place->path});
    }
    const bool own_tape = std::holds_alternative<SqliteUrl>(settings.tape.url.target);
    if (own_tape && !has(held, BackupPart::tape)) {
        return Error{ErrorKind::rejected,
                     fmt::format("the configuration has its tape in {}, and the backup holds none: "
                                 "what it had to load would be lost",
                                 to_string(settings.tape.url))};
    }
    return moves;
}

Result<> copy_file(const std::string& from, const std::string& to) {
    std::error_code failed;
    std::filesystem::copy_file(from, to, failed);
    if (failed) {
        return Error{ErrorKind::unavailable,
                     fmt::format("copying {} to {}: {}", from, to, failed.message())};
    }
    return sync_path(to);
}

Result<> give_name(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
        return system_error(to, "naming the file");
    }
    std::error_code ignored;
    return sync_path(std::filesystem::absolute(to, ignored).parent_path().string());
}

// Its original may live on and use the same Kafka: what that records from now on is not the copy's.
// See deployment.h.
Result<> leave_deployment(const std::string& path, Timestamp now) {
    {
        auto file = Database::open(path, {});
        if (!file) return file.error();
        auto has =
            (*file)->prepare("select count(*) from sqlite_schema where name = 'deployments'");
        if (!has) return has.error();
        const auto row = has->step();
        if (!row) return row.error();
        if (has->integer(0) == 0) return {};  // older: an id is made with the table
        auto end = (*file)->prepare(end_deployments(now).sql);
        if (!end) return end.error();
        end->bind(1, now);
        if (auto done = end->run(); !done) return in_context("marking the copy", done.error());
    }
    return sync_path(path);
}

// The copies are made and checked under other names, and get theirs at the very end, the store's
// last: a recorder that looks meanwhile finds nothing.
Result<std::optional<PairState>> put_files(const std::vector<Move>& moves, bool tape_in_kafka) {
    std::list<PartFile> parts;
    std::string store;
    std::string tape;
    for (const Move& move : moves) {
        if (move.to.empty()) continue;
        const PartFile& part = parts.emplace_back(move.to);
        auto copied = copy_file(move.from.path, part.path());
        if (copied) copied = check_pages(part.path());
        if (copied && tape_in_kafka && move.from.part == BackupPart::store) {
            copied = leave_deployment(part.path(), SystemClock().now());
        }
        if (!copied) return copied.error();
        if (move.from.part == BackupPart::store) store = part.path();
        if (move.from.part == BackupPart::tape) tape = part.path();
    }
    std::optional<PairState> state;
    if (!store.empty() && !tape_in_kafka) {
        auto checked = check_pair(store, tape.empty() ? store : tape);
        if (!checked) return checked.error();
        state = *checked;
    }
    for (const bool of_store : {false, true}) {
        for (const Move& move : moves) {
            if (move.to.empty() || (move.from.part == BackupPart::store) != of_store) continue;
            if (auto named = give_name(move.to + ".part", move.to); !named) return named.error();
        }
    }
    return state;
}

Result<> put_dump(const std::vector<Move>& moves, const Settings& settings) {
    for (const Move& move : moves) {
        if (!move.to.empty()) continue;
        const auto url = store_url_with_secret(settings);
        if (!url) return url.error();
        auto restored = restore_database(std::get<PostgresUrl>(url->target), move.from.path);
        if (!restored || !is_kafka(settings)) return restored;
        const SystemClock clock;
        const auto looked = open_store(settings, clock, StoreUse::look, PostgresTables::look);
        if (!looked) return looked.error();
        const auto id = deployment_id(*looked->store);
        if (!id) return id.error();
        if (id->empty()) return {};  // it has none to leave, and need not be touched
        auto store = open_store(settings, clock, StoreUse::write, PostgresTables::make);
        if (!store) return store.error();
        const std::vector<Statement> statements{end_deployments(clock.now())};
        const auto left = store->store->transact(statements);
        if (!left) return in_context("marking the copy", left.error());
    }
    return {};
}

// Rows and accounts of the copy name captures that it does not hold, which nobody should search
// for.
Result<> note_left_out_captures(const Globals& globals, const std::vector<HeldPart>& held,
                                const Settings& settings) {
    std::error_code ignored;
    const std::string path = captures_path(settings);
    if (!settings.captures.enabled || has(held, BackupPart::captures) ||
        std::filesystem::exists(path, ignored)) {
        return {};
    }
    auto reader = open_reader(globals);
    if (!reader) return reader.error();
    Timestamp until = reader->now;
    if (reader->simulated) {
        const auto passed = demo_time_passed(*reader->assembly);
        if (!passed) return passed.error();
        if (*passed) until = std::max(until, **passed);
    }
    auto captures = SqliteCaptures::open(path, reader->assembly->clock());
    if (!captures) return captures.error();
    return (*captures)->note_left_out(until);
}

void tell_moves(const Globals& globals, const std::vector<Move>& moves,
                const std::optional<PairState>& state, const Settings& settings) {
    const auto place_of = [&](const Move& move) {
        return move.to.empty() ? to_string(settings.store.url) : move.to;
    };
    if (globals.json) {
        std::string out;
        JsonWriter json(out);
        json.begin_object().key("restored").begin_array();
        for (const Move& move : moves) {
            json.begin_object().key("part").text(to_string(move.from.part));
            json.key("to").text(place_of(move)).end_object();
        }
        json.end_array();
        if (state) json.key("loaded").number(state->loaded).key("waiting").number(state->waiting);
        json.end_object();
        print(out + "\n");
        return;
    }
    for (const Move& move : moves) {
        print(fmt::format("{}: the {} of {}\n", place_of(move), to_string(move.from.part),
                          move.from.path));
    }
    if (!state) return;
    print(fmt::format("{} messages are loaded, and {} are loaded by whoever records next\n",
                      state->loaded, state->waiting));
}

}  // namespace

Exit verb_restore(const Globals& globals, const RestoreOptions& options) {
    const auto held = read_holds(options.backup);
    if (!held) {
        const bool there = !held.error().what.starts_with("there is no ");
        return fail(there ? Exit::failed : Exit::not_found, held.error().what);
    }
    auto config = load_globals(globals);
    if (!config) return fail_opening(config.error());
    const Settings& settings = config->settings;
    const auto moves = moves_of(*held, settings);
    if (!moves) return fail(moves.error());
    // The database first: what waits in a journal or a spool waits for it.
    if (auto done = put_dump(*moves, settings); !done) return fail(done.error());
    const auto state = put_files(*moves, is_kafka(settings));
    if (!state) return fail(state.error());
    if (auto noted = note_left_out_captures(globals, *held, settings); !noted) {
        return fail(in_context("the copy is restored; noting that its captures were left out",
                               noted.error()));
    }
    tell_moves(globals, *moves, *state, settings);
    return Exit::fine;
}

}  // namespace tapedeck
