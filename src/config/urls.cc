#include "config/urls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/ascii.h"
#include "base/url_text.h"

#include "config/nearest.h"

namespace tapedeck {
namespace {

constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kPostgres = "postgresql://";
constexpr std::string_view kJdbc = "jdbc:postgresql:";

// What libpq 15 takes after the question mark and we see no reason to refuse.
const std::vector<std::string>& known_options() {
    static const std::vector<std::string> known{"sslmode",          "sslrootcert",
                                                "sslcert",          "sslkey",
                                                "sslcrl",           "channel_binding",
                                                "connect_timeout",  "target_session_attrs",
                                                "passfile",         "service",
                                                "gssencmode",       "keepalives",
                                                "keepalives_idle",  "keepalives_interval",
                                                "keepalives_count", "tcp_user_timeout",
                                                "options",          "krbsrvname",
                                                "hostaddr",         "ssl_min_protocol_version"};
    return known;
}

Error wrong(std::string what) { return {ErrorKind::malformed, std::move(what)}; }

Result<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low < 0 || (high == 0 && low == 0)) return wrong("has a bad % sequence");
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') ||
                           std::string_view("-._~").find(c) != std::string_view::npos;
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (fault != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

// One "host:port", "[v6]:port" or "host".
Result<HostPort> parse_host(std::string_view text) {
    HostPort out;
    std::string_view rest;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == text.npos) return wrong(fmt::format("has '[' without ']' in '{}'", text));
        out.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
    } else {
        const std::size_t colon = text.find(':');
        auto host = percent_decoded(text.substr(0, colon));
        if (!host) return host.error();
        out.host = *std::move(host);
        rest = colon == text.npos ? std::string_view() : text.substr(colon);
    }
    if (rest.empty()) return out;
    const auto port = rest.front() == ':' ? port_of(rest.substr(1)) : std::nullopt;
    if (!port) return wrong(fmt::format("has a bad port in '{}'", text));
    out.port = *port;
    return out;
}

Result<std::vector<HostPort>> parse_hosts(std::string_view text) {
    std::vector<HostPort> hosts;
    while (true) {
        const std::size_t comma = text.find(',');
        auto host = parse_host(text.substr(0, comma));
        if (!host) return host.error();
        hosts.push_back(*std::move(host));
        if (comma == text.npos) return hosts;
        text.remove_prefix(comma + 1);
    }
}

// pgJDBC's names, where they differ from libpq's (jdbc.postgresql.org, "Connection parameters").
std::string libpq_name(std::string_view name) {
    if (name == "connectTimeout") return "connect_timeout";
    if (name == "channelBinding") return "channel_binding";
    if (name == "gssEncMode") return "gssencmode";
    return std::string(name);
}

Result<> take_option(PostgresUrl& url, std::string_view pair, bool jdbc) {
    const std::size_t equals = pair.find('=');
    const auto name = percent_decoded(pair.substr(0, equals));
    const auto value =
        percent_decoded(equals == pair.npos ? std::string_view() : pair.substr(equals + 1));
    if (!name || !value) return wrong("has a bad % sequence");
    if (*name == "user") {
        url.user = *value;
    } else if (*name == "password") {
        url.password = Secret(*value);
    } else if (jdbc && *name == "ssl") {
        // ssl=true is verify-full in pgJDBC 42.2.5 and later.
        if (*value == "true" || value->empty()) url.options.emplace("sslmode", "verify-full");
    } else if (jdbc && *name == "currentSchema") {
        url.options["options"] = "-csearch_path=" + *value;
    } else if (*name == "application_name" || *name == "ApplicationName") {
        return wrong(fmt::format("must not have {}: tapedeck sets it, to know its own", *name));
    } else {
        const std::string known = jdbc ? libpq_name(*name) : *name;
        const auto& all = known_options();
        if (std::find(all.begin(), all.end(), known) == all.end()) {
            return wrong(
                fmt::format("has {}, which is no known option{}", *name, did_you_mean(*name, all)));
        }
        url.options[known] = *value;
    }
    return {};
}

Result<StoreUrl> parse_postgres(std::string_view rest, bool jdbc) {
    PostgresUrl url;
    const std::size_t question = rest.find('?');
    std::string_view query = question == rest.npos ? std::string_view() : rest.substr(question + 1);
    rest = rest.substr(0, question);
    const std::size_t slash = rest.find('/');
    const auto database =
        percent_decoded(slash == rest.npos ? std::string_view() : rest.substr(slash + 1));
    if (!database) return database.error();
    url.database = *database;
    std::string_view hosts = rest.substr(0, slash);
    if (hosts.find('@') == hosts.npos &&
        (database->find('@') != std::string::npos || (!jdbc && query.find('@') != query.npos))) {
        // Refused before anything of it is shown: what stands before the slash is secret.
        return wrong("has an @ after / or ?: in a password write / as %2F and ? as %3F");
    }
    if (const std::size_t at = hosts.rfind('@'); at != hosts.npos) {
        const std::string_view login = hosts.substr(0, at);
        hosts.remove_prefix(at + 1);
        const std::size_t colon = login.find(':');
        const auto user = percent_decoded(login.substr(0, colon));
        const auto password =
            percent_decoded(colon == login.npos ? std::string_view() : login.substr(colon + 1));
        if (!user || !password) return wrong("has a bad % sequence before the @");
        url.user = *user;
        url.password = Secret(*password);
    }
    if (!hosts.empty()) {
        auto parsed = parse_hosts(hosts);
        if (!parsed) return parsed.error();
        url.hosts = *std::move(parsed);
    }
    while (!query.empty()) {
        const std::size_t ampersand = query.find('&');
        if (auto taken = take_option(url, query.substr(0, ampersand), jdbc); !taken) {
            return taken.error();
        }
        query = ampersand == query.npos ? std::string_view() : query.substr(ampersand + 1);
    }
    return StoreUrl{std::move(url)};
}

Result<SqliteUrl> parse_sqlite(std::string_view text) {
    std::string_view path = text.substr(kSqlite.size());
    if (path.starts_with("///")) path.remove_prefix(2);
    if (path.starts_with("//")) {
        return wrong(
            fmt::format("must be sqlite:PATH or sqlite:///PATH, not \"{}\"", shown_url(text)));
    }
    if (path.empty() || path == ":memory:" || path.find('\0') != path.npos) {
        return wrong(fmt::format("must name a file: sqlite:PATH, not \"{}\"", text));
    }
    return SqliteUrl{std::string(path)};
}

std::string written_url(const PostgresUrl& url, const std::string& password) {
    std::string out(kPostgres);
    if (!url.user.empty() || !password.empty()) {
        out += percent_encoded(url.user);
        if (!password.empty()) out += ":" + password;
        out += '@';
    }
    for (std::size_t i = 0; i < url.hosts.size(); ++i) {
        const HostPort& host = url.hosts[i];
        if (i > 0) out += ',';
        out += host.host.find(':') != host.host.npos ? "[" + host.host + "]"
                                                     : percent_encoded(host.host);
        if (host.port != 0) out += fmt::format(":{}", host.port);
    }
    if (!url.database.empty()) out += "/" + percent_encoded(url.database);
    char separator = '?';
    for (const auto& [name, value] : url.options) {
        out += fmt::format("{}{}={}", separator, name, percent_encoded(value));
        separator = '&';
    }
    return out;
}

}  // namespace

Result<StoreUrl> parse_store_url(std::string_view text) {
    if (text.starts_with(kSqlite)) {
        auto sqlite = parse_sqlite(text);
        if (!sqlite) return sqlite.error();
        return StoreUrl{*std::move(sqlite)};
    }
    if (text.starts_with(kPostgres)) return parse_postgres(text.substr(kPostgres.size()), false);
    if (text.starts_with("postgres://")) return parse_postgres(text.substr(11), false);
    if (text.starts_with(kJdbc)) {
        std::string_view rest = text.substr(kJdbc.size());
        if (rest.starts_with("//")) return parse_postgres(rest.substr(2), true);
        return parse_postgres("/" + std::string(rest), true);  // jdbc:postgresql:database
    }
    // The text may hold a password, so only what stands before its colon is shown.
    const std::size_t colon = text.find(':');
    const std::string seen = colon == text.npos || colon > 20
                                 ? std::string()
                                 : fmt::format(", not \"{}:\"", text.substr(0, colon));
    return wrong("must begin with sqlite:, postgresql:// or jdbc:postgresql://" + seen);
}

std::string to_string(const StoreUrl& url) {
    if (const auto* sqlite = std::get_if<SqliteUrl>(&url.target)) return "sqlite:" + sqlite->path;
    const auto& postgres = std::get<PostgresUrl>(url.target);
    return written_url(postgres, std::string(to_string(postgres.password)));
}

Secret connection_string(const PostgresUrl& url) {
    return Secret(written_url(url, percent_encoded(url.password.reveal())));
}

Result<TapeUrl> parse_tape_url(std::string_view text) {
    constexpr std::string_view kKafka = "kafka://";
    if (text == "store:") return TapeUrl{};
    if (text.starts_with(kSqlite)) {
        auto sqlite = parse_sqlite(text);
        if (!sqlite) return sqlite.error();
        return TapeUrl{*std::move(sqlite)};
    }
    if (text.find('@') != text.npos) {
        return wrong("must be kafka://HOST:PORT without user or password");
    }
    if (!text.starts_with(kKafka)) {
        return wrong(
            fmt::format("must be store:, sqlite:PATH or kafka://HOST:PORT, not \"{}\"", text));
    }
    std::string_view rest = text.substr(kKafka.size());
    if (rest.ends_with('/')) rest.remove_suffix(1);
    auto brokers = parse_hosts(rest);
    if (!brokers) return brokers.error();
    for (HostPort& broker : *brokers) {
        if (broker.host.empty() || broker.host.find_first_of("@/? ") != std::string::npos) {
            return wrong(fmt::format("must be kafka://HOST:PORT,…, not \"{}\"", text));
        }
        if (broker.port == 0) broker.port = 9092;
    }
    return TapeUrl{KafkaUrl{*std::move(brokers)}};
}

std::string to_string(const TapeUrl& url) {
    if (const auto* sqlite = std::get_if<SqliteUrl>(&url.target)) return "sqlite:" + sqlite->path;
    const auto* kafka = std::get_if<KafkaUrl>(&url.target);
    return kafka == nullptr ? "store:" : "kafka://" + to_string(kafka->brokers);
}

std::string to_string(const std::vector<HostPort>& hosts) {
    std::string out;
    for (const HostPort& host : hosts) {
        if (!out.empty()) out += ',';
        out += host.host.find(':') != std::string::npos ? "[" + host.host + "]" : host.host;
        if (host.port != 0) out += fmt::format(":{}", host.port);
    }
    return out;
}

}  // namespace tapedeck
