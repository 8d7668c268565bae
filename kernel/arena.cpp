// The buffers of a thread.
#include "arena.h"

#include <stdlib.h>

#if defined(_WIN32)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace nucensus {
namespace {

constexpr size_t page = 4096;
constexpr size_t huge_page = size_t{1} << 21;
constexpr size_t most_kept = size_t{1} << 29;

#if defined(_WIN32)
void* allocate(size_t alignment, size_t bytes) { return _aligned_malloc(bytes, alignment); }
void release(void* memory) { _aligned_free(memory); }
#else
void* allocate(size_t alignment, size_t bytes) { return aligned_alloc(alignment, bytes); }
void release(void* memory) { free(memory); }
#endif

struct Buffer {
    void* memory = nullptr;
    size_t size = 0;

    ~Buffer() { release(memory); }
    void clear() {
        release(memory);
        memory = nullptr;
        size = 0;
    }
    void resize(size_t alignment, size_t bytes) {
        clear();
        memory = allocate(alignment, bytes);
        if (memory != nullptr) size = bytes;
    }
};

thread_local Buffer buffers[slot_count];
thread_local Buffer large_buffers[large_slot_count];

}  // namespace

void* scratch(Slot slot, size_t bytes) {
    Buffer& buffer = buffers[slot];
    if (buffer.size < bytes) buffer.resize(64, (bytes + bytes / 8 + page) / page * page);
    return buffer.memory;
}

// To take 134 MB anew for each volume costs more than one of the three filters.
void* large_scratch(LargeSlot slot, size_t bytes) {
    Buffer& buffer = large_buffers[slot];
    if (buffer.size < bytes || buffer.size > most_kept) {
        buffer.resize(huge_page, (bytes + huge_page) / huge_page * huge_page);
#if defined(__linux__)
        if (buffer.memory != nullptr) madvise(buffer.memory, buffer.size, MADV_HUGEPAGE);
#endif
    }
    return buffer.memory;
}

void release_largest() {
    for (Buffer& buffer : large_buffers)
        if (buffer.size > most_kept) buffer.clear();
}

}  // namespace nucensus
