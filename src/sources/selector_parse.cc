#include <fmt/format.h>
#include <gumbo.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "sources/selector_ast.h"
#include "sources/text.h"

namespace tapedeck {
namespace {

// A recursive-descent parser; lists within :not() and the like nest at most eight deep.
class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Result<std::vector<Selector::Complex>> run() {
        auto list = read_list(0);
        if (!error_.empty()) return Error{ErrorKind::malformed, error_};
        if (at_ != text_.size()) fail("nothing more");
        if (!error_.empty()) return Error{ErrorKind::malformed, error_};
        return list;
    }

private:
    bool done() const { return at_ >= text_.size() || !error_.empty(); }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool take(char c) {
        if (peek() != c || done()) return false;
        ++at_;
        return true;
    }
    void skip_space() {
        while (!done() && is_css_space(peek())) ++at_;
    }
    void fail(std::string_view wanted) {
        if (!error_.empty()) return;
        error_ =
            fmt::format("selector \"{}\": {} expected at character {}", text_, wanted, at_ + 1);
    }

    std::vector<Selector::Complex> read_list(int depth) {
        std::vector<Selector::Complex> list;
        if (depth > 8) fail("fewer nested lists");
        do {
            skip_space();
            list.push_back(read_complex(depth));
            skip_space();
        } while (!done() && take(','));
        return list;
    }

    Selector::Complex read_complex(int depth) {
        Selector::Complex complex;
        Combinator before = Combinator::none;
        if (depth > 0 && (peek() == '>' || peek() == '+' || peek() == '~')) {  // :has(> a)
            before = static_cast<Combinator>(text_[at_++]);
            skip_space();
        }
        while (!done()) {
            CompoundSelector compound;
            compound.before = before;
            read_compound(compound, depth);
            if (compound.simples.empty()) fail("a selector");
            if (!error_.empty()) break;
            complex.compounds.push_back(std::move(compound));
            const bool space = is_css_space(peek());
            skip_space();
            const char c = peek();
            if (done() || c == ',' || c == ')') break;
            if (c == '>' || c == '+' || c == '~') {
                before = static_cast<Combinator>(c);
                ++at_;
                skip_space();
                if (done()) fail("a selector");
            } else if (space) {
                before = Combinator::descendant;
            } else {
                fail("a combinator");
            }
        }
        if (complex.compounds.empty()) fail("a selector");
        return complex;
    }

    void read_compound(CompoundSelector& compound, int depth) {
        if (take('*')) {
            compound.simples.emplace_back(SimpleKind::type, "*");
        } else if (starts_name()) {
            SimpleSelector simple{SimpleKind::type, read_name()};
            simple.tag = gumbo_tag_enum(simple.name.c_str());
            compound.simples.push_back(std::move(simple));
        }
        while (!done()) {
            if (take('#')) {
                compound.simples.push_back(valued(SimpleKind::id, "", read_name()));
            } else if (take('.')) {
                compound.simples.push_back(valued(SimpleKind::class_name, "", read_name()));
            } else if (take('[')) {
                compound.simples.push_back(read_attribute());
            } else if (take(':')) {
                compound.simples.push_back(read_pseudo(depth));
            } else {
                break;
            }
        }
    }

    static SimpleSelector valued(SimpleKind kind, std::string name, std::string value) {
        SimpleSelector simple{kind, std::move(name), std::move(value)};
        simple.templated = tapedeck::has_placeholder(simple.value);
        return simple;
    }

    // {symbol} counts as a name, so that #price_{symbol} and .{instrument} can be said.
    bool starts_name() const {
        const char c = peek();
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
               c == '\\' || c == '{' || static_cast<unsigned char>(c) >= 0x80;
    }

    std::string read_name() {
        std::string name;
        while (!done()) {
            const char c = peek();
            if (c == '\\') {
                ++at_;
                read_escape(name);
            } else if (c == '{') {
                const std::size_t close = text_.find('}', at_);
                if (close == std::string_view::npos) {
                    fail("}");
                    break;
                }
                name += text_.substr(at_, close + 1 - at_);
                at_ = close + 1;
            } else if (starts_name() || (c >= '0' && c <= '9')) {
                name += c;
                ++at_;
            } else {
                break;
            }
        }
        if (name.empty()) fail("a name");
        return name;
    }

    // CSS Syntax 4.3.7: up to six hex digits and one blank, or the character itself.
    void read_escape(std::string& out) {
        if (done()) return fail("a character");
        unsigned code = 0;
        const char* begin = text_.data() + at_;
        const char* most = begin + std::min<std::size_t>(6, text_.size() - at_);
        const auto [end, error] = std::from_chars(begin, most, code, 16);
        if (end == begin || error != std::errc()) {
            out += text_[at_++];
            return;
        }
        append_utf8(out, code);
        at_ += static_cast<std::size_t>(end - begin);
        if (at_ < text_.size() && is_css_space(text_[at_])) ++at_;
    }

    std::string read_string(char quote) {
        std::string value;
        while (at_ < text_.size() && text_[at_] != quote) {
            if (text_[at_] == '\\') {
                ++at_;
                read_escape(value);
            } else {
                value += text_[at_++];
            }
        }
        if (!take(quote)) fail("a closing quote");
        return value;
    }

    SimpleSelector read_attribute() {
        SimpleSelector simple{SimpleKind::attribute};
        skip_space();
        simple.name = lower_ascii(read_name());
        skip_space();
        if (take(']')) return simple;
        const char c = peek();
        if (c == '~' || c == '|' || c == '^' || c == '$' || c == '*') ++at_;
        if (!take('=')) {
            fail("= or ]");
            return simple;
        }
        simple.operation = c == '=' ? '=' : c;
        skip_space();
        if (peek() == '"' || peek() == '\'') {
            const char quote = text_[at_++];
            simple.value = read_string(quote);
        } else {
            while (!done() && !is_css_space(peek()) && peek() != ']') {
                if (take('\\')) {
                    read_escape(simple.value);
                } else {
                    simple.value += text_[at_++];
                }
            }
            if (simple.value.empty()) fail("a value");
        }
        skip_space();
        if (peek() == 'i' || peek() == 'I') {
            simple.fold_case = true;
            ++at_;
            skip_space();
        } else if (peek() == 's' || peek() == 'S') {
            ++at_;
            skip_space();
        }
        if (!take(']')) fail("]");
        simple.templated = tapedeck::has_placeholder(simple.value);
        return simple;
    }

    SimpleSelector read_pseudo(int depth) {
        const std::string name = lower_ascii(read_name());
        const auto nth = [](SimpleKind kind, int step, int offset) {
            SimpleSelector simple{kind};
            simple.step = step;
            simple.offset = offset;
            return simple;
        };
        if (name == "first-child") return nth(SimpleKind::nth_child, 0, 1);
        if (name == "last-child") return nth(SimpleKind::nth_last_child, 0, 1);
        if (name == "first-of-type") return nth(SimpleKind::nth_of_type, 0, 1);
        if (name == "last-of-type") return nth(SimpleKind::nth_last_of_type, 0, 1);
        if (name == "only-child") return SimpleSelector{SimpleKind::only_child};
        if (name == "only-of-type") return SimpleSelector{SimpleKind::only_of_type};
        if (name == "empty") return SimpleSelector{SimpleKind::empty};
        if (name == "root") return SimpleSelector{SimpleKind::root};
        SimpleSelector simple;
        if (name == "not" || name == "is" || name == "where" || name == "has") {
            simple.kind = name == "not"   ? SimpleKind::matches_not
                          : name == "has" ? SimpleKind::has
                                          : SimpleKind::matches_is;
            if (!take('(')) fail("(");
            if (error_.empty()) simple.list = read_list(depth + 1);
        } else if (name == "nth-child" || name == "nth-last-child" || name == "nth-of-type" ||
                   name == "nth-last-of-type") {
            simple.kind = name == "nth-child"        ? SimpleKind::nth_child
                          : name == "nth-last-child" ? SimpleKind::nth_last_child
                          : name == "nth-of-type"    ? SimpleKind::nth_of_type
                                                     : SimpleKind::nth_last_of_type;
            if (!take('(')) fail("(");
            read_nth(simple);
        } else {
            at_ -= std::min(at_, name.size());
            fail("a known pseudo-class");
            return simple;
        }
        skip_space();
        if (!take(')')) fail(")");
        return simple;
    }

    // an+b, odd, even (CSS Syntax 6).
    void read_nth(SimpleSelector& simple) {
        std::string word;
        while (!done() && peek() != ')') {
            if (!is_css_space(peek())) word += peek();
            ++at_;
        }
        word = lower_ascii(word);
        if (word == "odd") word = "2n+1";
        if (word == "even") word = "2n";
        const auto number = [&](std::string_view text, int& value) {
            if (!text.empty() && text[0] == '+') text.remove_prefix(1);
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), value);
            return error == std::errc() && end == text.data() + text.size() && value > -1'000'000 &&
                   value < 1'000'000;
        };
        const std::size_t n = word.find('n');
        if (n == std::string::npos) {
            if (!number(word, simple.offset)) fail("an+b");
            return;
        }
        const std::string step = word.substr(0, n);
        const std::string rest = word.substr(n + 1);
        if (step.empty() || step == "+") {
            simple.step = 1;
        } else if (step == "-") {
            simple.step = -1;
        } else if (!number(step, simple.step)) {
            fail("an+b");
        }
        if (!rest.empty() && !number(rest, simple.offset)) fail("an+b");
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string error_;
};

}  // namespace

namespace {

std::optional<Error> too_long(std::string_view what, std::string_view text) {
    if (text.size() <= Selector::kMostBytes) return std::nullopt;
    return Error{ErrorKind::malformed,
                 fmt::format("a {} of {} bytes; at most {} are read: \"{}...\"", what, text.size(),
                             Selector::kMostBytes, text.substr(0, 40))};
}

}  // namespace

Result<Selector> Selector::parse(std::string_view text) {
    if (auto error = too_long("selector", text)) return *error;
    auto list = Parser(text).run();
    if (!list) return list.error();
    Selector selector;
    selector.text_ = text;
    selector.list_ = std::make_shared<const std::vector<Complex>>(std::move(*list));
    return selector;
}

Result<Selector> Selector::of_classes(std::string_view classes) {
    if (auto error = too_long("list of classes", classes)) return *error;
    Complex complex;
    CompoundSelector compound;
    std::size_t at = 0;
    while (at < classes.size()) {
        while (at < classes.size() && is_css_space(classes[at])) ++at;
        const std::size_t from = at;
        while (at < classes.size() && !is_css_space(classes[at])) ++at;
        if (at == from) break;
        compound.simples.emplace_back(SimpleKind::class_name, "",
                                      std::string(classes.substr(from, at - from)));
    }
    if (compound.simples.empty()) compound.simples.emplace_back(SimpleKind::matches_is);  // nothing
    complex.compounds.push_back(std::move(compound));
    Selector selector;
    selector.text_ = classes;
    selector.list_ = std::make_shared<const std::vector<Complex>>(1, std::move(complex));
    return selector;
}

Selector Selector::nothing() { return *of_classes(""); }

Selector Selector::scope() {
    Selector selector = nothing();
    selector.text_ = ":scope";
    return selector;
}

}  // namespace tapedeck
