// Filters of whole numbers: how their weights are rounded and laid out.
//
// As `arena.h`, without inline functions.
#pragma once

#include "plan.h"

namespace nucensus {

// Covers what is lost where the bounds themselves are computed.
constexpr double slack = 1 + 1e-9;

// Half of a symmetric filter in whole numbers.
struct Whole {
    int32_t* weight = nullptr;
    int64_t radius = 0;
    double scale = 0;      // weight[j] is about scale * the real weight
    double deviation = 0;  // the sum of |weight[j] - scale * real weight|
    int64_t sum = 0;

    int at(int64_t distance) const;
};

// Picks the scale of a filter whose results, for numbers up to `largest`, are at
// most `limit` after a shift, which is returned; -1 if there is none.
int fit_vertical(const double* weights, int64_t largest, double limit, bool upwards, Whole& whole);
// The same where the shift is 16; `part` of the largest scale.
bool fit_horizontal(const double* weights, double limit, double part, bool upwards, Whole& whole);

PairFilter pair_rows(const Whole& whole, int32_t* pairs);
PairFilter pair_columns(const Whole& whole, int32_t* pairs);

// Wide filters have small weights and many: what rounding them loses adds up.
// A second filter, of the remainders, gives most of it back (one more
// multiplication each).
void correct(const double* weights, double limit, Whole& whole, int32_t* pairs, PairFilter& filter);

}  // namespace nucensus
