#pragma once

#include <string>
#include <tuple>

#include "config/fields.h"
#include "config/text_checks.h"

namespace tapedeck {

// [sources]
struct SourcesSettings {
    std::string folder;  // the user's own source files; empty: none
    friend bool operator==(const SourcesSettings&, const SourcesSettings&) = default;
};

// A source made of the original's own parameters: a page per instrument, read by class lists.
struct ClassListSettings {
    std::string name;
    std::string base_url;
    std::string price_html_class;
    std::string stock_name_html_class;      // empty for coins
    std::string previous_close_html_class;  // empty for coins
    friend bool operator==(const ClassListSettings&, const ClassListSettings&) = default;
};

namespace fields {

inline constexpr auto kSources = std::tuple{
    field("folder", &SourcesSettings::folder,
          "Folder of your own source files; they go before shipped ones of the same name.")
        .if_unset("none"),
};

inline constexpr auto kClassListSource = std::tuple{
    field("base_url", &ClassListSettings::base_url,
          "Address of a page, without the instrument that is put at its end.")
        .checked(must_be_http_url)
        .for_example("\"https://coinmarketcap.com/currencies/\"")
        .required(),
    field("price_html_class", &ClassListSettings::price_html_class,
          "Classes of the element with the price, separated by blanks.")
        .checked(must_be_one_line)
        .for_example("\"priceValue\"")
        .required(),
    field("stock_name_html_class", &ClassListSettings::stock_name_html_class,
          "Classes of the element with the name.")
        .checked(must_be_one_line)
        .if_unset("no name is read"),
    field("previous_close_html_class", &ClassListSettings::previous_close_html_class,
          "Classes of the element with the previous close.")
        .checked(must_be_one_line)
        .also_read_as("previouse_close_html_class")
        .if_unset("no previous close is read"),
};

}  // namespace fields
}  // namespace tapedeck
