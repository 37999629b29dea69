#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/time.h"
#include "demo/demo_site.h"
#include "market/calendar.h"

// What the tests of this folder share.
namespace tapedeck {

inline Timestamp at(std::string_view text) {
    const auto time = parse_rfc3339(text);
    EXPECT_TRUE(time) << text;
    return time ? *time : Timestamp();
}

// Monday to Friday, 9:30 to 16:00 in New York, closed on 2026-11-26.
inline Calendar stock_calendar() {
    using namespace std::chrono;
    CalendarData data;
    data.name = "TEST";
    const auto zone = Zone::named("America/New_York");
    EXPECT_TRUE(zone);
    data.zone = *zone;
    data.weekdays = 0b0111110;
    data.hours = {{hours(9) + minutes(30), hours(16)}};
    data.listed_from = local_days(2026y / January / 1);
    data.listed_through = local_days(2027y / December / 31);
    data.special = {{local_days(2026y / November / 26), std::nullopt, "Thanksgiving Day", "test"}};
    auto calendar = Calendar::make(std::move(data));
    EXPECT_TRUE(calendar);
    return *calendar;
}

inline DemoSiteOptions quiet_options(std::size_t page_bytes = 3'000) {
    DemoSiteOptions options;
    options.rates = MisbehaviourRates::none();
    options.page_bytes = page_bytes;
    return options;
}

inline SiteAnswer get(DemoSite& site, std::string_view target, std::string cookie = {},
                      std::string key = {}) {
    SiteRequest request = site_request(target, "127.0.0.1:8123");
    request.cookie = std::move(cookie);
    request.key = std::move(key);
    return site.answer(request);
}

inline const std::string* header_of(const SiteAnswer& answer, std::string_view name) {
    for (const auto& [key, value] : answer.headers) {
        if (key == name) return &value;
    }
    return nullptr;
}

}  // namespace tapedeck
