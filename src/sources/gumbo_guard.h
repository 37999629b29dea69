#pragma once

#include <gumbo.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// gumbo under a budget of time and memory. Its tree building is quadratic in the nesting depth, and
// it has no limit of its own: the allocator looks at the thread's CPU clock and leaves the parser
// by longjmp when the budget is spent. That is why this is C: no destructor is jumped over.
typedef struct TapedeckTree {
    GumboOutput* output;  // NULL where the budget was spent
    void* arena;
} TapedeckTree;

// Parses `size` bytes at `text`, which must outlive the tree. `budget_us` is CPU time of this
// thread, in microseconds; `max_arena` bytes of memory.
TapedeckTree tapedeck_parse_html(const char* text, size_t size, long budget_us, size_t max_arena);
void tapedeck_free_tree(TapedeckTree tree);

#ifdef __cplusplus
}
#endif
