// Filters of 16-bit numbers over spans of blocks of columns, as wide as a vector.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "exact.h"
#include "plan.h"
#include "simd/simd.h"

namespace nucensus {
namespace {

// Rows `chosen` of a group in the vertical filter, for `blocks` neighbouring blocks of
// columns. `rows` are interleaved pairs of rows, one for each pair of the filter.
template <int blocks, int... chosen>
void filter_vertically(const int16_t* const* rows, int64_t at, const Smoothing& smoothing,
                       int16_t* out, int64_t pitch) {
    constexpr int count = sizeof...(chosen);
    constexpr int place[] = {chosen...};
    Longs sum[count][2 * blocks];
#pragma GCC unroll 4
    for (auto& row : sum)
#pragma GCC unroll 8
        for (Longs& value : row) value = all_longs(smoothing.vertical_rounding);
    const int32_t* weights = smoothing.vertical.pairs;
    for (int64_t pair = 0; pair < smoothing.vertical.count; ++pair) {
        const int16_t* from = rows[pair] + 2 * at;
        Words weight[count];
#pragma GCC unroll 4
        for (int row = 0; row < count; ++row) weight[row] = repeat_pair(weights[place[row]]);
#pragma GCC unroll 8
        for (int n = 0; n < 2 * blocks; ++n) {
            const Words value = load_words(from + n * words);
#pragma GCC unroll 4
            for (int row = 0; row < count; ++row)
                sum[row][n] = add_products(sum[row][n], value, weight[row]);
        }
        weights += rows_together;
    }
#pragma GCC unroll 4
    for (int row = 0; row < count; ++row)
#pragma GCC unroll 4
        for (int n = 0; n < blocks; ++n)
            store_words(out + place[row] * pitch + at + n * words,
                        narrow(sum[row][2 * n], sum[row][2 * n + 1], smoothing.shift));
}

// The horizontal filter of rows `chosen` of a group, for `blocks` neighbouring blocks
// of columns. A load at an even distance holds pairs of neighbours: it serves the
// even columns with one pair of weights and the odd columns with another.
template <int blocks, bool is_corrected, int... chosen>
void filter_columns(const int16_t* from, int64_t from_pitch, const Smoothing& smoothing,
                    int16_t* const* out, int64_t at) {
    constexpr int count = sizeof...(chosen);
    constexpr int place[] = {chosen...};
    Longs even[count][blocks], odd[count][blocks];
    Longs lost_even[count][blocks], lost_odd[count][blocks];
#pragma GCC unroll 4
    for (int row = 0; row < count; ++row)
#pragma GCC unroll 4
        for (int n = 0; n < blocks; ++n) {
            even[row][n] = odd[row][n] = all_longs(smoothing.horizontal_rounding);
            lost_even[row][n] = lost_odd[row][n] = all_longs(0);
        }
    const int32_t* weights = smoothing.horizontal.pairs;
    const int32_t* lost = smoothing.horizontal.corrections;
    const int16_t* start = from + at + smoothing.horizontal.first;
    for (int64_t pair = 0; pair < smoothing.horizontal.count; ++pair) {
        const Words for_even = repeat_pair(weights[0]), for_odd = repeat_pair(weights[1]);
#pragma GCC unroll 4
        for (int row = 0; row < count; ++row)
#pragma GCC unroll 4
            for (int n = 0; n < blocks; ++n) {
                const Words value = load_words(start + place[row] * from_pitch + n * words);
                even[row][n] = add_products(even[row][n], value, for_even);
                odd[row][n] = add_products(odd[row][n], value, for_odd);
                if (is_corrected) {
                    lost_even[row][n] =
                        add_products(lost_even[row][n], value, repeat_pair(lost[0]));
                    lost_odd[row][n] = add_products(lost_odd[row][n], value, repeat_pair(lost[1]));
                }
            }
        weights += 2;
        if (is_corrected) lost += 2;
        start += 2;
    }
#pragma GCC unroll 4
    for (int row = 0; row < count; ++row)
#pragma GCC unroll 4
        for (int n = 0; n < blocks; ++n) {
            if (is_corrected) {
                const int shift = smoothing.horizontal.correction_shift;
                even[row][n] = add_shifted(even[row][n], lost_even[row][n], shift);
                odd[row][n] = add_shifted(odd[row][n], lost_odd[row][n], shift);
            }
            store_words(out[place[row]] + at + n * words, upper_halves(even[row][n], odd[row][n]));
        }
}

// Neighbouring blocks of columns, from `first` on and before `end`.
struct BlockSpan {
    int64_t first, end;
};

// BlockSpans from left to right, none beside another.
struct BlockSpans {
    BlockSpan* spans;
    int64_t count;

    const BlockSpan* begin() const { return spans; }
    const BlockSpan* end() const { return spans + count; }
    // A block right of those before.
    void add(int64_t block) {
        if (count == 0 || spans[count - 1].end < block) spans[count++] = {block, block};
        spans[count - 1].end = block + 1;
    }
    // `reach` more blocks on both sides.
    void widen(const BlockSpans& from, int64_t reach, int64_t block_count) {
        count = 0;
        for (const BlockSpan& each : from) {
            const int64_t first = at_least(each.first - reach, 0);
            if (count == 0 || spans[count - 1].end < first) spans[count++] = {first, first};
            spans[count - 1].end = at_most(each.end + reach, block_count);
        }
    }
};

template <int blocks>
struct Together {
    static constexpr int count = blocks;
};

// Calls `work` with the first column of blocks, up to `most` neighbours together.
template <int most, typename F>
void for_blocks_of(const BlockSpan& blocks, F& work) {
    int64_t x = blocks.first * words;
    for (; x + most * words <= blocks.end * words; x += most * words) work(Together<most>(), x);
    if constexpr (most > 1) for_blocks_of<most / 2>({x / words, blocks.end}, work);
}
template <int most, typename F>
void for_blocks(const BlockSpans& spans, F work) {
    for (const BlockSpan& each : spans) for_blocks_of<most>(each, work);
}

// Rows `chosen` of a group of four: the vertical filter for the blocks in `wide`, the
// horizontal one for those in `blocks`, whose reach `wide` includes.
template <int most, int... chosen>
void smooth_blocks(const int16_t* const* rows, const Smoothing& smoothing, const BlockSpans& wide,
                   const BlockSpans& blocks, int16_t* line, int64_t line_pitch, int16_t* const* out,
                   int64_t width) {
    for_blocks<most>(wide, [&](auto together, int64_t x) {
        filter_vertically<together.count, chosen...>(rows, x, smoothing, line, line_pitch);
    });
    // The values outside the image are those of its nearest column.
    const int64_t reach = -smoothing.horizontal.first + 2 * words;
    constexpr int place[] = {chosen...};
    for (const int row : place) {
        int16_t* const own = line + row * line_pitch;
        const Words first = all_words(own[0]), last = all_words(own[width - 1]);
        for (int64_t x = 0; x < reach; x += words) store_words(own - words - x, first);
        for (int64_t x = 0; x < reach; x += words) store_words(own + width + x, last);
    }
    // The sums of a correction are twice as many.
    if (smoothing.horizontal.corrections != nullptr)
        return for_blocks<1>(blocks, [&](auto, int64_t x) {
            filter_columns<1, true, chosen...>(line, line_pitch, smoothing, out, x);
        });
    for_blocks<most>(blocks, [&](auto together, int64_t x) {
        filter_columns<together.count, false, chosen...>(line, line_pitch, smoothing, out, x);
    });
}

// Pairs of rows, the numbers of both interleaved, of the last rows that went in.
class PairRing {
public:
    static int64_t size(int64_t pairs, int64_t pitch) { return pairs * 2 * pitch; }
    void begin(int16_t* memory, int64_t pairs, int64_t a_pitch) {
        ring = memory;
        count = pairs;
        pitch = a_pitch;
    }
    int16_t* pair(int64_t index) const { return ring + (index & (count - 1)) * 2 * pitch; }
    // Returns the least numbers of the pair and of `least`.
    Words put(int64_t index, const int16_t* upper, const int16_t* lower, Words least) const {
        int16_t* out = pair(index);
        for (int64_t x = 0; x < pitch; x += words) {
            const Words a = load_words(upper + x), b = load_words(lower + x);
            store_words(out + 2 * x, interleave_low(a, b));
            store_words(out + 2 * x + words, interleave_high(a, b));
            least = smaller(least, smaller(a, b));
        }
        return least;
    }

private:
    int16_t* ring;
    int64_t count, pitch;
};

}  // namespace
}  // namespace nucensus
