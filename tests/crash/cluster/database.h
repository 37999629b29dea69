#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

namespace tapedeck {

// A connection to PostgreSQL of the test's own, by libpq alone: what the store says of itself is
// compared with what another client sees. Named `accountant`, so that nobody takes it for one of
// tapedeck's. Ends the test program where the server does not answer within half a minute.
class ClusterDatabase {
public:
    explicit ClusterDatabase(std::string url);

    // One statement; its rows as texts, NULL as an empty one. A connection that broke is made anew,
    // and the statement run again.
    std::vector<std::vector<std::string>> rows(const std::string& sql);
    std::string value(const std::string& sql);  // of the first row
    std::int64_t number(const std::string& sql);
    void run(const std::string& sql);

    // True where it succeeded; never tried again.
    bool try_run(const std::string& sql);

private:
    struct Close {
        void operator()(PGconn* connection) const { PQfinish(connection); }
    };
    void connect();

    const std::string url_;
    std::unique_ptr<PGconn, Close> connection_;
};

}  // namespace tapedeck
