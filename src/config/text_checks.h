#pragma once

#include <string>
#include <string_view>

namespace tapedeck {

// What a text of an option must be: "" where it is, else the end of a sentence (`TextCheck`).
std::string must_be_name(std::string_view text);  // of feeds, DAGs, tasks, sources, secrets
std::string must_be_http_url(std::string_view text);
std::string must_be_one_line(std::string_view text);
std::string must_be_proxy(std::string_view text);  // shows nothing that may be a password

// Whether a text is of ASCII's letters and digits and of `others` alone.
bool is_made_of(std::string_view text, std::string_view others);

// "must be WHAT, not "TEXT"", the text cut to some 60 bytes.
std::string must_be(std::string_view what, std::string_view text);

}  // namespace tapedeck
