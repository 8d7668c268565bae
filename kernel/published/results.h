// The smoothed rows of the sieve that are still needed, in rings, and what is known between them.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include <math.h>

#include <utility>

#include "arena.h"
#include "filters.h"
#include "plan.h"
#include "source.h"

namespace nucensus {
namespace {

constexpr int64_t step_rows = 16;
constexpr int64_t step_groups = step_rows / rows_together;
// Of the samples: so many columns of the pairs of rows of a step, for sigma 4, take 24 kB. All
// columns take a tenth longer at threshold 300 (benchmarks/kernel.py, plate, AVX-512 on Zen 5).
constexpr int64_t columns_in_cache = 256;
constexpr int16_t nothing = INT16_MIN;  // a result that was left out, or outside the image

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// Rings have as many rows as a power of two: a division takes longer than a test.
int64_t power_of_two(int64_t least) {
    int64_t power = 1;
    while (power < least) power *= 2;
    return power;
}

class Results {
protected:
    Results(const Image& an_image, const MaximaSettings& some_settings, const Plan& a_plan,
            Source& a_source)
        : image(an_image), settings(some_settings), plan(a_plan), source(a_source) {}

    static constexpr int sample_row = 2;    // of the four of a group: the middle of the window
    static constexpr int steps_beside = 3;  // samples looked at on each side
    static constexpr int64_t most_sample_step = 3;
    static constexpr int64_t octet = 8;  // rows loaded at a time: four pairs, two groups

    bool begin() {
        width = image.width;
        pitch = round_up(width, words);
        block_count = pitch / words;
        sieve_pitch = round_up(pitch / columns_together, words);
        reach_x = at_most(settings.min_distance, width - 1);
        reach_y = at_most(settings.min_distance, image.height - 1);
        sample_step = at_most(reach_x / steps_beside, most_sample_step);
        const PairFilter& vertical = plan.fine.vertical;
        side = round_up(-plan.fine.horizontal.first, words) + 2 * words;
        dilation = (-plan.fine.horizontal.first + words - 1) / words;

        // The groups that the sieve needs for the groups of step 0, and the
        // pairs of rows loaded by then; each step moves all on by the same.
        last_octet = floor_div(step_groups - 1 + plan.group_reach, 2);
        next_octet = floor_div(-plan.group_reach, 2);
        const int64_t first_pair = vertical.first - 2;  // of the group before
        const int64_t pairs = power_of_two(4 * (last_octet + 1) - floor_div(first_pair, 4) * 4);
        const int64_t group_pairs = power_of_two(last_octet - next_octet + 1);

        const int64_t line_pitch = side + pitch + side;
        // The windows of a group, the samples beside them, and the step being filled.
        result_rows = power_of_two(2 * reach_y + 7 * rows_together);
        result_side = round_up(reach_x, words) + 2 * words;
        result_pitch = result_side + pitch + result_side;
        ring_groups = result_rows / rows_together;
        marked_groups = power_of_two(ring_groups + 2 * step_groups);

        const int64_t wide_size = columns_together * sieve_pitch;
        const int64_t list_count = marked_groups + ring_groups;
        const int64_t list_size = Blocks::size(round_up(block_count, columns_together));
        int16_t *pair_memory, *group_memory, *line_memory;
        int64_t* columns;
        const bool has_memory = take_scratch(slot_sieve, [&](Cutter& parts) {
            pair_memory = parts.take<int16_t>(PairRing::size(pairs, pitch));
            group_memory = parts.take<int16_t>(PairRing::size(group_pairs, sieve_pitch));
            loaded = parts.take<int16_t>(octet * pitch);
            row_maxima = parts.take<int16_t>(wide_size);
            group_maxima = parts.take<int16_t>(2 * sieve_pitch);
            line_memory = parts.take<int16_t>(step_rows * line_pitch);
            results = parts.take<int16_t>((result_rows + 1) * result_pitch);
            rows = parts.take<const int16_t*>(pairs + group_pairs);
            marks = parts.take<Blocks>(marked_groups);
            completed = parts.take<Blocks>(ring_groups);
            columns = parts.take<int64_t>((list_count + 1 + step_groups) * list_size);
        });
        if (!has_memory) return false;
        pair_ring.begin(pair_memory, pairs, pitch);
        group_ring.begin(group_memory, group_pairs, sieve_pitch);
        const auto no_blocks = [&]() {
            return Blocks{std::exchange(columns, columns + list_size), 0};
        };
        for (int64_t i = 0; i < marked_groups; ++i) marks[i] = no_blocks();
        for (int64_t i = 0; i < ring_groups; ++i) completed[i] = no_blocks();
        for (Blocks& each : wide) each = no_blocks();
        for (int64_t i = 0; i < step_rows; ++i) lines[i] = line_memory + i * line_pitch + side;
        every = no_blocks();
        for (int64_t x = 0; x < sieve_pitch; x += words) every.add_if(true, x);
        memset(row_maxima, 0, wide_size * sizeof(int16_t));
        memset(line_memory, 0, step_rows * line_pitch * sizeof(int16_t));
        for (int64_t i = 0; i < (result_rows + 1) * result_pitch; i += words)
            store_words(results + i, all_words(nothing));
        lowest = 32767;
        return true;
    }

    int16_t* result_row(int64_t y) const {
        const int64_t row = y >= 0 && y < image.height ? y & (result_rows - 1) : result_rows;
        return results + row * result_pitch + result_side;
    }
    // The blocks of a group that can hold a pixel above the threshold: those of its sample.
    Blocks& marked(int64_t group) const { return marks[group & (marked_groups - 1)]; }
    // Those with results in all rows.
    Blocks& complete(int64_t group) const { return completed[group & (ring_groups - 1)]; }
    // Between the filters: four lines for each group of a step.
    int16_t* const* lines_of(int64_t number) const { return lines + number * rows_together; }
    static int64_t sample_of(int64_t group) { return group * rows_together + sample_row; }

    int16_t* ring_row(int64_t y) const {
        return results + (y & (result_rows - 1)) * result_pitch + result_side;
    }

    // Upper bounds of the rows between two samples. The constants are in registers:
    // the compiler takes every byte that is stored for a change of all members.
    struct Bounds {
        Words sign, floor, base, near, middle, far, left_out;

        // Results above the least that there can be.
        Words excess(Words value) const { return subtract_to_zero(flip_bits(value, sign), floor); }
        // The same where some are `nothing`: then they are not above `left_out`.
        Words most_excess(Words value) const {
            const Words is_known = subtract(sign, smaller(value, all_words(nothing + 1)));
            return either_bits(excess(value), subtract_to_zero(left_out, is_known));
        }
        Words between(Words above, Words from_above, Words below, Words from_below) const {
            const Words sum =
                add_to_most(upper_product(above, from_above), upper_product(below, from_below));
            return flip_bits(add_to_most(sum, base), sign);
        }
    };
    Bounds bounds() const {
        const int* share = plan.samples.share;
        const int left_out = at_least(plan.samples.left_out + 32768 - sample_floor, 0);
        return {all_words(-32768),   all_words(sample_floor), all_words(sample_base),
                all_words(share[1]), all_words(share[2]),     all_words(share[3]),
                all_words(left_out)};
    }

    // An upper bound of the results of row `y`, which is no sample.
    Words upper_bound(int64_t y, int64_t x) const {
        const Bounds bound = bounds();
        const int row = static_cast<int>(y % rows_together);
        const int64_t own = sample_of(y / rows_together);
        const int64_t other = own + (row < sample_row ? -rows_together : rows_together);
        const Words a = bound.most_excess(load_words(result_row(own) + x));
        const Words b = bound.most_excess(load_words(result_row(other) + x));
        if (row == 0) return bound.between(a, bound.middle, b, bound.middle);
        return bound.between(a, bound.near, b, bound.far);
    }

    static Lanes first_lanes(int64_t count) {
        return count >= words
                   ? static_cast<Lanes>(~static_cast<Lanes>(0))
                   : static_cast<Lanes>((static_cast<uint64_t>(1) << count * bits_per_lane) - 1);
    }

    const Image& image;
    const MaximaSettings& settings;
    const Plan& plan;
    Source& source;
    PairRing pair_ring, group_ring;
    int64_t width, pitch, block_count, reach_x, reach_y, side, dilation;
    int64_t last_octet, next_octet, result_rows, result_side, result_pitch;
    int64_t ring_groups, marked_groups;
    int64_t sieve_pitch, sample_step;
    int lowest, sample_floor, sample_base;
    const int16_t** rows;
    int16_t *loaded, *row_maxima, *group_maxima, *results;
    Blocks *marks, *completed;
    Blocks wide[step_groups], every;
    int16_t* lines[step_rows];
};

}  // namespace
}  // namespace nucensus
