#include "lambda/collect_event.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <algorithm>
#include <functional>
#include <map>

#include "collect/feed_settings.h"
#include "config/text_checks.h"

namespace tapedeck {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

std::string_view kind_name(element value) {
    switch (value.type()) {
        case element_type::ARRAY:
            return "a list";
        case element_type::OBJECT:
            return "an object";
        case element_type::STRING:
            return "a text";
        case element_type::BOOL:
            return "true or false";
        case element_type::NULL_VALUE:
            return "null";
        default:
            return "a number";
    }
}

using Check = std::string (*)(std::string_view);

class EventReader {
public:
    explicit EventReader(simdjson::dom::object event) {
        for (const auto& [name, value] : event) {
            const auto [at, is_new] = fields_.try_emplace(std::string(name), value);
            if (!is_new) fault(fmt::format("{} stands there twice", in_quotes(name)));
        }
    }

    Result<CollectEvent> read() {
        CollectEvent event;
        const bool coins = has("coin_list");
        const bool stocks = has("stock_list");
        if (coins && stocks) fault("has both coin_list and stock_list");
        if (!coins && !stocks && !has("feed")) {
            fault("has neither feed, coin_list nor stock_list");
        } else if (coins || stocks) {
            original(event, stocks);
        } else {
            ours(event);
        }
        for (const auto& [name, value] : fields_) event.unused.push_back(name);
        if (!event.original && !event.unused.empty()) {
            fault(fmt::format("{}: there is no such field", in_quotes(event.unused.front())));
        }
        if (faults_.empty()) return event;
        return Error{ErrorKind::malformed, fmt::format("the event: {}", fmt::join(faults_, "; "))};
    }

private:
    bool has(std::string_view name) const { return fields_.find(name) != fields_.end(); }
    void fault(std::string what) { faults_.push_back(std::move(what)); }

    std::optional<element> take(std::string_view name, bool required) {
        const auto found = fields_.find(name);
        if (found == fields_.end()) {
            if (required) fault(fmt::format("{} is missing", name));
            return std::nullopt;
        }
        const element value = found->second;
        fields_.erase(found);
        return value;
    }

    std::string text(std::string_view name, Check check, bool required = true) {
        const auto value = take(name, required);
        if (!value) return {};
        std::string_view text;
        if (value->get_string().get(text) != simdjson::SUCCESS) {
            fault(fmt::format("{} must be a text, and is {}", name, kind_name(*value)));
        } else if (const std::string wrong = check(text); !wrong.empty()) {
            fault(fmt::format("{} {}", name, wrong));
        }
        return std::string(text);
    }

    std::vector<std::string> names(std::string_view name, bool required) {
        std::vector<std::string> out;
        const auto value = take(name, required);
        if (!value) return out;
        simdjson::dom::array list;
        if (value->get_array().get(list) != simdjson::SUCCESS) {
            fault(fmt::format("{} must be a list of texts, and is {}", name, kind_name(*value)));
            return out;
        }
        for (const element item : list) {
            std::string_view text;
            if (item.get_string().get(text) != simdjson::SUCCESS) {
                fault(
                    fmt::format("{} must be a list of texts, and holds {}", name, kind_name(item)));
            } else if (const std::string wrong = must_be_instrument(text); !wrong.empty()) {
                fault(fmt::format("{}: {}", name, wrong));
            } else if (std::ranges::find(out, text) == out.end()) {
                out.emplace_back(text);
            }
        }
        if (out.empty() && faults_.empty()) fault(fmt::format("{} is empty", name));
        return out;
    }

    void original(CollectEvent& event, bool stocks) {
        event.feed = stocks ? "stock" : "coin";
        event.instruments = names(stocks ? "stock_list" : "coin_list", true);
        auto& told = event.original.emplace();
        told.base_url = text("base_url", must_be_http_url);
        told.price_html_class = text("price_html_class", must_be_one_line);
        if (stocks) {
            told.stock_name_html_class = text("stock_name_html_class", must_be_one_line);
            const bool right = has("previous_close_html_class");
            told.previous_close_html_class =
                text(right ? "previous_close_html_class" : "previouse_close_html_class",
                     must_be_one_line);
        }
        told.kafka_server = text("kafka_server", must_be_one_line);
        told.kafka_topic = text("kafka_topic", must_be_topic);
        read_slot(event);
    }

    void ours(CollectEvent& event) {
        event.feed = text("feed", must_be_name);
        read_slot(event);
        event.run_id = text("run_id", must_be_one_line, false);
        event.instruments = names("instruments", false);
        event.deployment = text("deployment", must_be_name, false);
        event.config = text("config", must_be_name, false);
        if (const auto value = take("try", false)) {
            std::int64_t number = 0;
            const bool fine = value->get_int64().get(number) == simdjson::SUCCESS && number > 0 &&
                              number < 1'000'000;
            if (!fine)
                fault(fmt::format("try must be a number from 1 on, and is {}", kind_name(*value)));
            event.try_number = static_cast<int>(number);
        }
        if (const auto value = take("off_schedule", false)) {
            if (value->get_bool().get(event.off_schedule) != simdjson::SUCCESS) {
                fault(fmt::format("off_schedule must be true or false, and is {}",
                                  kind_name(*value)));
            }
        }
        if (event.off_schedule && event.slot) fault("has both slot and off_schedule");
    }

    void read_slot(CollectEvent& event) {
        const auto value = take("slot", false);
        if (!value || value->is_null()) return;
        std::string_view text;
        if (value->get_string().get(text) != simdjson::SUCCESS) {
            fault(fmt::format("slot must be a time such as 2026-11-24T00:05:00Z, and is {}",
                              kind_name(*value)));
            return;
        }
        const auto time = parse_rfc3339(text);
        if (time) {
            event.slot = *time;
        } else {
            fault(fmt::format("slot: {}", time.error().what));
        }
    }

    std::map<std::string, element, std::less<>> fields_;
    std::vector<std::string> faults_;
};

}  // namespace

Result<CollectEvent> parse_event(std::string_view text) {
    simdjson::dom::parser parser;
    element root;
    const simdjson::padded_string bytes(text);
    simdjson::dom::object object;
    if (const auto fault = parser.parse(bytes).get(root); fault != simdjson::SUCCESS) {
        return Error{ErrorKind::malformed,
                     fmt::format("the event is no JSON: {}", simdjson::error_message(fault))};
    }
    if (root.get_object().get(object) != simdjson::SUCCESS) {
        return Error{ErrorKind::malformed,
                     fmt::format("the event must be an object, and is {}", kind_name(root))};
    }
    return EventReader(object).read();
}

}  // namespace tapedeck
