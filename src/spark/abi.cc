#include "spark/abi.h"

#include <cstring>
#include <exception>
#include <memory>
#include <string>

#include "base/json_writer.h"
#include "spark/arrow_chunks.h"
#include "spark/session.h"

// The edge: what is thrown below, by a library or for want of memory, becomes a status here.

struct tapedeck_session {
    std::unique_ptr<tapedeck::Session> session;
};

namespace tapedeck {
namespace {

char* copy_of(const std::string& text) {
    auto* copy = new char[text.size() + 1];
    std::memcpy(copy, text.c_str(), text.size() + 1);
    return copy;
}

std::int32_t status_of(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::unavailable:
            return TAPEDECK_UNAVAILABLE;
        case ErrorKind::malformed:
            return TAPEDECK_MALFORMED;
        case ErrorKind::rejected:
            return TAPEDECK_REJECTED;
        case ErrorKind::conflict:
            return TAPEDECK_CONFLICT;
        case ErrorKind::corrupt:
            return TAPEDECK_CORRUPT;
    }
    return TAPEDECK_CORRUPT;
}

std::int32_t failed(const Error& error, const tapedeck_session* session, char** message) {
    const bool has_session = session != nullptr && session->session != nullptr;
    if (message != nullptr) {
        *message = copy_of(has_session ? session->session->clean(error.what) : error.what);
    }
    return status_of(error.kind);
}

template <class Call>
std::int32_t at_the_edge(const tapedeck_session* session, char** message, const Call& call) {
    if (message != nullptr) *message = nullptr;
    try {
        const Result<> done = call();
        return done ? TAPEDECK_OK : failed(done.error(), session, message);
    } catch (const std::exception& thrown) {
        return failed({ErrorKind::unavailable, std::string("unexpected: ") + thrown.what()},
                      session, message);
    }
}

// A null is as good as an empty text: it is no JSON.
std::string_view text_of(const char* text) { return text == nullptr ? "" : text; }

void write_place(JsonWriter& json, const TopicPartition& at) {
    json.key("topic").text(at.topic).key("partition").number(at.partition.value());
}

std::string json_of(const Begun& begun) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("partitions").begin_array();
    for (const BegunPartition& one : begun.partitions) {
        json.begin_object();
        write_place(json, one.at);
        json.key("ledger").number(one.ledger.value());
        json.key("start").number(one.start.value()).end_object();
    }
    json.end_array().key("gaps").number(begun.gaps).end_object();
    return out;
}

std::string json_of(const std::vector<LedgerEntry>& ledger) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("partitions").begin_array();
    for (const LedgerEntry& entry : ledger) {
        json.begin_object();
        write_place(json, entry.at);
        json.key("ledger").number(entry.next.value()).end_object();
    }
    json.end_array().end_object();
    return out;
}

tapedeck_counts counts_of(const RangeLoaded& loaded) {
    const LoadSummary& counts = loaded.counts;
    return {loaded.next.value(), counts.messages,   counts.rows,
            counts.absorbed,     counts.duplicates, counts.dead_letters,
            counts.outcomes,     counts.batches,    counts.fenced};
}

Result<> load(Session& session, const LoadRange& range, ChunkSource& source,
              tapedeck_counts* counts) {
    tapedeck_counts out{};
    const auto loaded = session.load(range, source);
    if (loaded) out = counts_of(*loaded);
    if (!loaded && session.stopped_at()) out.next = session.stopped_at()->value();
    if (counts != nullptr) *counts = out;
    if (!loaded) return loaded.error();
    return {};
}

LoadRange range_of(const char* topic, std::int32_t partition, std::int64_t from,
                   std::int64_t until) {
    return {{std::string(text_of(topic)), Partition(partition)}, Offset(from), Offset(until)};
}

Result<> check_range(const LoadRange& range) {
    if (range.from >= Offset(0) && range.from <= range.until) return {};
    return Error{ErrorKind::malformed, "the range does not go from one offset to a later one"};
}

}  // namespace
}  // namespace tapedeck

using namespace tapedeck;

extern "C" {

std::int32_t tapedeck_abi_version(void) { return TAPEDECK_ABI_VERSION; }

std::int32_t tapedeck_open(const char* configuration, tapedeck_session** session, char** message) {
    return at_the_edge(nullptr, message, [&]() -> Result<> {
        *session = nullptr;
        auto config = parse_session_config(text_of(configuration));
        if (!config) return config.error();
        auto opened = Session::open(*std::move(config));
        if (!opened) return opened.error();
        *session = new tapedeck_session{*std::move(opened)};
        return {};
    });
}

std::int32_t tapedeck_begin(tapedeck_session* session, const char* facts, char** answer,
                            char** message) {
    return at_the_edge(session, message, [&]() -> Result<> {
        *answer = nullptr;
        const auto told = parse_tape_facts(text_of(facts));
        if (!told) return told.error();
        const auto begun = session->session->begin(*told);
        if (!begun) return begun.error();
        *answer = copy_of(json_of(*begun));
        return {};
    });
}

std::int32_t tapedeck_ledger(tapedeck_session* session, const char* partitions, char** answer,
                             char** message) {
    return at_the_edge(session, message, [&]() -> Result<> {
        *answer = nullptr;
        const auto asked = parse_partitions(text_of(partitions));
        if (!asked) return asked.error();
        const auto ledger = session->session->ledger(*asked);
        if (!ledger) return ledger.error();
        *answer = copy_of(json_of(*ledger));
        return {};
    });
}

std::int32_t tapedeck_load(tapedeck_session* session, const char* topic, std::int32_t partition,
                           std::int64_t from, std::int64_t until, ArrowArrayStream* stream,
                           tapedeck_counts* counts, char** message) {
    return at_the_edge(session, message, [&]() -> Result<> {
        ArrowChunks source(stream);
        const LoadRange range = range_of(topic, partition, from, until);
        if (auto valid = check_range(range); !valid) return valid;
        return load(*session->session, range, source, counts);
    });
}

std::int32_t tapedeck_load_array(tapedeck_session* session, const char* topic,
                                 std::int32_t partition, std::int64_t from, std::int64_t until,
                                 ArrowArray* array, ArrowSchema* schema, tapedeck_counts* counts,
                                 char** message) {
    return at_the_edge(session, message, [&]() -> Result<> {
        ArrowChunks source(array, schema);
        const LoadRange range = range_of(topic, partition, from, until);
        if (auto valid = check_range(range); !valid) return valid;
        return load(*session->session, range, source, counts);
    });
}

void tapedeck_close(tapedeck_session* session) {
    delete session;  // given out by tapedeck_open
}

void tapedeck_free(char* text) { delete[] text; }

}  // extern "C"
