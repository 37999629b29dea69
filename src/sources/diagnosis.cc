#include "sources/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tapedeck {
namespace {

constexpr std::size_t kSmallBody = 256 * 1024;  // error pages are smaller, save a few with a title
constexpr std::size_t kTinyBody = 4 * 1024;

// Titles of robot checks: Cloudflare (2015 to 2026), Imperva, DataDome, PerimeterX.
constexpr std::array<std::string_view, 8> kChallengeTitles{"just a moment",
                                                           "attention required! | cloudflare",
                                                           "please wait",
                                                           "ddos-guard",
                                                           "pardon our interruption",
                                                           "access to this page has been denied",
                                                           "checking your browser",
                                                           "are you a robot"};
// What robot checks carry in any language, and the pages behind them do not: Cloudflare, DataDome,
// PerimeterX, Akamai.
constexpr std::array<std::string_view, 4> kChallengeMarks{"_cf_chl_opt", "captcha-delivery.com",
                                                          "px-captcha", "/_sec/cp_challenge"};
constexpr std::array<std::string_view, 6> kThrottleTexts{
    "too many requests", "rate limit", "ratelimit", "throttled", "request limit", "error 1015"};

// Where an answer that came with another status says its own: {"code":429}, {"error":{"code":429}}.
constexpr std::array<std::string_view, 6> kCodes{"code",       "status",    "statusCode",
                                                 "error_code", "errorCode", "status_code"};
constexpr std::array<std::string_view, 5> kAround{"", "/error", "/*/error", "/errors/0", "/status"};

const std::vector<JsonPath>& code_paths() {
    static const std::vector<JsonPath> paths = [] {
        std::vector<JsonPath> made;
        for (const std::string_view around : kAround) {
            for (const std::string_view code : kCodes) {
                made.push_back(*JsonPath::parse(fmt::format("{}/{}", around, code)));
            }
        }
        return made;
    }();
    return paths;
}

// An HTTP status of an error, as an answer writes it; 0 for any other text.
int error_status(std::string_view text) {
    const bool three = text.size() == 3 && (text[0] == '4' || text[0] == '5') && text[1] >= '0' &&
                       text[1] <= '9' && text[2] >= '0' && text[2] <= '9';
    return three ? (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0') : 0;
}

bool begins_folded(std::string_view text, std::string_view start) {
    return text.size() >= start.size() && equal_folded(text.substr(0, start.size()), start);
}

template <class Range>
bool contains_any(std::string_view text, const Range& parts) {
    return std::ranges::any_of(parts, [&](std::string_view part) {
        return text.find(lower_ascii(part)) != std::string_view::npos;
    });
}

class Diagnosis {
public:
    Diagnosis(const Source& source, const Page& page, PageView& view, const Names& names,
              bool after_rules)
        : source_(source), page_(page), view_(view), names_(names), after_rules_(after_rules) {}

    std::optional<Failure> by_rules(const RuleSet& rules) {
        for (const ErrorRule& rule : rules.errors) {
            std::string saw;
            if (holds(rule, saw)) {
                return Failure{rule.reason,
                               fmt::format("{}: {}", source_.name, shortened(saw, 1'000))};
            }
        }
        return std::nullopt;
    }

    std::optional<Failure> by_look() {
        const auto failure = [&](Reason reason, std::string_view what) {
            return Failure{reason, fmt::format("{}: {}", source_.name, shortened(what, 1'000))};
        };
        const bool small = page_.body.size() <= kSmallBody;
        std::string_view body = page_.body;
        if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
        const bool blank = small && body.find_first_not_of(std::string_view(" \t\r\n\0", 5)) ==
                                        std::string_view::npos;
        if (small && !blank && !view_.looks_like_json()) {
            const std::string title = view_.title();
            const bool titled = std::ranges::any_of(
                kChallengeTitles, [&](std::string_view one) { return begins_folded(title, one); });
            if (titled || contains_any(page_.body, kChallengeMarks)) {
                return failure(Reason::challenge, fmt::format("robot check \"{}\"", title));
            }
        }
        if (const auto reason = by_status(page_.status)) {
            return failure(*reason, fmt::format("status {}", page_.status));
        }
        if (blank) return failure(Reason::empty, "the body is empty");
        if (page_.body.size() <= kTinyBody &&
            contains_any(lower_ascii(page_.body), kThrottleTexts)) {
            return failure(Reason::throttled, "the site says that it was asked too often");
        }
        if (page_.status >= 400) {
            return failure(Reason::malformed, fmt::format("status {}", page_.status));
        }
        return std::nullopt;
    }

    // An answer without a price that names an HTTP status in its body, whatever it came with.
    std::optional<Failure> by_answer() {
        if (!view_.looks_like_json()) return std::nullopt;
        const LoadedJson* json = view_.body_json();
        if (json == nullptr) return std::nullopt;
        for (const JsonPath& path : code_paths()) {
            for (const auto at : json->tree->find(0, path, 4, names_, view_.budget())) {
                const auto scalar = json->tree->scalar(at);
                if (scalar == JsonTree::kNone) continue;
                const int status = error_status((*json->tree)[scalar].text);
                if (const auto reason = by_status(status)) {
                    return Failure{*reason, fmt::format("{}: the answer says that its status is {}",
                                                        source_.name, status)};
                }
            }
        }
        return std::nullopt;
    }

    // A page or JSON text that ends before its end.
    std::optional<Failure> by_end() {
        if (view_.looks_like_json()) {
            const std::size_t at = page_.body.find_first_of("{[");
            if (json_extent(page_.body.substr(at)) != 0) return std::nullopt;
        } else if (!view_.looks_like_html() || view_.scan().has_html_end) {
            return std::nullopt;
        }
        return Failure{Reason::truncated, fmt::format("{}: the body of {} bytes ends in the middle",
                                                      source_.name, page_.body.size())};
    }

private:
    static std::optional<Reason> by_status(int status) {
        if (status == 401 || status == 407) return Reason::unauthorized;
        if (status == 403 || status == 451) return Reason::forbidden;
        if (status == 404 || status == 410) return Reason::not_found;
        if (status == 429) return Reason::throttled;
        if (status >= 500 && status < 600) return Reason::server_error;
        return std::nullopt;
    }

    bool holds(const ErrorRule& rule, std::string& saw) {
        const bool small = page_.body.size() <= kSmallBody;
        if (!rule.status.empty()) {
            if (std::ranges::find(rule.status, page_.status) == rule.status.end()) return false;
            saw = fmt::format("status {}", page_.status);
        }
        if (!rule.url.empty()) {
            if (!contains_any(lower_ascii(page_.url), rule.url)) return false;
            saw = fmt::format("the answer came from {}", page_.url);
        }
        if (!rule.pointers.empty() && !pointer_holds(rule, saw)) return false;
        if (!rule.title.empty()) {
            if (view_.looks_like_json()) return false;
            const std::string title = view_.title();
            if (std::ranges::none_of(rule.title, [&](const std::string& start) {
                    return begins_folded(title, start);
                })) {
                return false;
            }
            saw = fmt::format("the page is titled \"{}\"", title);
        }
        if (!rule.text.empty()) {
            if (!small) return false;
            if (lower_.empty()) lower_ = lower_ascii(page_.body);
            if (!contains_any(lower_, rule.text)) return false;
            if (saw.empty()) saw = fmt::format("the page says \"{}\"", rule.text.front());
        }
        if (rule.css) {
            if (!small && !after_rules_) return false;
            if (!view_.has(*rule.css, names_)) return false;
            if (saw.empty()) saw = fmt::format("the page has {}", rule.css->text());
        }
        return true;
    }

    bool pointer_holds(const ErrorRule& rule, std::string& saw) {
        if (!view_.looks_like_json()) return false;
        const LoadedJson* json = view_.body_json();
        if (json == nullptr) return false;
        for (const JsonPath& path : rule.pointers) {
            for (const auto at : json->tree->find(0, path, 16, names_, view_.budget())) {
                if (text_holds(rule, *json->tree, at, saw)) return true;
            }
        }
        return false;
    }

    static bool text_holds(const ErrorRule& rule, const JsonTree& tree, JsonTree::Index at,
                           std::string& saw) {
        const JsonTree::Node& node = tree[at];
        const bool container =
            node.kind == JsonTree::Kind::array || node.kind == JsonTree::Kind::object;
        // "[]" and "{}" stand for the empty list and object, "null" for null.
        std::string text(container ? (node.end != at + 1                   ? ""
                                      : node.kind == JsonTree::Kind::array ? "[]"
                                                                           : "{}")
                                   : node.text);
        const bool any = rule.equals.empty() && rule.contains.empty();
        const bool equal = std::ranges::any_of(
            rule.equals, [&](const std::string& one) { return equal_folded(one, text); });
        if (any ? node.kind == JsonTree::Kind::null
                : !equal &&
                      !(!rule.contains.empty() && contains_any(lower_ascii(text), rule.contains))) {
            return false;
        }
        saw = text == "[]" || text == "{}"
                  ? "the answer lists nothing"
                  : fmt::format("the answer says \"{}\"", std::string_view(text).substr(0, 200));
        return true;
    }

    const Source& source_;
    const Page& page_;
    PageView& view_;
    const Names& names_;
    const bool after_rules_;
    std::string lower_;
};

}  // namespace

std::optional<Failure> diagnose(const Source& source, const RuleSet& rules, const Page& page,
                                PageView& view, const Names& names, bool after_rules) {
    if (static_cast<std::int64_t>(page.body.size()) > source.max_bytes) {
        return Failure{Reason::too_large,
                       fmt::format("{}: {} bytes, more than max_bytes {}", source.name,
                                   page.body.size(), source.max_bytes)};
    }
    Diagnosis diagnosis(source, page, view, names, after_rules);
    if (auto failure = diagnosis.by_rules(rules)) return failure;
    if (after_rules) {
        if (auto failure = diagnosis.by_answer()) return failure;
        return diagnosis.by_end();
    }
    return diagnosis.by_look();
}

}  // namespace tapedeck
