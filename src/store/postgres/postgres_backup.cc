#include "store/postgres/postgres_backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/child_environment.h"
#include "base/part_file.h"

namespace tapedeck {
namespace {

constexpr int kNoProgram = 127;  // as a shell has it

// What libpq looks for: its own variables, Kerberos' and the password.
std::vector<std::string> environment_with(const Secret& password) {
    const std::vector<std::string> also{"PG*", "KRB5*"};
    std::vector<std::string> out = child_environment(also);
    if (!password.empty()) {
        std::erase_if(out, [](const std::string& text) { return text.starts_with("PGPASSWORD="); });
    }
    if (!password.empty()) out.push_back("PGPASSWORD=" + password.reveal());
    // What it says is looked at.
    std::erase_if(out, [](const std::string& text) { return text.starts_with("LC_ALL="); });
    out.emplace_back("LC_ALL=C");
    return out;
}

struct Child {
    pid_t pid = -1;
    int errors = -1;  // what it writes to standard error
};

Result<Child> start(std::vector<std::string> command, std::vector<std::string> environment) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return system_error(command[0], "starting");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDERR_FILENO);
#if __GLIBC_PREREQ(2, 34)  // the library for Spark is built for older ones, and makes no backups
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
#endif
    Child child;
    const int code = ::posix_spawnp(&child.pid, command[0].c_str(), &actions, nullptr,
                                    pointers_to(command).data(), pointers_to(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe[1]);
    if (code != 0) {
        ::close(pipe[0]);
        if (code == ENOENT) {
            return Error{ErrorKind::rejected,
                         command[0] + " is not installed here (Debian: postgresql-client)"};
        }
        errno = code;
        return system_error(command[0], "starting");
    }
    child.errors = pipe[0];
    return child;
}

// Reads the child's talk to its end, and gives each line to `line`.
void read_lines(int fd, const std::function<void(std::string_view)>& line) {
    std::string text;
    std::array<char, 4096> piece{};
    for (;;) {
        const ssize_t got = ::read(fd, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        text.append(piece.data(), static_cast<std::size_t>(got));
        std::size_t end = 0;
        while ((end = text.find('\n')) != text.npos) {
            line(std::string_view(text).substr(0, end));
            text.erase(0, end + 1);
        }
    }
    if (!text.empty()) line(text);
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// What the program said of itself, with the kind that its words mean.
Error failure_of(std::string_view program, int code, const std::string& said) {
    if (code == kNoProgram) {
        return {ErrorKind::rejected, fmt::format("{} cannot be started", program)};
    }
    const bool away = said.find("connection to server") != said.npos ||
                      said.find("server closed the connection") != said.npos ||
                      said.find("terminating connection") != said.npos;
    return {away ? ErrorKind::unavailable : ErrorKind::rejected,
            fmt::format("{} ended with {}: {}", program, code, said)};
}

void keep_errors(std::string_view line, std::string& said) {
    if (line.find("error:") == line.npos && line.find("detail:") == line.npos) return;
    said += (said.empty() ? "" : "; ") + std::string(line);
}

}  // namespace

Result<> dump_database(const PostgresUrl& url, const std::string& path, int tables,
                       const std::function<void(int percent)>& progress) {
    std::error_code failed;
    if (std::filesystem::exists(path, failed)) {
        return Error{ErrorKind::rejected, path + ": exists already"};
    }
    const PartFile part(path);
    PostgresUrl shown = url;
    shown.password = Secret();
    progress(0);
    auto child = start({"pg_dump", "--verbose", "--no-password", "--format=custom",
                        "--file=" + part.path(), "--dbname=" + connection_string(shown).reveal()},
                       environment_with(url.password));
    if (!child) return child.error();
    int dumped = 0;
    int told = 0;
    std::string last;
    read_lines(child->errors, [&](std::string_view line) {
        keep_errors(line, last);
        if (line.find("dumping contents of table") == line.npos) return;
        const int percent = std::min(98, ++dumped * 98 / std::max(1, tables));
        if (percent > told) progress(told = percent);
    });
    ::close(child->errors);
    const int code = wait_for(child->pid);
    if (code != 0) return failure_of("pg_dump", code, last);
    if (auto synced = sync_path(part.path()); !synced) return synced;
    // Unlike rename, link refuses a name that is taken.
    if (::link(part.path().c_str(), path.c_str()) != 0) {
        if (errno == EEXIST) return Error{ErrorKind::rejected, path + ": exists already"};
        if (::rename(part.path().c_str(), path.c_str()) != 0) {
            return system_error(path, "naming the dump");
        }
    }
    const auto folder = std::filesystem::absolute(path, failed).parent_path().string();
    if (auto synced = sync_path(folder); !synced) return synced;
    progress(100);
    return {};
}

Result<> restore_database(const PostgresUrl& url, const std::string& path) {
    PostgresUrl shown = url;
    shown.password = Secret();
    auto child =
        start({"pg_restore", "--no-password", "--no-owner", "--exit-on-error",
               "--single-transaction", "--dbname=" + connection_string(shown).reveal(), path},
              environment_with(url.password));
    if (!child) return child.error();
    std::string said;
    read_lines(child->errors, [&](std::string_view line) { keep_errors(line, said); });
    ::close(child->errors);
    const int code = wait_for(child->pid);
    if (code != 0) return failure_of("pg_restore", code, said);
    return {};
}

}  // namespace tapedeck
