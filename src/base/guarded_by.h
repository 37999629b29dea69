#pragma once

// Says which mutex a member is read and written under. clang knows the attribute; elsewhere it is
// for the reader.
#if defined(__clang__)
#define TAPEDECK_GUARDED_BY(mutex) __attribute__((guarded_by(mutex)))
#else
#define TAPEDECK_GUARDED_BY(mutex)
#endif
