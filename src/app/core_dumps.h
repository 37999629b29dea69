#pragma once

namespace tapedeck {

// A core dump holds every secret, in our own memory and in that of libcurl, libpq and librdkafka,
// which no mark on our own pages would reach. The soft limit of 1 byte is chosen in place of 0, as
// Linux heeds it for programs that core_pattern pipes to as well, and in place of
// PR_SET_DUMPABLE, which would take /proc/PID from the user's own tools. For main's first line.
void forbid_core_dumps();

// Undoes that ([log] core_dumps): the limit is as it was given to us.
void allow_core_dumps();

}  // namespace tapedeck
