#include "sources/json_path.h"

#include <fmt/format.h>

#include <algorithm>

#include "sources/text.h"

namespace tapedeck {

Result<JsonPath> JsonPath::parse(std::string_view text) {
    JsonPath path;
    const auto refuse = [&](std::string_view why) {
        return Error{ErrorKind::malformed, fmt::format("JSON pointer \"{}\": {}", text, why)};
    };
    if (text.empty()) return path;
    if (text.size() > kMostBytes) {
        return Error{ErrorKind::malformed,
                     fmt::format("a JSON pointer of {} bytes; at most {} are read: \"{}...\"",
                                 text.size(), kMostBytes, text.substr(0, 40))};
    }
    if (text[0] != '/') return refuse("it must begin with /");
    int any_depth = 0;
    for (std::size_t at = 1; at <= text.size();) {
        const std::size_t end = std::min(text.find('/', at), text.size());
        Segment segment;
        for (std::size_t i = at; i < end; ++i) {
            if (text[i] != '~') {
                segment.text += text[i];
                continue;
            }
            const char next = i + 1 < end ? text[i + 1] : '\0';
            if (next != '0' && next != '1') return refuse("~ must be followed by 0 or 1");
            segment.text += next == '0' ? '~' : '/';
            ++i;
        }
        if (segment.text == "*") segment.kind = Segment::Kind::any;
        const std::size_t equals = segment.text.find('=');
        if (segment.text.starts_with('[') && segment.text.ends_with(']') &&
            equals != std::string::npos) {
            segment.kind = Segment::Kind::having;
            segment.wanted = segment.text.substr(equals + 1, segment.text.size() - equals - 2);
            segment.text = segment.text.substr(1, equals - 1);
        }
        if (segment.text == "**") {
            segment.kind = Segment::Kind::any_depth;
            if (++any_depth > 1 || end == text.size()) {
                return refuse("** may stand once, and not at the end");
            }
        }
        if (path.segments_.size() == kMostSegments) {
            return refuse(fmt::format("it has more than {} parts", kMostSegments));
        }
        segment.templated = tapedeck::has_placeholder(segment.text);
        path.segments_.push_back(std::move(segment));
        at = end + 1;
    }
    return path;
}

bool JsonPath::has_placeholder() const {
    return std::ranges::any_of(segments_, &Segment::templated);
}

}  // namespace tapedeck
