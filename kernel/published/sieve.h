// The fast way: whole numbers find the candidates, exact values decide.
//
// The image streams through once, in groups of four rows, loaded four at a time. What
// is left of each group are spans of blocks of columns, as wide as a vector:
//   1. rows become 16-bit numbers (Source), neighbouring ones interleaved, and
//      the maxima of 4 x 4 pixels go to the sieve;
//   2. the sieve smooths those maxima with an upper bound of the filter: blocks
//      of pixels where even that is not above the threshold are left out;
//   3. of what is left one row in four is smoothed, with two 16-bit multiply-adds
//      an instruction: the samples;
//   4. they bound the rows between them (plan.cpp): only blocks that can hold a
//      maximum are smoothed in full;
//   5. a pixel that can be the maximum of its window, by the bound proved in
//      plan.cpp, and every pixel it might tie with, is computed exactly.
// When too many pixels had to be computed exactly, or windows looked at, nothing was
// gained: the answer is `undecided`, and all is done by find_exactly.
//
// Scratch memory, per thread and reused, for radius r and min_distance d: about
// 2 r + 32 rows of 16-bit numbers and 2 d + 16 rows of 16-bit results (both up to
// the next power of two), 512 times 64 exact values, and (2 r + 1) x (2 r + 64)
// pixels as doubles.
//
// Measured with benchmarks/kernel.py, plate, AVX2 on Zen 2, at threshold 300 and 1000:
// the samples and the maxima of 4 x 4 instead of 4 x 1 pixels made it 1.25 and 1.1 times
// as fast, spans instead of marks of blocks 1.04 and 1.27 times, looking for higher
// samples where they lie instead of in their maxima 1.06 times, unrolled loops 1.04.
// No gain: the filters on an image of half the rows and columns (half the products, but
// what makes that image costs as much), the pairs of a block of columns side by side,
// prefetching rows, scheduling before register allocation.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include <utility>

#include "exact.h"
#include "filters.h"
#include "plan.h"
#include "simd/simd.h"
#include "source.h"

namespace nucensus {
namespace {

constexpr int64_t step_rows = 16;
constexpr int64_t step_groups = step_rows / rows_together;
constexpr int16_t nothing = INT16_MIN;  // a result that was left out, or outside the image

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// Rings have as many rows as a power of two: a division takes longer than a test.
int64_t power_of_two(int64_t least) {
    int64_t power = 1;
    while (power < least) power *= 2;
    return power;
}

// Exact values of single pixels and their neighbours, the last ones remembered.
class ExactValues {
public:
    bool begin(const Image& image, const MaximaSettings& settings) {
        entries = static_cast<Entry*>(scratch(slot_memo, memo_size * sizeof(Entry)));
        if (entries == nullptr || !point.begin(image, settings)) return false;
        for (int64_t i = 0; i < memo_size; ++i) entries[i].y = -1;
        // A third of what it takes to do the whole image exactly.
        const double ry = static_cast<double>(settings.vertical_radius + 1);
        const double rx = static_cast<double>(settings.horizontal_radius + 1);
        const double pixels = static_cast<double>(image.height) * static_cast<double>(image.width);
        const double most = pixels * (ry + rx) / (ry * (2 * rx + point.together)) / 3;
        left = most / 4 + 64;
        left_for_row = most * 0.75 / static_cast<double>(image.height);
        return true;
    }
    // Not all of them at once: where they will not do, the first rows tell.
    void allow_for(int64_t row_count) { left += left_for_row * static_cast<double>(row_count); }
    bool are_used_up() const { return left < 0; }
    double at(int64_t y, int64_t x) {
        const int64_t segment = x / point.together;
        const int64_t first = segment * point.together;
        Entry& entry = entries[(y * 37 + segment) & (memo_size - 1)];
        if (entry.y != y || entry.x != first) {
            entry.y = y;
            entry.x = first;
            point.smooth(y, first, entry.values);
            --left;
        }
        return entry.values[x - first];
    }

private:
    static constexpr int64_t memo_size = 512;
    struct Entry {
        int64_t y, x;
        double values[PointSmoother::most_together];
    };
    PointSmoother point;
    Entry* entries = nullptr;
    double left = 0, left_for_row = 0;
};

class Sieve {
public:
    Sieve(const Image& an_image, const MaximaSettings& some_settings, const Plan& a_plan,
          Source& a_source, Peaks& some_peaks)
        : image(an_image),
          settings(some_settings),
          plan(a_plan),
          source(a_source),
          peaks(some_peaks) {}

    Status run() {
        if (!begin()) return status_no_memory;
        const int64_t group_count = (image.height + rows_together - 1) / rows_together;
        for (int64_t group = 0; group < group_count; ++group) {
            if (group % step_groups == 0) {
                load_rows(group / step_groups);
                if (source.is_out_of_range()) return status_undecided;
                mark_blocks(group);
            }
            smooth_sample(group);
            exact.allow_for(rows_together);
            work_left += rows_together * width;
            if (group == 0) continue;
            refine(group - 1);
            // Groups whose windows are complete.
            const Status status = examine_groups((group - 1) * rows_together - reach_y + 1);
            if (status != status_ok) return status;
        }
        refine(group_count - 1);
        const Status status = examine_groups(image.height);
        // Were every pixel a candidate, the image might be constant, which has no
        // maximum by definition. One that is not a candidate is below another.
        if (candidates == image.height * image.width) return status_undecided;
        return status;
    }

private:
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
        // The windows of a group, the samples beside them, and the groups being filled.
        result_rows = power_of_two(2 * reach_y + 4 * rows_together);
        result_side = round_up(reach_x, words) + 2 * words;
        result_pitch = result_side + pitch + result_side;
        ring_groups = result_rows / rows_together;
        marked_groups = power_of_two(ring_groups + 2 * step_groups);
        // Windows must not cost more than a few operations a pixel.
        work_left = 100000;

        const int64_t wide_size = columns_together * sieve_pitch;
        const int64_t list_count = marked_groups + ring_groups, most_spans = block_count / 2 + 1;
        int16_t *pair_memory, *group_memory;
        BlockSpan* spans;
        const bool has_memory = take_scratch(slot_sieve, [&](Cutter& parts) {
            pair_memory = parts.take<int16_t>(PairRing::size(pairs, pitch));
            group_memory = parts.take<int16_t>(PairRing::size(group_pairs, sieve_pitch));
            loaded = parts.take<int16_t>(octet * pitch);
            row_maxima = parts.take<int16_t>(wide_size);
            group_maxima = parts.take<int16_t>(2 * sieve_pitch);
            lines = parts.take<int16_t>(2 * rows_together * line_pitch);
            results = parts.take<int16_t>((result_rows + 1) * result_pitch);
            rows = parts.take<const int16_t*>(pairs + group_pairs);
            marks = parts.take<BlockSpans>(marked_groups);
            completed = parts.take<BlockSpans>(ring_groups);
            spans = parts.take<BlockSpan>((list_count + 2) * most_spans);
            suspects = parts.take<Suspects>(rows_together * block_count);
        });
        if (!has_memory || !exact.begin(image, settings)) return false;
        pair_ring.begin(pair_memory, pairs, pitch);
        group_ring.begin(group_memory, group_pairs, sieve_pitch);
        line_step = line_pitch;
        const auto next_spans = [&]() {
            return BlockSpans{std::exchange(spans, spans + most_spans), 0};
        };
        for (int64_t i = 0; i < marked_groups; ++i) marks[i] = next_spans();
        for (int64_t i = 0; i < ring_groups; ++i) completed[i] = next_spans();
        wide = next_spans();
        every = next_spans();
        *every.spans = {0, sieve_pitch / words};
        every.count = 1;
        memset(row_maxima, 0, wide_size * sizeof(int16_t));
        memset(lines, 0, 2 * rows_together * line_pitch * sizeof(int16_t));
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
    BlockSpans& marked(int64_t group) const { return marks[group & (marked_groups - 1)]; }
    // Those with results in all rows.
    BlockSpans& complete(int64_t group) const { return completed[group & (ring_groups - 1)]; }
    static int64_t sample_of(int64_t group) { return group * rows_together + sample_row; }

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

    int16_t* ring_row(int64_t y) const {
        return results + (y & (result_rows - 1)) * result_pitch + result_side;
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

    // The lowest lane of those that are set, which is cleared.
    static int take_lane(Lanes& lanes) {
        const int lane = __builtin_ctz(lanes) / bits_per_lane;
        lanes &= lanes - 1;
        if (bits_per_lane == 2) lanes &= lanes - 1;
        return lane;
    }

    struct Window {
        int64_t top, bottom, left, right;
    };
    struct Suspects {
        int64_t x;
        Lanes lanes;
    };

    // 5. Pixels that none of the four nearest rules out get the full test: those of the
    // groups above row `end`.
    Status examine_groups(int64_t end) {
        for (; examined < end; examined += rows_together) {
            find_suspects(examined / rows_together);
            for (int row = 0; row < rows_together; ++row)
                for (int64_t i = 0; i < suspect_count[row]; ++i) {
                    const Suspects& suspect = suspects[row * block_count + i];
                    Lanes lanes = suspect.lanes;
                    while (lanes != 0) {
                        const Status status = examine(examined + row, suspect.x + take_lane(lanes));
                        if (status != status_ok) return status;
                    }
                }
        }
        return status_ok;
    }

    void find_suspects(int64_t group) {
        const int64_t beside = at_most(reach_x, 1);
        const Words threshold = all_words(plan.fine.threshold);
        const Words ambiguity = all_words(plan.ambiguity);
        const int16_t* rows_around[rows_together + 2];
        for (int64_t row = 0; row < rows_together + 2; ++row)
            rows_around[row] = result_row(group * rows_together + row - 1);
        int64_t count[rows_together] = {};
        Suspects* const out = suspects;
        const int64_t most = block_count;
        for_blocks<1>(complete(group), [&](auto, int64_t x) {
#pragma GCC unroll 4
            for (int row = 0; row < rows_together; ++row) {
                const int16_t* own = rows_around[row + 1] + x;
                const Words value = load_words(own);
                const Words in_column =
                    larger(load_words(rows_around[row] + x), load_words(rows_around[row + 2] + x));
                const Words in_row = larger(load_words(own - beside), load_words(own + beside));
                const Words limit = add_saturated(value, ambiguity);
                const Lanes lanes =
                    is_above(value, threshold) & ~is_above(larger(in_column, in_row), limit);
                out[row * most + count[row]] = {x, lanes};
                count[row] += lanes != 0;
            }
        });
        memcpy(suspect_count, count, sizeof count);
    }

    static Lanes first_lanes(int64_t count) {
        return count >= words
                   ? static_cast<Lanes>(~static_cast<Lanes>(0))
                   : static_cast<Lanes>((static_cast<uint64_t>(1) << count * bits_per_lane) - 1);
    }

    // Whether a result in the window is above `limit`. Columns outside the image
    // hold `nothing`, rows outside it are left out.
    bool window_has_above(const Window& window, int limit) {
        const Words limits = all_words(limit);
        for (int64_t x = window.left; x <= window.right; x += words) {
            Words most = all_words(nothing);
            for (int64_t y = window.top; y <= window.bottom; ++y)
                most = larger(most, load_words(result_row(y) + x));
            work_left -= window.bottom - window.top + 1;
            if (is_above(most, limits) & first_lanes(window.right - x + 1)) return true;
        }
        return false;
    }

    Status examine(int64_t y, int64_t x) {
        const int value = result_row(y)[x];
        const Window window = {at_least(y - reach_y, 0), at_most(y + reach_y, image.height - 1),
                               x - reach_x, x + reach_x};
        const int highest = value + plan.ambiguity;
        if (window_has_above(window, highest < 32767 ? highest : 32767))
            return work_left < 0 ? status_undecided : status_ok;
        ++candidates;
        const int64_t border = settings.exclude_border;
        if (y < border || x < border || y >= image.height - border || x >= image.width - border)
            return status_ok;
        if (exact.are_used_up()) return status_undecided;
        const double exactly = exact.at(y, x);
        if (settings.has_threshold && !(exactly > settings.threshold)) return status_ok;
        const Status status = compare(window, exactly, value - plan.ambiguity);
        if (status != status_decided) return status;
        return peaks.add(y, x, exactly) ? status_ok : status_no_memory;
    }

    // The pixels of a row, from `x` on, whose results may be above `limit`.
    Lanes doubtful_lanes(int64_t y, int64_t x, int limit) const {
        const Words limits = all_words(limit);
        const Words value = load_words(result_row(y) + x);
        const Words sample = load_words(result_row(sample_of(y / rows_together)) + x);
        const Lanes lanes = is_above(value, limits);
        const Lanes left_out =
            is_above(sample, all_words(nothing)) & ~is_above(value, all_words(nothing));
        return left_out == 0 ? lanes : lanes | (left_out & is_above(upper_bound(y, x), limits));
    }

    // Whether no pixel of the window is exactly above the value in its middle
    // (`decided`); only results from `doubtful` on can be.
    Status compare(const Window& window, double value, int doubtful) {
        const int below = doubtful - 1 > nothing ? doubtful - 1 : nothing;
        int64_t others = 0;
        for (int64_t y = window.top; y <= window.bottom; ++y)
            for (int64_t x = window.left; x <= window.right; x += words) {
                Lanes lanes = doubtful_lanes(y, x, below) & first_lanes(window.right - x + 1);
                while (lanes != 0) {
                    const int lane = take_lane(lanes);
                    ++others;
                    if (exact.at(y, x + lane) > value) return status_ok;
                    if (exact.are_used_up()) return status_undecided;
                }
            }
        // Without a threshold the least value of the image is one. A pixel is
        // surely above it where its window holds one that is surely below it.
        const int64_t columns = at_most(window.right, width - 1) - at_least(window.left, 0) + 1;
        const bool all_doubtful = others == columns * (window.bottom - window.top + 1);
        return !settings.has_threshold && all_doubtful ? status_undecided : status_decided;
    }

    const Image& image;
    const MaximaSettings& settings;
    const Plan& plan;
    Source& source;
    Peaks& peaks;
    ExactValues exact;
    PairRing pair_ring, group_ring;
    int64_t width, pitch, block_count, reach_x, reach_y, side, dilation, line_step;
    int64_t last_octet, next_octet, result_rows, result_side, result_pitch;
    int64_t ring_groups, marked_groups;
    int64_t sieve_pitch, sample_step;
    int lowest, sample_floor, sample_base;
    int64_t examined = 0, candidates = 0, work_left = 0;
    const int16_t** rows;
    int16_t *loaded, *row_maxima, *group_maxima, *lines, *results;
    BlockSpans *marks, *completed;
    BlockSpans wide, every;
    Suspects* suspects;  // of each row of a group
    int64_t suspect_count[rows_together];
};

Status find_by_sieve(const Image& image, const MaximaSettings& settings, Peaks& peaks) {
    if (settings.min_distance == 0 || image.height * image.width == 1) return status_undecided;
    if (settings.has_threshold && !(fabs(settings.threshold) <= 1e300)) return status_undecided;
    // Wider filters would need more memory than rows, and more digits.
    if (settings.vertical_radius > 1024 || settings.horizontal_radius > 1024)
        return status_undecided;
    Source source;
    for (bool again = false;; again = true) {
        if (!source.begin(image, again)) return status_undecided;
        // A constant image is constant when smoothed, and has no maximum.
        if (source.is_constant) return status_ok;
        Plan plan;
        if (!make_plan(image, settings, source.numbers, plan)) return status_undecided;
        if (!peaks.begin(image, settings)) return status_no_memory;
        Sieve sieve(image, settings, plan, source, peaks);
        const Status status = sieve.run();
        if (status != status_undecided || !source.is_out_of_range()) return status;
    }
}

}  // namespace
}  // namespace nucensus
