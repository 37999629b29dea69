#pragma once

#include <string_view>

namespace tapedeck {

// The file of a zone that is in the program itself, for machines without tzdata (a Lambda
// function); empty where there is none. Only builds for those carry any: cmake/zones.py.
std::string_view carried_zone(std::string_view name);

}  // namespace tapedeck
