// Two regions that touch: what speaks for and against their being one nucleus.
#pragma once

#include <cstdint>

#include "abi.h"
#include "pieces.h"

namespace nucensus {

struct Pair {
    const Region &first, &second;
    float saddle;     // the highest pass between them
    int32_t length;   // of their border, in sides of pixels
    Moments between;  // of the holes that both lie beside
};

struct Verdict {
    double cost;  // below 0 they are one nucleus
    bool fills_holes;
};

// How much lower the pass between two regions is than the lower of them.
double dip_between(const Region& a, const Region& b, float saddle, const RegionSettings& settings);

// What speaks against a union being one nucleus: 1 parts it, if it is as large as a typical one.
double evidence(const Moments& all, double dip, const RegionSettings& settings);

// The area in those of a typical nucleus.
double size_of(const Moments& all, const RegionSettings& settings);

// A hole between two regions that makes them rounder is their own, and accounts for some of the
// dip. `features`, with room for `pair_features`, is what the learned decision rests on.
Verdict judge(const Pair& pair, const RegionSettings& settings, double* features);

}  // namespace nucensus
