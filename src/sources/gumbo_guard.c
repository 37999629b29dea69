#define _POSIX_C_SOURCE 200809L
#include "sources/gumbo_guard.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Memory is taken in blocks, handed out in order and given back all at once.
typedef struct Block {
    struct Block* next;
    size_t used;
    size_t size;
} Block;

typedef struct Arena {
    Block* block;
    size_t total;
    size_t max_total;
    unsigned calls;
    int64_t deadline_ns;
    jmp_buf spent;
} Arena;

static const size_t kBlockSize = 1u << 20;
static const size_t kHead = (sizeof(Block) + 15u) & ~(size_t)15u;

static int64_t cpu_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void* allocate(void* userdata, size_t size) {
    Arena* arena = userdata;
    if ((++arena->calls & 127u) == 0 && cpu_now_ns() > arena->deadline_ns) longjmp(arena->spent, 1);
    size = (size + 15u) & ~(size_t)15u;
    Block* block = arena->block;
    if (block == NULL || block->size - block->used < size) {
        const size_t wanted = (size > kBlockSize ? size : kBlockSize) + kHead;
        if (arena->total + wanted > arena->max_total) longjmp(arena->spent, 1);
        Block* fresh = malloc(wanted);
        if (fresh == NULL) longjmp(arena->spent, 1);
        fresh->next = block;
        fresh->used = kHead;
        fresh->size = wanted;
        arena->total += wanted;
        arena->block = fresh;
        block = fresh;
    }
    void* place = (char*)block + block->used;
    block->used += size;
    return place;
}

static void release(void* userdata, void* place) {
    (void)userdata;
    (void)place;
}

static void free_arena(Arena* arena) {
    Block* block = arena->block;
    while (block != NULL) {
        Block* next = block->next;
        free(block);
        block = next;
    }
    free(arena);
}

// Apart from its caller, so that no variable of that one lives across the setjmp.
static GumboOutput* parse(Arena* arena, const GumboOptions* options, const char* text,
                          size_t size) {
    if (setjmp(arena->spent) != 0) return NULL;
    return gumbo_parse_with_options(options, text, size);
}

TapedeckTree tapedeck_parse_html(const char* text, size_t size, long budget_us, size_t max_arena) {
    TapedeckTree tree = {NULL, NULL};
    Arena* arena = calloc(1, sizeof(Arena));
    if (arena == NULL) return tree;
    arena->max_total = max_arena;
    arena->deadline_ns = cpu_now_ns() + (int64_t)budget_us * 1000;
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = allocate;
    options.deallocator = release;
    options.userdata = arena;
    options.max_errors = 0;
    tree.output = parse(arena, &options, text, size);
    tree.arena = arena;
    if (tree.output == NULL) {
        free_arena(arena);
        tree.arena = NULL;
    }
    return tree;
}

void tapedeck_free_tree(TapedeckTree tree) {
    if (tree.arena != NULL) free_arena(tree.arena);
}
