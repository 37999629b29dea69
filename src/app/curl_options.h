#pragma once

#include "app/settings.h"
#include "net/curl_client.h"

namespace tapedeck {

// How requests are made, by the configuration.
inline CurlOptions curl_options(const Settings& settings) {
    CurlOptions options;
    options.max_connections = settings.net.connections;
    options.max_per_host = settings.net.connections;
    options.ca_file = settings.net.ca_file;
    options.user_agent = settings.net.user_agent;
    options.private_redirects = settings.net.private_redirects;
    return options;
}

}  // namespace tapedeck
