// Decodes messages and loads them into PostgreSQL: what the loader of another machine, or a library
// inside another program, is made of. links_test.py reads what it needs.
#include <unistd.h>

#include <cstdio>
#include <variant>

#include "base/clock.h"
#include "config/urls.h"
#include "load/loader.h"
#include "store/postgres/postgres_store.h"
#include "tape/memory_tape.h"

using namespace tapedeck;

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const auto url = parse_store_url(argv[1]);
    if (!url || !std::holds_alternative<PostgresUrl>(url->target)) return 2;
    SystemClock clock;
    const auto store = PostgresStore::open(std::get<PostgresUrl>(url->target), clock);
    if (!store) {
        std::fprintf(stderr, "%s\n", store.error().what.c_str());
        return 1;
    }
    MemoryTape tape;
    Log log(STDERR_FILENO, LogFormat::text, Severity::info, clock);
    LoaderOptions options;
    options.topics = {{"coin_topic", PriceTable{"coin_records", RecordForm::coin}}};
    Loader loader(tape, **store, clock, log, std::move(options));
    return loader.run({}, true) ? 0 : 1;
}
