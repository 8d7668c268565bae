// The maxima of one volume, with scikit-image's rules for borders and spacing.
//
// As `arena.h`, without inline functions.
#pragma once

#include "abi.h"

namespace nucensus {

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
    bool finish(const Volume& volume, const VolumeSettings& settings);

    Voxel* items = nullptr;
    int64_t count = 0;

private:
    bool keep_spaced(const Volume& volume, int64_t spacing);

    int64_t capacity = 0;
};

}  // namespace nucensus
