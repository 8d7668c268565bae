// What the parts of the kernel for volumes share: like level.h, without inline functions.
#pragma once

#include <stddef.h>

#include "level.h"

namespace nucensus {

// Memory of one thread for volumes, in huge pages where the system has them; null when there is
// none. It is reused by the next volume; buffers above 512 MB are given back.
enum LargeSlot { large_filtered, large_maxima };
void* large(LargeSlot slot, size_t bytes);
void release_largest();

struct Voxel {
    int64_t z, y, x;
    double value;
};

// The maxima of one volume, in any order until `finish`.
class Voxels {
public:
    ~Voxels();
    bool add(int64_t z, int64_t y, int64_t x, double value);
    void keep_above(double threshold);
    // Drop the border, put the brightest first and equal ones in the order of planes, rows and
    // columns, keep the spacing, as scikit-image does.
    bool finish(const nucensus_volume& volume, const nucensus_volume_settings& settings);

    Voxel* items = nullptr;
    int64_t count = 0;

private:
    bool keep_spaced(const nucensus_volume& volume, int64_t spacing);

    int64_t capacity = 0;
};

typedef Outcome FindInVolume(const nucensus_volume&, const nucensus_volume_settings&, Voxels&);
FindInVolume find_in_volume_baseline;
#if defined(__x86_64__)
FindInVolume find_in_volume_avx2;
FindInVolume find_in_volume_avx512;
#endif

}  // namespace nucensus
