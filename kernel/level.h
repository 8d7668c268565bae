// What the parts of the kernel share: scratch memory, the list of peaks, the levels.
//
// This header is included by files that are compiled for different instruction
// sets. It must define no inline function and no template: the linker would
// keep one copy for all, and a plain machine might meet an AVX-512 instruction.
#pragma once

#include <stddef.h>

#include "nucensus.h"

namespace nucensus {

// Buffers of one thread. Each grows to the largest size asked for and is
// reused by the next image; what they hold is stated where they are taken.
enum Slot {
    slot_rows,
    slot_line,
    slot_smoothed,
    slot_maxima,
    slot_spacing,
    slot_convert,
    slot_blocks,
    slot_runs,
    slot_weights,
    slot_ring,
    slot_point,
    slot_memo,
    slot_count
};

// At least `bytes` bytes, aligned to 64; null when there is no memory.
void* scratch(Slot slot, size_t bytes);

struct Peak {
    int64_t y, x;
    double value;
};

// The peaks of one image. `add` takes them row by row, left to right, and
// applies the border and the spacing; false when there is no memory.
class Peaks {
public:
    bool begin(const nucensus_image& image, const nucensus_settings& settings);
    bool add(int64_t y, int64_t x, double value);
    void keep_above(double threshold);
    void clear();
    void sort();

    Peak* items = nullptr;
    int64_t count = 0;

private:
    bool is_spaced(int64_t y, int64_t x);

    int64_t capacity = 0;
    int64_t height = 0, width = 0, border = 0;
    int64_t spacing = 0, strip_count = 0;
    struct Accepted {
        int64_t y, x;
    };
    Accepted* strips = nullptr;
};

enum Outcome { found, not_a_number, no_memory, undecided, decided };

// One instruction set level: the same functions, compiled for it.
struct Level {
    const char* name;
    bool (*is_supported)();
    Outcome (*find_exactly)(const nucensus_image&, const nucensus_settings&, Peaks&);
    Outcome (*find_by_sieve)(const nucensus_image&, const nucensus_settings&, Peaks&);
};

extern const Level level_baseline;
#if defined(__x86_64__)
extern const Level level_avx2;
extern const Level level_avx512;
#endif

}  // namespace nucensus
