#include "app/start_choices.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

namespace tapedeck {

Result<StartChoices> start_choices(const StartOptions& options, const Settings& settings) {
    StartChoices choices;
    std::vector<std::string> all = options.from;
    if (options.from_end) all.emplace_back("end");
    if (options.from_start) all.emplace_back("start");
    for (const std::string& text : all) {
        if (auto added = add_start_choice(text, choices); !added) return added.error();
    }
    std::set<std::string_view> topics;
    for (const auto& [name, feed] : settings.feeds) topics.insert(feed.topic);
    for (const auto& [topic, choice] : choices.by_topic) {
        if (!topics.contains(topic)) {
            return Error{ErrorKind::malformed, fmt::format("no feed has the topic '{}'", topic)};
        }
    }
    return choices;
}

Result<StartChoices> begin_loading(Assembly& assembly, const LoaderOptions& loading) {
    const auto passing = [&](const Error& error) -> Result<StartChoices> {
        if (retryable(error.kind)) return loading.starts;
        return error;
    };
    const auto label = label_of(assembly.store(), assembly.tape());
    if (!label) return passing(label.error());
    if (const auto identity = assembly.tape().identity(); !identity) {
        return passing(identity.error());
    }
    LoadingStarts starts(assembly.tape(), assembly.store(), assembly.log(), loading.starts);
    auto begun = starts.begin(loading.topics, *label, assembly.clock().now(), {});
    if (!begun) return passing(begun.error());
    return starts.left(loading.topics, *label);
}

}  // namespace tapedeck
