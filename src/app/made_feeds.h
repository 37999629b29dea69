#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/settings.h"
#include "collect/feed.h"
#include "collect/secret_lookup.h"
#include "schedule/dag.h"
#include "sources/source.h"

namespace tapedeck {

// Shipped sources, the user's own, and those made of class lists. `broken`: files of the user's
// folder that are none.
struct MadeSources {
    Sources sources;
    std::vector<BrokenSource> broken;
};
Result<MadeSources> make_sources(const Settings& settings);

// `rejected` where a feed names a source that is not there, and what is wrong with its file where
// it is broken.
Result<std::map<std::string, Feed>> make_feeds(const Settings& settings, const MadeSources& made);

// The same, where sources that are not there are left out, and told of in `faults`.
std::map<std::string, Feed> make_feeds(const Settings& settings, const MadeSources& made,
                                       std::vector<Error>& faults);

// A configured DAG with the text of the user's own calendar, where it has one; and all of them.
DagSpec dag_of(const Settings& settings, const DagSpec& configured);
std::vector<DagSpec> make_dags(const Settings& settings);

// Of a feed's settings alone, without its sources.
Feed feed_of(const FeedSettings& settings);

// `find_secret` of those, at each call.
SecretLookup secret_lookup(const Settings& settings);

}  // namespace tapedeck
