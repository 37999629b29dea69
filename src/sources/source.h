#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/decimal.h"
#include "base/time.h"
#include "market/reason.h"
#include "market/record.h"
#include "net/http_client.h"

namespace tapedeck {

struct RuleSet;  // sources/rules.h: the compiled rules

// How many requests a host is asked: `count` in `per`, shared by every feed.
struct Pace {
    int count = 60;
    std::chrono::milliseconds per{60'000};
    friend bool operator==(const Pace&, const Pace&) = default;
};

// The step that a site wants before it answers: fetch `cookie_url` (its cookies are kept), then
// `crumb_url`, whose body is the crumb, put in place of {crumb}; empty where cookies are enough.
struct SessionStep {
    std::string cookie_url;
    std::string crumb_url;
};

// A site or API, described by data/sources/NAME.toml. Immutable; share it by const reference or
// shared pointer to const (rules are read by the collector's threads at once).
struct Source {
    std::string name;
    std::string url;  // with {instrument}, {symbol}, {instruments}, {symbols}, {crumb}, {key}
    int max_instruments = 1;  // in one request; above 1 where the URL takes a list
    Pace pace;
    std::chrono::milliseconds timeout{10'000};
    std::int64_t max_bytes = 8 * 1024 * 1024;
    std::chrono::milliseconds max_age{0};  // of as_of; 0: not checked
    std::vector<Header> headers;
    std::optional<SessionStep> session;
    std::string secret;  // name of the secret that fills {key}; empty: none
    std::optional<Secret> proxy;
    bool serves_history = false;
    std::map<std::string, std::string, std::less<>> symbols;  // instrument -> the site's own symbol
    std::shared_ptr<const RuleSet> rules;
    std::string file;  // where it was read from
};

// `text` is the TOML of one source; `file` is for messages. Errors name file, line, key and value.
Result<Source> parse_source(std::string_view text, std::string_view file);

// The source made of the original's own parameters: base_url and class lists
// (docs: ORIGINAL's variables). `form_is_stock` decides which are needed.
struct ClassListSource {
    std::string name;
    std::string base_url;
    std::string price_html_class;
    std::string stock_name_html_class;      // empty for coins
    std::string previous_close_html_class;  // empty for coins
};
Result<Source> make_source(const ClassListSource& parameters);

// A page as fetched.
struct Page {
    std::string_view body;  // unpacked bytes, in whatever character set (charset.h)
    int status = 200;       // 0 where not known
    std::string_view content_type;
    std::string_view url;
    Timestamp fetched_at;  // the epoch where not known: then the price's time is not judged
};

// What the rules read for one instrument. Prices as the page printed them.
struct Reading {
    std::string instrument;  // as asked
    std::string name;        // as the page gives it, "Apple Inc."; empty where it gives none
    Price price;
    std::optional<Price> previous_close;
    std::string currency;            // empty where the page gives none and the source sets none
    std::optional<Timestamp> as_of;  // time of the price
    // Why there is none, where the rule looks for one: then nobody can say how old the price is.
    std::optional<std::string> unread_as_of;
    std::string rule;
    std::size_t evidence_at = 0;    // where the price's text stands in the body, in bytes,
    std::size_t evidence_size = 0;  // 0 where it cannot be told
};

using ReadResult = std::variant<Reading, Failure>;

// What is asked of a price beyond what its source says.
struct Demands {
    std::string currency;                  // another is wrong_currency; empty: any
    std::chrono::milliseconds max_age{0};  // of as_of, in place of the source's; 0: the source's
    bool saved = false;  // the page was saved some time ago, and its price is as old as it is
};

// A fetched page, opened once and read for any number of instruments: trees and JSON are parsed
// at first need and kept. Borrows source and page for its lifetime. One thread. Whoever reads a
// page asks this judge: what `extract` shows is what a collector takes.
class PageReader {
public:
    PageReader(const Source& source, const Page& page, Demands demands = {});
    ~PageReader();
    PageReader(const PageReader&) = delete;
    PageReader& operator=(const PageReader&) = delete;

    // The first rule wins that yields every required field and a price above zero, in the right
    // currency, neither too old nor of the future, and that no other rule belies (trust.h). Consent
    // pages, throttling, robot checks, error pages, empty and cut bodies are named before any rule
    // is tried.
    ReadResult read(std::string_view instrument);

    // A part of the body as UTF-8, for people: what stands about a reading's evidence.
    std::string as_utf8(std::string_view part) const;

    // What each rule by itself reads, in their order: what `why` and `extract --every-rule` show.
    std::vector<std::pair<std::string, ReadResult>> read_every_rule(std::string_view instrument);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// One request and the instruments it asks for.
struct PlannedRequest {
    Request request;
    std::string shown_url;  // without secrets
    std::vector<std::string> instruments;
};

// Values known only when running.
struct RequestValues {
    std::string crumb;
    Secret key;
};

// The requests that ask `source` for `instruments`, in their order, `max_instruments` each.
std::vector<PlannedRequest> plan_requests(const Source& source,
                                          std::span<const std::string> instruments,
                                          const RequestValues& values);

// Notes in `request`, whose URL and headers are set, what of them is for the host asked alone:
// passwords, and what stands under a name such as "api_key" or "Authorization".
void add_confidential(const Source& source, Request& request);

using Sources = std::map<std::string, std::shared_ptr<const Source>, std::less<>>;

// A file of the user's folder that is no source. Nothing else goes by its name, as the shipped
// source of that name is not what the user wants asked.
struct BrokenSource {
    std::string name;  // as its file is named
    std::string what;  // "mine.toml:3: …"
};

// The sources put into the binary (config/shipped.h), then those of the user's folder, which
// override by name. Files that cannot be read or parsed are gathered in `broken`, in the order of
// their names. An error is a user's folder that cannot be read, where one is named.
Result<Sources> load_sources(const std::string& user_folder, std::vector<BrokenSource>& broken);

// The same, where the first broken file is an error of all.
Result<Sources> load_sources(const std::string& user_folder);

}  // namespace tapedeck
