#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "coverage/coverage.h"
#include "store/postgres/postgres_store.h"
#include "tape/kafka/kafka_tape.h"
#include "tests/crash/cluster/comparison.h"
#include "tests/crash/cluster/database.h"
#include "tests/crash/cluster/loader_process.h"
#include "tests/crash/cluster/producer.h"
#include "tests/servers/server.h"

namespace tapedeck {

// The servers of this test program, started when first asked for. Clients reach each of them by
// `address` and, where a test wants to spoil the way, through toxiproxy.
class Servers {
public:
    Servers();

    Server& kafka() { return kafka_; }
    Server& postgres() { return postgres_; }
    std::string proxied_kafka() const { return "127.0.0.1:" + std::to_string(kafka_proxy_); }
    int proxied_postgres() const { return postgres_proxy_; }
    int second_postgres() const { return second_postgres_proxy_; }

    // Of toxiproxy.py: cut, mend, toxic, heal. `name`: kafka, postgres or second (another way to
    // the same PostgreSQL, cut off at first).
    void proxy(const std::string& verb, const std::string& name,
               const std::vector<std::string>& arguments = {});

private:
    Server toxiproxy_;
    const int kafka_proxy_;
    Server kafka_;
    Server postgres_;
    int postgres_proxy_ = 0;
    int second_postgres_proxy_ = 0;
};
Servers& servers();

bool is_long();  // TAPEDECK_LONG is set

// How a test's world is made, where it needs other than the usual.
struct Plan {
    TrafficShape shape;
    bool is_kafka_proxied = false;  // for producer and loaders
    std::string tablespace;         // of the database; empty: the usual one
    int batch_rows = 0;             // of the loaders; 0: the usual
};

// A database and topics of its own, with a producer and loaders. Each test prints its seed;
// TAPEDECK_SEED repeats one.
class Cluster : public ::testing::Test {
protected:
    Cluster();
    ~Cluster() override;

    // Makes it all; before anything else.
    void prepare(const Plan& plan = {});

    // The program and arguments of one loader; `store` is the URL where it is not the usual one.
    std::vector<std::string> loader_command(bool until_end = false, const std::string& store = "");
    void start_loaders(int count, const std::string& store = "");
    LoaderProcess& start_loader(const std::string& store = "");
    // Runs a loader until the end of the tape; its exit code and what it said.
    std::pair<int, std::string> load_until_end();

    // Waits until `done`, at most `limit`; false then, or where a loader has ended by itself.
    bool wait_until(const std::function<bool()>& done,
                    std::chrono::seconds limit = std::chrono::seconds(60));
    // Waits until as many messages more are loaded.
    bool wait_for_progress(std::int64_t messages = 1,
                           std::chrono::seconds limit = std::chrono::seconds(60));
    std::int64_t loaded();  // messages, by the ledger

    // Ends the producer, lets the loaders drain the tape, ends them, compares everything one to
    // one, and asks the coverage ledger for its own opinion.
    void finish(const std::vector<Lost>& lost = {});
    // Waits until all that the tape holds at this moment is loaded.
    bool catch_up(std::chrono::seconds limit = std::chrono::seconds(120));
    void check_rows(const std::vector<Lost>& lost = {});
    void check_coverage(const std::vector<Lost>& lost = {});

    // Drops the database before the end of the test.
    void drop_database();

    std::string said() const;  // by all loaders
    std::uint64_t random(std::uint64_t below) { return random_() % below; }
    std::chrono::milliseconds moment(int from_ms, int to_ms);
    std::string url(std::int64_t port) const;
    ClusterDatabase& database() { return *database_; }
    Traffic& traffic() { return *traffic_; }
    Producer& producer() { return *producer_; }
    Tape& tape() { return *tape_; }
    std::string brokers() const;
    std::vector<std::string> topics() const;
    std::string coin_topic() const { return name_ + "_coin"; }
    std::string stock_topic() const { return name_ + "_stock"; }

    std::vector<std::unique_ptr<LoaderProcess>> loaders_;

private:
    std::map<std::string, std::int64_t> without_row(const std::vector<Lost>& lost) const;

    const std::uint64_t seed_;
    std::mt19937_64 random_;
    const int number_;  // of the test in this program
    const std::string name_;
    const std::string database_name_;
    const TempFolder folder_;
    int started_ = 0;  // loaders
    Plan plan_;
    Ends since_;
    std::unique_ptr<ClusterDatabase> database_;
    std::unique_ptr<KafkaTape> tape_;
    std::unique_ptr<KafkaTape> sending_;  // the producer's, perhaps through the proxy
    std::unique_ptr<Traffic> traffic_;
    std::unique_ptr<Producer> producer_;
};

}  // namespace tapedeck
