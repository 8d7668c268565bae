// Scratch memory of a thread, in named slots that are cut into parts.
//
// This header is included by files that are compiled for different instruction sets. Outside of
// unnamed namespaces it must define no inline function and no template: the linker would keep one
// copy for all, and a plain machine might meet an AVX-512 instruction.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace nucensus {

// Each slot grows to the largest size asked for and is reused by the next image. What is needed
// at the same time lies in different slots.
enum Slot {
    slot_smoother,
    slot_smoothed,
    slot_window,
    slot_spacing,
    slot_convert,
    slot_weights,
    slot_sieve,
    slot_suspects,
    slot_point,
    slot_memo,
    slot_count
};

// At least `bytes` bytes, aligned to 64; null when there is no memory.
void* scratch(Slot slot, size_t bytes);

// The same for volumes and copies, in huge pages where the system has them. `release_largest` gives
// back buffers above 512 MB.
enum LargeSlot { large_filtered, large_maxima, large_copied, large_slot_count };
void* large_scratch(LargeSlot slot, size_t bytes);
void release_largest();

namespace {

// Cuts a buffer into parts that begin at multiples of 64 bytes; without a buffer it only adds up
// what they take.
class Cutter {
public:
    explicit Cutter(void* memory) : memory(static_cast<char*>(memory)) {}

    template <typename T>
    T* take(int64_t count) {
        char* const part = memory == nullptr ? nullptr : memory + bytes;
        bytes += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
        return reinterpret_cast<T*>(part);
    }

    size_t bytes = 0;

private:
    char* memory;
};

// Calls `cut`, which takes each part from a Cutter, once to learn how large the slot must be and
// once to hand out its parts; false when there is no memory. The last part, too, may be read 64
// bytes beyond its end.
template <typename Cut>
bool take_scratch(Slot slot, Cut cut) {
    Cutter sizes(nullptr);
    cut(sizes);
    void* const memory = scratch(slot, sizes.bytes + 64);
    if (memory == nullptr) return false;
    Cutter parts(memory);
    cut(parts);
    return true;
}

}  // namespace
}  // namespace nucensus
