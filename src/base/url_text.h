#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

// What a URL's text shows of secrets. net/url.h reads URLs; these also take templates of them.
namespace tapedeck {

// `url`, or a template of one, for people: *** in place of user and password, and of the values of
// parameters that are named as secrets are (key, token, password, signature, …); what stands in
// braces is left. All else is as written.
std::string shown_url(std::string_view url);

// What `shown_url` hides, decoded: the password (of a site's URL the user, where there is none) and
// the values. None of it is empty.
std::vector<Secret> secrets_in_url(std::string_view url);

// Whether a parameter or header of this name carries a secret: "api_key", "X-Auth-Token", "Cookie".
bool is_secret_name(std::string_view name);

}  // namespace tapedeck
