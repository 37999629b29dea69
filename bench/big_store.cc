// Makes a large store for the benchmarks of the reading verbs and of audit: messages and accounts
// on the tape by the program's own encoders, loaded by its own loader, the coverage and the runs as
// the recorder leaves them.
//
//   big_store years|wide FOLDER [STORE_URL]
//
// `years`: three years of five-minute slots of 12 coins, and of 6 stocks while Nasdaq trades.
// `wide`: one day of 100,000 instruments, four slots. FOLDER gets tapedeck.toml, and tape and store
// where no other store (postgresql://…) is named; then:  tapedeck --config FOLDER/tapedeck.toml
// gaps
//
// Of the prices 1 in 2,000 was not to be had, and the machine stood still for one slot in 500.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "app/assembly.h"
#include "bench/store_parts.h"

using namespace tapedeck;

namespace {

constexpr std::size_t kAtOnce = 20'000;  // messages in one append
constexpr int kNotHad = 2'000;
constexpr int kStoodStill = 500;
// Monday, and some time ago, so that nothing is expected after the last slot.
constexpr Timestamp kEnd{std::chrono::sys_days(std::chrono::January / 5 / 2026)};

std::string config_text(bool years, const std::string& folder, const std::string& store) {
    std::string text;
    const bool embedded = store.empty();
    const std::string own = "sqlite:" + folder + "/tapedeck.db";
    text += fmt::format("[store]\nurl = \"{}\"\n", embedded ? own : store);
    if (!embedded) text += fmt::format("[tape]\nurl = \"{}\"\n", own);
    text +=
        fmt::format("[captures]\npath = \"{}/captures.db\"\n[feed.coin]\ninstruments = [", folder);
    const int count = years ? 12 : 100'000;
    for (int i = 0; i < count; ++i) text += fmt::format("\"coin-{:05}\",", i);
    text += "]\n";
    if (years) return text;
    return text +
           "[dag.coin_market_record]\nschedule = \"0 */6 * * *\"\n[feed.stock]\ninstruments = "
           "[\"AAPL\"]\n";
}

Outcome::Sent sent_to(const Position& position) {
    return {position.at.topic, position.at.partition, position.offset, "coinmarketcap",
            "price-class"};
}

// Writes the slots of one feed: prices first, then the accounts that name their positions.
class FeedWriter {
public:
    FeedWriter(Assembly& assembly, const Feed& feed, std::string dag)
        : assembly_(assembly), feed_(feed), dag_(std::move(dag)) {}

    void add(Timestamp slot, const std::vector<std::string>& instruments) {
        const int number = slots_++;
        if (number % kStoodStill == kStoodStill - 1) return miss(slot, instruments);
        RunOutcomes run{.run_id = dag_ + "/" + format_rfc3339(slot),
                        .feed = feed_.name,
                        .slot = slot,
                        .try_number = 1,
                        .started = slot,
                        .ended = slot + std::chrono::seconds(2),
                        .config = assembly_.config().digest,
                        .collector = "big_store",
                        .outcomes = {}};
        for (const std::string& instrument : instruments)
            run.outcomes.push_back(ask(slot, instrument));
        runs_.push_back(std::move(run));
        if (messages_.size() >= kAtOnce) flush();
    }

    void flush() {
        const auto positions = must(assembly_.tape().append(messages_));
        std::size_t next = 0;
        std::vector<OutgoingMessage> accounts;
        for (RunOutcomes& run : runs_) {
            for (Outcome& outcome : run.outcomes) {
                if (!outcome.reason) outcome.sent = sent_to(must(positions[next++]));
            }
            accounts.push_back(
                {std::string(kOutcomesTopic), feed_.name, encode_outcomes(run), run.ended, {}});
            note_run(run.run_id, run.slot);
        }
        for (const auto& appended : must(assembly_.tape().append(accounts))) must(appended);
        must(assembly_.store().transact(statements_));
        messages_.clear();
        runs_.clear();
        statements_.clear();
    }

private:
    Outcome ask(Timestamp slot, const std::string& instrument) {
        const Timestamp seen = slot + std::chrono::milliseconds(412);
        Attempt attempt{.source = "coinmarketcap",
                        .url = "https://coinmarketcap.com/currencies/" + instrument + "/",
                        .started = slot,
                        .took = std::chrono::milliseconds(412),
                        .status = 200,
                        .bytes = 153'000,
                        .capture = {},
                        .reason = {},
                        .what = {}};
        if (asked_++ % kNotHad == kNotHad - 1) {
            attempt.reason = Reason::timeout;
            attempt.status = 0;
            attempt.what = "no answer from coinmarketcap.com within 10s";
            return {instrument, {}, attempt.reason, attempt.what, {attempt}};
        }
        Record record;
        record.instrument = record.name = instrument;
        record.price =
            must(Decimal::from_parts(static_cast<Int128>(2'247'052 + asked_ % 99'991), 2));
        record.currency = "USD";
        record.slot = slot;
        record.observed_at = seen;
        record.source = "coinmarketcap";
        record.rule = "price-class";
        OutgoingMessage message{feed_.topic, instrument, {}, seen, {}};
        encode_record(message.value, record, feed_.table.form);
        messages_.push_back(std::move(message));
        return {instrument, {}, {}, {}, {std::move(attempt)}};
    }

    void miss(Timestamp slot, const std::vector<std::string>& instruments) {
        for (const std::string& instrument : instruments) {
            statements_.push_back(
                {"insert into coverage (feed, slot, instrument, state, reason, what, settled_at) "
                 "values ($1, $2, $3, 'missed', 'nobody_ran', 'no run asked for it', $4)",
                 {feed_.name, slot, instrument, slot + std::chrono::minutes(3)},
                 {}});
        }
    }

    void note_run(const std::string& run_id, Timestamp slot) {
        const Timestamp end = slot + std::chrono::seconds(2);
        statements_.push_back(
            {"insert into dag_runs (run_id, dag, slot, kind, state, created_at, "
             "started_at, ended_at, config) values ($1, $2, $3, 'scheduled', "
             "'success', $3, $3, $4, '')",
             {run_id, dag_, slot, end},
             {}});
        statements_.push_back(
            {"insert into task_tries (run_id, task, try, state, started_at, "
             "ended_at, what) values ($1, 'invoke', 1, 'success', $2, $3, '')",
             {run_id, slot, end},
             {}});
    }

    Assembly& assembly_;
    const Feed& feed_;
    const std::string dag_;
    int slots_ = 0;
    std::int64_t asked_ = 0;
    std::vector<OutgoingMessage> messages_;
    std::vector<RunOutcomes> runs_;
    std::vector<Statement> statements_;
};

// What the recorder would have settled: the verdicts that the accounts give.
void settle(Store& store) {
    const std::vector<Statement> statements{
        {"insert into coverage (feed, slot, instrument, state, reason, what, settled_at) select "
         "feed, slot, instrument, case when state = 'sent' then 'recorded' else 'failed' end, "
         "coalesce(reason, ''), what, recorded_at from outcomes",
         {},
         {}}};
    must(store.transact(statements));
}

void load(Assembly& assembly) {
    Loader loader(assembly.tape(), assembly.store(), assembly.clock(), assembly.log(),
                  loader_options(assembly.settings()));
    must(loader.run({}, true));
}

std::unique_ptr<Assembly> open(const std::string& file) {
    auto config = must(load_config({.file = file, .environment = {}, .sets = {}, .folder = {}}));
    Assembly::Options options;
    options.captures = true;
    options.log_least = Severity::error;
    return must(Assembly::open(std::move(config), std::move(options)));
}

}  // namespace

int main(int argc, char** argv) {
    const std::string size = argc > 2 ? argv[1] : "";
    if (size != "years" && size != "wide") fail("big_store years|wide FOLDER [STORE_URL]");
    const bool years = size == "years";
    const std::string folder = argv[2];
    std::filesystem::create_directories(folder);
    const std::string file = folder + "/tapedeck.toml";
    std::ofstream(file) << config_text(years, folder, argc > 3 ? argv[3] : "");
    const Cost began = Cost::now();
    const auto assembly = open(file);
    must(assembly->note_config(kEnd - std::chrono::days(years ? 3 * 365 : 1)));
    must(assembly->note_standstill(kEnd));
    for (const Expectation& expected : must(assembly->expectations())) {
        FeedWriter writer(*assembly, assembly->feeds().at(expected.feed), expected.dag);
        expected.schedule->for_each_instant(expected.from, kEnd, [&](Timestamp slot, bool open) {
            if (open) writer.add(slot, expected.instruments);
        });
        writer.flush();
        load(*assembly);
    }
    settle(assembly->store());
    fmt::print("{}: made in {:.0f} s; tapedeck --config {} gaps\n", size,
               Cost::now().since(began).wall, file);
    return 0;
}
