#include "spark/session_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "spark/json_fields.h"

namespace tapedeck {
namespace {

using simdjson::dom::element;

constexpr std::int64_t kVersion = 1;
constexpr int kGiveUpAfter = 120;
constexpr std::int64_t kMany = std::int64_t{1} << 40;

Error wrong_settings(std::string what) { return {ErrorKind::malformed, std::move(what)}; }

auto text_into(std::string& out) {
    return [&out](const element& value) { return read_text(value, out); };
}

Result<> read_size(const element& value, std::size_t& out) {
    std::int64_t number = 0;
    auto read = read_number(value, 1, kMany, number);
    if (read) out = static_cast<std::size_t>(number);
    return read;
}

Result<> read_topic(const element& value, std::vector<LoadedTopic>& topics) {
    LoadedTopic topic;
    std::string table;
    std::string form;
    auto read = read_object(value, "a topic",
                            {{"topic", text_into(topic.topic), true},
                             {"table", text_into(table)},
                             {"form", text_into(form)}});
    if (!read) return read;
    if (std::ranges::find(topics, topic.topic, &LoadedTopic::topic) != topics.end()) {
        return wrong_settings(fmt::format("the topic {} stands there twice", topic.topic));
    }
    if (table.empty() != form.empty()) {
        return wrong_settings(
            fmt::format("the topic {} needs a table and a form, or none", topic.topic));
    }
    if (!table.empty()) {
        if (auto named = check_table_name(table); !named) return named;
        if (form != "coin" && form != "stock") {
            return wrong_settings(fmt::format("the form of {} is {}, not coin or stock",
                                              topic.topic, in_quotes(form)));
        }
        topic.table = PriceTable{table, form == "coin" ? RecordForm::coin : RecordForm::stock};
    }
    topics.push_back(std::move(topic));
    return {};
}

Result<> read_severity(const element& value, Severity& out) {
    constexpr std::array kAll{Severity::debug, Severity::info, Severity::warn, Severity::error};
    std::string text;
    if (auto read = read_text(value, text); !read) return read;
    for (const Severity one : kAll) {
        if (to_string(one) != text) continue;
        out = one;
        return {};
    }
    return wrong_settings(
        fmt::format("must be debug, info, warn or error, not {}", in_quotes(text)));
}

Result<> read_batch(const element& value, BatchLimits& limits) {
    return read_object(
        value, "batch",
        {{"bytes", [&](const element& one) { return read_size(one, limits.bytes); }},
         {"rows", [&](const element& one) { return read_size(one, limits.rows); }},
         {"memory", [&](const element& one) { return read_size(one, limits.memory); }}});
}

Result<> read_place(const element& value, std::string_view what, TopicPartition& at,
                    std::initializer_list<JsonField> more) {
    std::int64_t number = 0;
    std::vector<JsonField> fields{
        {"topic", text_into(at.topic), true},
        {"partition", [&](const element& one) { return read_number(one, 0, INT32_MAX, number); },
         true}};
    fields.insert(fields.end(), more);
    auto read = read_object(value, what, std::span<const JsonField>(fields));
    at.partition = Partition(static_cast<std::int32_t>(number));
    return read;
}

auto offset_into(Offset& out) {
    return [&out](const element& value) {
        std::int64_t number = 0;
        auto read = read_number(value, 0, INT64_MAX, number);
        out = Offset(number);
        return read;
    };
}

Result<> read_last(const element& value, TapeFacts::Partition::Last& last) {
    std::string digest;
    auto read = read_object(
        value, "last",
        {{"offset", offset_into(last.offset), true}, {"sha256", text_into(digest), true}});
    if (!read) return read;
    const auto known = sha256_from_hex(digest);
    if (!known) return wrong_settings(fmt::format("{} is no SHA-256", in_quotes(digest)));
    last.digest = *known;
    return {};
}

Result<> read_partition(const element& value, TapeFacts& facts) {
    TopicPartition at;
    TapeFacts::Partition one{};
    auto read = read_place(
        value, "a partition", at,
        {{"earliest", offset_into(one.extent.earliest), true},
         {"end", offset_into(one.extent.end), true},
         {"at_time",
          [&](const element& offset) { return offset_into(one.at_time.emplace())(offset); }},
         {"ledger",
          [&](const element& offset) { return offset_into(one.ledger.emplace())(offset); }},
         {"last", [&](const element& last) { return read_last(last, one.last.emplace()); }}});
    if (!read) return read;
    facts.partitions.insert_or_assign(at, one);
    return {};
}

}  // namespace

Result<SessionConfig> parse_session_config(std::string_view json) {
    SessionConfig config;
    std::string store;
    std::string user;
    std::string password;
    std::int64_t version = 0;
    std::int64_t committers = config.range.committers;
    std::int64_t give_up_after = kGiveUpAfter;
    const auto tape = [&](const element& value) {
        return read_object(
            value, "tape",
            {{"identity", text_into(config.identity), true}, {"place", text_into(config.place)}});
    };
    const auto topics = [&](const element& value) {
        return read_each(value,
                         [&](const element& one) { return read_topic(one, config.range.topics); });
    };
    auto read = read_object(
        json, "the configuration",
        {{"version", [&](const element& one) { return read_number(one, 1, kVersion, version); },
          true},
         {"store", text_into(store), true},
         {"user", text_into(user)},
         {"password", text_into(password)},
         {"tape", tape, true},
         {"topics", topics, true},
         {"deployment", text_into(config.deployment)},
         {"loader", text_into(config.loader)},
         {"log", [&](const element& one) { return read_severity(one, config.log); }},
         {"batch", [&](const element& one) { return read_batch(one, config.range.batch); }},
         {"committers", [&](const element& one) { return read_number(one, 1, 2, committers); }},
         {"give_up_after",
          [&](const element& one) { return read_number(one, 1, 1'000'000, give_up_after); }}});
    if (!read) return read.error();
    const auto url = parse_store_url(store);
    if (!url) return in_context("the configuration, store", url.error());
    if (!std::holds_alternative<PostgresUrl>(url->target)) {
        return Error{ErrorKind::rejected,
                     "the configuration, store: Spark loads into PostgreSQL alone"};
    }
    config.store = std::get<PostgresUrl>(url->target);
    if (!user.empty()) config.store.user = user;
    if (!password.empty()) config.store.password = Secret(password);
    config.range.committers = static_cast<int>(committers);
    config.range.give_up_after = static_cast<int>(give_up_after);
    return config;
}

Result<TapeFacts> parse_tape_facts(std::string_view json) {
    TapeFacts facts;
    const auto partitions = [&](const element& value) {
        return read_each(value, [&](const element& one) { return read_partition(one, facts); });
    };
    const auto starts = [&](const element& value) {
        return read_each(value, [&](const element& one) -> Result<> {
            std::string text;
            if (auto read = read_text(one, text); !read) return read;
            return add_start_choice(text, facts.starts);
        });
    };
    auto read =
        read_object(json, "the facts", {{"partitions", partitions, true}, {"from", starts}});
    if (!read) return read.error();
    return facts;
}

Result<std::vector<TopicPartition>> parse_partitions(std::string_view json) {
    std::vector<TopicPartition> all;
    const auto partitions = [&](const element& value) {
        return read_each(value, [&](const element& one) {
            return read_place(one, "a partition", all.emplace_back(), {});
        });
    };
    auto read = read_object(json, "the question", {{"partitions", partitions, true}});
    if (!read) return read.error();
    return all;
}

}  // namespace tapedeck
