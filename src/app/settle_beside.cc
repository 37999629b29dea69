#include "app/settle_beside.h"

#include "app/demo.h"
#include "app/waiting_beside.h"

namespace tapedeck {

Result<> settle_beside(Assembly& assembly, bool lease_held) {
    std::unique_ptr<Lease> lease;
    if (!lease_held) {
        const auto holder = assembly.store().lease_holder();
        if (!holder) return holder.error();
        if (*holder) return {};
        auto asked = assembly.store().acquire_lease(process_name());
        if (!asked) return asked.error().kind == ErrorKind::conflict ? Result<>() : asked.error();
        lease = *std::move(asked);
    }
    auto expectations = assembly.expectations();
    if (!expectations) return expectations.error();
    auto feeds = assembly.feeds_ever();
    if (!feeds) return feeds.error();
    CoverageLedger coverage(assembly.store(), assembly.tape(), *feeds);
    coverage.hold_back_while([&] { return waiting_beside(assembly); });
    const auto reached = demo_time_reached(assembly.store());  // the demo's time is its own
    if (!reached) return reached.error();
    auto settled = coverage.settle(*expectations, reached->value_or(assembly.clock().now()));
    if (!settled) return settled.error();
    return {};
}

}  // namespace tapedeck
