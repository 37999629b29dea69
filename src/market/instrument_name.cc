#include "market/instrument_name.h"

namespace tapedeck {

std::string_view instrument_of(std::string_view name, RecordForm form) {
    if (form == RecordForm::coin) return name;
    const std::size_t open = name.rfind('(');
    if (open == std::string_view::npos) return name;
    const std::size_t close = name.find(')', open);
    if (close == std::string_view::npos || close == open + 1) return name;
    const std::string_view group = name.substr(open + 1, close - open - 1);
    return group.find(' ') == std::string_view::npos ? group : name;
}

}  // namespace tapedeck
