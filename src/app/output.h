#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

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

// Prints "tapedeck: what" on stderr and gives the exit code.
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

// Writes all of `text` to stdout; false (with a word on stderr) where it cannot be written.
bool print(std::string_view text);

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
