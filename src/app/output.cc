#include "app/output.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>

#include "base/harmless.h"
#include "base/system_fault.h"

namespace tapedeck {
namespace {

constexpr std::size_t kLongestLine = 4096;  // of talk, in signs

// The errno of the first write to standard output that failed. One for the process, as standard
// output is, so that no verb can forget to hand it on.
std::atomic<int> output_fault = 0;

std::size_t seen_width(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// A line of talk is cut where it is longer than anybody reads.
std::string with_short_lines(std::string_view text) {
    std::string out;
    std::size_t length = 0;  // of the line, in signs
    for (const char c : text) {
        if (c == '\n') length = 0;
        const bool begins_sign = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
        if (c != '\n' && begins_sign && ++length == kLongestLine + 1) out += "…";
        if (length <= kLongestLine) out += c;
    }
    return out;
}

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto wrote = ::write(fd, text.data(), text.size());
        if (wrote < 0 && errno != EINTR) return false;
        if (wrote > 0) text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

// A cell must not break the line it stands on.
std::string one_line(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '\n' || c == '\t' || c == '\r' ? ' ' : c;
    return out;
}

}  // namespace

Exit exit_of(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::unavailable:
            return Exit::unreachable;
        case ErrorKind::conflict:
            return Exit::busy;
        case ErrorKind::malformed:
        case ErrorKind::rejected:
        case ErrorKind::corrupt:
            return Exit::failed;
    }
    TAPEDECK_ASSERT(false);
}

const std::shared_ptr<Redactor>& known_secrets() {
    static const auto known = std::make_shared<Redactor>();
    return known;
}

std::string shown(std::string_view text) { return harmless(known_secrets()->clean(text)); }

Exit fail(const Error& error) { return fail(exit_of(error.kind), error.what); }

Exit fail(Exit exit, std::string_view what) {
    write_all(STDERR_FILENO, fmt::format("tapedeck: {}\n", with_short_lines(shown(what))));
    return exit;
}

bool on_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

int terminal_columns() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

int terminal_rows() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) return size.ws_row;
    return 24;
}

void Table::add(std::vector<std::string> cells) {
    TAPEDECK_ASSERT(cells.size() == columns_.size());
    for (std::string& cell : cells) cell = shown(one_line(cell));
    rows_.push_back(std::move(cells));
}

void Table::stream(std::vector<std::string> cells) {
    constexpr std::size_t kAtOnce = 1'000;
    add(std::move(cells));
    if (rows_.size() >= kAtOnce) print_rest();
}

void Table::print_rest() {
    if (rows_.empty()) return;
    if (!headed_) widths_ = widths();
    tapedeck::print(lines(on_terminal(), widths_));
    headed_ = true;
    rows_.clear();
}

std::vector<std::size_t> Table::widths() const {
    std::vector<std::size_t> widths;
    for (const Column& column : columns_) widths.push_back(seen_width(column.name));
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], seen_width(row[i]));
        }
    }
    return widths;
}

std::string Table::text(bool aligned) const { return lines(aligned, widths()); }

std::string Table::lines(bool aligned, const std::vector<std::size_t>& widths) const {
    std::string out;
    const auto add_line = [&](const auto& cell_of) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const std::string_view cell = cell_of(i);
            if (!aligned) {
                if (i > 0) line += '\t';
                line += cell;
                continue;
            }
            const std::size_t space = widths[i] - std::min(widths[i], seen_width(cell));
            if (i > 0) line += "  ";
            if (columns_[i].align == Align::right) line.append(space, ' ');
            line += cell;
            if (columns_[i].align == Align::left && i + 1 < columns_.size())
                line.append(space, ' ');
        }
        out += line;
        out += '\n';
    };
    if (!headed_) add_line([&](std::size_t i) -> std::string_view { return columns_[i].name; });
    for (const auto& row : rows_)
        add_line([&](std::size_t i) -> std::string_view { return row[i]; });
    return out;
}

void Table::print() const { tapedeck::print(text(on_terminal())); }

bool print(std::string_view text) {
    if (output_fault != 0) return false;
    if (!write_all(STDOUT_FILENO, shown(text))) output_fault = errno;
    return output_fault == 0;
}

Exit end_output(Exit exit, bool reader_may_leave) {
    // Some file systems tell only now that they have no room.
    if (::close(STDOUT_FILENO) != 0 && errno != EBADF && output_fault == 0) output_fault = errno;
    if (output_fault == 0) return exit;
    if (output_fault == EPIPE && reader_may_leave) {
        std::signal(SIGPIPE, SIG_DFL);
        std::raise(SIGPIPE);
    }
    return fail(Exit::failed,
                "cannot write the answer to standard output: " + system_fault(output_fault));
}

Progress::Progress(std::string what)
    : what_(std::move(what)), shown_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (shown_ && last_ >= 0) write_all(STDERR_FILENO, "\r\033[K");
}

void Progress::show(std::int64_t done, std::int64_t total) {
    if (!shown_ || total <= 0) return;
    const int percent = static_cast<int>(std::min<std::int64_t>(100, done * 100 / total));
    if (percent == last_) return;
    last_ = percent;
    std::string bar;
    for (int i = 0; i < 30; ++i) bar += i * 100 < percent * 30 ? "█" : "░";
    write_all(STDERR_FILENO,
              fmt::format("\r{} {} {:3}% ({}/{})\033[K", what_, bar, percent, done, total));
}

}  // namespace tapedeck
