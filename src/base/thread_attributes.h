#pragma once

// What clang's -Wthread-safety reads; other compilers see nothing. base/mutex.h says how it is
// used. https://releases.llvm.org/14.0.0/tools/clang/docs/ThreadSafetyAnalysis.html
#if defined(__clang__)
#define TAPEDECK_THREAD_ATTRIBUTE(...) __attribute__((__VA_ARGS__))
#else
#define TAPEDECK_THREAD_ATTRIBUTE(...)
#endif

// Of classes.
#define TAPEDECK_CAPABILITY(name) TAPEDECK_THREAD_ATTRIBUTE(capability(name))
#define TAPEDECK_SCOPED_CAPABILITY TAPEDECK_THREAD_ATTRIBUTE(scoped_lockable)
// Of members: the mutex under which one is read and written.
#define TAPEDECK_GUARDED_BY(mutex) TAPEDECK_THREAD_ATTRIBUTE(guarded_by(mutex))
// The same of what a pointer points to, where the pointer itself never changes.
#define TAPEDECK_POINTEE_GUARDED_BY(mutex) TAPEDECK_THREAD_ATTRIBUTE(pt_guarded_by(mutex))
// Of functions: what the caller holds, what is held afterwards, and what is no longer.
#define TAPEDECK_REQUIRES(...) TAPEDECK_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TAPEDECK_ACQUIRE(...) TAPEDECK_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TAPEDECK_TRY_ACQUIRE(...) TAPEDECK_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define TAPEDECK_RELEASE(...) TAPEDECK_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TAPEDECK_UNCHECKED TAPEDECK_THREAD_ATTRIBUTE(no_thread_safety_analysis)
