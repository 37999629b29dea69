#pragma once

#include <deque>
#include <string>

#include "app/assembly.h"
#include "base/mutex.h"

namespace tapedeck {

// The state of every instrument as text for a terminal: last price, change since the one before,
// when and where it was seen, how the last day's slots went; then the problems that are open.
// Reads the store.
Result<std::string> live_table(Assembly& assembly, const std::map<std::string, Feed>& feeds,
                               const std::string& title);

// `table` over `notices`, each line cut to `columns` and all of it to `rows`: where it is longer,
// the end of the table is left out, and a line says how much.
std::string fitted(const std::string& table, const std::deque<std::string>& notices, int rows,
                   int columns);

// Shows texts in place of one another on the terminal, by ANSI escape sequences (ECMA-48).
class LiveScreen {
public:
    static constexpr std::size_t kNotices = 3;

    void show(std::string table);

    // Takes the recorder's log: the last lines stand beneath the table, but for those that the
    // table itself tells. Any thread.
    Log::Sink sink();
    void notice(std::string_view line);

private:
    void draw() TAPEDECK_REQUIRES(mutex_);

    Mutex mutex_;
    std::string table_ TAPEDECK_GUARDED_BY(mutex_);
    std::deque<std::string> notices_ TAPEDECK_GUARDED_BY(mutex_);
    int lines_ TAPEDECK_GUARDED_BY(mutex_) = 0;
};

}  // namespace tapedeck
