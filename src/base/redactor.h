#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/secret.h"

namespace tapedeck {

// Whom a secret is told to. What sites answer can hold only what sites were told, so that a
// database's password never changes a page that is kept as evidence.
enum class SecretReach { site, service };

// The secrets that this process knows, and the one function that takes them out of texts before
// they are stored, logged or printed. A secret is recognised in the forms that it takes on its way
// through URLs, headers, JSON and pages: as it is, percent-encoded (either case of the digits,
// wholly, in part, or several times over), form-encoded, escaped as in JSON or HTML, and in base64
// of either alphabet, also in the middle of what was encoded (Basic's "user:password"); and cut off
// behind its first 12 bytes.
//
// Not recognised are texts below kLeastBytes, digits and .,:-+/ TZ alone, letters alone below 12:
// taking out what a price, a time or a word could be could alter one. `check` tells of them.
// Safe from any thread.
class Redactor {
public:
    static constexpr std::size_t kLeastBytes = 6;
    static constexpr std::size_t kMostPassing = 32;

    static bool is_recognisable(std::string_view secret);

    // Takes the secret out from now on.
    void know(const Secret& secret, SecretReach reach);

    // The same for what a site gave for a session, a crumb or a cookie: the last kMostPassing of
    // them are known.
    void know_passing(const Secret& secret);

    // `text` with *** in place of every secret.
    std::string clean(std::string_view text) const;

    struct Cleaned {
        std::string text;
        std::int64_t replaced = 0;
    };
    // What a site answered without the secrets that sites were told; nothing where it holds none.
    std::optional<Cleaned> clean_answer(std::string_view text) const;

    bool holds(std::string_view text) const;

private:
    struct Form {
        std::string text;
        SecretReach reach = SecretReach::site;
    };
    // All forms of all secrets, by what a place in a text must begin with to hold one.
    struct Forms {
        std::vector<Form> all;
        std::array<std::vector<std::uint32_t>, 256> by_first;  // as it stands, into `all`
        std::array<bool, 256> may_begin{};                     // any form, escaped or not
    };
    struct Known {
        Secret secret;
        SecretReach reach;
    };

    std::shared_ptr<const Forms> forms() const;
    void rebuild() TAPEDECK_REQUIRES(mutex_);
    static std::size_t match(const Forms& forms, std::string_view text, std::size_t at,
                             bool sites_alone);
    static std::optional<Cleaned> clean(const Forms& forms, std::string_view text,
                                        bool sites_alone);

    mutable Mutex mutex_;
    std::vector<Known> known_ TAPEDECK_GUARDED_BY(mutex_);
    std::deque<Secret> passing_ TAPEDECK_GUARDED_BY(mutex_);
    std::shared_ptr<const Forms> forms_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
