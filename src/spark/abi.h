#pragma once

/* libtapedeck_spark.so: loads messages into PostgreSQL, exactly once, for a program that has read
   them from Kafka by itself: an executor of Apache Spark (spark/app.py). This header is all that
   the library shows; it is plain C, and nothing of C++ passes it.

   Texts are UTF-8, JSON where said. A text that is given out is the caller's, to be given back by
   tapedeck_free. No text holds a password.

   Threads: a session may be used by one thread at a time; several sessions by as many. A process
   that forks opens its sessions afterwards. */

#include <stdint.h>

#include "arrow_c.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TAPEDECK_ABI_VERSION 1

#define TAPEDECK_API __attribute__((visibility("default")))

/* What a caller can do about it. */
enum tapedeck_status {
    TAPEDECK_OK = 0,
    TAPEDECK_UNAVAILABLE =
        1,                  /* the database is away, or somebody was faster: the same again later */
    TAPEDECK_MALFORMED = 2, /* the text of a configuration, or an array, cannot be read */
    TAPEDECK_REJECTED = 3,  /* understood and refused: a person has to decide */
    TAPEDECK_CONFLICT = 4,  /* the ledger stands below `from`: begin again at the ledger */
    TAPEDECK_CORRUPT = 5    /* what is stored contradicts itself */
};

struct tapedeck_session;

/* Of one call of tapedeck_load. */
struct tapedeck_counts {
    int64_t next; /* where the ledger stands now; also on TAPEDECK_CONFLICT */
    int64_t messages;
    int64_t rows;
    int64_t absorbed;     /* prices that were there already */
    int64_t duplicates;   /* the same slot with another price: kept beside */
    int64_t dead_letters; /* what could not be read, with its bytes */
    int64_t outcomes;
    int64_t batches; /* transactions */
    int64_t fenced;  /* how often somebody else turned out to have loaded */
};

/* TAPEDECK_ABI_VERSION of the library. */
TAPEDECK_API int32_t tapedeck_abi_version(void);

/* Opens the store. Its tables are checked, and never made or changed: `tapedeck check --migrate`
   does that. `configuration`, unknown keys refused:
     {"version": 1,
      "store": "postgresql://…" or "jdbc:postgresql://…",
      "user": "…", "password": "…",   absent: for libpq to find
      "tape": {"identity": "kafka:CLUSTER-ID", "place": "kafka://host:9092"},
      "topics": [{"topic": "coin_topic", "table": "coin_records", "form": "coin" or "stock"},
                 {"topic": "tapedeck_outcomes"}],
      "deployment": "…"       the store must be this one's; absent: any
      "loader": "…"           who loads, for people
      "log": "debug", "info", "warn" (else) or "error": events as lines on standard error
      "batch": {"bytes": n, "rows": n, "memory": n}   the most of one transaction
      "committers": 1 or 2 (else)                     transactions at once
      "give_up_after": n}     tries of one transaction, seconds apart; else 120 */
TAPEDECK_API int32_t tapedeck_open(const char* configuration, struct tapedeck_session** session,
                                   char** message);

/* For who begins to load: makes sure that these topics are this store's to load, decides where
   loading begins, and writes down what the broker has no longer. `facts`, unknown keys refused:
     {"partitions": [{"topic": "coin_topic", "partition": 0, "earliest": 0, "end": 120,
                      "ledger": 90,        as tapedeck_ledger gave it before the broker was asked
                      "last": {"offset": 88, "sha256": "…"},   of the value of the last message
                                           before that ledger, where one was looked for and found
                      "at_time": 17}],     where the time of "from" is, where one was given
      "from": ["coin_topic=2026-11-24T14:15:00Z", "start", "end"]}   as `tapedeck load --from`
   `answer`: {"partitions": [{"topic": …, "partition": 0, "ledger": 100, "start": 99}], "gaps": n}.
   Reading is to begin at `start`: at the ledger where `last` was given and is what was loaded last,
   else before it, so that tapedeck_load can compare. TAPEDECK_REJECTED where a topic was made anew,
   or a person has to choose. */
TAPEDECK_API int32_t tapedeck_begin(struct tapedeck_session* session, const char* facts,
                                    char** answer, char** message);

/* {"partitions": [{"topic": …, "partition": 0}, …]} gives {"partitions": [{"topic": …,
   "partition": 0, "ledger": 100}, …]}: the next offset to load of each. */
TAPEDECK_API int32_t tapedeck_ledger(struct tapedeck_session* session, const char* partitions,
                                     char** answer, char** message);

/* Loads the messages of one partition whose offsets are in [from, until), all of which `stream`
   gives, in order: columns topic (string), partition (int32), offset (int64), timestamp (timestamp,
   in microseconds), key and value (binary), in any order. What the ledger has passed is dropped;
   the rest is loaded in transactions each of which moves the ledger, and is on the disk on return,
   and the ledger stands at `until` or beyond. Offsets without a message are passed over. The stream
   is released in every case. */
TAPEDECK_API int32_t tapedeck_load(struct tapedeck_session* session, const char* topic,
                                   int32_t partition, int64_t from, int64_t until,
                                   struct ArrowArrayStream* stream, struct tapedeck_counts* counts,
                                   char** message);

/* The same for a single array, a struct of those columns. Both are released in every case; an empty
   range without a message is loaded by passing nulls. */
TAPEDECK_API int32_t tapedeck_load_array(struct tapedeck_session* session, const char* topic,
                                         int32_t partition, int64_t from, int64_t until,
                                         struct ArrowArray* array, struct ArrowSchema* schema,
                                         struct tapedeck_counts* counts, char** message);

TAPEDECK_API void tapedeck_close(struct tapedeck_session* session);
TAPEDECK_API void tapedeck_free(char* text);

#ifdef __cplusplus
}
#endif
