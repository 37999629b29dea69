#include "store/postgres/postgres_connect.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "base/system_fault.h"
#include "base/time.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestName = 63;

// How the library begins to speak of options that no server has seen.
constexpr std::array<std::string_view, 5> kMistakes = {
    "invalid ", "could not match ", "definition of service ", "syntax error in service ",
    "extra key/value"};

// One address to be tried. What is empty is for the library to find.
struct Target {
    std::string host;
    std::string address;
    std::string port;
};

struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using ConnectOptions = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::string option(const PQconninfoOption* options, std::string_view name) {
    for (const auto* one = options; one != nullptr && one->keyword != nullptr; ++one) {
        if (one->keyword == name) return one->val == nullptr ? "" : one->val;
    }
    return {};
}

std::vector<std::string> parts_of(const std::string& list) {
    std::vector<std::string> out;
    if (list.empty()) return out;
    std::size_t from = 0;
    for (std::size_t comma = 0; comma != list.npos; from = comma + 1) {
        comma = list.find(',', from);
        out.push_back(list.substr(from, comma == list.npos ? comma : comma - from));
    }
    return out;
}

// The addresses of a host by its name, which the system asks for as long as resolv.conf says.
void find_addresses(const std::string& host, const std::string& port, std::vector<Target>& out,
                    std::string& faults) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); code != 0) {
        faults += fmt::format("{}could not translate host name \"{}\" to address: {}",
                              faults.empty() ? "" : "; ", host, ::gai_strerror(code));
        return;
    }
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                          NI_NUMERICHOST) == 0) {
            out.push_back({host, text.data(), port});
        }
    }
    ::freeaddrinfo(found);
}

// What the URL, or where it says nothing the environment, names. Of a service the library alone
// knows the hosts, and tries them by itself.
Result<std::vector<Target>> targets_of(const std::string& conninfo, std::string& faults) {
    char* fault = nullptr;
    const ConnectOptions given(PQconninfoParse(conninfo.c_str(), &fault));
    if (!given) {
        const std::string text = fault == nullptr ? "out of memory" : words_of(fault, {});
        PQfreemem(fault);
        return Error{ErrorKind::rejected, text};
    }
    const ConnectOptions usual(PQconndefaults());
    const auto list = [&](std::string_view name) {
        const std::string own = option(given.get(), name);
        return parts_of(own.empty() ? option(usual.get(), name) : own);
    };
    const auto hosts = list("host");
    const auto addresses = list("hostaddr");
    auto ports = list("port");
    const std::size_t count = std::max(hosts.size(), addresses.size());
    const bool is_whole = (hosts.empty() || hosts.size() == count) &&
                          (addresses.empty() || addresses.size() == count) &&
                          (ports.size() <= 1 || ports.size() == count);
    const bool is_known = option(given.get(), "service").empty() && count > 0 && is_whole &&
                          std::ranges::find(hosts, "") == hosts.end();
    if (!is_known) return std::vector<Target>{{}};
    std::vector<Target> out;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string host = hosts.empty() ? "" : hosts[i];
        const std::string port = ports.empty() ? "" : ports[ports.size() == 1 ? 0 : i];
        const std::string usual_port = count > 1 && port.empty() ? "5432" : port;
        if (!addresses.empty() && !addresses[i].empty()) {
            out.push_back({host, addresses[i], usual_port});
        } else if (host.starts_with('/') || host.starts_with('@')) {
            out.push_back({host, {}, usual_port});
        } else {
            find_addresses(host, usual_port, out, faults);
        }
    }
    return out;
}

class Attempts {
public:
    Attempts(const std::string& conninfo, const std::string& password,
             const ConnectionSettings& settings)
        : conninfo_(conninfo), password_(password), settings_(settings), wakening_(settings.stop) {}

    // The first that will have us; `session` stands in place of target_session_attrs.
    Result<PostgresHandle> try_all(const std::vector<Target>& targets, const char* session) {
        for (const Target& target : targets) {
            if (left() <= 0ms) break;
            auto handle = try_one(target, session);
            if (handle || handle.error().kind == ErrorKind::rejected) return handle;
            add(handle.error().what);
        }
        return Error{ErrorKind::unavailable, faults_.empty() ? "there is no host" : faults_};
    }

    void add(const std::string& fault) {
        if (fault.empty()) return;
        if (!faults_.empty()) faults_ += "; ";
        faults_ += fault;
    }

private:
    // For the next address: after a stop there is one kLastPatience for all of them.
    std::chrono::milliseconds left() {
        if (!wakening_.is_requested()) return settings_.connect_timeout;
        const auto now = WaitLimit::SteadyClock::now();
        if (!stopped_) stopped_ = now;
        return std::min(
            settings_.connect_timeout,
            kLastPatience - std::chrono::floor<std::chrono::milliseconds>(now - *stopped_));
    }

    Result<PostgresHandle> try_one(const Target& target, const char* session) {
        PostgresHandle handle = begin(target, session);
        if (!handle) return Error{ErrorKind::unavailable, "connecting: out of memory"};
        if (PQstatus(handle.get()) == CONNECTION_BAD) return refused(handle.get());
        WaitLimit limit(std::max(1ms, left()), &wakening_);
        auto state = PGRES_POLLING_WRITING;
        while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
            const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
            if (limit.poll(PQsocket(handle.get()), events,
                           WaitLimit::SteadyClock::time_point::max())) {
                state = PQconnectPoll(handle.get());
            } else if (limit.is_over()) {
                return gave_up(handle.get(), target, limit.is_stopped());
            }
        }
        if (state != PGRES_POLLING_OK) return refused(handle.get());
        return handle;
    }

    PostgresHandle begin(const Target& target, const char* session) const {
        const std::string name = settings_.application_name.substr(0, kLongestName);
        // What stands before dbname is overridden by the URL, what stands after it is not; what is
        // empty is as if it were not there.
        const std::array<const char*, 12> names = {"keepalives_idle",
                                                   "keepalives_interval",
                                                   "keepalives_count",
                                                   "tcp_user_timeout",
                                                   "dbname",
                                                   "host",
                                                   "hostaddr",
                                                   "port",
                                                   "target_session_attrs",
                                                   "application_name",
                                                   "client_encoding",
                                                   nullptr};
        const std::array<const char*, 12> values = {"15",
                                                    "5",
                                                    "4",
                                                    "30000",
                                                    conninfo_.c_str(),
                                                    target.host.c_str(),
                                                    target.address.c_str(),
                                                    target.port.c_str(),
                                                    session,
                                                    name.c_str(),
                                                    "UTF8",
                                                    nullptr};
        return PostgresHandle(PQconnectStartParams(names.data(), values.data(), 1));
    }

    Error refused(PGconn* handle) const {
        std::string text = words_of(PQerrorMessage(handle), password_);
        const bool is_mistake = std::ranges::any_of(
            kMistakes, [&](std::string_view mistake) { return text.starts_with(mistake); });
        if (const auto missing = missing_descriptors()) text += ": " + *missing;
        return {is_mistake ? ErrorKind::rejected : ErrorKind::unavailable,
                text.empty() ? "connecting failed" : text};
    }

    Error gave_up(PGconn* handle, const Target& target, bool stopped) const {
        const std::string host = target.host.empty() ? target.address : target.host;
        const char* port = PQport(handle);
        return {ErrorKind::unavailable,
                fmt::format(
                    "connection to server at \"{}\"{}, port {} failed: {}", host,
                    target.address.empty() || target.address == host
                        ? ""
                        : fmt::format(" ({})", target.address),
                    port == nullptr ? "" : port,
                    stopped ? "no answer, and the program was asked to stop"
                            : "no answer within " + format_duration(settings_.connect_timeout))};
    }

    const std::string& conninfo_;
    const std::string& password_;
    const ConnectionSettings& settings_;
    const Wakening wakening_;
    std::optional<WaitLimit::SteadyClock::time_point> stopped_;
    std::string faults_;
};

}  // namespace

std::string words_of(const char* message, const std::string& password) {
    std::string out;
    for (const char c : std::string_view(message == nullptr ? "" : message)) {
        out += c == '\n' ? ' ' : c;
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    if (password.empty()) return out;
    for (std::size_t at = 0; (at = out.find(password, at)) != out.npos; at += 3) {
        out.replace(at, password.size(), "***");
    }
    return out;
}

Result<PostgresHandle> connect_to(const PostgresUrl& url, const ConnectionSettings& settings) {
    const Secret conninfo = connection_string(url);
    const std::string& password = url.password.reveal();
    Attempts attempts(conninfo.reveal(), password, settings);
    std::string unnamed;
    const auto targets = targets_of(conninfo.reveal(), unnamed);
    if (!targets) return targets.error();
    attempts.add(unnamed);
    const auto wanted = url.options.find("target_session_attrs");
    const bool prefers_standby = wanted != url.options.end() && wanted->second == "prefer-standby";
    // Of several hosts the first standby; each of them by itself would do as it is.
    if (!prefers_standby || targets->size() < 2) return attempts.try_all(*targets, "");
    auto standby = attempts.try_all(*targets, "standby");
    if (standby || standby.error().kind == ErrorKind::rejected) return standby;
    return attempts.try_all(*targets, "any");
}

}  // namespace tapedeck
