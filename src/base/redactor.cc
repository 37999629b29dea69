#include "base/redactor.h"
#include "base/ascii.h"
#include "base/mutex.h"

#include <algorithm>
#include <utility>

namespace tapedeck {
namespace {

constexpr std::string_view kMask = "***";
// Texts are cut to a length that people read: the beginning of a secret is taken for all of it.
constexpr std::size_t kMostLeftOfACut = 12;
constexpr std::size_t kLongWord = 12;  // longer than those that pages, paths and names are made of
constexpr std::size_t kLeastBase64 = 7;  // characters that the secret alone decides

// The number of `digits` hex digits at `at`, or -1.
int hex_number(std::string_view text, std::size_t at, std::size_t digits) {
    if (at + digits > text.size()) return -1;
    int number = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
        const int digit = hex_digit(text[i]);
        if (digit < 0) return -1;
        number = number * 16 + digit;
    }
    return number;
}

// "%41", and "%2541" or "%252541" where it was encoded again: how many bytes of `text` stand for
// `wanted`, 0 for none. Of a % itself that may be "%25" or, where `often`, all of "%2525".
std::size_t percent_length(std::string_view text, std::size_t at, unsigned char wanted,
                           bool often) {
    std::size_t length = 0;
    for (std::size_t digits = at + 1;; digits += 2) {
        if (hex_number(text, digits, 2) == wanted) length = digits + 2 - at;
        if (length != 0 && !often) return length;
        if (digits + 2 > text.size() || text.substr(digits, 2) != "25") return length;
    }
}

std::size_t escape_length(std::string_view text, std::size_t at, unsigned char wanted) {
    if (at + 1 >= text.size()) return 0;
    const char kind = text[at + 1];
    if (kind == 'u' && hex_number(text, at + 2, 4) == wanted) return 6;
    if (kind == 'x' && hex_number(text, at + 2, 2) == wanted) return 4;
    const bool is_itself = kind == '"' || kind == '\\' || kind == '/' || kind == '\'';
    return is_itself && static_cast<unsigned char>(kind) == wanted ? 2 : 0;
}

std::size_t entity_length(std::string_view text, std::size_t at, unsigned char wanted) {
    static constexpr std::array<std::pair<std::string_view, char>, 6> kNamed{
        {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}}};
    const std::size_t end = text.substr(at, 12).find(';');
    if (end == std::string_view::npos || end < 2) return 0;
    std::string_view name = text.substr(at + 1, end - 1);
    for (const auto& [known, meant] : kNamed) {
        if (name == known) return static_cast<unsigned char>(meant) == wanted ? end + 1 : 0;
    }
    if (name.front() != '#' || name.size() < 2) return 0;
    name.remove_prefix(1);
    int number = 0;
    if (name.front() == 'x' || name.front() == 'X') {
        number = hex_number(name, 1, name.size() - 1);
    } else {
        for (const char c : name) {
            if (c < '0' || c > '9') return 0;
            number = number * 10 + (c - '0');
        }
    }
    return number == wanted ? end + 1 : 0;
}

// How many bytes of `text` at `at` stand for the one byte `wanted`; 0: they do not.
std::size_t byte_length(std::string_view text, std::size_t at, char wanted, bool often) {
    const auto byte = static_cast<unsigned char>(wanted);
    switch (text[at]) {
        case '%':
            if (const std::size_t length = percent_length(text, at, byte, often)) return length;
            break;
        case '\\':
            if (const std::size_t length = escape_length(text, at, byte)) return length;
            break;
        case '&':
            if (const std::size_t length = entity_length(text, at, byte)) return length;
            break;
        case '+':
            if (wanted == ' ') return 1;
            break;
        default:
            break;
    }
    return text[at] == wanted ? 1 : 0;
}

// How many bytes of `text` at `at` stand for `form`; 0: they do not.
std::size_t length_of(std::string_view text, std::size_t at, std::string_view form) {
    if (text.substr(at, form.size()) == form) return form.size();
    std::size_t cut = 0;
    for (const bool often : {false, true}) {
        std::size_t end = at;
        std::size_t found = 0;
        for (; found < form.size() && end < text.size(); ++found) {
            const std::size_t length = byte_length(text, end, form[found], often);
            if (length == 0) break;
            end += length;
        }
        if (found == form.size()) return end - at;
        if (found >= kMostLeftOfACut) cut = std::max(cut, end - at);
    }
    return cut;
}

// The characters of base64 that `secret` alone decides where `before` bytes (modulo 3) stand
// before it in what was encoded.
std::string base64_inside(std::string_view secret, std::size_t before) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    const std::size_t first = before == 0 ? 0 : before + 1;  // sextets that others share
    const std::size_t bits = (before + secret.size()) * 8;
    for (std::size_t sextet = first; sextet * 6 + 6 <= bits; ++sextet) {
        unsigned value = 0;
        for (std::size_t bit = sextet * 6; bit < sextet * 6 + 6; ++bit) {
            const auto byte = static_cast<unsigned char>(secret[bit / 8 - before]);
            value = value << 1U | (byte >> (7 - bit % 8) & 1U);
        }
        out += kAlphabet[value];
    }
    return out;
}

std::vector<std::string> forms_of(const std::string& secret) {
    std::vector<std::string> forms{secret};
    for (std::size_t before = 0; before < 3; ++before) {
        std::string form = base64_inside(secret, before);
        if (form.size() < kLeastBase64) continue;
        std::string of_urls = form;
        std::ranges::replace(of_urls, '+', '-');
        std::ranges::replace(of_urls, '/', '_');
        if (of_urls != form) forms.push_back(std::move(of_urls));
        forms.push_back(std::move(form));
    }
    return forms;
}

}  // namespace

bool Redactor::is_recognisable(std::string_view secret) {
    constexpr std::string_view kOfPrices = "0123456789.,:-+/ TZ";
    constexpr std::string_view kOfWords = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return secret.size() >= kLeastBytes &&
           secret.find_first_not_of(kOfPrices) != std::string_view::npos &&
           (secret.size() >= kLongWord ||
            secret.find_first_not_of(kOfWords) != std::string_view::npos);
}

void Redactor::know(const Secret& secret, SecretReach reach) {
    if (!is_recognisable(secret.reveal())) return;
    const Lock lock(mutex_);
    if (std::ranges::find(passing_, secret) != passing_.end()) return;  // a crumb on its way
    const auto same = std::ranges::find(known_, secret, &Known::secret);
    if (same != known_.end() && (same->reach == reach || same->reach == SecretReach::site)) return;
    if (same != known_.end()) {
        same->reach = reach;
    } else {
        known_.push_back({secret, reach});
    }
    rebuild();
}

void Redactor::know_passing(const Secret& secret) {
    if (!is_recognisable(secret.reveal())) return;
    const Lock lock(mutex_);
    if (std::ranges::find(passing_, secret) != passing_.end()) return;
    passing_.push_back(secret);
    if (passing_.size() > kMostPassing) passing_.pop_front();
    rebuild();
}

void Redactor::rebuild() {
    auto forms = std::make_shared<Forms>();
    const auto add = [&](const Secret& secret, SecretReach reach) {
        for (std::string& form : forms_of(secret.reveal())) {
            forms->all.push_back({std::move(form), reach});
        }
    };
    for (const Known& one : known_) add(one.secret, one.reach);
    for (const Secret& one : passing_) add(one, SecretReach::site);
    for (std::uint32_t i = 0; i < forms->all.size(); ++i) {
        const char first = forms->all[i].text.front();
        forms->by_first[static_cast<unsigned char>(first)].push_back(i);
        forms->may_begin[static_cast<unsigned char>(first)] = true;
        if (first == ' ') forms->may_begin['+'] = true;
    }
    for (const char escape : {'%', '\\', '&'}) {
        forms->may_begin[static_cast<unsigned char>(escape)] = !forms->all.empty();
    }
    forms_ = std::move(forms);
}

std::shared_ptr<const Redactor::Forms> Redactor::forms() const {
    const Lock lock(mutex_);
    return forms_;
}

// How many bytes at `at` are a secret; 0: none.
std::size_t Redactor::match(const Forms& forms, std::string_view text, std::size_t at,
                            bool sites_alone) {
    std::size_t longest = 0;  // of secrets that begin alike, and of forms that may be cut
    const auto consider = [&](const Form& form) {
        if (sites_alone && form.reach != SecretReach::site) return;
        longest = std::max(longest, length_of(text, at, form.text));
    };
    const char first = text[at];
    if (first == '%' || first == '\\' || first == '&' || first == '+') {  // any byte, escaped
        for (const Form& form : forms.all) consider(form);
    } else {
        for (const std::uint32_t i : forms.by_first[static_cast<unsigned char>(first)]) {
            consider(forms.all[i]);
        }
    }
    return longest;
}

std::optional<Redactor::Cleaned> Redactor::clean(const Forms& forms, std::string_view text,
                                                 bool sites_alone) {
    std::optional<Cleaned> cleaned;
    std::size_t kept = 0;
    for (std::size_t at = 0; at < text.size();) {
        if (!forms.may_begin[static_cast<unsigned char>(text[at])]) {
            ++at;
            continue;
        }
        const std::size_t length = match(forms, text, at, sites_alone);
        if (length == 0) {
            ++at;
            continue;
        }
        if (!cleaned) cleaned.emplace();
        cleaned->text.append(text.substr(kept, at - kept)).append(kMask);
        ++cleaned->replaced;
        at += length;
        kept = at;
    }
    if (cleaned) cleaned->text.append(text.substr(kept));
    return cleaned;
}

std::string Redactor::clean(std::string_view text) const {
    const auto all = forms();
    auto cleaned = all ? clean(*all, text, false) : std::nullopt;
    return cleaned ? std::move(cleaned->text) : std::string(text);
}

std::optional<Redactor::Cleaned> Redactor::clean_answer(std::string_view text) const {
    const auto all = forms();
    return all ? clean(*all, text, true) : std::nullopt;
}

bool Redactor::holds(std::string_view text) const {
    const auto all = forms();
    return all && clean(*all, text, false).has_value();
}

}  // namespace tapedeck
