#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/patience.h"
#include "sqlite/sqlite_file.h"

namespace tapedeck {

// While it lives, what its database does ends within the caller's patience: waits for locks within
// `for_locks` as well, and work that brings no row for longer than the limit is interrupted. One
// thread, the database's.
class PatientCall {
public:
    PatientCall(Database& database, const Patience& patience, std::chrono::milliseconds for_locks);
    ~PatientCall();
    PatientCall(const PatientCall&) = delete;
    PatientCall& operator=(const PatientCall&) = delete;

    void progressed() { ++progress_; }
    // The error, with the limit that has caused it, where one has.
    Error explained(Error error) const;

private:
    using Steady = std::chrono::steady_clock;
    static int busy(void* call, int times);
    static int working(void* call);
    bool is_over(Steady::time_point since, std::chrono::milliseconds limit);

    Database& database_;
    const Patience patience_;
    const std::chrono::milliseconds for_locks_;
    const std::chrono::milliseconds afterwards_;  // what the database waits for locks without us
    Steady::time_point waiting_since_;
    Steady::time_point working_since_;
    std::optional<Steady::time_point> stopped_;
    std::uint64_t progress_ = 0;
    std::uint64_t seen_progress_ = 0;
    std::optional<std::string> why_;  // it was ended
};

// The gate, within the caller's patience, and then the database.
class PatientWriting {
public:
    PatientWriting(WriteGate& gate, Database& database, const Patience& patience,
                   std::chrono::milliseconds for_locks);

    // `unavailable` where the gate did not open in time: then nothing may be done.
    Result<> entered() const;
    Error explained(Error error) const { return call_->explained(std::move(error)); }

private:
    const Database& database_;
    const std::chrono::milliseconds limit_;
    const WriteGate::Pass pass_;
    std::optional<PatientCall> call_;  // inside only: another thread has the database otherwise
};

}  // namespace tapedeck
