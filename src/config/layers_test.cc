#include "config/layers.h"

#include <gtest/gtest.h>

namespace tapedeck {
namespace {

TEST(Set, NeverShowsWhatMayBeASecret) {
    EXPECT_EQ(layer_of_set("password hunter2").error().what.find("hunter2"), std::string::npos)
        << layer_of_set("password hunter2").error().what;
}

TEST(LayerOfSet, TakesNoPasswordFromACommandLine) {
    for (const std::string set :
         {"store.url=postgresql://u:hunter2@db/m", "net.proxy=http://u:hunter2@proxy:3128",
          "store.url=\"jdbc:postgresql://db/m?user=u&password=hunter2\"",
          "tape.url=kafka://u:hunter2@broker:9092"}) {
        const auto layer = layer_of_set(set);
        ASSERT_FALSE(layer) << set;
        EXPECT_NE(layer.error().what.find("[secret]"), std::string::npos);
        EXPECT_EQ(layer.error().what.find("hunter2"), std::string::npos);
    }
    EXPECT_TRUE(layer_of_set("store.url=postgresql://tapedeck@db/market"));
}

}  // namespace
}  // namespace tapedeck
