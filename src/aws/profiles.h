#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tapedeck {

// The keys of one section of AWS's shared files. Nested ones (s3 =) are "s3.addressing_style".
using AwsProfile = std::map<std::string, std::string, std::less<>>;

// The sections of ~/.aws/credentials and ~/.aws/config by name: of a profile its own, of others as
// they stand ("sso-session work").
using AwsProfiles = std::map<std::string, AwsProfile, std::less<>>;

// Adds what a file says; `is_config` where profiles are written "[profile NAME]". Keys that are
// there already stay: the credentials file is read first. `malformed` names file and line, and no
// value.
Result<> add_profiles(AwsProfiles& profiles, std::string_view text, const std::string& file,
                      bool is_config);

}  // namespace tapedeck
