#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "config/fields.h"

namespace tapedeck {

// [alert]
struct AlertSettings {
    std::string on_problem;                // a shell command; empty: none
    std::vector<std::string> environment;  // names of variables that it is given
    friend bool operator==(const AlertSettings&, const AlertSettings&) = default;
};

namespace fields {

inline constexpr auto kAlert = std::tuple{
    field("on_problem", &AlertSettings::on_problem,
          "Shell command run once for each problem and once when it is over.")
        .for_example("\"/usr/local/bin/tell-me\"")
        .if_unset("none"),
    field("environment", &AlertSettings::environment,
          "Variables of the environment that the command is given beside PATH, HOME, LANG and the "
          "like; a * at the end stands for any ending.")
        .for_example("[\"TELL_ME_TOKEN\"]"),
};

}  // namespace fields
}  // namespace tapedeck
