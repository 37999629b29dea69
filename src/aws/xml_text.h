#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tapedeck {

// An element of the XML that AWS answers: elements within elements, or text. Names are without
// prefixes; attributes are left out.
struct XmlElement {
    std::string name;
    std::string text;
    std::vector<XmlElement> children;

    // The text of the first element that `path` ("Error/Code") leads to; empty where there is none.
    std::string value(std::string_view path) const;
    // The children of that name.
    std::vector<const XmlElement*> all(std::string_view child) const;
    // The first element of that name, however deep; none where there is none.
    const XmlElement* find(std::string_view element) const;
};

// `malformed` for what is not well-formed, is nested deeper than 32, or declares entities of its
// own.
Result<XmlElement> parse_xml(std::string_view text);

// `text` as it stands in an element.
std::string xml_escaped(std::string_view text);

}  // namespace tapedeck
