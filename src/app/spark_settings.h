#pragma once

#include <string>
#include <tuple>

#include "config/fields.h"
#include "config/text_checks.h"

namespace tapedeck {

// [spark]
struct SparkSettings {
    std::string master;  // URL of the master's page; empty: no cluster is asked
    std::string driver;  // URL of the application's page; empty: the master alone is asked
    friend bool operator==(const SparkSettings&, const SparkSettings&) = default;
};

namespace fields {

inline constexpr auto kSpark = std::tuple{
    field("master", &SparkSettings::master,
          "Page of the master of a Spark cluster that loads; `status` shows its state.")
        .checked(must_be_http_url)
        .for_example("\"http://spark-master:8080\"")
        .if_unset("no cluster is asked"),
    field("driver", &SparkSettings::driver,
          "Page of the application's driver, which knows the last micro-batch.")
        .checked(must_be_http_url)
        .for_example("\"http://spark-worker1:4040\"")
        .if_unset("the master alone is asked"),
};

}  // namespace fields
}  // namespace tapedeck
