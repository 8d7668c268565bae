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
                marked(first + row).count = 0;
                for (int64_t x = 0; x < pitch; x += words) marked(first + row).add_if(true, x);
            }
            return;
        }
        const Smoothing& sieve = plan.sieve;
        for (int64_t pair = 0; pair < sieve.vertical.count; ++pair)
            rows[pair] = group_ring.pair(first / 2 + sieve.vertical.first + pair);
        int16_t* const* const bounds = lines_of(1);
        for_blocks_together<blocks_together>(every, [&](const int64_t* at) {
            filter_vertically<blocks_together, 0, 1, 2, 3>(rows, at, sieve, lines_of(0));
        });
        filter_horizontally<blocks_together, 0, 1, 2, 3>(
            lines_of(0), sieve, every, bounds, (width + columns_together - 1) / columns_together);
        const Words threshold = all_words(sieve.threshold);
        constexpr int lanes_of_block = words / columns_together * bits_per_lane;
        constexpr Lanes block_lanes = (static_cast<Lanes>(1) << lanes_of_block) - 1;
        for (int row = 0; row < rows_together; ++row) {
            Blocks& own = marked(first + row);
            own.count = 0;
            for (int64_t block = 0; block < block_count; block += columns_together) {
                Lanes lanes =
                    is_above(load_words(bounds[row] + block / columns_together * words), threshold);
                for (int64_t at = block; at < block + columns_together; ++at) {
                    own.add_if(at < block_count && (lanes & block_lanes), at * words);
                    lanes >>= lanes_of_block;
                }
            }
        }
    }

    // 3. One row of each of the groups of a step, in the marked blocks.
    void smooth_samples(int64_t first, int64_t end) {
        for (int64_t group = first; group < end; ++group) empty_group(group);
        smooth_rows<single_blocks_together, sample_row>(
            first, end, [&](int64_t group) -> const Blocks& { return marked(group); });
    }

    // What a group of earlier rows left in the ring.
    void empty_group(int64_t group) const {
        int16_t* const first = ring_row(group * rows_together);
        for_blocks(marked(group - ring_groups), [&](int64_t x) {
            store_words(first + sample_row * result_pitch + x, all_words(nothing));
        });
        for_blocks(complete(group), [&](int64_t x) {
            constexpr int others[] = {0, 1, 3};
            for (const int row : others)
                store_words(first + row * result_pitch + x, all_words(nothing));
        });
        complete(group).count = 0;
    }

    // Rows `chosen` of the groups from `first` to before `end`, of a step at most, in the blocks
    // of each. Rows below the image are computed, and not looked at.
    template <int most, int... chosen, typename F>
    void smooth_rows(int64_t first, int64_t end, F blocks_of) {
        filter_groups<most, chosen...>(first, end, blocks_of);
        constexpr int place[] = {chosen...};
        for (int64_t group = first; group < end; ++group) {
            const Blocks& blocks = blocks_of(group);
            if (blocks.count == 0) continue;
            int16_t* out[rows_together];
            for (int row = 0; row < rows_together; ++row)
                out[row] = ring_row(group * rows_together + row);
            filter_horizontally<most, chosen...>(lines_of(group - first), plan.fine, blocks, out,
                                                 width);
            for (const int row : place)
                for (int64_t x = width; x < pitch; x += words)
                    store_words(out[row] + x, all_words(nothing));
        }
    }

    // The vertical filter. Of several groups some columns at a time: the pairs of rows that they
    // share then come from the nearest cache.
    template <int most, int... chosen, typename F>
    void filter_groups(int64_t first, int64_t end, F blocks_of) {
        const PairFilter& vertical = plan.fine.vertical;
        const int64_t group_count = end - first;
        for (int64_t pair = 0; pair < vertical.count + 2 * (group_count - 1); ++pair)
            rows[pair] = pair_ring.pair(2 * first + vertical.first + pair);
        int64_t done[step_groups] = {};
        for (int64_t i = 0; i < group_count; ++i) {
            wide[i].widen(blocks_of(first + i), dilation, pitch);
            wide[i].fill_up();
        }
        const int64_t at_a_time = group_count > 1 ? columns_in_cache : pitch;
        for (int64_t end_column = at_a_time; end_column < pitch + at_a_time;
             end_column += at_a_time)
            for (int64_t i = 0; i < group_count; ++i) {
                const Blocks& own = wide[i];
                for (; done[i] < own.count && own.columns[done[i]] < end_column; done[i] += most)
                    filter_vertically<most, chosen...>(rows + 2 * i, own.columns + done[i],
                                                       plan.fine, lines_of(i));
            }
    }

    // 4. The rest of the group, in the blocks that can hold a maximum.
    void refine(int64_t group) {
        const bool is_inside = group > 0 && sample_of(group + 1) < image.height;
        Blocks& own = complete(group);
        if (plan.has_samples && is_inside)
            keep_possible(group, own);
        else
            own.widen(marked(group), 0, pitch);
        smooth_rows<blocks_together, 0, 1, 3>(group, group + 1,
                                              [&](int64_t) -> const Blocks& { return own; });
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
    void keep_possible(int64_t group, Blocks& kept) const {
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
    void keep_possible(int64_t group, Blocks& kept) const {
        const Bounds bound = bounds();
        const Words threshold = all_words(plan.fine.threshold);
        const Words ambiguity = all_words(plan.ambiguity);
        const int16_t *above = result_row(sample_of(group - 1)),
                      *middle = result_row(sample_of(group)),
                      *below = result_row(sample_of(group + 1));
        // Samples further away than the window's half are not looked at.
        const bool sees_own = reach_y >= sample_row;
        const bool sees_others = reach_y >= rows_together + sample_row;
        for_blocks(marked(group), [&](int64_t x) {
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
            kept.add_if(lanes & first_lanes(width - x), x);
        });
    }
};

}  // namespace
}  // namespace nucensus
