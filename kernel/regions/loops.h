// The loops over rows that take most of the time of the detector without parameters, compiled for
// each instruction set. Single precision in a fixed order, without fused operations: all give the
// same bits.
#include "pixel_loops.h"

namespace nucensus {
namespace {

template <int step>
void fold(ConstRow from, Row to, int64_t n, float scale) {
    for (int64_t x = 0; x < n; ++x) {
        float sum = 0;
        for (int j = 0; j < step; ++j) sum += from[x * step + j];
        to[x] = sum * scale;
    }
}

// The rows of a band, of which the last may have fewer: then some are the first one again.
struct BandRows {
    ConstRow a, b, c, d;
    BandRows(const float* const* rows, int64_t count)
        : a(rows[0]),
          b(rows[count > 1 ? 1 : 0]),
          c(rows[count > 2 ? 2 : 0]),
          d(rows[count > 3 ? 3 : 0]) {
        static_assert(band_rows == 4);
    }
};

void highest_of_rows(const float* const* rows, int64_t count, int64_t n, Row to) {
    const BandRows r(rows, count);
    for (int64_t x = 0; x < n; ++x) to[x] = most(most(r.a[x], r.b[x]), most(r.c[x], r.d[x]));
}

void highest_of_pairs(ConstRow from, Row to, int64_t n) {
    for (int64_t x = 0; x < n; ++x) to[x] = most(from[2 * x], from[2 * x + 1]);
}

void highest(const float* const* rows, int64_t count, int64_t n, float* line, float* to) {
    static_assert(block_columns == 8);
    highest_of_rows(rows, count, n, line);
    highest_of_pairs(line, line + n, n / 2);
    highest_of_pairs(line + n, line, n / 4);
    highest_of_pairs(line, to, n / 8);
}

NUCENSUS_INLINE void fill_row(Row to, float value, int64_t n) {
    for (int64_t x = 0; x < n; ++x) to[x] = value;
}

void fill(Band spans, float value, int64_t count, float* const* to) {
    for (const Span span : spans)
        for (int64_t i = 0; i < count; ++i) fill_row(to[i] + span.start, value, columns_of(span));
}

void rises(Band spans, const float* const* rows, int64_t count, float least, uint8_t* to) {
    const BandRows r(rows, count);
    for (const Span span : spans)
        for (int64_t x = span.start; x < span.end; x += block_columns) {
            float top[block_columns];
#pragma GCC unroll 1  // or it is no vector
            for (int j = 0; j < block_columns; ++j)
                top[j] = most(most(r.a[x + j], r.b[x + j]), most(r.c[x + j], r.d[x + j]));
            to[x / block_columns] = bits_above(top, least);
        }
}

// row_count rows, of which each goes to a line of `n` values: what they have in common is loaded
// once.
template <int reach, int row_count>
NUCENSUS_INLINE void blur_columns(const float* const* rows, Row to, int64_t start, int64_t n,
                                  const float* k) {
    const float* p[row_count + 2 * reach];
    for (int j = 0; j < row_count + 2 * reach; ++j) p[j] = rows[j] + start;
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) {
        float value[row_count + 2 * reach];
        for (int j = 0; j < row_count + 2 * reach; ++j) value[j] = p[j][x];
        for (int i = 0; i < row_count; ++i) {
            float sum = value[reach + i] * k[0];
            for (int j = 1; j <= reach; ++j)
                sum += (value[reach + i - j] + value[reach + i + j]) * k[j];
            to[i * n + x] = sum;
        }
    }
}

template <int reach>
NUCENSUS_INLINE void blur_row(ConstRow from, Row to, int64_t n, const float* k) {
    for (int64_t x = 0; x < n; ++x) {
        float sum = from[x] * k[0];
        for (int j = 1; j <= reach; ++j) sum += (from[x - j] + from[x + j]) * k[j];
        to[x] = sum;
    }
}

template <int reach>
constexpr int64_t beside =
    (reach + 3) / 4 * 4;  // columns, so that with both sides vectors of 8 are full

template <int reach>
constexpr int together = reach <= 2   ? band_rows
                         : reach == 3 ? 2
                                      : 1;  // rows: as many as 16 registers hold

template <int reach>
void blur(Band spans, const float* const* rows, int64_t count, const float* taps, float* line,
          float* const* to) {
    constexpr int64_t side = beside<reach>;
    float k[reach + 1];
    for (int j = 0; j <= reach; ++j) k[j] = taps[j];
    for (const Span span : spans) {
        const int64_t n = columns_of(span), wide = n + 2 * side;
        int64_t i = 0;
        for (; i + together<reach> <= count; i += together<reach>)
            blur_columns<reach, together<reach>>(rows + i, line + i * wide, span.start - side, wide,
                                                 k);
        for (; i < count; ++i)
            blur_columns<reach, 1>(rows + i, line + i * wide, span.start - side, wide, k);
        for (i = 0; i < count; ++i)
            blur_row<reach>(line + i * wide + side, to[i] + span.start, n, k);
    }
}

template <int reach>
NUCENSUS_INLINE void highest_of_columns(const float* const* rows, Row to, int64_t start,
                                        int64_t n) {
    const float* __restrict__ p[2 * reach + 1];
    for (int j = 0; j <= 2 * reach; ++j) p[j] = rows[j] + start;
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) {
        float value = p[0][x];
        for (int j = 1; j <= 2 * reach; ++j) value = most(value, p[j][x]);
        to[x] = value;
    }
}

template <int reach>
NUCENSUS_INLINE void relative_row(ConstRow highest, ConstRow height, Row to, int64_t n,
                                  float floor) {
    for (int64_t x = 0; x < n; ++x) {
        float local = floor;
        for (int j = -reach; j <= reach; ++j) local = most(local, highest[x + j]);
        const float r = 2 * height[x] / local - .5f;
        to[x] = least(most(r, 0.f), 1.f);
    }
}

template <int reach>
void relative(Band spans, const float* const* crests, const float* const* heights, int64_t count,
              float floor, float* line, float* const* to) {
    constexpr int64_t side = beside<reach>;
    for (const Span span : spans) {
        const int64_t n = columns_of(span), wide = n + 2 * side;
        for (int64_t i = 0; i < count; ++i)
            highest_of_columns<reach>(crests + i, line + i * wide, span.start - side, wide);
        for (int64_t i = 0; i < count; ++i)
            relative_row<reach>(line + i * wide + side, heights[i] + span.start, to[i] + span.start,
                                n, floor);
    }
}

NUCENSUS_INLINE void subtract_row(const Ground& ground, ConstRow places, Row to, Span span) {
    const float c0 = ground.c0, c1 = ground.c1, c2 = ground.c2, c3 = ground.c3,
                share = ground.share;
    ConstRow above = ground.above + span.start, below = ground.below + span.start;
    const int64_t n = columns_of(span);
    places += span.start, to += span.start;
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x)
        to[x] -= c0 + places[x] * (c1 + places[x] * (c2 + places[x] * c3)) +
                 (above[x] + (below[x] - above[x]) * share);
}

void subtract(Band spans, const Ground* grounds, const float* places, int64_t count,
              float* const* to) {
    for (const Span span : spans)
        for (int64_t i = 0; i < count; ++i) subtract_row(grounds[i], places, to[i], span);
}

NUCENSUS_INLINE void mask_row(ConstRow relative, Span span, Row to, uint8_t* __restrict__ inside) {
    const int64_t n = columns_of(span);
    relative += span.start, to += span.start, inside += span.start / block_columns;
    for (int64_t x = 0; x < n; ++x) to[x] = relative[x] > .5f ? to[x] : -1;
    for (int64_t b = 0; b < n / block_columns; ++b)
        inside[b] = bits_above(relative + b * block_columns, .5f);
}

void mask(Band spans, const float* const* relatives, int64_t count, float* const* to,
          uint8_t* const* inside) {
    for (const Span span : spans)
        for (int64_t i = 0; i < count; ++i) mask_row(relatives[i], span, to[i], inside[i]);
}

struct Steepest {
    float value;
    int32_t number;
    // Of equal values the first stays.
    void meet(const Steepest& next) {
        number = next.value > value ? next.number : number;
        value = most(value, next.value);
    }
};

// The greatest of three pixels of a row, then of three rows: of equal values the first in reading
// order, so that no way leads in a circle.
template <int row_count>
NUCENSUS_INLINE void steepest_rows(const float* const* masks, const int32_t* const* numbers,
                                   Span span, int32_t* const* ways) {
    const float* mask[row_count + 2];
    const int32_t* number[row_count + 2];
    int32_t* way[row_count];
    const int64_t start = span.start, n = columns_of(span);
    for (int i = 0; i < row_count + 2; ++i)
        mask[i] = masks[i] + start, number[i] = numbers[i] + start;
    for (int i = 0; i < row_count; ++i) way[i] = ways[i] + start;
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) {
        Steepest of_row[row_count + 2];
        for (int i = 0; i < row_count + 2; ++i) {
            of_row[i] = {mask[i][x - 1], number[i][x - 1]};
            of_row[i].meet({mask[i][x], number[i][x]});
            of_row[i].meet({mask[i][x + 1], number[i][x + 1]});
        }
        for (int i = 0; i < row_count; ++i) {
            of_row[i].meet(of_row[i + 1]);
            of_row[i].meet(of_row[i + 2]);
            way[i][x] = of_row[i].number;
        }
    }
}

void steepest(Band spans, const float* const* masks, const int32_t* const* numbers, int64_t count,
              int32_t* const* ways) {
    for (const Span span : spans)
        if (count == band_rows)
            steepest_rows<band_rows>(masks, numbers, span, ways);
        else
            for (int64_t i = 0; i < count; ++i)
                steepest_rows<1>(masks + i, numbers + i, span, ways + i);
}

// A pixel beyond the edge is mirrored, so it is as much foreground as the one that it stands for.
NUCENSUS_INLINE void falls_of_run(const PixelSpan& run, const float* const* relatives,
                                  const float* const* heights, Row to) {
    ConstRow in_up = relatives[0] + run.start, in = relatives[1] + run.start,
             in_down = relatives[2] + run.start;
    ConstRow up = heights[0] + run.start, mid = heights[1] + run.start,
             down = heights[2] + run.start;
    const int64_t n = whole_vectors(run.end - run.start);
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) {
        // Factors, not conditions: a difference that is not wanted might trap, and is no vector
        // then.
        const float out_up = in_up[x] > .5f ? 0.f : 1.f, out_down = in_down[x] > .5f ? 0.f : 1.f;
        const float out_left = in[x - 1] > .5f ? 0.f : 1.f, out_right = in[x + 1] > .5f ? 0.f : 1.f;
        to[x] = ((mid[x] - up[x]) * out_up + (mid[x] - down[x]) * out_down) +
                ((mid[x] - mid[x - 1]) * out_left + (mid[x] - mid[x + 1]) * out_right);
    }
}

void falls(const PixelSpan* first, const PixelSpan* last, const float* const* relatives,
           const float* const* heights, float* to) {
    for (const PixelSpan* run = first; run < last; ++run)
        falls_of_run(*run, relatives, heights, to + run->first);
}

void put_in_order(const RowPair* pairs, size_t count, float* values, int64_t n) {
    for (size_t i = 0; i < count; ++i) {
        float *a = values + pairs[i].low * n, *b = values + pairs[i].high * n;
#pragma GCC ivdep
        for (int64_t x = 0; x < n; ++x) {
            const float low = least(a[x], b[x]), high = most(a[x], b[x]);
            a[x] = low, b[x] = high;
        }
    }
}

template <class Pixel>
constexpr PixelRows<Pixel> pixel_rows = {
    {clean<Pixel, 1>, clean<Pixel, 2>, clean<Pixel, 3>, clean<Pixel, 4>},
    {clean<Pixel, 1, true>, clean<Pixel, 2, true>, clean<Pixel, 3, true>, clean<Pixel, 4, true>},
    sums<Pixel>,
    smooth_down<Pixel>,
    weigh<Pixel>,
};

constexpr RegionLoops loops = {
    pixel_rows<uint8_t>,
    pixel_rows<uint16_t>,
    pixel_rows<float>,
    {fold<1>, fold<2>, fold<3>, fold<4>},
    highest,
    fill,
    rises,
    subtract,
    smooth_across,
    {blur<1>, blur<2>, blur<3>, blur<4>, blur<5>, blur<6>, blur<7>, blur<8>, blur<9>, blur<10>},
    {relative<1>, relative<2>, relative<3>, relative<4>, relative<5>, relative<6>, relative<7>,
     relative<8>, relative<9>, relative<10>},
    mask,
    steepest,
    falls,
    put_in_order,
};

}  // namespace
}  // namespace nucensus
