#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "aws/s3.h"

namespace tapedeck {

// Above this a file goes in parts, which are sent again one by one and can be gone on with.
inline constexpr std::int64_t kLargestPut = std::int64_t{64} << 20;

using S3Progress = std::function<void(std::int64_t done, std::int64_t total)>;

// What a transfer did: bytes on the wire, and bytes that an earlier one had brought.
struct S3Transfer {
    std::int64_t sent = 0;
    std::int64_t resumed = 0;
    std::string sha256;  // of the file, in hex
};

// Puts a file; memory does not grow with it. Where an upload of the same key was left behind, its
// parts that are the file's are not sent again. A failure leaves what arrived, for the next.
Result<S3Transfer> put_file(S3& s3, const std::string& path, const S3Place& place,
                            const S3Headers& headers, const S3Progress& progress);

// Gets an object into a file, piece by piece, and gives it its name when its bytes are what its
// checksum says; `corrupt` where they are not. Goes on with "PATH.part" of an earlier try.
Result<S3Transfer> get_file(S3& s3, const S3Place& place, const std::string& path,
                            const S3Progress& progress);

}  // namespace tapedeck
