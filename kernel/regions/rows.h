// The loops over rows of pixels that the detector without parameters is made of, one set for each
// instruction set.
//
// As `arena.h`, this header defines no function.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace nucensus {

constexpr int64_t band_rows = 4, block_columns = 8;  // rows and columns of a block of the grid
constexpr int tile_samples = 64;                     // of a background tile
constexpr int rows_together = 4;                     // of an image, at most
constexpr int most_reach = 10;  // of Gaussians and windows, in pixels of the grid

// Of pixels, and of their squares.
struct Sums {
    double values, squares;
};

// From the first row and column to before the last.
struct Box {
    int32_t top, bottom, left, right;
};

// The light of some pixels, and its moment around the first of them.
struct Weight {
    double light, moment;
};

template <class Pixel>
struct PixelRows {
    // The sum of one to four rows of the image without hot pixels; or they are added to what is
    // there, one after the other. `rows` begin above the first of them and end below the last.
    void (*clean[rows_together])(const Pixel* const* rows, float* to, int64_t n);
    void (*add_clean[rows_together])(const Pixel* const* rows, float* to, int64_t n);
    // Of the pixels in `count` boxes of an image; the next of `known` ones are prefetched.
    Sums (*sums)(const Pixel* pixels, int64_t width, const Box* boxes, int64_t count,
                 int64_t known);
    // A Gaussian down `n` columns from `start` on: `rows` are `reach` above, one, and `reach`
    // below.
    void (*smooth_down)(const Pixel* const* rows, int64_t start, int64_t n, const float* taps,
                        int64_t reach, float* to);
    // Of `n` pixels that are `own` or nobody's, what is higher than `cut`.
    Weight (*weigh)(const Pixel* row, const int32_t* labels, int64_t n, int32_t own, float cut);
};

struct RowPair {
    int32_t low, high;
};

// What lies under a row: a polynomial across the image, and a share of the way from one line to
// another.
struct Ground {
    float c0 = 0, c1 = 0, c2 = 0, c3 = 0, share = 0;
    const float *above = nullptr, *below = nullptr;
};

// Neighbouring columns from `start` to before `end`, whole blocks of them; and those of one band.
struct Span {
    int64_t start, end;
};

struct Band {
    const Span *first, *last;
    const Span* begin() const { return first; }
    const Span* end() const { return last; }
};

// Neighbouring foreground pixels of a row; their numbers run from `first` on.
struct PixelSpan {
    int32_t start, end, first;
};

// Functions of bands look at `count` rows, up to band_rows of them, in the columns of `spans`;
// those that reach further take the rows above and below, too. Rows have room for 16 values on both
// sides, and `line` is room for as many more than a row has.
struct RegionLoops {
    PixelRows<uint8_t> of_uint8;
    PixelRows<uint16_t> of_uint16;
    PixelRows<float> of_float;
    // Means of 1 to 4 columns, of any number `n` of them.
    void (*fold[4])(const float* from, float* to, int64_t n, float scale);
    // The greatest of each block of `n` columns; `line` is room for 2 n values.
    void (*highest)(const float* const* rows, int64_t count, int64_t n, float* line, float* to);
    // Sets all of them to one value.
    void (*fill)(Band spans, float value, int64_t count, float* const* to);
    // Of each block a bit for each column: whether it has a value above `least`.
    void (*rises)(Band spans, const float* const* rows, int64_t count, float least, uint8_t* to);
    // Takes away what lies under each row; `places` are those of the columns.
    void (*subtract)(Band spans, const Ground* grounds, const float* places, int64_t count,
                     float* const* to);
    // A Gaussian across `n` columns, which have room for eight more and `reach` on both sides.
    void (*smooth_across)(const float* from, int64_t n, const float* taps, int64_t reach,
                          float* to);
    // For reaches from 1 to 10: a Gaussian; heights relative to the greatest crest around.
    void (*blur[most_reach])(Band spans, const float* const* rows, int64_t count, const float* taps,
                             float* line, float* const* to);
    void (*relative[most_reach])(Band spans, const float* const* crests,
                                 const float* const* heights, int64_t count, float floor,
                                 float* line, float* const* to);
    // Replaces values by -1 unless the relative height is above a half: of each block a bit for
    // each column.
    void (*mask)(Band spans, const float* const* relatives, int64_t count, float* const* to,
                 uint8_t* const* inside);
    // For each pixel the number of its steepest neighbour, which may be its own: then it is a
    // summit.
    void (*steepest)(Band spans, const float* const* masks, const int32_t* const* numbers,
                     int64_t count, int32_t* const* ways);
    // Of each pixel of the runs of a row, by number: the sum of the falls to those beside it that
    // are background. Both inputs start a row above; behind a run up to 7 values more are written.
    void (*falls)(const PixelSpan* first, const PixelSpan* last, const float* const* relatives,
                  const float* const* heights, float* to);
    // Puts `count` pairs out of n-wide rows of values in order, column by column.
    void (*put_in_order)(const RowPair* pairs, size_t count, float* values, int64_t n);
};

}  // namespace nucensus
