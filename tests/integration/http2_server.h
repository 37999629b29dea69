#pragma once

#include <string>
#include <string_view>

#include "tests/integration/loopback_server.h"

namespace tapedeck {

// As much of HTTP/2 (RFC 9113) as answers every request with status 200 and `body`: frames are
// nine bytes of head (length, type, flags, stream) and a payload; 0x88 is ":status 200" in HPACK.
// `streams` counts the requests.
inline LoopbackServer::Handler serving_http2(std::string body, std::atomic<int>& streams) {
    enum Type : char { kData = 0, kHeaders = 1, kSettings = 4 };
    const auto frame = [](Type type, char flags, std::string_view stream,
                          std::string_view payload) {
        std::string out;
        out += static_cast<char>(payload.size() >> 16U);
        out += static_cast<char>(payload.size() >> 8U);
        out += static_cast<char>(payload.size());
        out += type;
        out += flags;
        return out.append(stream).append(payload);
    };
    return [=, &streams](LoopbackConnection& client) {
        constexpr std::size_t kPreface = 24;  // "PRI * HTTP/2.0…"
        constexpr std::string_view kConnection("\0\0\0\0", 4);
        if (!client.send(frame(kSettings, 0, kConnection, ""))) return;
        std::string received;
        bool greeted = false;
        for (std::string more = client.receive(); !more.empty(); more = client.receive()) {
            received += more;
            if (!greeted && received.size() >= kPreface) {
                received.erase(0, kPreface);
                greeted = true;
            }
            while (greeted && received.size() >= 9) {
                const auto byte = [&](std::size_t at) {
                    return static_cast<std::size_t>(static_cast<unsigned char>(received[at]));
                };
                const std::size_t size = byte(0) << 16U | byte(1) << 8U | byte(2);
                if (received.size() < 9 + size) break;
                const char type = received[3];
                const bool acknowledges = (received[4] & 1) != 0;
                const std::string stream = received.substr(5, 4);
                received.erase(0, 9 + size);
                if (type == kSettings && !acknowledges) {
                    client.send(frame(kSettings, 1, kConnection, ""));
                } else if (type == kHeaders) {
                    ++streams;
                    client.send(frame(kHeaders, 4, stream, "\x88") + frame(kData, 1, stream, body));
                }
            }
        }
    };
}

}  // namespace tapedeck
