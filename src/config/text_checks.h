#pragma once

#include <string>
#include <string_view>

namespace tapedeck {

// What a text of an option must be: "" where it is, else the end of a sentence (`TextCheck`).
std::string must_be_instrument(std::string_view text);
std::string must_be_topic(std::string_view text);     // Kafka's rule: [A-Za-z0-9._-], at most 249
std::string must_be_table(std::string_view text);     // [a-z][a-z0-9_]*, at most 50, no SQL
std::string must_be_name(std::string_view text);      // of feeds, DAGs, tasks, sources, secrets
std::string must_be_currency(std::string_view text);  // ISO 4217, or GBp and its like
std::string must_be_http_url(std::string_view text);
std::string must_be_one_line(std::string_view text);
std::string must_be_proxy(std::string_view text);  // shows nothing that may be a password

// "must be WHAT, not "TEXT"", the text cut to some 60 bytes.
std::string must_be(std::string_view what, std::string_view text);

}  // namespace tapedeck
