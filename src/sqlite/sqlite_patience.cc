#include "sqlite/sqlite_patience.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <climits>
#include <thread>

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr int kStepsBetweenLooks = 20'000;  // of SQLite's virtual machine: about a millisecond
// Whoever holds a lock for a moment costs a moment; a long holder is not asked a thousand times.
constexpr std::array kPauses{1ms, 2ms, 5ms, 10ms, 15ms, 20ms, 25ms, 25ms, 50ms, 50ms, 100ms};

}  // namespace

PatientCall::PatientCall(Database& database, const Patience& patience, milliseconds for_locks)
    : database_(database),
      patience_(patience),
      for_locks_(std::min(for_locks, patience.limit)),
      afterwards_(for_locks),
      waiting_since_(Steady::now()),
      working_since_(waiting_since_) {
    sqlite3_busy_handler(database_.handle(), busy, this);
    sqlite3_progress_handler(database_.handle(), kStepsBetweenLooks, working, this);
}

PatientCall::~PatientCall() {
    sqlite3_progress_handler(database_.handle(), 0, nullptr, nullptr);
    const auto milliseconds = std::min<std::int64_t>(afterwards_.count(), INT_MAX);
    sqlite3_busy_timeout(database_.handle(), static_cast<int>(milliseconds));
}

bool PatientCall::is_over(Steady::time_point since, milliseconds limit) {
    const auto now = Steady::now();
    if (!stopped_ && patience_.stop.stop_requested()) stopped_ = now;
    if (stopped_ && now - *stopped_ >= kLastPatience) {
        why_ = "the program was asked to stop";
        return true;
    }
    if (now - since < limit) return false;
    why_ = "waited for " + format_duration(limit);
    return true;
}

int PatientCall::busy(void* call, int times) {
    auto& self = *static_cast<PatientCall*>(call);
    if (times == 0) self.waiting_since_ = Steady::now();
    if (self.is_over(self.waiting_since_, self.for_locks_)) return 0;
    const auto pause = static_cast<std::size_t>(times);
    std::this_thread::sleep_for(
        std::min(kPauses[std::min(pause, kPauses.size() - 1)], std::max(1ms, self.for_locks_)));
    return 1;
}

int PatientCall::working(void* call) {
    auto& self = *static_cast<PatientCall*>(call);
    if (self.progress_ != self.seen_progress_) {
        self.seen_progress_ = self.progress_;
        self.working_since_ = Steady::now();
    }
    return self.is_over(self.working_since_, self.patience_.limit) ? 1 : 0;
}

Error PatientCall::explained(Error error) const {
    if (why_) error.what += "; " + *why_;
    return error;
}

PatientWriting::PatientWriting(WriteGate& gate, Database& database, const Patience& patience,
                               milliseconds for_locks)
    : database_(database), limit_(patience.limit), pass_(gate, patience) {
    if (pass_.is_inside()) call_.emplace(database, patience, for_locks);
}

Result<> PatientWriting::entered() const {
    if (call_) return {};
    return Error{ErrorKind::unavailable,
                 fmt::format("{}: others of this program's writers had the file for {}",
                             database_.path(), format_duration(limit_))};
}

}  // namespace tapedeck
