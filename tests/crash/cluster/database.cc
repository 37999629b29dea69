#include "tests/crash/cluster/database.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clear>;

bool is_fine(const Answer& answer) {
    const auto status = PQresultStatus(answer.get());
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

}  // namespace

ClusterDatabase::ClusterDatabase(std::string url) : url_(std::move(url)) { connect(); }

void ClusterDatabase::connect() {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    for (;;) {
        connection_.reset(PQconnectdb((url_ + "?application_name=accountant").c_str()));
        if (PQstatus(connection_.get()) == CONNECTION_OK) return;
        if (std::chrono::steady_clock::now() > deadline) {
            std::fprintf(stderr, "%s: %s", url_.c_str(), PQerrorMessage(connection_.get()));
            std::exit(1);
        }
        std::this_thread::sleep_for(50ms);
    }
}

std::vector<std::vector<std::string>> ClusterDatabase::rows(const std::string& sql) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    for (;;) {
        const Answer answer(PQexec(connection_.get(), sql.c_str()));
        if (is_fine(answer)) {
            std::vector<std::vector<std::string>> out;
            const int columns = PQnfields(answer.get());
            for (int row = 0; row < PQntuples(answer.get()); ++row) {
                auto& fields = out.emplace_back();
                for (int column = 0; column < columns; ++column) {
                    fields.emplace_back(PQgetvalue(answer.get(), row, column));
                }
            }
            return out;
        }
        if (PQstatus(connection_.get()) == CONNECTION_OK ||
            std::chrono::steady_clock::now() > deadline) {
            std::fprintf(stderr, "%s: %s", sql.c_str(), PQerrorMessage(connection_.get()));
            std::exit(1);
        }
        connect();
    }
}

std::string ClusterDatabase::value(const std::string& sql) {
    const auto found = rows(sql);
    return found.empty() ? std::string() : found.front().front();
}

std::int64_t ClusterDatabase::number(const std::string& sql) {
    return std::stoll("0" + value(sql));
}

void ClusterDatabase::run(const std::string& sql) { rows(sql); }

bool ClusterDatabase::try_run(const std::string& sql) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) connect();
    const Answer answer(PQexec(connection_.get(), sql.c_str()));
    return is_fine(answer);
}

}  // namespace tapedeck
