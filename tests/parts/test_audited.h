#pragma once

#include "captures/captures.h"
#include "coverage/audit.h"
#include "tests/parts/test_parts.h"

// A small recorded day that has something of everything, for tests that tamper with it.
namespace tapedeck::parts {

class AuditedDay {
public:
    static constexpr int kSlots = 3;

    AuditedDay(Store& store, Tape& tape, Captures* captures, ManualClock& clock)
        : store_(store), tape_(tape), captures_(captures), clock_(clock) {
        feeds["coin"] = feed_of({"bitcoin", "ethereum"}, {});
        Feed stock = feed_of({"AAPL"}, {});
        stock.name = "stock";
        stock.topic = "stock_topic";
        stock.table = {"stock_records", RecordForm::stock};
        feeds["stock"] = stock;
        for (const auto& [name, feed] : feeds) {
            EXPECT_TRUE(store.ensure_table(feed.table));
            EXPECT_TRUE(tape.ensure_topic(feed.topic, 1));
            expected.push_back(expected_of(feed));
        }
        EXPECT_TRUE(tape.ensure_topic(std::string(kOutcomesTopic), 1));
    }

    // Three slots of 216.53 and the like; of the second, ethereum failed. Then the first slot of
    // bitcoin again with another price, the second with the same one, a message that is none, one
    // of the original's, and a row that was there before tapedeck.
    void record() {
        change({"insert into coin_records (id, coin, price, date) values (0, 'bitcoin', $1, $2)",
                {*Decimal::parse("99.5"), kSlot - std::chrono::hours(1)},
                1});
        for (int slot = 0; slot < kSlots; ++slot) {
            clock_.advance(kSlot + slot * kBetween + std::chrono::seconds(1) - clock_.now());
            collect("coin", "bitcoin", slot, fmt::format("{}.53", 216 + slot));
            if (slot == 1) {
                account("coin", slot, failed("ethereum", slot));
            } else {
                collect("coin", "ethereum", slot, fmt::format("11.{}0", slot));
            }
            collect("stock", "AAPL", slot, "276.970");
            load();
        }
        clock_.advance(std::chrono::seconds(1));
        put(feeds.at("coin"), priced("coin", "bitcoin", 0, "216.54", ""));
        put(feeds.at("coin"), priced("coin", "bitcoin", 1, "217.53", ""));
        append({"coin_topic", "bitcoin", "no JSON", clock_.now(), {}});
        append({"coin_topic",
                "",
                R"([{"coin_name":"bitcoin","current_price":1.50},)"
                R"({"coin_name":"dogecoin","current_price":0.07}])",
                clock_.now(),
                {}});
        load();
        settle();
    }

    void load() {
        LoaderOptions options = loading_of(feeds.at("coin"));
        options.topics.push_back({"stock_topic", feeds.at("stock").table});
        options.starts.others = StartChoice{};
        Loader loader(tape_, store_, clock_, log_, options);
        auto done = loader.run({}, true);
        ASSERT_TRUE(done) << done.error().what;
    }

    void settle() {
        CoverageLedger ledger(store_, tape_, feeds);
        ASSERT_TRUE(ledger.settle(expected, now()));
    }

    Timestamp now() const { return kSlot + kSlots * kBetween - std::chrono::seconds(30); }

    void change(const Statement& statement) {
        const std::vector<Statement> statements{statement};
        auto done = store_.transact(statements);
        ASSERT_TRUE(done) << done.error().what << ": " << statement.sql;
    }

    Result<AuditReport> audit(AuditScope scope, const AuditTalk& talk = {}) {
        return tapedeck::audit({store_, tape_, captures_, feeds, expected}, scope, talk);
    }
    Result<AuditReport> audit() {
        return audit({Timestamp(), now() + std::chrono::microseconds(1), now()});
    }

    void append(const OutgoingMessage& message) {
        const std::vector<OutgoingMessage> messages{message};
        auto done = tape_.append(messages);
        ASSERT_TRUE(done && (*done)[0]);
        last_ = (*done)[0]->offset;
    }

    // A price with its capture and its account.
    void collect(const std::string& feed, const std::string& instrument, int slot,
                 const std::string& digits) {
        const std::string body = fmt::format("{} costs {} in slot {}", instrument, digits, slot);
        const std::string capture = keep(instrument, body);
        put(feeds.at(feed), priced(feed, instrument, slot, digits, capture));
        Outcome outcome;
        outcome.instrument = instrument;
        outcome.sent = {feeds.at(feed).topic, Partition(0), last_, "alpha", "json"};
        Attempt attempt;
        attempt.source = "alpha";
        attempt.url = "https://alpha.example/price/" + instrument;
        attempt.started = clock_.now();
        attempt.status = 200;
        attempt.bytes = static_cast<std::int64_t>(body.size());
        attempt.capture = capture;
        outcome.attempts = {attempt};
        account(feed, slot, outcome);
    }

    std::string keep(const std::string& instrument, const std::string& body) {
        if (captures_ == nullptr) return {};
        const std::vector<std::pair<std::string, std::string>> headers;
        auto kept = captures_->put(
            {"https://alpha.example/price/" + instrument, 200, headers, body, clock_.now()});
        EXPECT_TRUE(kept);
        return kept ? *kept : "";
    }

    std::map<std::string, Feed> feeds;
    std::vector<Expectation> expected;

private:
    static constexpr std::chrono::minutes kBetween{5};

    Found priced(const std::string& feed, const std::string& instrument, int slot,
                 const std::string& digits, const std::string& capture) {
        Found found{0, {}, "alpha", capture, clock_.now()};
        found.reading.instrument = instrument;
        found.reading.price = *Decimal::parse(digits);
        if (feed == "stock") {
            found.reading.name = "Apple Inc.";
            found.reading.previous_close = *Decimal::parse("270.10");
        }
        found.reading.currency = "USD";
        found.reading.rule = "json";
        slot_ = kSlot + slot * kBetween;
        return found;
    }

    void put(const Feed& feed, const Found& found) { append(message_of(feed, slot_, found)); }

    Outcome failed(const std::string& instrument, int slot) {
        slot_ = kSlot + slot * kBetween;
        Outcome outcome;
        outcome.instrument = instrument;
        outcome.reason = Reason::timeout;
        outcome.what = "no answer";
        Attempt attempt;
        attempt.source = "alpha";
        attempt.url = "https://alpha.example/price/" + instrument;
        attempt.started = clock_.now();
        attempt.reason = Reason::timeout;
        attempt.what = "no answer";
        outcome.attempts = {attempt};
        return outcome;
    }

    void account(const std::string& feed, int slot, const Outcome& outcome) {
        RunOutcomes run = run_of(feeds.at(feed), kSlot + slot * kBetween, {outcome});
        run.run_id = feed + "/" + outcome.instrument + "/" + format_rfc3339(run.slot);
        append({std::string(kOutcomesTopic), feed, encode_outcomes(run), run.ended, {}});
    }

    Store& store_;
    Tape& tape_;
    Captures* captures_;
    ManualClock& clock_;
    Log log_{-1, LogFormat::text, Severity::error, clock_};
    Timestamp slot_;
    Offset last_;
};

// What an audit found, a line each: kind, feed, slot, instrument, where, stored -> derived.
inline std::vector<std::string> lines_of(const AuditReport& report) {
    std::vector<std::string> lines;
    for (const AuditDifference& one : report.differences) {
        std::string line(to_string(one.kind));
        if (!one.feed.empty()) line += " " + one.feed;
        if (one.slot) line += " " + audit_time(*one.slot).substr(11, 5);
        if (!one.instrument.empty()) line += " " + one.instrument;
        if (one.at) line += fmt::format(" {}[{}]", one.at->topic, one.at->partition.value());
        if (one.offset) line += fmt::format(" {}", one.offset->value());
        if (!one.table.empty()) line += " " + one.table;
        if (!one.row.empty()) line += " row " + one.row;
        lines.push_back(line + ": " + one.stored + " -> " + one.derived);
    }
    return lines;
}

}  // namespace tapedeck::parts
