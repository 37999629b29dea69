// PostgreSQL's own speed: COPY BINARY of rows that are encoded already, and nothing else.
//
//   limit --file FILE --url URL --copy "copy … from stdin (format binary)" [--rows-at-once N]
//
// FILE is what `copy … to … (format binary)` wrote. Without --rows-at-once, one COPY of everything;
// with it, transactions of so many rows each. The file is read, and cut into transactions, before
// the clock starts. Answers with one line of JSON: rows, transactions, seconds.
#include <fcntl.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace {

constexpr std::size_t kHeader = 19;         // signature, flags, extension's length
constexpr std::size_t kAtOnce = 64 * 1024;  // bytes in one PQputCopyData
constexpr std::string_view kEnd{"\xff\xff", 2};

struct Release {
    void operator()(PGconn* link) const { PQfinish(link); }
    void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Release>;
using Answer = std::unique_ptr<PGresult, Release>;

void check(bool good, std::string_view what) {
    if (good) return;
    fmt::print(stderr, "limit: {}\n", what);
    std::exit(1);
}

std::string_view mapped(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about {};
    check(file >= 0 && ::fstat(file, &about) == 0, path);
    const auto size = static_cast<std::size_t>(about.st_size);
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    check(at != MAP_FAILED && size > kHeader, path);
    ::close(file);
    return {static_cast<const char*>(at), size};
}

std::uint32_t number_at(std::string_view text, std::size_t at, int bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < bytes; ++i) {
        value = value << 8 | static_cast<unsigned char>(text[at + static_cast<std::size_t>(i)]);
    }
    return value;
}

struct Part {
    std::string_view bytes;
    std::int64_t rows;
};

// Cuts the rows into parts of at most `rows_at_once`; 0 is one part.
std::vector<Part> cut(std::string_view file, std::int64_t rows_at_once) {
    std::vector<Part> parts;
    std::size_t at = kHeader;
    std::size_t begin = at;
    std::int64_t rows = 0;
    const auto close = [&] {
        if (rows > 0) parts.push_back({file.substr(begin, at - begin), rows});
        begin = at;
        rows = 0;
    };
    while (file.substr(at, 2) != kEnd) {
        const std::uint32_t fields = number_at(file, at, 2);
        at += 2;
        for (std::uint32_t field = 0; field < fields; ++field) {
            const std::uint32_t size = number_at(file, at, 4);
            at += 4 + (size == 0xFFFF'FFFFU ? 0 : size);
        }
        ++rows;
        if (rows == rows_at_once) close();
    }
    close();
    return parts;
}

void run(PGconn* link, const char* sql, ExecStatusType wanted) {
    const Answer answer(PQexec(link, sql));
    check(PQresultStatus(answer.get()) == wanted, PQerrorMessage(link));
}

void put(PGconn* link, std::string_view bytes) {
    while (!bytes.empty()) {
        const std::string_view part = bytes.substr(0, kAtOnce);
        check(PQputCopyData(link, part.data(), static_cast<int>(part.size())) == 1,
              PQerrorMessage(link));
        bytes.remove_prefix(part.size());
    }
}

void copy(PGconn* link, const std::string& sql, std::string_view header, std::string_view rows) {
    run(link, "begin", PGRES_COMMAND_OK);
    run(link, sql.c_str(), PGRES_COPY_IN);
    put(link, header);
    put(link, rows);
    put(link, kEnd);
    check(PQputCopyEnd(link, nullptr) == 1, PQerrorMessage(link));
    while (const Answer answer{PQgetResult(link)}) {
        check(PQresultStatus(answer.get()) == PGRES_COMMAND_OK, PQerrorMessage(link));
    }
    run(link, "commit", PGRES_COMMAND_OK);
}

}  // namespace

int main(int argc, char** argv) {
    std::string path, url, sql;
    std::int64_t rows_at_once = 0;
    CLI::App app("COPY BINARY of encoded rows.");
    app.add_option("--file", path)->required();
    app.add_option("--url", url)->required();
    app.add_option("--copy", sql)->required();
    app.add_option("--rows-at-once", rows_at_once)->check(CLI::NonNegativeNumber);
    CLI11_PARSE(app, argc, argv);
    const std::string_view file = mapped(path);
    const auto parts = cut(file, rows_at_once);
    const Connection link(PQconnectdb(url.c_str()));
    check(PQstatus(link.get()) == CONNECTION_OK, PQerrorMessage(link.get()));
    std::int64_t rows = 0;
    const auto began = std::chrono::steady_clock::now();
    for (const Part& part : parts) {
        copy(link.get(), sql, file.substr(0, kHeader), part.bytes);
        rows += part.rows;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    fmt::print("{{\"rows\":{},\"transactions\":{},\"seconds\":{:.3f}}}\n", rows, parts.size(),
               took.count());
    return 0;
}
