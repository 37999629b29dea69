#include "aws/xml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tapedeck {
namespace {

constexpr int kDeepest = 32;
constexpr std::string_view kBlank = " \t\r\n";

void append_utf8(std::string& out, std::uint32_t point) {
    const auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
    if (point < 0x80) return byte(point);
    if (point < 0x800) {
        byte(0xC0U | (point >> 6U));
    } else if (point < 0x10000) {
        byte(0xE0U | (point >> 12U));
        byte(0x80U | ((point >> 6U) & 0x3FU));
    } else {
        byte(0xF0U | (point >> 18U));
        byte(0x80U | ((point >> 12U) & 0x3FU));
        byte(0x80U | ((point >> 6U) & 0x3FU));
    }
    byte(0x80U | (point & 0x3FU));
}

class XmlReader {
public:
    explicit XmlReader(std::string_view text) : text_(text) {}

    Result<XmlElement> read() {
        XmlElement root;
        if (!skip_prolog() || !element(root, 0) || !skip_prolog() || at_ != text_.size()) {
            return Error{ErrorKind::malformed, fmt::format("is no XML at byte {}", at_)};
        }
        return root;
    }

private:
    bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

    bool skip_past(std::string_view what) {
        const std::size_t end = text_.find(what, at_);
        if (end == std::string_view::npos) return false;
        at_ = end + what.size();
        return true;
    }

    void skip_blank() { at_ = std::min(text_.find_first_not_of(kBlank, at_), text_.size()); }

    // Declarations and comments; a document type is refused.
    bool skip_prolog() {
        for (skip_blank(); at_ < text_.size(); skip_blank()) {
            if (starts("<!--")) {
                if (!skip_past("-->")) return false;
            } else if (starts("<?")) {
                if (!skip_past("?>")) return false;
            } else {
                return !starts("<!");
            }
        }
        return true;
    }

    bool element(XmlElement& out, int depth) {
        if (depth == kDeepest || !starts("<")) return false;
        ++at_;
        const std::size_t end = std::min(text_.find_first_of(" \t\r\n/>", at_), text_.size());
        const std::string_view name = text_.substr(at_, end - at_);
        if (name.empty()) return false;
        out.name = name.substr(name.find(':') == name.npos ? 0 : name.find(':') + 1);
        at_ = end;
        if (!skip_attributes()) return false;
        if (starts("/>")) {
            at_ += 2;
            return true;
        }
        ++at_;  // '>'
        return content(out, depth) && skip_end(name);
    }

    bool skip_attributes() {
        for (skip_blank(); at_ < text_.size(); skip_blank()) {
            if (starts(">") || starts("/>")) return true;
            const std::size_t equals = text_.find('=', at_);
            if (equals == text_.npos || equals + 1 >= text_.size()) return false;
            const char quote = text_[equals + 1];
            if (quote != '"' && quote != '\'') return false;
            at_ = equals + 2;
            if (!skip_past(std::string_view(&quote, 1))) return false;
        }
        return false;
    }

    bool content(XmlElement& out, int depth) {
        while (at_ < text_.size() && !starts("</")) {
            if (starts("<!--")) {
                if (!skip_past("-->")) return false;
            } else if (starts("<![CDATA[")) {
                const std::size_t begin = at_ + 9;
                if (!skip_past("]]>")) return false;
                out.text += text_.substr(begin, at_ - 3 - begin);
            } else if (starts("<")) {
                if (!element(out.children.emplace_back(), depth + 1)) return false;
            } else if (!characters(out.text)) {
                return false;
            }
        }
        return true;
    }

    bool skip_end(std::string_view name) {
        if (!starts(fmt::format("</{}", name))) return false;
        at_ += name.size() + 2;
        skip_blank();
        if (!starts(">")) return false;
        ++at_;
        return true;
    }

    bool characters(std::string& out) {
        if (!starts("&")) {
            const std::size_t end = std::min(text_.find_first_of("<&", at_), text_.size());
            out += text_.substr(at_, end - at_);
            at_ = end;
            return true;
        }
        const std::size_t end = text_.find(';', at_);
        if (end == text_.npos) return false;
        const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        constexpr std::array<std::pair<std::string_view, char>, 5> kNamed{
            {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}}};
        const auto* named =
            std::ranges::find(kNamed, name, &std::pair<std::string_view, char>::first);
        if (named != kNamed.end()) {
            out += named->second;
            return true;
        }
        return numbered(name, out);
    }

    static bool numbered(std::string_view name, std::string& out) {
        const bool hex = name.starts_with("#x");
        if (!hex && !name.starts_with("#")) return false;
        name.remove_prefix(hex ? 2 : 1);
        std::uint32_t point = 0;
        const auto read =
            std::from_chars(name.data(), name.data() + name.size(), point, hex ? 16 : 10);
        const bool whole = read.ec == std::errc() && read.ptr == name.data() + name.size();
        const bool is_character =
            point != 0 && point < 0x110000 && (point < 0xD800 || point > 0xDFFF);
        if (!whole || !is_character) return false;
        append_utf8(out, point);
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::string XmlElement::value(std::string_view path) const {
    const std::size_t slash = path.find('/');
    const std::string_view first = path.substr(0, slash);
    for (const XmlElement& child : children) {
        if (child.name != first) continue;
        return slash == path.npos ? child.text : child.value(path.substr(slash + 1));
    }
    return {};
}

std::vector<const XmlElement*> XmlElement::all(std::string_view child) const {
    std::vector<const XmlElement*> found;
    for (const XmlElement& one : children) {
        if (one.name == child) found.push_back(&one);
    }
    return found;
}

const XmlElement* XmlElement::find(std::string_view element) const {
    if (name == element) return this;
    for (const XmlElement& child : children) {
        if (const XmlElement* found = child.find(element)) return found;
    }
    return nullptr;
}

Result<XmlElement> parse_xml(std::string_view text) { return XmlReader(text).read(); }

std::string xml_escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

}  // namespace tapedeck
