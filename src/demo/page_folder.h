#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "demo/site_request.h"

namespace tapedeck {

// An instrument that a folder of saved pages can serve, with one source that reads it.
struct ServedInstrument {
    std::string feed;        // "coin" or "stock"
    std::string instrument;  // as a feed names it: a slug or a ticker
    std::string source;      // a shipped source's name
    std::string file;        // relative to the folder
    std::string price;       // what a person reads there, where the folder's list says so
    friend bool operator==(const ServedInstrument&, const ServedInstrument&) = default;
};

// Saved pages that the demo serves in place of simulated ones, byte for byte.
//
// Two kinds of folder:
//   - with an `expected.json`: an array of objects with `file`, `kind`, `slug` or `symbol`,
//     `price`, `as_of`, `http_status`, `error`. Each entry is served to the source that reads its
//     kind; of several for one source and instrument, the newest (by `as_of`, or by the date that
//     begins its file's name, whichever is later).
//   - without: SOURCE/INSTRUMENT.html or .json, and INSTRUMENT.html or .json by itself, which is
//     `yahoo` or `yahoo-chart` for names without small letters, `coinmarketcap` or `coingecko`
//     for others.
// An answer that names many instruments at once is served to whoever asks for any of them: for
// several, that which has most of those asked for. Better ask one by one (max_instruments = 1).
//
// Prices here are as old as the pages: who collects them lifts the checks of age. Reads files when
// they are asked for; safe from any thread.
class PageFolder {
public:
    // `rejected` where the folder is missing or serves nothing, `malformed` where expected.json
    // cannot be read or names a file outside the folder.
    static Result<PageFolder> open(const std::string& folder);

    // One for each source and instrument, in order of feed, instrument, source. Entries that
    // hold an error in place of a price are not listed, though they are served when asked for.
    const std::vector<ServedInstrument>& served() const { return served_; }

    // The saved answer; nothing where the folder has none for it.
    std::optional<SiteAnswer> answer(const SiteQuestion& question) const;

private:
    struct Saved {
        ServedInstrument served;
        int status = 200;
        std::string moment;  // sorts by time
        bool is_error = false;
        std::vector<std::string> keys;  // names that requests know it by, normalized
    };
    static Result<std::vector<Saved>> listed(const std::string& folder);
    static Result<std::vector<Saved>> found(const std::string& folder);
    void index(std::vector<Saved> saved);

    std::string folder_;
    std::vector<Saved> saved_;  // newest first
    std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> by_name_;
    std::vector<ServedInstrument> served_;
};

}  // namespace tapedeck
