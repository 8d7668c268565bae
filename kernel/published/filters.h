// Filters of 16-bit numbers over spans of blocks of columns, as wide as a vector.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "exact.h"
#include "plan.h"
#include "simd/simd.h"

namespace nucensus {
namespace {

// Rows `chosen` of a group in the vertical filter, for `blocks` blocks of columns that begin at
// columns `at`. `rows` are interleaved pairs of rows, one for each pair of the filter.
template <int blocks, int... chosen>
void filter_vertically(const int16_t* const* rows, const int64_t* at, const Smoothing& smoothing,
                       int16_t* const* lines) {
    constexpr int count = sizeof...(chosen);
    constexpr int place[] = {chosen...};
    Longs sum[count][2 * blocks];
#pragma GCC unroll 4
    for (auto& row : sum)
#pragma GCC unroll 8
        for (Longs& value : row) value = all_longs(smoothing.vertical_rounding);
    const int32_t* weights = smoothing.vertical.pairs;
    for (int64_t pair = 0; pair < smoothing.vertical.count; ++pair) {
        const int16_t* from = rows[pair];
        Words weight[count];
#pragma GCC unroll 4
        for (int row = 0; row < count; ++row) weight[row] = repeat_pair(weights[place[row]]);
#pragma GCC unroll 8
        for (int n = 0; n < 2 * blocks; ++n) {
            const Words value = load_words(from + 2 * at[n / 2] + n % 2 * words);
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
            store_words(lines[place[row]] + at[n],
                        narrow(sum[row][2 * n], sum[row][2 * n + 1], smoothing.shift));
}

// The horizontal filter of rows `chosen` of a group, for `blocks` blocks of columns. A load at an
// even distance holds pairs of neighbours: it serves the even columns with one pair of weights
// and the odd columns with another.
template <int blocks, bool is_corrected, int... chosen>
void filter_columns(const int16_t* const* lines, const Smoothing& smoothing, int16_t* const* out,
                    const int64_t* at) {
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
    int64_t distance = smoothing.horizontal.first;
    for (int64_t pair = 0; pair < smoothing.horizontal.count; ++pair) {
        const Words for_even = repeat_pair(weights[0]), for_odd = repeat_pair(weights[1]);
#pragma GCC unroll 4
        for (int row = 0; row < count; ++row)
#pragma GCC unroll 4
            for (int n = 0; n < blocks; ++n) {
                const Words value = load_words(lines[place[row]] + distance + at[n]);
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
        distance += 2;
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
            store_words(out[place[row]] + at[n], upper_halves(even[row][n], odd[row][n]));
        }
}

// Blocks of columns, as wide as a vector, from left to right: the first column of each.
struct Blocks {
    static constexpr int64_t most_together = 4;
    static int64_t size(int64_t block_count) { return block_count + most_together; }

    int64_t* columns;
    int64_t count;

    // No branch: which blocks are in cannot be predicted.
    void add_if(bool is_in, int64_t column) {
        columns[count] = column;
        count += is_in;
    }
    // Those of another list, and `reach` more on both sides.
    void widen(const Blocks& from, int64_t reach, int64_t pitch) {
        count = 0;
        int64_t next = 0;
        for (int64_t i = 0; i < from.count; ++i) {
            const int64_t last = from.columns[i] + reach * words;
            for (int64_t x = from.columns[i] - reach * words; x <= last; x += words)
                add_if(x >= next && x < pitch, x);
            next = last + words;
        }
    }
    // So that always `most_together` can be taken: the last one again.
    void fill_up() const {
        for (int64_t i = 0; i < most_together - 1 && count > 0; ++i)
            columns[count + i] = columns[count - 1];
    }
};

template <typename F>
void for_blocks(const Blocks& blocks, F work) {
    for (int64_t i = 0; i < blocks.count; ++i) work(blocks.columns[i]);
}

// Calls `work` with the first columns of `together` blocks, wherever they are; the last one may be
// there more than once.
template <int together, typename F>
void for_blocks_together(const Blocks& blocks, F work) {
    static_assert(together <= Blocks::most_together);
    blocks.fill_up();
    for (int64_t i = 0; i < blocks.count; i += together) work(blocks.columns + i);
}

// The horizontal filter of rows `chosen` of a group, from lines in which the vertical one filled
// the blocks and what is within reach of them.
template <int most, int... chosen>
void filter_horizontally(int16_t* const* lines, const Smoothing& smoothing, const Blocks& blocks,
                         int16_t* const* out, int64_t width) {
    // The values outside the image are those of its nearest column.
    const int64_t reach = -smoothing.horizontal.first + 2 * words;
    constexpr int place[] = {chosen...};
    for (const int row : place) {
        int16_t* const own = lines[row];
        const Words first = all_words(own[0]), last = all_words(own[width - 1]);
        for (int64_t x = 0; x < reach; x += words) store_words(own - words - x, first);
        for (int64_t x = 0; x < reach; x += words) store_words(own + width + x, last);
    }
    // The sums of a correction are twice as many.
    if (smoothing.horizontal.corrections != nullptr)
        return for_blocks_together<1>(blocks, [&](const int64_t* at) {
            filter_columns<1, true, chosen...>(lines, smoothing, out, at);
        });
    for_blocks_together<most>(blocks, [&](const int64_t* at) {
        filter_columns<most, false, chosen...>(lines, smoothing, out, at);
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
