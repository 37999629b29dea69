#include "tape/spool/spool_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>

#include "base/mutex.h"

namespace tapedeck {
namespace {

// An account names the messages of its run by their ids here; it follows them within minutes.
constexpr std::chrono::hours kFatesKept{24 * 30};

// `autoincrement`: an id is an address, and must not be given twice.
constexpr std::array<std::string_view, 1> kSteps = {R"(
create table spooled (
  id integer primary key autoincrement,
  topic text not null,
  key blob not null,
  timestamp integer not null,
  spooled_at integer not null,
  bytes integer not null,
  headers blob not null,
  value blob not null
) strict;
create table spool_sizes (
  one integer primary key check (one = 1),
  messages integer not null,
  bytes integer not null
) strict;
insert into spool_sizes values (1, 0, 0);
create table spool_fates (
  id integer primary key,
  topic text not null,
  partition integer,
  message_offset integer,
  why text not null,
  settled_at integer not null
) strict;
create table spool_refused (
  id integer primary key,
  topic text not null,
  key blob not null,
  timestamp integer not null,
  spooled_at integer not null,
  bytes integer not null,
  headers blob not null,
  value blob not null
) strict;
)"};
constexpr SchemaPart kPart{"spool", kSteps};

// Name and value of each header, each after its length in decimal and a colon.
std::string packed(const std::vector<MessageHeader>& headers) {
    std::string out;
    for (const MessageHeader& header : headers) {
        for (const std::string* text : {&header.name, &header.value}) {
            out += std::to_string(text->size()) + ":" + *text;
        }
    }
    return out;
}

std::string taken(std::string_view& rest) {
    std::size_t size = 0;
    std::size_t at = 0;
    while (at < rest.size() && rest[at] >= '0' && rest[at] <= '9') {
        size = size * 10 + static_cast<std::size_t>(rest[at++] - '0');
    }
    rest.remove_prefix(std::min(at + 1, rest.size()));
    std::string text(rest.substr(0, size));
    rest.remove_prefix(text.size());
    return text;
}

std::vector<MessageHeader> unpacked(std::string_view rest) {
    std::vector<MessageHeader> headers;
    while (!rest.empty()) {
        MessageHeader header;
        header.name = taken(rest);
        header.value = taken(rest);
        headers.push_back(std::move(header));
    }
    return headers;
}

std::int64_t size_of(const OutgoingMessage& message) {
    return static_cast<std::int64_t>(message.key.size() + message.value.size());
}

}  // namespace

Result<std::unique_ptr<SpoolFile>> SpoolFile::open(const std::string& path, const Clock& clock) {
    std::unique_ptr<SpoolFile> file(new SpoolFile(path, clock));
    const Lock lock(file->mutex_);
    if (auto there = file->is_there(); !there) return there.error();
    return file;
}

// Another process may have made it since the last call.
Result<bool> SpoolFile::is_there() {
    if (database_) return true;
    if (::access(path_.c_str(), F_OK) != 0) return false;
    auto made = make();
    return made ? Result<bool>(true) : Result<bool>(made.error());
}

Result<> SpoolFile::make() {
    if (database_) return {};
    auto database = open_file(path_, kPart, clock_, {});
    if (!database) return in_context("opening the spool", database.error());
    auto old = (*database)->prepare("delete from spool_fates where settled_at < ?1");
    if (!old) return old.error();
    old->bind(1, clock_.now() - kFatesKept);
    if (auto done = old->run(); !done) return done;
    database_ = *std::move(database);
    return {};
}

Result<std::unique_ptr<SpoolFile>> SpoolFile::open_looking(const std::string& path,
                                                           const Clock& clock,
                                                           const LookOptions& options) {
    const auto reading = look_at(path, kPart, options);
    if (!reading) return in_context("opening the spool", reading.error());
    auto database = reading->open();
    if (!database) return in_context("opening the spool", database.error());
    std::unique_ptr<SpoolFile> file(new SpoolFile(path, clock));
    const Lock lock(file->mutex_);
    file->database_ = *std::move(database);
    return file;
}

SpoolFile::~SpoolFile() { unlock_draining(); }

Result<> SpoolFile::insert(const OutgoingMessage& message) {
    auto query = database_->prepare(
        "insert into spooled (topic, key, timestamp, spooled_at, bytes, headers, value)"
        " values (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    if (!query) return query.error();
    const std::string headers = packed(message.headers);
    query->bind(1, message.topic);
    query->bind_blob(2, message.key);
    query->bind(3, message.timestamp);
    query->bind(4, clock_.now());
    query->bind(5, size_of(message));
    query->bind_blob(6, headers);
    query->bind_blob(7, message.value);
    return query->run();
}

Result<std::vector<std::int64_t>> SpoolFile::put(std::span<const OutgoingMessage> messages) {
    const Lock lock(mutex_);
    if (auto made = make(); !made) return made.error();
    auto transaction = Transaction::begin(*database_);
    if (!transaction) return transaction.error();
    std::vector<std::int64_t> ids;
    std::int64_t bytes = 0;
    for (const OutgoingMessage& message : messages) {
        if (auto done = insert(message); !done) return done.error();
        ids.push_back(sqlite3_last_insert_rowid(database_->handle()));
        bytes += size_of(message);
    }
    auto sizes =
        database_->prepare("update spool_sizes set messages = messages + ?1, bytes = bytes + ?2");
    if (!sizes) return sizes.error();
    sizes->bind(1, static_cast<std::int64_t>(messages.size()));
    sizes->bind(2, bytes);
    if (auto done = sizes->run(); !done) return done.error();
    if (auto done = transaction->commit(); !done) return done.error();
    return ids;
}

Result<std::vector<SpooledMessage>> SpoolFile::first(std::size_t messages, std::size_t bytes) {
    const Lock lock(mutex_);
    const auto there = is_there();
    if (!there) return there.error();
    if (!*there) return std::vector<SpooledMessage>();
    auto query = database_->prepare(
        "select id, topic, key, timestamp, headers, value from spooled order by id limit ?1");
    if (!query) return query.error();
    query->bind(1, static_cast<std::int64_t>(messages));
    std::vector<SpooledMessage> out;
    std::size_t total = 0;
    for (;;) {
        const auto row = query->step();
        if (!row) return row.error();
        if (!*row) break;
        SpooledMessage one{query->integer(0),
                           {query->text(1), query->text(2), query->text(5), query->timestamp(3),
                            unpacked(query->bytes(4))}};
        total += static_cast<std::size_t>(size_of(one.message));
        if (!out.empty() && total > bytes) break;
        out.push_back(std::move(one));
    }
    return out;
}

Result<> SpoolFile::settle_one(const SpoolFate& fate) {
    if (!fate.position) {
        auto aside = database_->prepare(
            "insert into spool_refused (id, topic, key, timestamp, spooled_at, bytes, headers,"
            " value) select id, topic, key, timestamp, spooled_at, bytes, headers, value"
            " from spooled where id = ?1");
        if (!aside) return aside.error();
        aside->bind(1, fate.id);
        if (auto done = aside->run(); !done) return done;
    }
    auto sizes = database_->prepare(
        "update spool_sizes set messages = messages - 1, bytes = bytes - (select bytes from spooled"
        " where id = ?1) where exists (select 1 from spooled where id = ?1)");
    if (!sizes) return sizes.error();
    sizes->bind(1, fate.id);
    if (auto done = sizes->run(); !done) return done;
    auto gone = database_->prepare("delete from spooled where id = ?1");
    if (!gone) return gone.error();
    gone->bind(1, fate.id);
    if (auto done = gone->run(); !done) return done;
    auto note = database_->prepare(
        "insert or replace into spool_fates (id, topic, partition, message_offset, why, settled_at)"
        " values (?1, ?2, ?3, ?4, ?5, ?6)");
    if (!note) return note.error();
    note->bind(1, fate.id);
    note->bind(2, fate.position ? std::string_view(fate.position->at.topic) : "");
    if (fate.position) {
        note->bind(3, std::int64_t{fate.position->at.partition.value()});
        note->bind(4, fate.position->offset.value());
    } else {
        note->bind_null(3);
        note->bind_null(4);
    }
    note->bind(5, fate.why);
    note->bind(6, clock_.now());
    return note->run();
}

Result<> SpoolFile::settle(std::span<const SpoolFate> fates) {
    const Lock lock(mutex_);
    if (fates.empty()) return {};
    if (auto made = make(); !made) return made;
    auto transaction = Transaction::begin(*database_);
    if (!transaction) return transaction.error();
    for (const SpoolFate& fate : fates) {
        if (auto done = settle_one(fate); !done) return done;
    }
    return transaction->commit();
}

Result<std::map<std::int64_t, SpoolFate>> SpoolFile::fates(std::span<const std::int64_t> ids) {
    const Lock lock(mutex_);
    std::map<std::int64_t, SpoolFate> out;
    const auto there = is_there();
    if (!there) return there.error();
    if (!*there) return out;
    for (const std::int64_t id : ids) {
        auto query = database_->prepare(
            "select topic, partition, message_offset, why from spool_fates where id = ?1");
        if (!query) return query.error();
        query->bind(1, id);
        const auto row = query->step();
        if (!row) return row.error();
        if (!*row) continue;
        SpoolFate fate{id, std::nullopt, query->text(3)};
        if (!query->is_null(1)) {
            fate.position = {
                {query->text(0), Partition(static_cast<std::int32_t>(query->integer(1)))},
                Offset(query->integer(2))};
        }
        out.emplace(id, std::move(fate));
    }
    return out;
}

Result<> SpoolFile::forget_fates(std::span<const std::int64_t> ids) {
    const Lock lock(mutex_);
    const auto there = is_there();
    if (!there) return there.error();
    if (!*there) return {};
    auto transaction = Transaction::begin(*database_);
    if (!transaction) return transaction.error();
    for (const std::int64_t id : ids) {
        auto query = database_->prepare("delete from spool_fates where id = ?1");
        if (!query) return query.error();
        query->bind(1, id);
        if (auto done = query->run(); !done) return done;
    }
    return transaction->commit();
}

Result<SpoolSizes> SpoolFile::sizes() {
    const Lock lock(mutex_);
    const auto there = is_there();
    if (!there) return there.error();
    if (!*there) return SpoolSizes{};
    auto query = database_->prepare(
        "select messages, bytes, (select count(*) from spool_refused),"
        " (select spooled_at from spooled order by id limit 1) from spool_sizes");
    if (!query) return query.error();
    const auto row = query->step();
    if (!row) return row.error();
    if (!*row) return Error{ErrorKind::corrupt, path_ + ": spool_sizes has no row"};
    SpoolSizes sizes{query->integer(0), query->integer(1), query->integer(2), std::nullopt};
    if (!query->is_null(3)) sizes.oldest = query->timestamp(3);
    return sizes;
}

bool SpoolFile::lock_draining() {
    const Lock lock(mutex_);
    if (lock_ >= 0) return true;
    const auto there = is_there();
    if (there && !*there) return true;  // there is nothing to drain, for anybody
    const int fd = ::open((path_ + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        return false;
    }
    lock_ = fd;
    return true;
}

void SpoolFile::unlock_draining() {
    const Lock lock(mutex_);
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
}

}  // namespace tapedeck
