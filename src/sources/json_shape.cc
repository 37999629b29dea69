#include "sources/json_shape.h"

namespace tapedeck {

// Ends at kWhole where the path may lead to more than one member, or to one not known yet.
JsonShape::Index JsonShape::follow(Index at, const JsonPath& path) {
    for (const JsonPath::Segment& segment : path.segments()) {
        if (nodes_[at].whole) return kWhole;
        if (segment.kind != JsonPath::Segment::Kind::name || segment.templated) {
            nodes_[at].whole = true;
            return kWhole;
        }
        Index next = member(at, segment.text);
        if (next == kNone) {
            next = static_cast<Index>(nodes_.size());
            nodes_[at].members.emplace_back(segment.text, next);
            nodes_.emplace_back();
        }
        at = next;
    }
    return at;
}

void JsonShape::add(const JsonPath& outer, const JsonPath& inner) {
    nodes_[follow(follow(kRoot, outer), inner)].whole = true;
}

void JsonShape::add_way(const JsonPath& path) { follow(kRoot, path); }

JsonShape::Index JsonShape::member(Index at, std::string_view name) const {
    for (const auto& [known, index] : nodes_[at].members) {
        if (known == name) return index;
    }
    return kNone;
}

}  // namespace tapedeck
