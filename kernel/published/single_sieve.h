// The way for images full of maxima: single precision finds the candidates, exact values decide.
//
// Sixteen bits do not tell the noise of a background apart, nor the flat tops of wide smoothing.
// Where the sieve gives up, all of the image is smoothed in single precision, a few rows at a time;
// only those that the filters and the windows reach are kept.
//   1. a pixel that one of its four neighbours surely exceeds is no maximum;
//   2. nor is one that a pixel of its window surely exceeds;
//   3. what is left, and every pixel it might tie with, is computed exactly.
// When too many pixels had to be computed exactly, or windows looked at, the answer is `undecided`,
// and all is done by find_exactly.
//
// How far a result can be from the exact value. Pixels v go in as v - o, where o is the least of
// them: no number and no weight is negative, so every rounding changes a result F by a factor of
// 1 + u with u = 2^-24 at most, and n of them in a row by no more than a factor 1 + 1.01 n u, since
// n u is below 0.001. SingleFilters counts them. What the definition itself differs from the real
// numbers, D1 + D2 of plan.cpp, is absolute. So for f as scikit-image computes it
//     | F - (f - o) | <= 1.01 n u F + D,
// and F(q) > F(p) (1 + 2.03 n u) + 2.01 D tells that f(q) > f(p). Underflow is absolute, too, and
// below 1e-37.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include <float.h>
#include <math.h>

#include "exact_values.h"
#include "peaks.h"
#include "results.h"
#include "single_filters.h"
#include "single_source.h"

namespace nucensus {
namespace {

class SingleSieve {
public:
    SingleSieve(const Image& an_image, const MaximaSettings& some_settings,
                const SingleSource& a_source, Peaks& some_peaks)
        : image(an_image), settings(some_settings), source(a_source), peaks(some_peaks) {}

    Status run() {
        if (!begin()) return status_no_memory;
        for (int64_t y = 0; y < image.height; y += rows_at_once) {
            smooth_rows(y);
            exact.allow_for(rows_at_once);
            work_left += rows_at_once * image.width;
            const int64_t end = y + rows_at_once;
            const Status status = examine_rows(end >= image.height ? image.height : end - reach_y);
            if (status != status_ok) return status;
        }
        // As in the sieve: an image that might be constant has no maximum by definition.
        const bool may_be_constant = candidates == image.height * image.width;
        return may_be_constant && !settings.is_part ? status_undecided : status_ok;
    }

private:
    static constexpr int64_t rows_at_once = SingleFilters::rows_at_once;

    bool begin() {
        reach_x = at_most(settings.min_distance, image.width - 1);
        reach_y = at_most(settings.min_distance, image.height - 1);
        pitch = round_up(image.width, float_lanes);
        side = round_up(reach_x + 1, float_lanes) + float_lanes;
        result_pitch = side + pitch + side;
        result_rows = power_of_two(2 * reach_y + rows_at_once);
        if (!filters.begin(settings, image.width)) return false;
        loaded_rows = power_of_two(filters.rows_needed());
        const int64_t result_count = (result_rows + 1) * result_pitch;
        const bool has_memory = take_scratch(slot_sieve, [&](Cutter& parts) {
            pixels = parts.take<float>(loaded_rows * pitch);
            results = parts.take<float>(result_count);
            rows = parts.take<const float*>(filters.rows_needed());
        });
        if (!has_memory || !exact.begin(image, settings, 1.0 / 3)) return false;
        memset(pixels, 0, loaded_rows * pitch * sizeof(float));
        for (int64_t i = 0; i < result_count; ++i) results[i] = -INFINITY;
        find_limits();
        return true;
    }

    void find_limits() {
        const double definition =
            definition_error(image, settings, source.largest_pixel, source.offset);
        relative = static_cast<float>(2.04 * 0x1p-24 * static_cast<double>(filters.roundings + 4));
        absolute = static_cast<float>(2.02 * definition + 1e-37);
        const double threshold = settings.threshold - source.offset;
        limit =
            settings.has_threshold
                ? nextafterf(static_cast<float>(threshold - fabs(threshold) * relative - absolute),
                             -INFINITY)
                : -FLT_MAX;
    }

    // The least result that is surely above `value`, and the largest that is surely below.
    Floats surely_above(Floats value) const { return value + (value * relative + absolute); }
    float surely_above(float value) const { return value + (value * relative + absolute); }
    float surely_below(float value) const { return value - (value * relative + absolute); }

    float* result_row(int64_t y) const {
        const int64_t row = y >= 0 && y < image.height ? y & (result_rows - 1) : result_rows;
        return results + row * result_pitch + side;
    }
    float* pixel_row(int64_t y) const { return pixels + (y & (loaded_rows - 1)) * pitch; }

    void smooth_rows(int64_t y) {
        const int64_t last_row = image.height - 1;
        const int64_t first = y - settings.vertical_radius;
        for (const int64_t end = at_most(first + filters.rows_needed(), image.height); loaded < end;
             ++loaded)
            source.read_row(loaded, pixel_row(loaded));
        for (int64_t i = 0; i < filters.rows_needed(); ++i)
            rows[i] = pixel_row(at_most(at_least(first + i, 0), last_row));
        float* const out = results + (y & (result_rows - 1)) * result_pitch + side;
        filters.smooth(rows, out, result_pitch);
        for (int64_t row = 0; row < rows_at_once; ++row)
            for (int64_t x = image.width; x < pitch; ++x) out[row * result_pitch + x] = -INFINITY;
    }

    // 1. Pixels above row `end` that none of the four nearest rules out get the full test.
    Status examine_rows(int64_t end) {
        for (; examined < end; ++examined) {
            const float *above = result_row(examined - 1), *own = result_row(examined),
                        *below = result_row(examined + 1);
            for (int64_t x = 0; x < image.width; x += float_lanes) {
                const Floats value = load_floats(own + x);
                const Floats in_column = larger(load_floats(above + x), load_floats(below + x));
                const Floats in_row = larger(load_floats(own + x - 1), load_floats(own + x + 1));
                unsigned suspects = is_above(value, all_floats(limit)) &
                                    ~is_above(larger(in_column, in_row), surely_above(value));
                for (; suspects != 0; suspects &= suspects - 1) {
                    const Status status = examine(examined, x + __builtin_ctz(suspects));
                    if (status != status_ok) return status;
                }
            }
        }
        return status_ok;
    }

    // 2. and 3. Decide about one pixel.
    Status examine(int64_t y, int64_t x) {
        const float value = result_row(y)[x];
        const auto is_higher = [](int64_t, int64_t, unsigned) { return true; };
        if (any_above(surely_above(value), y, x, is_higher))
            return work_left < 0 ? status_undecided : status_ok;
        ++candidates;
        const int64_t border = settings.exclude_border;
        if (y < border || x < border || y >= image.height - border || x >= image.width - border)
            return status_ok;
        if (exact.are_used_up() || work_left < 0) return status_undecided;
        const double exactly = exact.at(y, x);
        if (settings.has_threshold && !(exactly > settings.threshold)) return status_ok;
        int64_t doubtful = 0;
        const auto exceeds = [&](int64_t other_y, int64_t other_x, unsigned some) {
            for (; some != 0; some &= some - 1) {
                ++doubtful;
                if (exact.at(other_y, other_x + __builtin_ctz(some)) > exactly) return true;
                if (exact.are_used_up()) return true;
            }
            return false;
        };
        if (any_above(surely_below(value), y, x, exceeds))
            return exact.are_used_up() ? status_undecided : status_ok;
        // Without a threshold the least value of the image is one. A pixel is
        // surely above it where its window holds one that is surely below it.
        if (!settings.has_threshold && doubtful == window_size(y, x)) return status_undecided;
        return peaks.add(y, x, exactly) ? status_ok : status_no_memory;
    }

    // Whether `is_it` holds for pixels of the window that are above `level`, given as
    // (y, x, a bit for each of the pixels from there on).
    template <typename IsIt>
    bool any_above(float level, int64_t y, int64_t x, IsIt is_it) {
        const Floats levels = all_floats(level);
        const int64_t bottom = at_most(y + reach_y, image.height - 1), right = x + reach_x;
        for (int64_t row = at_least(y - reach_y, 0); row <= bottom; ++row) {
            const float* const values = result_row(row);
            for (int64_t i = x - reach_x; i <= right; i += float_lanes) {
                --work_left;
                unsigned some = is_above(load_floats(values + i), levels);
                if (right - i + 1 < float_lanes) some &= (1u << (right - i + 1)) - 1;
                if (some != 0 && is_it(row, i, some)) return true;
            }
        }
        return false;
    }

    int64_t window_size(int64_t y, int64_t x) const {
        return (at_most(y + reach_y, image.height - 1) - at_least(y - reach_y, 0) + 1) *
               (at_most(x + reach_x, image.width - 1) - at_least(x - reach_x, 0) + 1);
    }

    const Image& image;
    const MaximaSettings& settings;
    const SingleSource& source;
    Peaks& peaks;
    SingleFilters filters;
    ExactValues exact;
    int64_t reach_x, reach_y, pitch, side, result_pitch, result_rows, loaded_rows;
    int64_t loaded = 0, examined = 0, candidates = 0;
    int64_t work_left = 100000;  // windows must not cost more than a few operations a pixel
    float relative, absolute, limit;
    float *pixels, *results;
    const float** rows;
};

Status find_in_single_precision(const Image& image, const MaximaSettings& settings, Peaks& peaks) {
    if (settings.min_distance == 0 || image.height * image.width == 1) return status_undecided;
    if (settings.has_threshold && !(fabs(settings.threshold) <= 1e300)) return status_undecided;
    if (settings.vertical_radius > 1024 || settings.horizontal_radius > 1024)
        return status_undecided;
    SingleSource source;
    if (!source.begin(image)) return status_undecided;
    return SingleSieve(image, settings, source, peaks).run();
}

}  // namespace
}  // namespace nucensus
