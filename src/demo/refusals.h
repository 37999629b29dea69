#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "demo/site_request.h"

// What the simulated sites answer when they do not answer: in the shapes that the real ones use.
namespace tapedeck {

SiteAnswer consent_answer();                         // the page that a consent redirect leads to
SiteAnswer challenge_answer(std::string_view site);  // 403, "Just a moment..."
SiteAnswer lookup_answer(std::string_view symbol);   // the list of symbols that a bad one leads to
SiteAnswer throttled_answer(std::string_view site, std::chrono::seconds retry_after);
SiteAnswer server_error_answer();              // 503
SiteAnswer garbage_answer();                   // 200, bytes that are nothing
SiteAnswer redirect_to(std::string_view url);  // 302

// The site's own words for an unknown name: a status of 404 for pages, JSON errors for end points
// (some of which say 200 or 400).
SiteAnswer not_found_answer(SitePage page);

// 401: a crumb without its cookie; a missing key.
SiteAnswer invalid_crumb_answer();
SiteAnswer missing_key_answer();

SiteAnswer json_answer(std::string body, int status = 200);
SiteAnswer html_answer(std::string body, int status = 200);

}  // namespace tapedeck
