#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/postgres/postgres_connection.h"
#include "store/postgres/postgres_store.h"
#include "tests/servers/server.h"

namespace tapedeck {

inline constexpr Timestamp kTestStart{std::chrono::microseconds(1'764'000'000'000'000)};

// The server of this test program. It is started when it is first asked for, and ends with the
// program; every test makes a database of its own. It does not wait for its disk: what is durable
// is tried by killing it, which takes nothing back from the system's cache.
inline Server& postgres() {
    static Server server("postgres.py", {"--set", "fsync=off"});  // one for all: a start takes long
    return server;
}

inline PostgresUrl url_of(const Server& server, const std::string& database,
                          const std::string& user = "postgres") {
    PostgresUrl url;
    url.hosts = {{"127.0.0.1", static_cast<std::uint16_t>(server.number("port"))}};
    url.user = user;
    url.database = database;
    return url;
}

// A connection for looking and meddling from outside of the store.
class Outsider {
public:
    explicit Outsider(const PostgresUrl& url, const std::string& name = "outsider") {
        ConnectionSettings settings;
        settings.application_name = name;
        auto opened = PostgresConnection::open(url, settings);
        EXPECT_TRUE(opened) << opened.error().what;
        if (opened) connection_ = *std::move(opened);
    }
    PostgresConnection& connection() { return *connection_; }

    void execute(const std::string& sql) {
        const auto done = connection_->execute(sql);
        EXPECT_TRUE(done) << done.error().what << "\n" << sql;
    }

    // The answer's rows as the server writes them, columns apart by '|'.
    std::vector<std::string> rows(const std::string& sql) {
        std::vector<std::string> out;
        PGresult* result = nullptr;
        EXPECT_TRUE(connection_->send(sql));
        while (auto next = connection_->next()) {
            if (!*next) return out;
            result = next->get();
            for (int row = 0; row < PQntuples(result); ++row) {
                std::string line;
                for (int column = 0; column < PQnfields(result); ++column) {
                    if (column > 0) line += '|';
                    line += PQgetisnull(result, row, column) != 0 ? "null"
                                                                  : PQgetvalue(result, row, column);
                }
                out.push_back(line);
            }
        }
        ADD_FAILURE() << "failed: " << sql;
        return out;
    }
    std::string value(const std::string& sql) {
        const auto found = rows(sql);
        EXPECT_EQ(found.size(), 1U) << sql;
        return found.empty() ? "" : found.front();
    }

private:
    std::unique_ptr<PostgresConnection> connection_;
};

// A database that nobody has used yet.
inline PostgresUrl new_database(const Server& server = postgres()) {
    static int made = 0;  // one thread makes them
    const std::string name = "test_" + std::to_string(++made);
    Outsider admin(url_of(server, "postgres"));
    admin.execute("create database " + name);
    return url_of(server, name);
}

inline std::unique_ptr<PostgresStore> open_store(const PostgresUrl& url, const Clock& clock,
                                                 PostgresStoreOptions options = {}) {
    auto opened = PostgresStore::open(url, clock, std::move(options));
    EXPECT_TRUE(opened) << opened.error().what;
    return opened ? *std::move(opened) : nullptr;
}

// What pg_restore makes of a dump: a new database.
inline PostgresUrl restored(const std::string& path, const Server& server = postgres()) {
    const PostgresUrl url = new_database(server);
    const std::string command =
        "pg_restore --dbname='" + connection_string(url).reveal() + "' '" + path + "' >&2";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return url;
}

}  // namespace tapedeck
