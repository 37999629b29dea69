#pragma once

#include <memory>

#include "config/settings.h"
#include "events/log.h"
#include "store/store.h"
#include "tape/kafka_options.h"
#include "tape/kafka_tape.h"
#include "tape/spool_tape.h"
#include "tape/sqlite_file.h"

namespace tapedeck {

// Store and tape, made as the configuration says. Clock and log outlive them.

bool is_kafka(const Settings& settings);

// Passwords are read from their [secret] now. `rejected` names the one that is not there.
Result<KafkaOptions> kafka_options(const Settings& settings);

// Who commits, who asks: shown in `batches` and to the servers. "tapedeck HOST:PID".
std::string process_name();

struct OpenedStore {
    std::unique_ptr<Store> store;
    std::shared_ptr<WriteGate> gate;  // shared: with an embedded tape in the same file; may be none
};
// With `must_exist`, an SQLite file that is not there is `rejected` and not made.
// `unavailable` where a server does not answer.
Result<OpenedStore> open_store(const Settings& settings, const Clock& clock, bool must_exist);

struct OpenedTape {
    std::unique_ptr<Tape> tape;
    KafkaTape* kafka = nullptr;  // `tape` itself, or the one behind its spool
    SpoolTape* spool = nullptr;  // `tape` itself
};
enum class TapeUse {
    append,  // messages for brokers that are away wait in the spool
    load,    // reads; the brokers are asked with patience
    look,    // reads for a person who waits for the answer
};
Result<OpenedTape> open_tape(const Settings& settings, const Clock& clock, Log& log, TapeUse use,
                             std::shared_ptr<WriteGate> gate);

}  // namespace tapedeck
