// The text side of config_edit.h: changing TOML without touching what is not meant.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/config_edit.h"
#include "config/toml_document.h"
#include "config/toml_offsets.h"

namespace tapedeck {
namespace {

// A list's string, as bytes of the text.
struct Token {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string value;
};

std::string_view line_end_of(std::string_view text) {
    return text.find("\r\n") == text.npos ? "\n" : "\r\n";
}

std::size_t skip_blanks(std::string_view text, std::size_t i) {
    while (i < text.size() && (text[i] == ' ' || text[i] == '\t')) ++i;
    return i;
}

std::size_t line_begin(std::string_view text, std::size_t i) {
    const std::size_t before = i == 0 ? text.npos : text.rfind('\n', i - 1);
    return before == text.npos ? 0 : before + 1;
}

// The end of the line if nothing but blanks and a comment stand before it; else npos.
std::size_t rest_of_line(std::string_view text, std::size_t i) {
    i = skip_blanks(text, i);
    if (i < text.size() && text[i] == '#') i = std::min(text.find('\n', i), text.size());
    if (i > 0 && i < text.size() && text[i] == '\n' && text[i - 1] == '\r') --i;
    const bool ended = i == text.size() || text[i] == '\n' || text[i] == '\r';
    return ended ? i : text.npos;
}

// Behind the comma that follows `i`, over blanks, line ends and comments; npos where none does.
std::size_t behind_comma(std::string_view text, std::size_t i) {
    while (i < text.size()) {
        if (text[i] == ',') return i + 1;
        if (text[i] == '#') {
            i = std::min(text.find('\n', i), text.size());
        } else if (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') {
            ++i;
        } else {
            return text.npos;
        }
    }
    return text.npos;
}

// One list of strings within a text, changed string by string.
class ListEditor {
public:
    ListEditor(std::string& text, const TomlNode& list) : text_(text) {
        TomlOffsets offsets(text);
        begin_ = offsets.of(list.at);
        for (const TomlNode& item : list.items) {
            const std::size_t at = offsets.of(item.at);
            tokens_.push_back({at, value_end(text, at), item.text});
        }
    }

    void become(const std::vector<std::string>& wanted) {
        if (tokens_.size() == wanted.size()) {
            for (std::size_t i = 0; i < wanted.size(); ++i) {
                if (tokens_[i].value != wanted[i]) replace(i, wanted[i]);
            }
            return;
        }
        const std::set<std::string_view> stays(wanted.begin(), wanted.end());
        for (std::size_t i = tokens_.size(); i-- > 0;) {
            if (!stays.contains(tokens_[i].value)) remove(i);
        }
        std::set<std::string> there;
        for (const Token& token : tokens_) there.insert(token.value);
        for (const std::string& value : wanted) {
            if (there.insert(value).second) append(value);
        }
    }

private:
    void replace(std::size_t index, const std::string& value) {
        Token& token = tokens_[index];
        change(token.begin, token.end, toml_string(value));
        token.value = value;
    }

    // Replaces bytes and moves the tokens behind them.
    void change(std::size_t from, std::size_t to, std::string_view by) {
        text_.replace(from, to - from, by);
        for (Token& token : tokens_) {
            if (token.begin >= to && token.begin != from) token.begin += by.size() - (to - from);
            if (token.end >= to) token.end += by.size() - (to - from);
        }
    }

    void remove(std::size_t index) {
        const Token token = tokens_[index];
        tokens_.erase(tokens_.begin() + static_cast<std::ptrdiff_t>(index));
        const std::size_t comma = behind_comma(text_, token.end);
        const std::size_t from = line_begin(text_, token.begin);
        const bool first_on_line = skip_blanks(text_, from) == token.begin;
        // The comma may stand in a later line; then only the string goes, with that comma.
        const std::size_t last = comma == text_.npos ? token.end : comma;
        const std::size_t end = rest_of_line(text_, last);
        if (first_on_line && end != text_.npos && end < text_.size() &&
            text_.find('\n', token.begin) >= last) {
            change(from, text_.find('\n', end) + 1, "");
        } else if (comma != text_.npos) {
            change(token.begin, skip_blanks(text_, comma), "");
        } else if (index > 0 && text_.find('#', tokens_[index - 1].end) >= token.begin) {
            change(tokens_[index - 1].end, token.end, "");
        } else {
            change(token.begin, token.end, "");
        }
    }

    void append(const std::string& value) {
        const std::string item = toml_string(value);
        if (tokens_.empty()) {
            change_end(begin_ + 1, item, begin_ + 1, value);
            return;
        }
        const Token last = tokens_.back();
        const std::size_t line = line_begin(text_, last.begin);
        const bool own_line = skip_blanks(text_, line) == last.begin;
        const std::size_t comma = behind_comma(text_, last.end);
        std::size_t at = last.end;
        if (comma == text_.npos) {
            text_.insert(at, ",");
            ++at;
        } else {
            at = comma;
        }
        const std::string_view closing = comma == text_.npos ? "" : ",";
        if (!own_line) {
            change_end(at, fmt::format(" {}{}", item, closing), at + 1, value);
            return;
        }
        if (const std::size_t end = rest_of_line(text_, at); end != text_.npos) at = end;
        const std::string lead =
            std::string(line_end_of(text_)) + text_.substr(line, last.begin - line);
        change_end(at, fmt::format("{}{}{}", lead, item, closing), at + lead.size(), value);
    }

    void change_end(std::size_t at, const std::string& inserted, std::size_t token_begin,
                    const std::string& value) {
        text_.insert(at, inserted);
        tokens_.push_back({token_begin, token_begin + toml_string(value).size(), value});
    }

    std::string& text_;
    std::size_t begin_ = 0;
    std::vector<Token> tokens_;
};

bool is_list_of_strings(const TomlNode& node) {
    return node.kind == TomlKind::array &&
           std::all_of(node.items.begin(), node.items.end(),
                       [](const TomlNode& item) { return item.kind == TomlKind::string; });
}

const TomlNode* find_path(const TomlNode& root, const std::vector<std::string>& path) {
    const TomlNode* node = &root;
    for (const std::string& part : path) {
        if (node != nullptr) node = node->find(part);
    }
    return node;
}

bool same_value(const TomlNode& left, const TomlNode& right) {
    if (left.kind != right.kind || left.text != right.text) return false;
    return std::equal(left.items.begin(), left.items.end(), right.items.begin(), right.items.end(),
                      same_value) &&
           std::equal(left.members.begin(), left.members.end(), right.members.begin(),
                      right.members.end(), [](const TomlMember& a, const TomlMember& b) {
                          return a.key == b.key && same_value(a.value, b.value);
                      });
}

// Behind the line of the header [table] at `at`; npos where no such header stands there.
std::size_t behind_header(std::string_view text, std::size_t at,
                          const std::vector<std::string>& table) {
    if (at >= text.size() || text[at] != '[' || text.substr(at).starts_with("[[")) return text.npos;
    const std::size_t end = value_end(text, at);
    const auto parts = split_key(text.substr(at + 1, end - at - 2));
    if (!parts || *parts != table) return text.npos;
    const std::size_t line_end = text.find('\n', end);
    return line_end == text.npos ? text.size() : line_end + 1;
}

// The begin of the line behind the table's last plain value; `least` where it has none. Values of
// a [table] stand under its header, before the next one.
std::size_t behind_values(std::string_view text, const TomlNode& table, std::size_t least) {
    std::size_t last = least;
    for (const TomlMember& member : table.members) {
        const std::size_t at = offset_of(text, member.value.at);
        const bool opened = member.value.kind == TomlKind::table && text.substr(at, 1) != "{";
        if (opened || at < least) continue;
        const std::size_t line_end = text.find('\n', value_end(text, at));
        last = std::max(last, line_end == text.npos ? text.size() : line_end + 1);
    }
    return last;
}

void insert_key(std::string& text, const TomlNode* table, const TomlChange& change) {
    const std::string_view line_end = line_end_of(text);
    const std::string entry = fmt::format("{} = {}", toml_key(change.key), change.value);
    if (table != nullptr) {
        const std::size_t at = offset_of(text, table->at);
        if (const std::size_t header = behind_header(text, at, change.table); header != text.npos) {
            const std::size_t place = behind_values(text, *table, header);
            const bool open = !std::string_view(text).substr(0, place).ends_with('\n');
            text.insert(place, fmt::format("{}{}{}", open ? line_end : "", entry, line_end));
            return;
        }
        if (at < text.size() && text[at] == '{') {
            text.insert(at + 1, entry + (table->members.empty() ? "" : ", "));
            return;
        }
    }
    if (!text.empty() && !text.ends_with('\n')) text += line_end;
    if (!text.empty()) text += line_end;
    text += fmt::format("[{}]{}{}{}", join_key(change.table), line_end, entry, line_end);
}

Result<> make_change(std::string& text, const std::string& file, const TomlChange& change) {
    const auto root = parse_toml(text, file);
    if (!root) return root.error();
    const auto wanted = parse_toml("value = " + change.value, change.key);
    if (!wanted) return wanted.error();
    const TomlNode& value = *wanted->find("value");
    std::vector<std::string> path = change.table;
    path.push_back(change.key);

    const TomlNode* old = find_path(*root, path);
    const int line = old == nullptr ? 0 : old->key_at.line;
    if (old == nullptr) {
        insert_key(text, find_path(*root, change.table), change);
    } else if (same_value(*old, value)) {
        return {};
    } else if (is_list_of_strings(*old) && is_list_of_strings(value)) {
        std::vector<std::string> strings;
        for (const TomlNode& item : value.items) strings.push_back(item.text);
        ListEditor(text, *old).become(strings);
    } else {
        const std::size_t at = offset_of(text, old->at);
        text.replace(at, value_end(text, at) - at, change.value);
    }

    // However the file was written: it must now say what was meant.
    const auto changed = parse_toml(text, file);
    const TomlNode* now = changed ? find_path(*changed, path) : nullptr;
    if (now != nullptr && same_value(*now, value)) return {};
    return Error{ErrorKind::rejected,
                 fmt::format("{}{}: [{}] {} cannot be changed in place as it is written: change it "
                             "by hand to {}",
                             file, line == 0 ? "" : fmt::format(":{}", line),
                             join_key(change.table), change.key, change.value)};
}

}  // namespace

Result<std::string> change_toml(std::string_view text, const std::string& file,
                                std::span<const TomlChange> changes) {
    std::string out(text);
    for (const TomlChange& change : changes) {
        if (auto made = make_change(out, file, change); !made) return made.error();
    }
    return out;
}

}  // namespace tapedeck
