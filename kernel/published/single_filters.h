// Filters in single precision, four rows at a time, and how far their results can be off.
//
// A fused multiply-add for every weight: to add the two pixels at equal distance first would save
// half of them, but then every pixel is loaded anew for every row. Here a row that was loaded goes
// into four results, and a vector at an odd place of a line into two.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "arena.h"
#include "plan.h"
#include "simd/simd.h"
#include "smoothing.h"

namespace nucensus {
namespace {

// Sums of more products than this are begun anew: of n numbers, none of them negative, a sum from
// the left is off by n roundings, sums of sums by fewer.
constexpr int64_t products_together = 48;
constexpr int row_vectors = float_lanes == 16 ? 4 : 2;  // as many sums as there are registers for
constexpr int line_vectors = 8;

class SingleFilters {
public:
    // How often a result may be rounded, in units of 2^-24 of itself.
    int64_t roundings;

    bool begin(const MaximaSettings& some_settings, int64_t a_width) {
        settings = some_settings;
        width = a_width;
        pitch = (width + float_lanes - 1) / float_lanes * float_lanes;
        row_count = 2 * settings.vertical_radius + rows_together;
        const int64_t taps = 2 * settings.horizontal_radius + 1;
        const int64_t steps = (taps + float_lanes - 1) / float_lanes;
        const int64_t most_taps = float_lanes * (steps + 1);
        side = settings.horizontal_radius;
        line_pitch = side + pitch + most_taps + line_vectors * float_lanes;
        shifts_together = at_least(products_together / (steps + 1), 1);
        const bool has_memory = take_scratch(slot_weights, [&](Cutter& parts) {
            vertical = parts.take<float>(rows_together * row_count);
            horizontal = parts.take<float>(most_taps);
            pairs = parts.take<int>(float_lanes);
            lines = parts.take<float>(rows_together * line_pitch);
        });
        if (!has_memory) return false;
        memset(lines, 0, rows_together * line_pitch * sizeof(float));
        lay_out_rows();
        lay_out_line(taps);
        // The difference from the least pixel, and of each filter the weights, the products, their
        // sums and the sums of these.
        const int64_t sums = (row_count + products_together - 1) / products_together;
        const int64_t in_line = (float_lanes + shifts_together - 1) / shifts_together;
        roundings = 1 + (2 + at_most(products_together, row_count) + sums) +
                    (2 + at_most(shifts_together, float_lanes) * (steps + 1) + in_line);
        return true;
    }

    int64_t rows_needed() const { return row_count; }

    // Four rows, of which the first one's filter begins at rows[0].
    void smooth(const float* const* rows, float* const* out) {
        int64_t x = 0;
        for (; x + row_vectors * float_lanes <= pitch; x += row_vectors * float_lanes)
            filter_rows<row_vectors>(rows, x);
        for (; x < pitch; x += float_lanes) filter_rows<1>(rows, x);
        for (int row = 0; row < rows_together; ++row)
            filter_line(lines + row * line_pitch, out[row]);
    }

private:
    // For each row that is loaded its weight in each of the four rows.
    void lay_out_rows() {
        const int64_t radius = settings.vertical_radius;
        for (int64_t i = 0; i < row_count; ++i)
            for (int row = 0; row < rows_together; ++row) {
                const int64_t distance = i - row > radius ? i - row - radius : radius - (i - row);
                vertical[rows_together * i + row] =
                    distance <= radius ? static_cast<float>(settings.vertical[distance]) : 0;
            }
    }

    // The weights at each shift of the line, by steps of a vector: an even number of them.
    void lay_out_line(int64_t taps) {
        float* next = horizontal;
        for (int64_t shift = 0; shift < float_lanes; ++shift) {
            pairs[shift] = 0;
            for (int64_t tap = shift; tap < taps; tap += 2 * float_lanes, ++pairs[shift])
                for (const int64_t each : {tap, tap + float_lanes}) {
                    const int64_t from_centre = each > side ? each - side : side - each;
                    *next++ =
                        each < taps ? static_cast<float>(settings.horizontal[from_centre]) : 0;
                }
        }
    }

    template <int vectors>
    void filter_rows(const float* const* rows, int64_t x) {
        for (int64_t first = 0; first < row_count; first += products_together) {
            Floats sum[rows_together][vectors] = {};
            const float* weights = vertical + rows_together * first;
            const int64_t end = at_most(first + products_together, row_count);
            for (int64_t i = first; i < end; ++i, weights += rows_together) {
                const float* const from = rows[i] + x;
                Floats value[vectors];
#pragma GCC unroll 4
                for (int n = 0; n < vectors; ++n) value[n] = load_floats(from + n * float_lanes);
#pragma GCC unroll 4
                for (int row = 0; row < rows_together; ++row) {
                    const Floats weight = all_floats(weights[row]);
#pragma GCC unroll 4
                    for (int n = 0; n < vectors; ++n)
                        sum[row][n] = multiply_add(value[n], weight, sum[row][n]);
                }
            }
#pragma GCC unroll 4
            for (int row = 0; row < rows_together; ++row)
#pragma GCC unroll 4
                for (int n = 0; n < vectors; ++n)
                    add_to(lines + row * line_pitch + side + x + n * float_lanes, sum[row][n],
                           first > 0);
        }
    }

    void filter_line(float* line, float* out) const {
        const float first = line[side], last = line[side + width - 1];
        for (int64_t x = 0; x < side; ++x) {
            line[x] = first;
            line[side + width + x] = last;
        }
        int64_t x = 0;
        for (; x + line_vectors * float_lanes <= pitch; x += line_vectors * float_lanes)
            filter_vectors<line_vectors>(line + x, out + x);
        for (; x < pitch; x += float_lanes) filter_vectors<1>(line + x, out + x);
    }

    template <int vectors>
    void filter_vectors(const float* line, float* out) const {
        const float* weights = horizontal;
        for (int64_t begun = 0; begun < float_lanes; begun += shifts_together) {
            Floats sum[vectors] = {};
            const int64_t end = at_most(begun + shifts_together, float_lanes);
            for (int64_t shift = begun; shift < end; ++shift) {
                const float* from = line + shift;
                for (int pair = 0; pair < pairs[shift]; ++pair) {
                    const Floats near = all_floats(weights[0]), far = all_floats(weights[1]);
                    sum[0] = multiply_add(load_floats(from), near, sum[0]);
#pragma GCC unroll 8
                    for (int n = 1; n < vectors; ++n) {
                        const Floats value = load_floats(from + n * float_lanes);
                        sum[n] = multiply_add(value, near, sum[n]);
                        sum[n - 1] = multiply_add(value, far, sum[n - 1]);
                    }
                    sum[vectors - 1] = multiply_add(load_floats(from + vectors * float_lanes), far,
                                                    sum[vectors - 1]);
                    weights += 2;
                    from += 2 * float_lanes;
                }
            }
#pragma GCC unroll 8
            for (int n = 0; n < vectors; ++n) add_to(out + n * float_lanes, sum[n], begun > 0);
        }
    }

    static void add_to(float* out, Floats sum, bool has_more) {
        store_floats(out, has_more ? load_floats(out) + sum : sum);
    }

    MaximaSettings settings;
    int64_t width, pitch, row_count, side, line_pitch, shifts_together;
    float *vertical, *horizontal, *lines;
    int* pairs;
};

}  // namespace
}  // namespace nucensus
