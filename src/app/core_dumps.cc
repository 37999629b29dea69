#include "app/core_dumps.h"

#include <sys/resource.h>

namespace tapedeck {
namespace {

rlimit& given() {
    static rlimit limit{};  // of the process, as the limit is
    return limit;
}

}  // namespace

void forbid_core_dumps() {
    if (::getrlimit(RLIMIT_CORE, &given()) != 0) return;
    rlimit none = given();
    none.rlim_cur = none.rlim_max == 0 ? 0 : 1;
    ::setrlimit(RLIMIT_CORE, &none);
}

void allow_core_dumps() { ::setrlimit(RLIMIT_CORE, &given()); }

}  // namespace tapedeck
