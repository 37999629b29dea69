#include "app/open_parts.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "app/output.h"
#include "config/secrets.h"
#include "store/sqlite/file_lease.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

bool is_spooled(const Settings& settings, TapeUse use) {
    return use == TapeUse::append && settings.tape.spool.budget.value() > 0;
}

// Puts the spool before a tape that is appended to.
Result<OpenedTape> with_spool(OpenedTape opened, const Settings& settings, const Clock& clock,
                              Log& log, std::chrono::milliseconds longest_retry) {
    SpoolOptions options;
    options.path = spool_path(settings);
    options.budget = settings.tape.spool.budget.value();
    options.longest_retry = longest_retry;
    auto spool = SpoolTape::open(std::move(opened.tape), clock, log, std::move(options));
    if (!spool) return spool.error();
    opened.spool = spool->get();
    opened.tape = *std::move(spool);
    return opened;
}

Result<OpenedTape> open_kafka(const Settings& settings, const Clock& clock, Log& log, TapeUse use) {
    auto options = kafka_options(settings);
    if (!options) return options.error();
    const bool spooled = is_spooled(settings, use);
    if (spooled) {
        // What does not go now goes to the spool: the collector need not wait for it.
        options->message_timeout = 10s;
        options->request_timeout = 5s;
    }
    if (use == TapeUse::look) options->request_timeout = 3s;
    auto kafka = KafkaTape::open(*std::move(options));
    if (!kafka) return kafka.error();
    OpenedTape opened;
    opened.kafka = kafka->get();
    opened.tape = *std::move(kafka);
    if (!spooled) return opened;
    return with_spool(std::move(opened), settings, clock, log, 10s);
}

}  // namespace

Result<StoreUrl> store_url_with_secret(const Settings& settings) {
    StoreUrl url = settings.store.url;
    auto* postgres = std::get_if<PostgresUrl>(&url.target);
    if (postgres == nullptr || settings.store.secret.empty()) return url;
    auto password = find_secret(settings.secrets, settings.store.secret);
    if (!password) return password.error();
    postgres->password = *std::move(password);
    return url;
}

Result<OpenedStore> open_store(const Settings& settings, const Clock& clock, StoreUse use,
                               PostgresTables tables, std::stop_token stop) {
    if (const auto* file = std::get_if<SqliteUrl>(&settings.store.url.target)) {
        if (use == StoreUse::write && !std::filesystem::exists(file->path)) {
            return nothing_yet(file->path);
        }
        LookOptions looking;
        looking.in_use = [path = file->path]() -> Result<bool> {
            const auto holder = find_lease_holder(path);
            if (!holder) return holder.error();
            return holder->has_value();
        };
        if (use != StoreUse::look && lacks_its_wal(file->path)) {
            const auto in_use = looking.in_use();
            if (!in_use) return in_use.error();
            if (*in_use) return wal_was_deleted(file->path);
        }
        auto store = use == StoreUse::look ? SqliteStore::open_looking(file->path, clock, looking)
                                           : SqliteStore::open(file->path, clock);
        if (!store) return store.error();
        OpenedStore opened;
        opened.sqlite = store->get();
        opened.store = *std::move(store);
        return opened;
    }
    const auto& url = std::get<PostgresUrl>(settings.store.url.target);
    PostgresStoreOptions options;
    options.tables = tables;
    options.loader = process_name();
    options.keep_types = settings.store.keep_types;
    options.original_zone = settings.store.original_zone;
    options.stop = std::move(stop);
    if (!settings.store.secret.empty()) {
        options.password = [settings]() -> Result<Secret> {
            auto secret = find_secret(settings.secrets, settings.store.secret);
            if (secret) known_secrets()->know(*secret, SecretReach::service);
            return secret;
        };
    }
    options.say = [](const std::string& sentence) { fail(Exit::fine, sentence); };
    auto store = PostgresStore::open(url, clock, std::move(options));
    if (!store) return store.error();
    OpenedStore opened;
    opened.postgres = store->get();
    opened.store = *std::move(store);
    return opened;
}

std::vector<std::string> pending_in(const OpenedStore& opened) {
    if (opened.postgres != nullptr) return opened.postgres->pending();
    if (opened.sqlite == nullptr || !opened.sqlite->is_older()) return {};
    return {"the file is an older program's, and gets the tables that it lacks"};
}

LookOptions look_beside(Store& store) {
    LookOptions options;
    options.in_use = [&store]() -> Result<bool> {
        const auto holder = store.lease_holder();
        if (!holder) return holder.error();
        return holder->has_value();
    };
    return options;
}

Result<OpenedTape> open_tape(const Settings& settings, const Clock& clock, Log& log, TapeUse use,
                             const OpenedStore& store, bool only_look) {
    if (is_kafka(settings)) return open_kafka(settings, clock, log, use);
    SqliteTapeOptions options;
    std::string path;
    if (const auto* own = std::get_if<SqliteUrl>(&settings.tape.url.target)) {
        path = own->path;
    } else if (const auto* shared = std::get_if<SqliteUrl>(&settings.store.url.target)) {
        path = shared->path;
        if (store.sqlite != nullptr) options.gate = store.sqlite->gate();
    } else {
        return Error{ErrorKind::rejected,
                     fmt::format("the store {} holds no tape: name kafka://HOST:PORT or "
                                 "sqlite:PATH in [tape] url",
                                 to_string(settings.store.url))};
    }
    // A file that somebody has locked is not waited for by a run with the spool behind it.
    const bool spooled = !only_look && is_spooled(settings, use);
    if (spooled) options.append_timeout = 2s;
    auto tape = only_look ? SqliteTape::open_looking(path, look_beside(*store.store))
                          : SqliteTape::open(path, clock, std::move(options));
    if (!tape) return tape.error();
    OpenedTape opened;
    opened.sqlite = tape->get();
    opened.tape = *std::move(tape);
    if (!spooled) return opened;
    return with_spool(std::move(opened), settings, clock, log, 1s);
}

}  // namespace tapedeck
