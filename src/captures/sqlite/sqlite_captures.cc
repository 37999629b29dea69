#include "captures/sqlite/sqlite_captures.h"

#include <fmt/format.h>
#include <zstd.h>

#include <array>
#include <limits>

#include "base/mutex.h"
#include "base/sha256.h"
#include "captures/sqlite/capture_file.h"

namespace tapedeck {
namespace {

constexpr int kZstdLevel = 3;
constexpr std::int64_t kDroppedAtOnce = 64;
constexpr int kPagesGivenBackAtOnce = 4'096;
constexpr std::int64_t kLookedAtAtOnce = 256;
constexpr std::string_view kInMemory = ":memory:";
constexpr int kFoldingMs = 500;        // how long those who read are waited for
constexpr int kForEvidenceMs = 1'000;  // how long prices wait for whoever has locked the file

// The body is the last column: SQLite then reads the others without touching its pages.
constexpr std::array<std::string_view, 2> kSteps = {R"(
create table captures (
  id integer primary key,
  sha256 text not null unique,
  url text not null,
  status integer not null,
  headers text not null,
  fetched_at integer not null,
  last_seen_at integer not null,
  bytes integer not null,
  packed_bytes integer not null,
  body blob
) strict;
create index captures_by_age on captures (last_seen_at, packed_bytes) where body is not null;
)",
                                                    R"(
create table left_out (until integer not null) strict;
)"};
constexpr SchemaPart kPart{"captures", kSteps};

Result<std::string> pack(std::string_view body) {
    std::string packed(ZSTD_compressBound(body.size()), '\0');
    const std::size_t size =
        ZSTD_compress(packed.data(), packed.size(), body.data(), body.size(), kZstdLevel);
    if (ZSTD_isError(size) != 0) {
        return Error{ErrorKind::unavailable,
                     fmt::format("packing a capture: {}", ZSTD_getErrorName(size))};
    }
    packed.resize(size);
    return packed;
}

// `bytes` is what was noted beside the body: a damaged frame cannot ask for more memory.
std::optional<std::string> unpack(std::string_view packed, std::int64_t bytes) {
    if (bytes < 0 || ZSTD_getFrameContentSize(packed.data(), packed.size()) !=
                         static_cast<unsigned long long>(bytes)) {
        return std::nullopt;
    }
    std::string body(static_cast<std::size_t>(bytes), '\0');
    const std::size_t size =
        ZSTD_decompress(body.data(), body.size(), packed.data(), packed.size());
    if (ZSTD_isError(size) != 0 || size != body.size()) return std::nullopt;
    return body;
}

}  // namespace

Result<std::unique_ptr<Database>> SqliteCaptures::open_to_write(const std::string& path,
                                                                const Clock& clock) {
    FileOptions options;
    options.every_commit_synced = false;
    options.shrinks = true;
    if (auto parted = part_from_foreign_wal(path, clock.now()); !parted) return parted.error();
    auto database = open_file(path, kPart, clock, options);
    if (database && path != kInMemory) note_pair(path);
    return database;
}

Result<std::unique_ptr<SqliteCaptures>> SqliteCaptures::open(const std::string& path,
                                                             const Clock& clock) {
    auto database = open_to_write(path, clock);
    if (!database) return in_context("opening the captures", database.error());
    return std::unique_ptr<SqliteCaptures>(new SqliteCaptures(path, *std::move(database), clock));
}

std::unique_ptr<SqliteCaptures> SqliteCaptures::open_for_recording(
    const std::string& path, const Clock& clock, std::function<void(const Error&)> tell) {
    std::unique_ptr<SqliteCaptures> store(new SqliteCaptures(path, nullptr, clock));
    store->tell_ = std::move(tell);
    const Lock lock(store->mutex_);
    if (auto opened = store->open_anew(std::nullopt); !opened) store->tell_(opened.error());
    return store;
}

Result<std::unique_ptr<SqliteCaptures>> SqliteCaptures::open_looking(const std::string& path,
                                                                     const Clock& clock,
                                                                     const LookOptions& options) {
    if (has_foreign_wal(path)) {
        return Error{ErrorKind::corrupt, path +
                                             ": another file has taken the place of the captures "
                                             "that belong to its WAL; the next run parts them"};
    }
    const auto reading = look_at(path, kPart, options);
    if (!reading) return in_context("opening the captures", reading.error());
    auto database = reading->open();
    if (!database) return in_context("opening the captures", database.error());
    return std::unique_ptr<SqliteCaptures>(new SqliteCaptures(path, *std::move(database), clock));
}

Result<> SqliteCaptures::put_one(const CapturedAnswer& answer, const std::string& sha256_hex) {
    // Seen before, and the body still here: only the date moves on.
    auto seen = database_->prepare(
        "update captures set last_seen_at = max(last_seen_at, ?2)"
        " where sha256 = ?1 and body is not null");
    if (!seen) return seen.error();
    seen->bind(1, sha256_hex);
    seen->bind(2, answer.fetched_at);
    const std::int64_t before = database_->total_changes();
    if (auto done = seen->run(); !done) return done;
    if (database_->total_changes() != before) return {};
    const auto packed = pack(answer.body);
    if (!packed) return packed.error();
    const std::string headers = kept_headers(answer.headers);
    auto insert = database_->prepare(
        "insert into captures (sha256, url, status, headers, fetched_at, last_seen_at, bytes,"
        " packed_bytes, body) values (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8)"
        " on conflict (sha256) do update set last_seen_at = excluded.last_seen_at,"
        " packed_bytes = excluded.packed_bytes, body = excluded.body");
    if (!insert) return insert.error();
    insert->bind(1, sha256_hex);
    insert->bind(2, answer.url);
    insert->bind(3, answer.status);
    insert->bind(4, headers);
    insert->bind(5, answer.fetched_at);
    insert->bind(6, static_cast<std::int64_t>(answer.body.size()));
    insert->bind(7, static_cast<std::int64_t>(packed->size()));
    insert->bind_blob(8, *packed);
    return insert->run();
}

Result<std::vector<std::string>> SqliteCaptures::put_all(std::span<const CapturedAnswer> answers) {
    std::vector<std::string> out;
    for (const CapturedAnswer& answer : answers) out.push_back(hex(sha256(answer.body)));
    if (answers.empty()) return out;
    const Lock lock(mutex_);
    if (!database_) {
        if (auto opened = open_anew(std::nullopt); !opened) return opened.error();
    }
    // Whoever has the file locked is waited for once, not with each answer that comes meanwhile.
    if (tell_) sqlite3_busy_timeout(database_->handle(), was_locked_ ? 0 : kForEvidenceMs);
    auto kept = put_all_in_transaction(answers, out);
    was_locked_ = !kept && kept.error().kind == ErrorKind::unavailable;
    if (kept) return out;
    const Error error = in_context("keeping captures", kept.error());
    const bool same = database_->check_watch().has_value();
    if (!same || (tell_ && error.kind == ErrorKind::corrupt)) {
        const auto opened = open_anew(same ? std::optional(error) : std::nullopt);
        // Where it cannot be opened, that is told with the next answers.
        if (opened && same) kept = put_all_in_transaction(answers, out);
    }
    if (kept) return out;
    return error;
}

// What is still in the WAL of a file that was taken away is brought into it, wherever it is now:
// both are open here. Then nothing of it is left beside the name.
void SqliteCaptures::close_file() {
    if (!database_) return;
    int moved = 0;
    sqlite3_file_control(database_->handle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved != 0) {
        sqlite3_busy_timeout(database_->handle(), kFoldingMs);
        sqlite3_wal_checkpoint_v2(database_->handle(), "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr,
                                  nullptr);
    }
    database_ = nullptr;
}

Result<> SqliteCaptures::put_aside(const Error& damage) {
    const auto name = set_aside(path_, clock_.now());
    if (!name) return name.error();
    tell_({damage.kind,
           fmt::format("{}; kept as it is as {}, and a new file is begun", damage.what, *name)});
    return {};
}

// No price hangs on the bytes in a file that somebody has taken away: the next ones go to a file of
// the same name. The old one is closed first, as the two would share what is beside them.
Result<> SqliteCaptures::open_anew(std::optional<Error> damage) {
    close_file();
    if (damage) {
        if (auto done = put_aside(*damage); !done) return done;
    }
    auto fresh = open_to_write(path_, clock_);
    if (!fresh && fresh.error().kind == ErrorKind::corrupt && tell_) {
        if (auto done = put_aside(fresh.error()); !done) return done;
        fresh = open_to_write(path_, clock_);
    }
    if (!fresh) return in_context("opening the captures", fresh.error());
    database_ = *std::move(fresh);
    return {};
}

Error SqliteCaptures::not_open() const {
    return {ErrorKind::unavailable, path_ + ": the captures could not be opened"};
}

Result<> SqliteCaptures::put_all_in_transaction(std::span<const CapturedAnswer> answers,
                                                std::span<const std::string> digests) {
    auto transaction = Transaction::begin(*database_);
    if (!transaction) return transaction.error();
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (auto done = put_one(answers[i], digests[i]); !done) return done;
    }
    return transaction->commit();
}

Result<std::optional<Capture>> SqliteCaptures::get(std::string_view sha256_hex) {
    const Lock lock(mutex_);
    if (!database_) return not_open();
    auto find = database_->prepare(
        "select url, status, headers, fetched_at, last_seen_at, bytes, body from captures"
        " where sha256 = ?1");
    if (!find) return find.error();
    find->bind(1, sha256_hex);
    const auto row = find->step();
    if (auto same = database_->check_watch(); !same) return same.error();
    if (!row) return in_context("reading a capture", row.error());
    if (!*row) return std::optional<Capture>();
    Capture capture{std::string(sha256_hex), find->text(0),      static_cast<int>(find->integer(1)),
                    find->text(2),           find->timestamp(3), find->timestamp(4),
                    find->integer(5),        std::nullopt};
    if (!find->is_null(6)) {
        capture.body = unpack(find->bytes(6), capture.bytes);
        if (!capture.body || hex(sha256(*capture.body)) != sha256_hex) {
            return Error{ErrorKind::corrupt, fmt::format("{}: the bytes kept for {} are damaged",
                                                         database_->path(), sha256_hex)};
        }
    }
    return std::optional(std::move(capture));
}

// Those after the id `after`; the last one's id, or `after` where there are no more.
Result<std::int64_t> SqliteCaptures::look_at_some(std::int64_t after,
                                                  const std::function<bool(Timestamp)>& hashes,
                                                  std::vector<LookedAtCapture>& out) {
    const Lock lock(mutex_);
    if (!database_) return not_open();
    auto next = database_->prepare(
        "select id, sha256, url, fetched_at, body is not null, bytes from captures where id > ?1"
        " order by id limit ?2");
    if (!next) return next.error();
    next->bind(1, after);
    next->bind(2, kLookedAtAtOnce);
    for (;;) {
        const auto row = next->step();
        if (!row) return row.error();
        if (!*row) return after;
        after = next->integer(0);
        LookedAtCapture one{next->text(1),         next->text(2), next->timestamp(3),
                            next->integer(4) != 0, false,         {}};
        if (one.has_body && hashes(one.fetched_at)) {
            auto find = database_->prepare("select body from captures where id = ?1");
            if (!find) return find.error();
            find->bind(1, after);
            const auto found = find->step();
            if (!found) return found.error();
            const auto body = *found && !find->is_null(0) ? unpack(find->bytes(0), next->integer(5))
                                                          : std::nullopt;
            one.was_hashed = true;
            if (!body) {
                one.fault = "bytes that cannot be unpacked";
            } else if (const std::string is = hex(sha256(*body)); is != one.sha256) {
                one.fault = "bytes with the SHA-256 " + is;
            }
        }
        out.push_back(std::move(one));
    }
}

Result<> SqliteCaptures::look_through(const std::function<bool(Timestamp fetched_at)>& hashes,
                                      const std::function<Result<>(const LookedAtCapture&)>& sink) {
    std::vector<LookedAtCapture> some;
    for (std::int64_t after = std::numeric_limits<std::int64_t>::min();;) {
        some.clear();
        const auto last = look_at_some(after, hashes, some);
        if (!last) return in_context("looking through the captures", last.error());
        if (some.empty()) return {};
        after = *last;
        for (const LookedAtCapture& one : some) {
            if (auto done = sink(one); !done) return done;
        }
    }
}

Result<std::int64_t> SqliteCaptures::used_bytes() {
    std::int64_t values[3];
    const char* const asks[3] = {"pragma page_count", "pragma freelist_count", "pragma page_size"};
    for (int i = 0; i < 3; ++i) {
        const auto value = database_->integer(asks[i]);
        if (!value) return value.error();
        values[i] = value->value_or(0);
    }
    return (values[0] - values[1]) * values[2];
}

Result<std::int64_t> SqliteCaptures::drop_older(Timestamp keep_since) {
    auto drop = database_->prepare(
        "update captures set body = null where id in (select id from captures where body is not "
        "null and last_seen_at < ?1 order by last_seen_at limit ?2)");
    if (!drop) return drop.error();
    drop->bind(1, keep_since);
    drop->bind(2, kDroppedAtOnce);
    const std::int64_t before = database_->total_changes();
    if (auto done = drop->run(); !done) return done.error();
    return database_->total_changes() - before;
}

Result<std::int64_t> SqliteCaptures::drop_over(std::int64_t budget_bytes) {
    const auto used = used_bytes();
    if (!used) return used.error();
    if (*used <= budget_bytes) return 0;
    // As many of the oldest as make up for the excess, a few at a time: pages are shared.
    auto drop = database_->prepare(
        "update captures set body = null where id in (select id from (select id,"
        " sum(packed_bytes) over (order by last_seen_at, id) - packed_bytes as before_it"
        " from (select id, last_seen_at, packed_bytes from captures where body is not null"
        " order by last_seen_at, id limit ?2)) where before_it < ?1)");
    if (!drop) return drop.error();
    drop->bind(1, *used - budget_bytes);
    drop->bind(2, kDroppedAtOnce);
    const std::int64_t before = database_->total_changes();
    if (auto done = drop->run(); !done) return done.error();
    return database_->total_changes() - before;  // 0: what remains is what is known about them
}

Result<std::int64_t> SqliteCaptures::drop_some(std::chrono::milliseconds retention,
                                               std::int64_t budget_bytes) {
    const Lock lock(mutex_);
    if (!database_) return not_open();
    auto transaction = Transaction::begin(*database_);
    if (!transaction) return transaction.error();
    auto dropped =
        retention.count() > 0 ? drop_older(clock_.now() - retention) : Result<std::int64_t>(0);
    if (dropped && *dropped == 0 && budget_bytes > 0) dropped = drop_over(budget_bytes);
    if (!dropped) return dropped;
    if (auto done = transaction->commit(); !done) return done.error();
    return dropped;
}

Result<std::int64_t> SqliteCaptures::shrink_some() {
    const Lock lock(mutex_);
    if (!database_) return not_open();
    const auto done =
        database_->execute(fmt::format("pragma incremental_vacuum({})", kPagesGivenBackAtOnce));
    if (!done) return done.error();
    const auto left = database_->integer("pragma freelist_count");
    if (!left) return left.error();
    return left->value_or(0);
}

Result<std::int64_t> SqliteCaptures::prune(std::chrono::milliseconds retention,
                                           std::int64_t budget_bytes) {
    std::int64_t dropped = 0;
    for (;;) {
        const auto some = drop_some(retention, budget_bytes);
        if (!some) return in_context("pruning captures", some.error());
        if (*some == 0) break;
        dropped += *some;
    }
    // Gives the free pages back to the disk.
    std::int64_t before = std::numeric_limits<std::int64_t>::max();
    while (dropped > 0) {
        const auto left = shrink_some();
        if (!left) return in_context("shrinking the captures", left.error());
        if (*left == 0 || *left >= before) break;  // none, or others fill them meanwhile
        before = *left;
    }
    return dropped;
}

Result<> SqliteCaptures::note_left_out(Timestamp until) {
    const Lock lock(mutex_);
    if (!database_) return not_open();
    auto insert = database_->prepare("insert into left_out (until) values (?1)");
    if (!insert) return insert.error();
    insert->bind(1, until);
    return insert->run();
}

Result<std::optional<Timestamp>> SqliteCaptures::left_out_until() {
    const Lock lock(mutex_);
    if (!database_) return not_open();
    auto query = database_->prepare("select max(until) from left_out");
    if (!query) return query.error();
    const auto row = query->step();
    if (auto same = database_->check_watch(); !same) return same.error();
    if (!row) return row.error();
    if (query->is_null(0)) return std::optional<Timestamp>();
    return std::optional(query->timestamp(0));
}

Result<CaptureSizes> SqliteCaptures::sizes() {
    const Lock lock(mutex_);
    if (!database_) return not_open();
    auto query = database_->prepare(
        "select count(*), count(body), coalesce(sum(case when body is not null then bytes end), 0),"
        " coalesce(sum(case when body is not null then packed_bytes end), 0) from captures");
    if (!query) return query.error();
    const auto row = query->step();
    if (auto same = database_->check_watch(); !same) return same.error();
    if (!row) return row.error();
    CaptureSizes sizes{query->integer(0), query->integer(1), query->integer(2), query->integer(3),
                       0};
    const auto used = used_bytes();
    if (!used) return used.error();
    sizes.used_bytes = *used;
    return sizes;
}

}  // namespace tapedeck
