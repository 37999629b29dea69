#include "market/zone.h"

#include <date/tz.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

std::set<std::string> table_names() {
    std::set<std::string> names;
    std::ifstream table("/usr/share/zoneinfo/zone1970.tab");
    for (std::string line; std::getline(table, line);) {
        if (line.starts_with("#")) continue;
        std::istringstream words(line);
        std::string word;
        for (int i = 0; i < 3; ++i) std::getline(words, word, '\t');
        names.insert(word);
    }
    return names;
}

// Another reader of the same files, from its own library.
TEST(Zone, AgreesWithAnotherLibraryInEveryZoneAndAtEveryChange) {
    const auto names = table_names();
    ASSERT_GT(names.size(), 250U) << "tzdata is not there";
    for (const std::string& name : names) {
        const auto zone = Zone::named(name);
        ASSERT_TRUE(zone) << name;
        const auto* other = date::locate_zone(name);
        const auto end = date::sys_seconds(2036h * 24 * 365);
        for (date::sys_seconds at(-seconds(3h * 24 * 365 * 60)); at < end;) {
            const auto info = other->get_info(at);
            for (const auto near : {-1s, 0s, 1s}) {
                const auto there = other->get_info(at + near);
                const Timestamp time((at + near).time_since_epoch());
                ASSERT_EQ(zone->span_at(time).offset, there.offset)
                    << name << " " << time.time_since_epoch().count();
                const LocalTime local((at + near).time_since_epoch() + there.offset);
                const auto back = other->get_info(date::local_seconds(local.time_since_epoch()));
                const auto expected = back.result == date::local_info::nonexistent
                                          ? back.first.end.time_since_epoch()
                                          : local.time_since_epoch() - back.first.offset;
                ASSERT_EQ(zone->to_utc(local).time_since_epoch(), expected) << name;
            }
            at = info.end;
        }
    }
}

TEST(Zone, TakesTheFirstOfAnHourThatComesTwiceAndTheEndOfOneThatIsSkipped) {
    const Zone zone = *Zone::named("America/New_York");
    const auto local = [](std::chrono::local_days day, seconds time) {
        return LocalTime(day + time);
    };
    using namespace std::chrono;
    EXPECT_EQ(zone.to_utc(local(local_days(2026y / 11 / 1), 1h + 30min)),
              Timestamp(sys_days(2026y / 11 / 1) + 5h + 30min));
    EXPECT_EQ(zone.to_utc(local(local_days(2026y / 3 / 8), 2h + 30min)),
              Timestamp(sys_days(2026y / 3 / 8) + 7h));
}

TEST(Zone, KnowsNoOtherNames) {
    for (const char* name : {"", "Mars/Phobos", "../../etc/passwd", "/etc/passwd", "zone1970.tab",
                             "America", "America/New_York\n"}) {
        EXPECT_FALSE(Zone::named(name)) << name;
    }
}

}  // namespace
}  // namespace tapedeck
