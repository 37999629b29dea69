#pragma once

#include <memory>

#include "app/kafka_settings.h"
#include "app/settings.h"
#include "events/log.h"
#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_store.h"
#include "tape/kafka/kafka_tape.h"
#include "tape/spool/spool_tape.h"
#include "tape/sqlite/sqlite_tape.h"

namespace tapedeck {

// Store and tape, made as the configuration says. Clock and log outlive them.

// The store's URL with the password of [store] secret put in; the URL as it is where none is named.
Result<StoreUrl> store_url_with_secret(const Settings& settings);

struct OpenedStore {
    std::unique_ptr<Store> store;
    SqliteStore* sqlite = nullptr;      // `store` itself
    PostgresStore* postgres = nullptr;  // `store` itself
};
enum class StoreUse {
    make,   // an SQLite file that is not there is made
    write,  // one that is not there is `rejected`
    look,   // the same, and only read: SqliteStore::open_looking
};
// What is done about a server's tables; a file's are brought up to date by whoever writes it.
// `unavailable` where a server does not answer, or not before a stop; the password of a server is
// read from its [secret] before each connection. `settings` may go first.
Result<OpenedStore> open_store(const Settings& settings, const Clock& clock, StoreUse use,
                               PostgresTables tables, std::stop_token stop = {});

// What whoever takes over would do to the tables that were left as they are, in sentences.
std::vector<std::string> pending_in(const OpenedStore& opened);

// How files beside the store are looked at: those who write them hold the lease. `store` must
// outlive what is opened so.
LookOptions look_beside(Store& store);

struct OpenedTape {
    std::unique_ptr<Tape> tape;
    SqliteTape* sqlite = nullptr;  // `tape` itself
    KafkaTape* kafka = nullptr;    // `tape` itself, or the one behind its spool
    SpoolTape* spool = nullptr;    // `tape` itself
};
enum class TapeUse {
    append,  // messages for brokers that are away wait in the spool
    load,    // reads; the brokers are asked with patience
    look,    // reads for a person who waits for the answer
};
// `store` is the one that was opened, in whose file an embedded tape may be; none beside Kafka.
// With `only_look`, a tape in a file is SqliteTape::open_looking's.
Result<OpenedTape> open_tape(const Settings& settings, const Clock& clock, Log& log, TapeUse use,
                             const OpenedStore& store, bool only_look);

}  // namespace tapedeck
