#include "base/system_fault.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

namespace tapedeck {
namespace {

// A limit of this process for the time of a test.
class DescriptorLimit {
public:
    DescriptorLimit() { ::getrlimit(RLIMIT_NOFILE, &before_); }
    ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    DescriptorLimit(const DescriptorLimit&) = delete;
    DescriptorLimit& operator=(const DescriptorLimit&) = delete;

    void set(rlim_t soft) {
        rlimit limit = before_;
        limit.rlim_cur = soft;
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    static rlim_t now() {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        return limit.rlim_cur;
    }
    rlim_t most() const { return before_.rlim_max; }

private:
    rlimit before_{};
};

TEST(SystemFault, SaysWhatAnErrnoMeans) {
    EXPECT_EQ(system_fault(ENOENT), "No such file or directory");
}

TEST(SystemFault, NamesTheLimitWhereDescriptorsRanOut) {
    DescriptorLimit limit;
    limit.set(90);
    EXPECT_EQ(system_fault(EMFILE), "too many open files: this process may have 90 (ulimit -n)");
}

TEST(MissingDescriptors, AreToldOfOnlyWhileNoneIsFree) {
    EXPECT_EQ(missing_descriptors(), std::nullopt);
    DescriptorLimit limit;
    limit.set(0);
    EXPECT_EQ(missing_descriptors(), "too many open files: this process may have 0 (ulimit -n)");
}

TEST(DescriptorLimitOfAProcess, IsRaisedToWhatTheMachineAllowsAndNeverLowered) {
    DescriptorLimit limit;
    limit.set(90);
    raise_descriptor_limit();
    EXPECT_EQ(DescriptorLimit::now(), std::min<rlim_t>(limit.most(), 65'536));
    limit.set(limit.most());
    raise_descriptor_limit();
    EXPECT_EQ(DescriptorLimit::now(), limit.most());
}

}  // namespace
}  // namespace tapedeck
