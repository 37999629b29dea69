#include "tests/crash/cluster/cluster.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include "coverage/audit.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;

constexpr int kPartitions = 3;

int free_port() {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    TAPEDECK_ASSERT(bind(probe, generic, size) == 0 && getsockname(probe, generic, &size) == 0);
    close(probe);
    return ntohs(address.sin_port);
}

std::uint64_t seed_of_run() {
    const char* asked = std::getenv("TAPEDECK_SEED");
    return asked != nullptr ? std::strtoull(asked, nullptr, 10) : std::random_device()();
}

KafkaOptions kafka_options(const std::string& brokers) {
    KafkaOptions options;
    options.brokers = brokers;
    options.retention = std::chrono::milliseconds(-1);  // the observations are of another day
    options.message_timeout = 10s;  // a cut connection shows as an unanswered send within a test
    return options;
}

// The topics that a test uses, and the days of its slots, are its own.
int next_test() {
    static int count = 0;
    return count++;
}

std::string tail_of(const std::string& text) {
    constexpr std::size_t kMost = 4'000;
    return text.size() <= kMost ? text : "…" + text.substr(text.size() - kMost);
}

}  // namespace

Servers::Servers()
    : toxiproxy_("toxiproxy.py"),
      kafka_proxy_(free_port()),
      kafka_("kafka.py", {"--proxied-port", std::to_string(kafka_proxy_)}),
      postgres_("postgres.py", {"--set", "max_connections=60", "--set", "checkpoint_timeout=30min",
                                "--set", "max_wal_size=4GB"}) {
    const auto add = [&](const std::string& name, std::int64_t to, const std::string& port) {
        std::vector<std::string> arguments{"--name", name, "--to",
                                           "127.0.0.1:" + std::to_string(to)};
        if (!port.empty()) arguments.insert(arguments.end(), {"--port", port});
        return static_cast<int>(json_number(toxiproxy_.run("proxy", arguments), "port"));
    };
    add("kafka", kafka_.number("behind_proxy"), std::to_string(kafka_proxy_));
    postgres_proxy_ = add("postgres", postgres_.number("port"), "");
    second_postgres_proxy_ = add("second", postgres_.number("port"), "");
    proxy("cut", "second");
}

void Servers::proxy(const std::string& verb, const std::string& name,
                    const std::vector<std::string>& arguments) {
    std::vector<std::string> all{"--name", name};
    all.insert(all.end(), arguments.begin(), arguments.end());
    toxiproxy_.run(verb, all);
}

Servers& servers() {
    static Servers all;  // one for all tests: a start takes seconds
    return all;
}

bool is_long() { return std::getenv("TAPEDECK_LONG") != nullptr; }

Cluster::Cluster()
    : seed_(seed_of_run()),
      random_(seed_),
      number_(next_test()),
      name_(fmt::format("t{}", number_)),
      database_name_(fmt::format("market_{}", number_)) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::printf("%s: TAPEDECK_SEED=%llu\n", test->name(), static_cast<unsigned long long>(seed_));
    std::fflush(stdout);
}

Cluster::~Cluster() {
    if (HasFailure()) std::printf("the loaders said:\n%s\n", tail_of(said()).c_str());
    drop_database();
}

void Cluster::drop_database() {
    producer_.reset();
    loaders_.clear();
    if (database_ == nullptr) return;
    database_.reset();
    ClusterDatabase(servers().postgres().text("url"))
        .run("drop database " + database_name_ + " with (force)");
}

std::string Cluster::url(std::int64_t port) const {
    return fmt::format("postgresql://postgres@127.0.0.1:{}/{}", port, database_name_);
}

std::string Cluster::brokers() const {
    return plan_.is_kafka_proxied ? servers().proxied_kafka() : servers().kafka().address();
}

std::vector<std::string> Cluster::topics() const {
    return {coin_topic(), stock_topic(), std::string(kOutcomesTopic)};
}

void Cluster::prepare(const Plan& plan) {
    plan_ = plan;
    ClusterDatabase(servers().postgres().text("url"))
        .run("create database " + database_name_ +
             (plan.tablespace.empty() ? "" : " tablespace " + plan.tablespace));
    database_ = std::make_unique<ClusterDatabase>(url(servers().postgres().number("port")));
    auto tape = KafkaTape::open(kafka_options(servers().kafka().address()));
    ASSERT_TRUE(tape) << tape.error().what;
    tape_ = *std::move(tape);
    auto sending = KafkaTape::open(kafka_options(brokers()));
    ASSERT_TRUE(sending) << sending.error().what;
    sending_ = *std::move(sending);
    const Timestamp first_slot =
        *parse_rfc3339("2026-01-01T00:00:00Z") + number_ * std::chrono::days(20);
    traffic_ =
        std::make_unique<Traffic>(seed_, coin_topic(), stock_topic(), first_slot, plan.shape);
    producer_ = std::make_unique<Producer>(*sending_, *traffic_);
    for (const std::string& topic : topics()) {
        const auto made = tape_->ensure_topic(topic, kPartitions);
        ASSERT_TRUE(made) << made.error().what;
        for (int i = 0; i < kPartitions; ++i) {
            const TopicPartition at{topic, Partition(i)};
            const auto extent = tape_->extent(at);
            ASSERT_TRUE(extent) << extent.error().what;
            since_[at] = extent->end;
        }
    }
}

std::vector<std::string> Cluster::loader_command(bool until_end, const std::string& store) {
    const std::string target = store.empty() ? url(servers().postgres().number("port")) : store;
    const std::string config = folder_.file(fmt::format("tapedeck-{}.toml", started_));
    const std::string rows =
        plan_.batch_rows > 0 ? fmt::format("batch_rows = {}\n", plan_.batch_rows) : "";
    std::ofstream(config) << fmt::format(
        "[store]\nurl = \"{}\"\n[tape]\nurl = \"kafka://{}\"\n"
        "[load]\ngroup = \"{}\"\nsession_timeout = \"2s\"\n{}"
        "[feed.coin]\ntopic = \"{}\"\n[feed.stock]\ntopic = \"{}\"\n",
        target, brokers(), name_, rows, coin_topic(), stock_topic());
    std::vector<std::string> command{TAPEDECK_PROGRAM, "--config", config, "load"};
    if (until_end) command.emplace_back("--until-end");
    return command;
}

LoaderProcess& Cluster::start_loader(const std::string& store) {
    const std::string log = folder_.file(fmt::format("loader-{}.log", started_++));
    loaders_.push_back(std::make_unique<LoaderProcess>(loader_command(false, store), log));
    return *loaders_.back();
}

void Cluster::start_loaders(int count, const std::string& store) {
    for (int i = 0; i < count; ++i) start_loader(store);
}

std::pair<int, std::string> Cluster::load_until_end() {
    const std::string log = folder_.file(fmt::format("loader-{}.log", started_++));
    LoaderProcess loader(loader_command(true), log);
    const int code = loader.wait();
    return {code, loader.said()};
}

std::string Cluster::said() const {
    std::string out;
    for (int i = 0; i < started_; ++i) {
        std::ifstream file(folder_.file(fmt::format("loader-{}.log", i)));
        out.append(std::istreambuf_iterator<char>(file), {});
    }
    return out;
}

std::chrono::milliseconds Cluster::moment(int from_ms, int to_ms) {
    return std::chrono::milliseconds(
        from_ms + static_cast<int>(random(static_cast<std::uint64_t>(to_ms - from_ms))));
}

bool Cluster::wait_until(const std::function<bool()>& done, std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!done()) {
        for (const auto& loader : loaders_) {
            if (const auto code = loader->ended()) {
                constexpr std::size_t kLastWords = 1'000;
                const std::string words = loader->said();
                ADD_FAILURE() << "a loader ended by itself, with " << *code << ": "
                              << words.substr(words.size() - std::min(words.size(), kLastWords));
                return false;
            }
        }
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(20ms);
    }
    return true;
}

std::int64_t Cluster::loaded() {
    if (database_->value("select to_regclass('offsets')").empty()) return 0;
    return database_->number(fmt::format(
        "select sum(next_offset) from offsets where topic in ('{}')", fmt::join(topics(), "','")));
}

bool Cluster::wait_for_progress(std::int64_t messages, std::chrono::seconds limit) {
    const std::int64_t before = loaded();
    return wait_until([&] { return loaded() >= before + messages; }, limit);
}

bool Cluster::catch_up(std::chrono::seconds limit) {
    Ends behind;
    for (const std::string& topic : topics()) {
        for (int i = 0; i < kPartitions; ++i) {
            const TopicPartition at{topic, Partition(i)};
            const auto extent = tape_->extent(at);
            EXPECT_TRUE(extent) << extent.error().what;
            if (extent && extent->end > Offset(0)) behind[at] = extent->end;
        }
    }
    const auto look = [&] {
        if (database_->value("select to_regclass('offsets')").empty()) return behind.empty();
        for (const auto& row :
             database_->rows("select topic, partition, next_offset from offsets")) {
            const auto found = behind.find({row[0], Partition(std::stoi(row[1]))});
            if (found == behind.end() || found->second.value() > std::stoll(row[2])) continue;
            behind.erase(found);
        }
        return behind.empty();
    };
    if (wait_until(look, limit)) return true;
    for (const auto& [at, end] : behind) {
        ADD_FAILURE() << at.topic << "[" << at.partition.value() << "] is not loaded up to "
                      << end.value();
    }
    return false;
}

void Cluster::finish(const std::vector<Lost>& lost) {
    producer_->stop();
    ASSERT_EQ(producer_->fault(), "");
    ASSERT_TRUE(catch_up());
    for (const auto& loader : loaders_) EXPECT_EQ(loader->stop(), 0) << tail_of(loader->said());
    loaders_.clear();
    check_rows(lost);
    check_coverage(lost);
}

void Cluster::check_rows(const std::vector<Lost>& lost) {
    std::vector<std::string> faults;
    const auto expected = expect(*tape_, topics(), since_, producer_->journal(), lost, faults);
    const auto more = compare(expected, *database_, topics(), lost);
    faults.insert(faults.end(), more.begin(), more.end());
    EXPECT_TRUE(faults.empty()) << fmt::format("{}", fmt::join(faults, "\n"));
    std::printf(
        "%zu sends (%lld without an answer), %zu rows, %lld absorbed, %zu duplicates, "
        "%zu dead letters\n",
        producer_->journal().size(), static_cast<long long>(producer_->unanswered()),
        expected.rows.size(), static_cast<long long>(expected.absorbed), expected.duplicates.size(),
        expected.dead_letters.size());
    std::fflush(stdout);
    EXPECT_GT(expected.rows.size(), 0U);
}

void Cluster::check_coverage(const std::vector<Lost>& lost) {
    SystemClock clock;
    const auto parsed = parse_store_url(url(servers().postgres().number("port")));
    ASSERT_TRUE(parsed) << parsed.error().what;
    auto store = PostgresStore::open(std::get<PostgresUrl>(parsed->target), clock);
    ASSERT_TRUE(store) << store.error().what;
    auto schedule = Schedule::make({"* * * * *"});
    ASSERT_TRUE(schedule) << schedule.error().what;
    const auto shared = std::make_shared<const Schedule>(*std::move(schedule));
    std::map<std::string, Feed> feeds;
    std::vector<Expectation> expectations;
    const Timestamp from = traffic_->slot_at(0);
    const Timestamp to = traffic_->slot_at(producer_->slots());
    const auto add = [&](const std::string& name, const std::vector<std::string>& instruments,
                         const std::string& topic, RecordForm form) {
        Feed feed;
        feed.name = name;
        feed.instruments = instruments;
        feed.topic = topic;
        feed.table = {name + "_records", form};
        feeds.emplace(name, feed);
        expectations.push_back({name, name + "_market_record", from, to, shared, instruments});
    };
    add("coin", traffic_->coins(), coin_topic(), RecordForm::coin);
    add("stock", traffic_->stocks(), stock_topic(), RecordForm::stock);
    const Timestamp now = to + 1h;
    CoverageLedger ledger(**store, *tape_, feeds);
    const auto settled = ledger.settle(expectations, now);
    ASSERT_TRUE(settled) << settled.error().what;
    const auto report = audit(**store, *tape_, feeds, expectations, from, to, now, {});
    ASSERT_TRUE(report) << report.error().what;
    for (const AuditDifference& each : report->differences) {
        ADD_FAILURE() << "audit: " << each.feed << " " << each.instrument << ": " << each.stored
                      << ", derived: " << each.derived;
    }
    const auto missing = without_row(lost);
    for (const auto& [name, feed] : feeds) {
        const CoverageSum& sum = report->feeds.at(name);
        const auto slots = static_cast<std::size_t>(producer_->slots());
        const auto expected = static_cast<std::int64_t>(slots * feed.instruments.size());
        const auto gone = missing.contains(name) ? missing.at(name) : 0;
        EXPECT_EQ(sum.expected, expected) << name;
        EXPECT_EQ(sum.of(CoverageState::recorded), expected - gone) << name;
        EXPECT_EQ(sum.of(CoverageState::lost), gone) << name;
    }
}

// How many prices of each feed have no row, as every message that held one was lost.
std::map<std::string, std::int64_t> Cluster::without_row(const std::vector<Lost>& lost) const {
    std::set<std::string> rows;
    std::map<std::string, std::set<std::string>> due;
    for (const Sent& sent : producer_->journal()) {
        const bool is_lost = sent.position && std::ranges::any_of(lost, [&](const Lost& each) {
                                 return each.at == sent.position->at &&
                                        each.from <= sent.position->offset &&
                                        sent.position->offset < each.to;
                             });
        for (const ExpectedRow& row : sent.observation.rows) {
            if (row.slot.empty()) continue;
            const std::string name = row.table + row.slot + row.instrument;
            if (!is_lost) rows.insert(name);
            if (!sent.observation.feed.empty()) due[sent.observation.feed].insert(name);
        }
    }
    std::map<std::string, std::int64_t> out;
    for (const auto& [feed, names] : due) {
        for (const std::string& name : names) out[feed] += rows.contains(name) ? 0 : 1;
    }
    return out;
}

}  // namespace tapedeck
