// Alone, as the rules' word `Field` is another than the configuration's.
#include "app/rule_names.h"

#include "sources/rules.h"

namespace tapedeck {

std::vector<std::string> rule_names(const Source& source) {
    std::vector<std::string> names;
    for (const Rule& rule : source.rules->rules) names.push_back(rule.name);
    return names;
}

}  // namespace tapedeck
