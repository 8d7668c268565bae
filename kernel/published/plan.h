// The whole-number smoothing: its weights, and how far it can be from the exact one.
#pragma once

#include "abi.h"

namespace nucensus {

constexpr int rows_together = 4;
constexpr int columns_together = 4;  // in the sieve

// How pixels become 16-bit numbers: s = (pixel - offset) * scale, rounded.
// `scale` is a power of two, so that nothing but the rounding is inexact.
struct Numbers {
    double offset, scale;
    int64_t largest;       // |s| is at most this, 32768 or less
    double rounding;       // |s - (pixel - offset) * scale| is at most this
    double typical;        // a guess of the typical s; any value is correct
    double largest_pixel;  // |pixel| is at most this
};

// A symmetric filter for pairs of neighbours multiplied and added at once.
// Vertically, `pairs` holds four pairs of weights for each pair of rows: one for
// each of the four rows that are computed together. Horizontally, it holds two
// pairs of weights for each even distance: for the even column, for the odd one.
// `corrections`, null for most filters, are pairs of weights like `pairs`, of
// what their rounding lost times 2^correction_shift.
struct PairFilter {
    const int32_t* pairs;
    const int32_t* corrections;
    int64_t count;  // of pairs of rows, or of even distances
    int64_t first;  // pair of rows relative to that of the first row, or least distance
    int correction_shift;
};

// The sum of the products is rounded by adding `rounding` and shifting right.
struct Smoothing {
    PairFilter vertical, horizontal;
    int shift;  // after the vertical filter; 16 after the horizontal one
    int32_t vertical_rounding, horizontal_rounding;
    int threshold;  // a result that is not above this belongs to no peak
};

// What results between two rows of them, `rows_together` apart, can be at most.
struct Samples {
    int share[rows_together];  // of a row at distance 1, 2, 3, times 2^16
    int margin;                // added to the sum of both shares
    int left_out;              // no result that is not above the threshold is above this
    double unit, rounding;  // results of numbers all at least s are at least unit * (s - rounding)
};

struct Plan {
    Smoothing fine;
    int ambiguity;  // a result above another by more than this belongs to a higher pixel
    bool has_sieve;
    Smoothing sieve;      // of maxima of 4 x 4 pixels, above the background, halved
    int background;       // the number s that counts as nothing in the sieve
    int64_t group_reach;  // the sieve's vertical filter reaches this many groups of four rows
    bool has_samples;
    Samples samples;
};

// How far the definition is from the real numbers: D1 + D2 of plan.cpp.
double definition_error(const Image& image, const MaximaSettings& settings, double largest_pixel,
                        double offset);

// False when the numbers do not allow it: then all is done exactly.
bool make_plan(const Image& image, const MaximaSettings& settings, const Numbers& numbers,
               Plan& plan);

}  // namespace nucensus
