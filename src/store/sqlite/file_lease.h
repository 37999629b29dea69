#pragma once

#include <memory>
#include <optional>
#include <string>

#include "store/store.h"

namespace tapedeck {

// The lease of an embedded store: a lock on the file PATH-lease beside it. The kernel lets go of it
// when its holder dies; the file says who holds it, for people.
class FileLease : public Lease {
public:
    // The lock on the file beside the database at `path`, made where it is missing. `conflict`
    // where another process or another call in this one holds it.
    static Result<std::unique_ptr<FileLease>> take(const std::string& path,
                                                   const std::string& holder);
    ~FileLease() override;
    FileLease(const FileLease&) = delete;
    FileLease& operator=(const FileLease&) = delete;

    // `corrupt` where the file was deleted, moved or replaced: somebody else could take a lease.
    Result<> check() const;

private:
    FileLease(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    Result<> write(const std::string& text) const;

    const std::string path_;  // of the lease itself
    const int fd_;
};

// Who holds the lease of the database at `path`; nobody where the file is missing. Only looks: a
// process that takes the lease in that moment gets it. `unavailable` where the file cannot be read.
Result<std::optional<std::string>> find_lease_holder(const std::string& path);

}  // namespace tapedeck
