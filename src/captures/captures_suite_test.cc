#include "tests/conformance/captures_suite.h"

#include "captures/memory_captures.h"
#include "captures/sqlite/sqlite_captures.h"
#include "tests/conformance/temp_folder.h"

namespace tapedeck {
namespace {

struct InMemory {
    static constexpr bool kDurable = false;
    explicit InMemory(const Clock& clock) : kept(clock) {}
    Captures& captures() { return kept; }
    void reopen() {}

    MemoryCaptures kept;
};

struct InAFile {
    static constexpr bool kDurable = true;
    explicit InAFile(const Clock& told) : clock(told) { reopen(); }
    Captures& captures() { return *kept; }
    void reopen() {
        kept.reset();
        auto opened = SqliteCaptures::open(folder.file("captures.db"), clock);
        if (opened) kept = *std::move(opened);
    }

    const Clock& clock;
    TempFolder folder;
    std::unique_ptr<SqliteCaptures> kept;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, CapturesSuite, InMemory);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, CapturesSuite, InAFile);

}  // namespace
}  // namespace tapedeck
