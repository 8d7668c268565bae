// Filters in single precision, and how far their results can be off.
//
// The two pixels at equal distance are added first: that leaves half the multiply-adds, and many
// processors add beside them. Neighbouring results are computed together: what lies at a distance
// of one result lies at the next distance of its neighbour, and stays in a register, so that for
// each distance only two vectors are loaded. Along rows that would take vectors at every place of a
// line: so rows are turned into columns in between, and back.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "arena.h"
#include "simd/simd.h"
#include "simd/turn.h"
#include "smoothing.h"

namespace nucensus {
namespace {

// Sums over more distances than this are begun anew: of n numbers, none of them negative, a sum
// from the left is off by n roundings, sums of sums by fewer.
constexpr int64_t distances_together = 48;
constexpr int results_together = float_lanes == 16 ? 8 : 4;  // as there are registers for

template <int number>
struct Place {
    static constexpr int value = number;
};

// Distances from `distance` on and before `end`, no more than the `count` places in registers.
template <int count, int place = 0, typename Add>
void add_distances(Add& add, int64_t distance, int64_t end) {
    if constexpr (place < count) {
        if (distance + place >= end) return;
        add(Place<place>(), distance + place);
        add_distances<count, place + 1>(add, distance, end);
    }
}

// `results_together` neighbouring results of a symmetric filter, each a vector. `at(i)` is the one
// i places after that of the first result.
template <typename At>
void filter_neighbours(At at, const float* weights, int64_t radius, float* out) {
    constexpr int count = results_together, last = count - 1;
    Floats sum[count], before[count], after[count];
    // Of the places of a result that of the vector before it moves down, of that after it up.
    const auto add = [&](auto place, int64_t distance) {
        constexpr int moved = place.value;
        before[last - moved] = load_floats(at(-distance));
        after[moved] = load_floats(at(last + distance));
        const Floats weight = all_floats(weights[distance]);
#pragma GCC unroll 8
        for (int n = 0; n < count; ++n)
            sum[n] = multiply_add(before[(n - moved - 1) & last] + after[(n + moved + 1) & last],
                                  weight, sum[n]);
    };
    for (int64_t first = 1; first == 1 || first <= radius; first += distances_together) {
        const int64_t end = at_most(first + distances_together, radius + 1);
#pragma GCC unroll 8
        for (int n = 0; n < last; ++n) {
            before[n] = load_floats(at(n + 1 - first));
            after[n + 1] = load_floats(at(n + first));
        }
#pragma GCC unroll 8
        for (int n = 0; n < count; ++n)
            sum[n] = first == 1 ? load_floats(at(n)) * weights[0] : Floats{};
        for (int64_t distance = first; distance < end; distance += count)
            add_distances<count>(add, distance, end);
#pragma GCC unroll 8
        for (int n = 0; n < count; ++n) {
            float* const to = out + n * float_lanes;
            store_floats(to, first == 1 ? sum[n] : load_floats(to) + sum[n]);
        }
    }
}

// A square of vectors, rows into columns.
void turn(const float* from, int64_t from_pitch, float* to, int64_t to_pitch) {
    Floats rows[float_lanes];
#pragma GCC unroll 16
    for (int i = 0; i < float_lanes; ++i) rows[i] = load_floats(from + i * from_pitch);
    turn_square(
        rows, [](Floats a, Floats b) { return zip_low(a, b); },
        [](Floats a, Floats b) { return zip_high(a, b); });
#pragma GCC unroll 16
    for (int i = 0; i < float_lanes; ++i) store_floats(to + i * to_pitch, rows[i]);
}

class SingleFilters {
public:
    static constexpr int64_t rows_at_once = float_lanes;

    // How often a result may be rounded, in units of 2^-24 of itself.
    int64_t roundings;

    bool begin(const MaximaSettings& settings, int64_t a_width) {
        width = a_width;
        pitch = (width + float_lanes - 1) / float_lanes * float_lanes;
        radius_y = settings.vertical_radius;
        radius_x = settings.horizontal_radius;
        const bool has_memory = take_scratch(slot_weights, [&](Cutter& parts) {
            vertical = parts.take<float>(radius_y + 1);
            horizontal = parts.take<float>(radius_x + 1);
            turned = parts.take<float>((radius_x + pitch + radius_x) * float_lanes);
        });
        if (!has_memory) return false;
        for (int64_t i = 0; i <= radius_y; ++i)
            vertical[i] = static_cast<float>(settings.vertical[i]);
        for (int64_t i = 0; i <= radius_x; ++i)
            horizontal[i] = static_cast<float>(settings.horizontal[i]);
        // The difference from the least pixel, and both filters.
        roundings = 1 + roundings_of(radius_y) + roundings_of(radius_x);
        return true;
    }

    int64_t rows_needed() const { return 2 * radius_y + rows_at_once; }

    // As many rows as a vector has lanes, of which the first one's filter begins at rows[0].
    void smooth(const float* const* rows, float* out, int64_t out_pitch) {
        float square[float_lanes * float_lanes];
        const float* const* const middle = rows + radius_y;
        float* const columns = turned + radius_x * float_lanes;
        for (int64_t x = 0; x < pitch; x += float_lanes) {
            for (int64_t y = 0; y < float_lanes; y += results_together)
                filter_neighbours([=](int64_t i) { return middle[y + i] + x; }, vertical, radius_y,
                                  square + y * float_lanes);
            turn(square, float_lanes, columns + x * float_lanes, float_lanes);
        }
        extend();
        for (int64_t x = 0; x < pitch; x += float_lanes) {
            for (int64_t i = 0; i < float_lanes; i += results_together) {
                const float* const first = columns + (x + i) * float_lanes;
                filter_neighbours([=](int64_t j) { return first + j * float_lanes; }, horizontal,
                                  radius_x, square + i * float_lanes);
            }
            turn(square, float_lanes, out + x, out_pitch);
        }
    }

private:
    // Of the weight, of the sum of two pixels, of the product, of the sum of the products, and of
    // the sum of such sums.
    static int64_t roundings_of(int64_t radius) {
        return 3 + at_most(radius, distances_together) + 1 + radius / distances_together + 1;
    }

    // The values outside the image are those of its nearest column.
    void extend() {
        float* const columns = turned + radius_x * float_lanes;
        const Floats first = load_floats(columns);
        const Floats last = load_floats(columns + (width - 1) * float_lanes);
        for (int64_t x = 0; x < radius_x; ++x) store_floats(turned + x * float_lanes, first);
        for (int64_t x = width; x < pitch + radius_x; ++x)
            store_floats(columns + x * float_lanes, last);
    }

    int64_t width, pitch, radius_y, radius_x;
    float *vertical, *horizontal, *turned;
};

}  // namespace
}  // namespace nucensus
