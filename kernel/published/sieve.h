// The fast way: whole numbers find the candidates, exact values decide.
//
// The image streams through once, in groups of four rows, in steps of four groups. What is left
// of each group are blocks of columns, as wide as a vector:
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
// When too many pixels had to be computed exactly, or windows looked at, nothing is
// gained: the answer is `undecided`, and single precision is tried (single_sieve.h).
//
// Scratch memory, per thread and reused, for radius r and min_distance d: about
// 2 r + 32 rows of 16-bit numbers and 2 d + 28 rows of 16-bit results (both up to
// the next power of two), 512 times 64 exact values, and (2 r + 1) x (2 r + 64)
// pixels as doubles.
//
// Measured with benchmarks/kernel.py, plate, AVX2 on Zen 2, at threshold 300 and 1000:
// the samples and the maxima of 4 x 4 instead of 4 x 1 pixels made it 1.25 and 1.1 times
// as fast, looking for higher samples where they lie instead of in their maxima 1.06 times,
// unrolled loops 1.04. On Zen 5 lists of blocks, a few of them together wherever they are, instead
// of spans of neighbours, 1.08 and 1.1 times (AVX-512; AVX2 1.1 and 1.1); the samples of four
// groups in turn 1.07 and 1.01 times (AVX2 no gain, 1000 0.97).
// No gain: the filters on an image of half the rows and columns (half the products, but
// what makes that image costs as much), the pairs of a block of columns side by side,
// scheduling before register allocation; with AVX-512 on Zen 5 one vertical filter for the samples
// of four groups, the other rows of four groups in turn, rows prefetched while others are
// smoothed, and blocks of 16 columns.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "exact.h"
#include "exact_values.h"
#include "groups.h"
#include "peaks.h"

namespace nucensus {
namespace {

class Sieve : Groups {
public:
    Sieve(const Image& an_image, const MaximaSettings& some_settings, const Plan& a_plan,
          Source& a_source, Peaks& some_peaks)
        : Groups(an_image, some_settings, a_plan, a_source), peaks(some_peaks) {}

    Status run() {
        if (!begin()) return status_no_memory;
        const int64_t group_count = (image.height + rows_together - 1) / rows_together;
        for (int64_t first = 0; first < group_count; first += step_groups) {
            load_rows(first / step_groups);
            if (source.is_out_of_range()) return status_undecided;
            mark_blocks(first);
            const int64_t end = at_most(first + step_groups, group_count);
            smooth_samples(first, end);
            exact.allow_for((end - first) * rows_together);
            work_left += (end - first) * rows_together * width;
            for (int64_t group = at_least(first - 1, 0); group < end - 1; ++group) refine(group);
            // Groups whose windows are complete.
            const Status status = examine_groups((end - 2) * rows_together - reach_y + 1);
            if (status != status_ok) return status;
        }
        refine(group_count - 1);
        const Status status = examine_groups(image.height);
        // Were every pixel a candidate, the image might be constant, which has no
        // maximum by definition. One that is not a candidate is below another.
        if (candidates == image.height * image.width && !settings.is_part) return status_undecided;
        return status;
    }

private:
    bool begin() {
        if (!Groups::begin()) return false;
        const bool has_memory = take_scratch(slot_suspects, [&](Cutter& parts) {
            suspects = parts.take<Suspects>(rows_together * block_count);
        });
        // Half of what single precision takes, which comes next.
        return has_memory && exact.begin(image, settings, 1.0 / 16);
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
        for_blocks(complete(group), [&](int64_t x) {
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

    Peaks& peaks;
    ExactValues exact;
    int64_t examined = 0, candidates = 0;
    int64_t work_left = 100000;  // windows must not cost more than a few operations a pixel
    Suspects* suspects;          // of each row of a group
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
        if (source.is_constant) return settings.is_part ? status_undecided : status_ok;
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
