#pragma once

#include <cstdio>
#include <cstdlib>

// Stops the program when an invariant is broken; on in every build. Never checks input: what may
// happen is a Result, what must hold is an assertion.
#define TAPEDECK_ASSERT(condition)                                                                 \
    do {                                                                                           \
        if (!(condition)) [[unlikely]] {                                                           \
            std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                          \
        }                                                                                          \
    } while (false)
