#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "config/urls.h"
#include "store/postgres/wakening.h"

namespace tapedeck {

struct ConnectionSettings {
    std::string application_name;                       // its first 63 bytes are kept
    std::chrono::milliseconds connect_timeout{10'000};  // for each address
    std::chrono::milliseconds lock_timeout{0};          // 0: none
    std::chrono::milliseconds statement_timeout{0};     // 0: none; also how long an answer may take
    bool reads_only = false;
    bool checks_pooler = false;  // that what stands in between lends whole sessions
    std::stop_token stop{};      // once requested, kLastPatience is left for connecting
};

struct EndConnection {
    void operator()(PGconn* handle) const { PQfinish(handle); }
};
using PostgresHandle = std::unique_ptr<PGconn, EndConnection>;

// Connects to the first of the URL's hosts, and of their addresses, that will have us, as libpq
// does (PostgreSQL 15 manual, 34.1.1.3), each within `connect_timeout`, and to none any more once
// a stop is requested. libpq itself waits for each deaf to everything, and tells its asynchronous
// callers nothing of how to go on to the next host.
//
// `unavailable` where nobody answers, and also where a server refuses who we are or knows no such
// database, or its certificate is not right: passwords are rotated, databases renamed, and
// certificates renewed, by somebody else and without asking us. `rejected` where the URL's options
// make no sense. The password is in no text.
Result<PostgresHandle> connect_to(const PostgresUrl& url, const ConnectionSettings& settings);

// The library's words in one line, without the password.
std::string words_of(const char* message, const std::string& password);

}  // namespace tapedeck
