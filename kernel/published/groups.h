// What can hold a maximum: groups of four rows, smoothed as far as need be.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "results.h"

namespace nucensus {
namespace {

class Groups : protected Results {
protected:
    using Results::Results;

    // 1. Rows into pairs, and the maxima of 4 x 4 pixels into the sieve.
    void load_rows(int64_t step) {
        const int64_t last = last_octet + step * (step_groups / 2);
        for (; next_octet <= last; ++next_octet) {
            for (int64_t i = 0; i < octet; ++i) {
                const int64_t y = next_octet * octet + i;
                int16_t* row = loaded + i * pitch;
                source.read_row(at_most(at_least(y, 0), image.height - 1), row);
                for (int64_t x = width; x < pitch; ++x) row[x] = row[width - 1];
            }
            Words least = all_words(lowest);
            for (int64_t pair = 0; pair < 4; ++pair)
                least = pair_ring.put(4 * next_octet + pair, loaded + 2 * pair * pitch,
                                      loaded + (2 * pair + 1) * pitch, least);
            if (plan.has_samples) note_lowest(least);
            if (plan.has_sieve) put_groups();
        }
    }

    // The least number loaded so far.
    void note_lowest(Words least_words) {
        int16_t numbers[words];
        store_words(numbers, least_words);
        for (const int16_t number : numbers) lowest = number < lowest ? number : lowest;
        const double least = plan.samples.unit * (lowest - plan.samples.rounding) - 1e-3;
        sample_floor = 32768 + static_cast<int>(fmax(floor(least), -32768));
        sample_base = static_cast<int>(at_most(sample_floor + plan.samples.margin, 65535));
    }

    void put_groups() {
        const Words sign = all_words(-32768);
        const Words background = flip_bits(all_words(plan.background), sign);
        for (int64_t group = 0; group < 2; ++group) {
            const int16_t* row = loaded + group * rows_together * pitch;
            for (int64_t x = 0; x < pitch; x += words) {
                const Words a = larger(load_words(row + x), load_words(row + pitch + x));
                const Words b =
                    larger(load_words(row + 2 * pitch + x), load_words(row + 3 * pitch + x));
                const Words above = subtract_to_zero(flip_bits(larger(a, b), sign), background);
                store_words(row_maxima + x, half_rounded_up(above));
            }
            int16_t* out = group_maxima + group * sieve_pitch;
            for (int64_t x = 0; x < sieve_pitch; x += words) {
                const int16_t* four = row_maxima + columns_together * x;
                const Words left = larger_of_pairs(load_words(four), load_words(four + words));
                const Words right =
                    larger_of_pairs(load_words(four + 2 * words), load_words(four + 3 * words));
                store_words(out + x, larger_of_pairs(left, right));
            }
        }
        group_ring.put(next_octet, group_maxima, group_maxima + sieve_pitch, all_words(0));
    }

    // 2. Which blocks of the step's four groups can hold a pixel above the threshold.
    void mark_blocks(int64_t first) {
        if (!plan.has_sieve) {
            for (int row = 0; row < rows_together; ++row) {
                *marked(first + row).spans = {0, block_count};
                marked(first + row).count = 1;
            }
            return;
        }
        const Smoothing& sieve = plan.sieve;
        for (int64_t pair = 0; pair < sieve.vertical.count; ++pair)
            rows[pair] = group_ring.pair(first / 2 + sieve.vertical.first + pair);
        int16_t* bounds[rows_together];
        for (int row = 0; row < rows_together; ++row)
            bounds[row] = lines + (rows_together + row) * line_step + side;
        smooth_blocks<blocks_together, 0, 1, 2, 3>(
            rows, sieve, every, every, lines + side, line_step, bounds,
            (width + columns_together - 1) / columns_together);
        const Words threshold = all_words(sieve.threshold);
        constexpr int lanes_of_block = words / columns_together * bits_per_lane;
        constexpr Lanes block_lanes = (static_cast<Lanes>(1) << lanes_of_block) - 1;
        for (int row = 0; row < rows_together; ++row) {
            BlockSpans& own = marked(first + row);
            own.count = 0;
            for (int64_t block = 0; block < block_count; block += columns_together) {
                Lanes lanes =
                    is_above(load_words(bounds[row] + block / columns_together * words), threshold);
                for (int64_t at = block; lanes != 0; ++at, lanes >>= lanes_of_block)
                    if (at < block_count && (lanes & block_lanes)) own.add(at);
            }
        }
    }

    // 3. One row of the group, in the marked blocks.
    void smooth_sample(int64_t group) {
        empty_group(group);
        const BlockSpans& own = marked(group);
        if (own.count == 0) return;
        smooth_rows<single_blocks_together, sample_row>(group, own);
    }

    // What a group of earlier rows left in the ring.
    void empty_group(int64_t group) const {
        int16_t* const first = ring_row(group * rows_together);
        for_blocks<1>(marked(group - ring_groups), [&](auto, int64_t x) {
            store_words(first + sample_row * result_pitch + x, all_words(nothing));
        });
        for_blocks<1>(complete(group), [&](auto, int64_t x) {
            constexpr int others[] = {0, 1, 3};
            for (const int row : others)
                store_words(first + row * result_pitch + x, all_words(nothing));
        });
        complete(group).count = 0;
    }

    template <int most, int... chosen>
    void smooth_rows(int64_t group, const BlockSpans& blocks) {
        const int64_t first = 2 * group + plan.fine.vertical.first;
        for (int64_t pair = 0; pair < plan.fine.vertical.count; ++pair)
            rows[pair] = pair_ring.pair(first + pair);
        int16_t* out[rows_together];
        // Rows below the image are computed, and not looked at.
        for (int row = 0; row < rows_together; ++row)
            out[row] = ring_row(group * rows_together + row);
        wide.widen(blocks, dilation, block_count);
        smooth_blocks<most, chosen...>(rows, plan.fine, wide, blocks, lines + side, line_step, out,
                                       width);
        constexpr int place[] = {chosen...};
        for (const int row : place)
            for (int64_t x = width; x < pitch; x += words)
                store_words(out[row] + x, all_words(nothing));
    }

    // 4. The rest of the group, in the blocks that can hold a maximum.
    void refine(int64_t group) {
        const bool is_inside = group > 0 && sample_of(group + 1) < image.height;
        BlockSpans& own = complete(group);
        if (plan.has_samples && is_inside)
            keep_possible(group, own);
        else
            own.widen(marked(group), 0, block_count);
        if (own.count > 0) smooth_rows<blocks_together, 0, 1, 3>(group, own);
    }

    // The highest of some samples near each.
    template <int step>
    static Words highest_sample(const int16_t* samples) {
        Words highest = load_words(samples);
#pragma GCC unroll 3
        for (int64_t i = 1; i <= steps_beside; ++i)
            highest = larger(
                highest, larger(load_words(samples - i * step), load_words(samples + i * step)));
        return highest;
    }

    // The blocks where a pixel can be above the threshold, and no sample in its window
    // surely above it.
    void keep_possible(int64_t group, BlockSpans& kept) const {
        switch (sample_step) {
            case 0:
                return keep_possible<0>(group, kept);
            case 1:
                return keep_possible<1>(group, kept);
            case 2:
                return keep_possible<2>(group, kept);
            default:
                return keep_possible<most_sample_step>(group, kept);
        }
    }

    template <int step>
    void keep_possible(int64_t group, BlockSpans& kept) const {
        const Bounds bound = bounds();
        const Words threshold = all_words(plan.fine.threshold);
        const Words ambiguity = all_words(plan.ambiguity);
        const int16_t *above = result_row(sample_of(group - 1)),
                      *middle = result_row(sample_of(group)),
                      *below = result_row(sample_of(group + 1));
        // Samples further away than the window's half are not looked at.
        const bool sees_own = reach_y >= sample_row;
        const bool sees_others = reach_y >= rows_together + sample_row;
        for_blocks<1>(marked(group), [&](auto, int64_t x) {
            const Words value = load_words(middle + x);
            const Words own = bound.excess(value);
            const Words before = bound.most_excess(load_words(above + x));
            const Words after = bound.most_excess(load_words(below + x));
            const Words most =
                larger(larger(bound.between(own, bound.middle, before, bound.middle),
                              bound.between(own, bound.near, before, bound.far)),
                       larger(bound.between(own, bound.near, after, bound.far), value));
            Words highest = sees_own ? highest_sample<step>(middle + x) : all_words(nothing);
            if (sees_others)
                highest = larger(highest, larger(highest_sample<step>(above + x),
                                                 highest_sample<step>(below + x)));
            const Lanes lanes =
                is_above(most, threshold) & ~is_above(highest, add_saturated(most, ambiguity));
            if (lanes & first_lanes(width - x)) kept.add(x / words);
        });
    }
};

}  // namespace
}  // namespace nucensus
