#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "config/fields.h"
#include "config/text_checks.h"
#include "config/urls.h"

namespace tapedeck {

// [store]
struct StoreSettings {
    StoreUrl url;
    std::string secret;  // name of the [secret] with the database's password; empty: none
    // Of the original's tables in PostgreSQL, when they are taken over:
    bool keep_types = false;            // serial, timestamp and primary key stay
    std::string original_zone = "UTC";  // that their timestamps are in
    friend bool operator==(const StoreSettings&, const StoreSettings&) = default;
};

// A zone that is none, or of no use.
std::vector<OptionFault> option_faults(const StoreSettings& settings);

namespace fields {

inline constexpr auto kStore = std::tuple{
    field("url", &StoreSettings::url,
          "Where rows, ledgers and state live. A relative path counts from the working folder.")
        .for_example("\"postgresql://tapedeck@db.example.com/market?sslmode=verify-full\""),
    field("secret", &StoreSettings::secret,
          "Name of the [secret] that holds the database's password.")
        .checked(must_be_name)
        .if_unset("the URL's own, PGPASSWORD or the password file"),
    field(
        "keep_types", &StoreSettings::keep_types,
        "Whether serial, timestamp and primary key of the earlier pipeline's tables in PostgreSQL "
        "stay as they are when the tables are taken over; their timestamps are read as UTC then."),
    field("original_zone", &StoreSettings::original_zone,
          "Time zone that the timestamps of the earlier pipeline's tables are in: its JVM's.")
        .for_example("\"Europe/Istanbul\""),
};

}  // namespace fields
}  // namespace tapedeck
