// The loops over rows that take most of the time of `foreground.cpp`, compiled for each instruction
// set. Single precision in a fixed order, without fused operations: all give the same bits.
#include "foreground_rows.h"

namespace nucensus {
namespace {

using Row = float* __restrict__;
using ConstRow = const float* __restrict__;

template <class Pixel>
inline __attribute__((always_inline)) Pixel least(Pixel a, Pixel b) { return b < a ? b : a; }
template <class Pixel>
inline __attribute__((always_inline)) Pixel most(Pixel a, Pixel b) { return a < b ? b : a; }

template <class Pixel>
void add_row(const Pixel* __restrict__ from, Row to, int64_t n) {
    for (int64_t x = 0; x < n; ++x) to[x] += static_cast<float>(from[x]);
}

// Hot pixels: no pixel stays above the third greatest of its eight neighbours, so specks of up to
// three pixels go.
template <class Pixel>
inline __attribute__((always_inline)) Pixel cap(Pixel mid, Pixel v0, Pixel v1, Pixel v2, Pixel v3, Pixel v4,
                                                Pixel v5, Pixel v6, Pixel v7) {
    // Sort both fours, then the third of the eight.
    const Pixel a = most(v0, v1), b = least(v0, v1), c = most(v2, v3), d = least(v2, v3);
    const Pixel e = most(v4, v5), f = least(v4, v5), g = most(v6, v7), k = least(v6, v7);
    const Pixel p1 = most(a, c), q = least(a, c), p2 = most(q, most(b, d)), p3 = least(q, most(b, d));
    const Pixel r1 = most(e, g), u = least(e, g), r2 = most(u, most(f, k)), r3 = least(u, most(f, k));
    const Pixel third = most(most(least(p1, r2), least(p2, r1)), most(p3, r3));
    return least(mid, third);
}

template <class Pixel>
void cap_row(const Pixel* __restrict__ up, const Pixel* __restrict__ mid, const Pixel* __restrict__ down,
             Pixel* __restrict__ to, int64_t n) {
    for (int64_t x = 1; x < n - 1; ++x)
        to[x] = cap(mid[x], up[x - 1], up[x], up[x + 1], mid[x - 1], mid[x + 1], down[x - 1], down[x], down[x + 1]);
}

template <int STEP>
void fold(ConstRow from, Row to, int64_t n, float scale) {
    for (int64_t x = 0; x < n; ++x) {
        float sum = 0;
        for (int j = 0; j < STEP; ++j) sum += from[x * STEP + j];
        to[x] = sum * scale;
    }
}

template <int R>
void convolve_row(ConstRow from, Row to, int64_t n, const float* taps) {
    float k[R + 1];
    for (int j = 0; j <= R; ++j) k[j] = taps[j];
    for (int64_t x = 0; x < n; ++x) {
        float sum = from[x + R] * k[0];
        for (int j = 1; j <= R; ++j) sum += (from[x + R - j] + from[x + R + j]) * k[j];
        to[x] = sum;
    }
}

// One pass over R rows above and below, all in registers.
template <int R>
void convolve_column(const float* const* rows, Row to, int64_t n, const float* taps) {
    float k[R + 1];
    const float* __restrict__ p[2 * R + 1];
    for (int j = 0; j <= R; ++j) k[j] = taps[j];
    for (int j = 0; j <= 2 * R; ++j) p[j] = rows[j];
    for (int64_t x = 0; x < n; ++x) {
        float sum = p[R][x] * k[0];
        for (int j = 1; j <= R; ++j) sum += (p[R - j][x] + p[R + j][x]) * k[j];
        to[x] = sum;
    }
}

void lerp_rows(ConstRow a, ConstRow b, Row to, int64_t n, float k) {
    for (int64_t x = 0; x < n; ++x) to[x] = a[x] + (b[x] - a[x]) * k;
}

// `to` may be `a`.
void subtract_rows(const float* a, ConstRow b, float* to, int64_t n) {
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) to[x] = a[x] - b[x];
}

// `to` may be `from`.
void subtract_parabola(const float* from, float* to, int64_t n, float c0, float c1, float c2, float scale) {
    const int32_t end = static_cast<int32_t>(n);  // a 64-bit count would be narrowed at each step
#pragma GCC ivdep
    for (int32_t x = 0; x < end; ++x) {
        const float at = (static_cast<float>(x) + .5f) * scale - 1;
        to[x] = from[x] - (c0 + at * (c1 + at * c2));
    }
}

// `to` may be `a`, so none of the three is marked restrict.
void max_rows(const float* a, const float* b, float* to, int64_t n) {
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) to[x] = a[x] < b[x] ? b[x] : a[x];
}

void relative_row(ConstRow height, ConstRow local, Row to, int64_t n, float floor) {
    for (int64_t x = 0; x < n; ++x) {
        const float r = 2 * height[x] / most(local[x], floor) - .5f;
        to[x] = least(most(r, 0.f), 1.f);
    }
}

// The place of the steepest neighbour in the foreground, which may be the pixel itself, -1 outside:
// of equal values the first in reading order, so that no way leads in a circle. `first` is the place
// of the first pixel, `width` how far below the next row is.
void steepest_row(ConstRow up, ConstRow mid, ConstRow down, int32_t* __restrict__ way, int64_t n, int32_t first,
                  int32_t width) {
    for (int64_t x = 0; x < n; ++x) {  // which of the nine, in reading order
        float best = mid[x + 1];
        int32_t to = 4;
        to = mid[x] >= best ? 3 : to, best = most(best, mid[x]);
        to = up[x + 2] >= best ? 2 : to, best = most(best, up[x + 2]);
        to = up[x + 1] >= best ? 1 : to, best = most(best, up[x + 1]);
        to = up[x] >= best ? 0 : to, best = most(best, up[x]);
        to = mid[x + 2] > best ? 5 : to, best = most(best, mid[x + 2]);
        to = down[x] > best ? 6 : to, best = most(best, down[x]);
        to = down[x + 1] > best ? 7 : to, best = most(best, down[x + 1]);
        to = down[x + 2] > best ? 8 : to;
        way[x] = mid[x + 1] < 0 ? -1 : to;
    }
    const int32_t end = static_cast<int32_t>(n);
    for (int32_t x = 0; x < end; ++x) {
        const int32_t row = (way[x] * 11) >> 5;  // divided by three
        const int32_t place = first + x + (row - 1) * width + way[x] - 3 * row - 1;
        way[x] = way[x] < 0 ? -1 : place;
    }
}

void mask_row(ConstRow relative, ConstRow ridge, Row to, int64_t n) {
    for (int64_t x = 0; x < n; ++x) to[x] = relative[x] > .5f ? ridge[x] : -1;
}

// For each value, how many are not greater.
void count_ranks(ConstRow values, int32_t* __restrict__ ranks, int64_t n) {
    for (int64_t i = 0; i < n; ++i) ranks[i] = 0;
    for (int64_t j = 0; j < n; ++j) {
        const float value = values[j];
        for (int64_t i = 0; i < n; ++i) ranks[i] += value <= values[i];
    }
}

constexpr Rows loops = {
    {add_row<uint8_t>, cap_row<uint8_t>},
    {add_row<uint16_t>, cap_row<uint16_t>},
    {add_row<float>, cap_row<float>},
    {fold<1>, fold<2>, fold<3>, fold<4>},
    {convolve_row<1>, convolve_row<2>, convolve_row<3>, convolve_row<4>, convolve_row<5>, convolve_row<6>,
     convolve_row<7>, convolve_row<8>, convolve_row<9>, convolve_row<10>},
    {convolve_column<1>, convolve_column<2>, convolve_column<3>, convolve_column<4>, convolve_column<5>,
     convolve_column<6>, convolve_column<7>, convolve_column<8>, convolve_column<9>, convolve_column<10>},
    lerp_rows, subtract_rows, subtract_parabola, max_rows, relative_row, mask_row, steepest_row,
    count_ranks,
};

}  // namespace
}  // namespace nucensus
