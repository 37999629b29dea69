#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/fields.h"
#include "config/text_checks.h"
#include "market/record.h"

namespace tapedeck {

// What a text of a feed must be: "" where it is, else the end of a sentence (`TextCheck`).
std::string must_be_instrument(std::string_view text);
std::string must_be_topic(std::string_view text);     // Kafka's rule: [A-Za-z0-9._-], at most 249
std::string must_be_table(std::string_view text);     // [a-z][a-z0-9_]*, at most 50, no SQL
std::string must_be_currency(std::string_view text);  // ISO 4217, or GBp and its like

inline constexpr auto kRecordForms =
    std::to_array<Choice<RecordForm>>({{RecordForm::coin, "coin"}, {RecordForm::stock, "stock"}});
inline std::span<const Choice<RecordForm>> choices(RecordForm) { return kRecordForms; }

// A [feed.NAME] table.
struct FeedSettings {
    enum class Message { object, array };
    std::string name;
    std::vector<std::string> instruments;  // no two alike; empty: the feed asks for nothing
    std::vector<std::string> sources;      // the chain, first choice first
    std::string topic;                     // never empty once loaded
    std::string table;                     // never empty once loaded
    RecordForm form = RecordForm::stock;
    Message message = Message::object;
    std::string currency;                  // that every price must be in; empty: any known one
    std::chrono::milliseconds max_age{0};  // of the source's own time of a price; 0: not checked
    std::optional<std::chrono::milliseconds> stale_after;  // unset: three intervals
    std::int32_t frozen_after = 24;  // equal prices in a row that are a problem; 0: never
    std::int32_t max_attempts = 2;   // requests to one source for one instrument in one slot
    std::string function;            // of AWS Lambda, that collects it; empty: this process does
    friend bool operator==(const FeedSettings&, const FeedSettings&) = default;
};

inline constexpr auto kFeedMessages = std::to_array<Choice<FeedSettings::Message>>(
    {{FeedSettings::Message::object, "object"}, {FeedSettings::Message::array, "array"}});
inline std::span<const Choice<FeedSettings::Message>> choices(FeedSettings::Message) {
    return kFeedMessages;
}

namespace fields {

inline constexpr auto kFeed = std::tuple{
    field("instruments", &FeedSettings::instruments, "What is asked for, each one once.")
        .checked(must_be_instrument)
        .distinct()
        .for_example("[\"bitcoin\", \"ethereum\"]"),
    field("sources", &FeedSettings::sources,
          "The chain of sources: where one fails for an instrument, the next is asked.")
        .distinct()
        .required()
        .for_example("[\"coinmarketcap\", \"coingecko\"]"),
    field("topic", &FeedSettings::topic, "Topic of the tape; one feed each.")
        .checked(must_be_topic)
        .if_unset("NAME_topic"),
    field("table", &FeedSettings::table, "Table of the store.")
        .checked(must_be_table)
        .if_unset("NAME_records"),
    field("form", &FeedSettings::form,
          "Shape of messages and rows; stock has a name and a previous close."),
    field("message", &FeedSettings::message,
          "What a message of the topic is: object, one price; array, the prices of one run, as the "
          "earlier pipeline's readers take them. Loaders read either."),
    field("currency", &FeedSettings::currency, "Currency that every price must be in.")
        .checked(must_be_currency)
        .if_unset("any known one"),
    field("max_age", &FeedSettings::max_age,
          "Oldest price accepted, by the source's own time of it; \"0\" is not checked.")
        .between(std::chrono::milliseconds(0), kYears),
    field("stale_after", &FeedSettings::stale_after,
          "Time without any price, slots being due, after which the feed is a problem.")
        .between(std::chrono::milliseconds(1), kYears)
        .if_unset("three intervals of its schedule"),
    field("frozen_after", &FeedSettings::frozen_after,
          "Equal prices in a row that make an instrument a problem; 0 is never.")
        .between(0, 1'000'000),
    field("max_attempts", &FeedSettings::max_attempts,
          "Most requests to one source for one instrument in one try of a slot.")
        .between(1, 100),
    field("function", &FeedSettings::function,
          "AWS Lambda function that collects it when its slots are due (docs/lambda.md).")
        .checked(must_be_name)
        .for_example("\"coin_record\"")
        .if_unset("this machine collects"),
};

}  // namespace fields
}  // namespace tapedeck
