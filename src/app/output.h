#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "base/redactor.h"
#include "base/result.h"
#include "base/time.h"

namespace tapedeck {

// Exit codes of every verb; docs in `tapedeck --help`.
enum class Exit {
    fine = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    found = 4,  // ran, and found something: gaps, differences
    busy = 5,
    unreachable = 6,  // store or source
};

// The exit code that an error of store, tape or source means.
Exit exit_of(ErrorKind kind);

// The secrets that nothing of this process shows: `print`, `fail`, tables and the log take them
// out, and the collector out of what it stores. One for the process, as its standard output is:
// what a verb forgets to pass on would be shown.
const std::shared_ptr<Redactor>& known_secrets();

// `text` as it may be shown: without known secrets, and harmless to a terminal (base/harmless.h).
// `print`, `fail` and tables do this by themselves.
std::string shown(std::string_view text);

// Prints "tapedeck: what" on stderr, as it may be shown and cut where a line is longer than anybody
// reads, and gives the exit code.
Exit fail(const Error& error);
Exit fail(Exit exit, std::string_view what);

// Whether stdout is a terminal, and how large it is (80 by 24 where unknown).
bool on_terminal();
int terminal_columns();
int terminal_rows();

enum class Align { left, right };
struct Column {
    std::string name;
    Align align = Align::left;
};

// Rows under headings: aligned on a terminal, tab-separated when piped. Widths count what is seen:
// code points of UTF-8.
class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    void add(std::vector<std::string> cells);
    std::string text(bool aligned) const;
    void print() const;  // on stdout
    bool empty() const { return rows_.empty() && !headed_; }

    // For answers that may be long: adds a row, and prints what is there from time to time. Columns
    // are as wide as the first thousand rows need. `print_rest` ends it.
    void stream(std::vector<std::string> cells);
    void print_rest();

private:
    std::vector<std::size_t> widths() const;
    std::string lines(bool aligned, const std::vector<std::size_t>& widths) const;

    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
    std::vector<std::size_t> widths_;  // of what was printed
    bool headed_ = false;              // the headings were printed
};

// Writes all of `text` to stdout; false where it cannot be written, now or before. What becomes of
// that is said once, by `end_output`: a verb need not look.
bool print(std::string_view text);

// For the end of the program. Where an answer could not be written the verb has failed, whatever it
// did: the fault is told, and 1 the exit code. Where the reader of a pipe has left, the process
// ends by SIGPIPE without a word, as its neighbours in the pipe do; `reader_may_leave` is false
// where whoever started it wants to hear of that instead.
Exit end_output(Exit exit, bool reader_may_leave);

// A bar on stderr for work that takes longer than a moment; silent where stderr is no terminal.
class Progress {
public:
    explicit Progress(std::string what);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void show(std::int64_t done, std::int64_t total);
    bool is_shown() const { return shown_; }

private:
    const std::string what_;
    const bool shown_;
    int last_ = -1;
};

}  // namespace tapedeck
