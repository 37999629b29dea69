#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace tapedeck {

struct HostPort {
    std::string host;  // a name, an address, or an absolute folder of a Unix socket
    std::uint16_t port = 0;
    friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "sqlite:PATH", relative to the working folder; "sqlite:///PATH" is absolute.
struct SqliteUrl {
    std::string path;
    friend bool operator==(const SqliteUrl&, const SqliteUrl&) = default;
};

// "postgresql://[user[:password]@][host[:port]][,…][/database][?sslmode=…]" as libpq has it
// (PostgreSQL 15 manual, 34.1.1.2), or pgJDBC's "jdbc:postgresql://…?user=…&password=…". What is
// left out is for libpq to find: PG* variables, the password file.
struct PostgresUrl {
    std::vector<HostPort> hosts;  // port 0: not given
    std::string user;
    Secret password;
    std::string database;
    std::map<std::string, std::string, std::less<>> options;  // libpq's names: sslmode, …
    friend bool operator==(const PostgresUrl&, const PostgresUrl&) = default;
};

struct StoreUrl {
    std::variant<SqliteUrl, PostgresUrl> target = SqliteUrl{"tapedeck.db"};
    friend bool operator==(const StoreUrl&, const StoreUrl&) = default;
};

// `malformed`: a sentence that follows the key's name, "must be …, not …", without the password.
Result<StoreUrl> parse_store_url(std::string_view text);

// The URL in its one canonical form, the password masked as ***.
std::string to_string(const StoreUrl& url);

// What libpq's PQconnectdb takes: the URI with the password.
Secret connection_string(const PostgresUrl& url);

struct EmbeddedUrl {  // "store:": the tape is a table of the store
    friend bool operator==(const EmbeddedUrl&, const EmbeddedUrl&) = default;
};
// "sqlite:PATH": an embedded tape in a file of its own, beside whatever store.
struct KafkaUrl {  // "kafka://host:9092,host:9092"
    std::vector<HostPort> brokers;
    friend bool operator==(const KafkaUrl&, const KafkaUrl&) = default;
};
struct TapeUrl {
    std::variant<EmbeddedUrl, SqliteUrl, KafkaUrl> target = EmbeddedUrl{};
    friend bool operator==(const TapeUrl&, const TapeUrl&) = default;
};

// As parse_store_url.
Result<TapeUrl> parse_tape_url(std::string_view text);
std::string to_string(const TapeUrl& url);

// "host:port,host:port", IPv6 addresses in brackets: librdkafka's bootstrap.servers.
std::string to_string(const std::vector<HostPort>& hosts);

}  // namespace tapedeck
