// The fast way: whole numbers find the candidates, exact values decide.
//
// The image streams through once, sixteen rows a step:
//   1. rows become 16-bit numbers (Source), neighbouring ones interleaved, and
//      the maxima of four rows each go to the sieve;
//   2. the sieve smooths those maxima with an upper bound of the filter: blocks
//      of pixels where even that is not above the threshold are left out;
//   3. the rest is smoothed with two 16-bit multiply-adds an instruction;
//   4. a pixel that can be the maximum of its window, by the bound proved in
//      plan.cpp, and every pixel it might tie with, is computed exactly.
// When too many pixels had to be computed exactly, nothing was gained: the
// answer is `undecided`, and all is done by find_exactly.
//
// Scratch memory, per thread and reused, for radius r and min_distance d: about
// 2 r + 64 rows of 16-bit numbers and 2 d + 16 rows of 16-bit results (both up to
// the next power of two), 512 times 64 exact values, and (2 r + 1) x (2 r + 64)
// pixels as doubles.
//
// Everything is in an unnamed namespace: see level.h.
#pragma once

#include "exact.h"
#include "plan.h"
#include "source.h"
#include "vector.h"

namespace {

using nucensus::PairFilter;
using nucensus::Plan;
using nucensus::rows_together;
using nucensus::Smoothing;

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

// Four rows of the vertical filter, for `N` neighbouring blocks of columns.
// `rows` are interleaved pairs of rows, one for each pair of the filter.
template <int N>
void filter_vertically(const int16_t* const* rows, int64_t at, const Smoothing& smoothing,
                       int16_t* out, int64_t pitch) {
    Longs sum[rows_together][2 * N];
#pragma GCC unroll 4
    for (auto& row : sum)
#pragma GCC unroll 4
        for (Longs& value : row) value = all_longs(smoothing.vertical_rounding);
    const int32_t* weights = smoothing.vertical.pairs;
    for (int64_t pair = 0; pair < smoothing.vertical.count; ++pair) {
        const int16_t* from = rows[pair] + 2 * at;
        Words value[2 * N];
#pragma GCC unroll 4
        for (int n = 0; n < 2 * N; ++n) value[n] = load_words(from + n * words);
#pragma GCC unroll 4
        for (int row = 0; row < rows_together; ++row) {
            const Words weight = repeat_pair(weights[row]);
#pragma GCC unroll 4
            for (int n = 0; n < 2 * N; ++n)
                sum[row][n] = add_products(sum[row][n], value[n], weight);
        }
        weights += rows_together;
    }
#pragma GCC unroll 4
    for (int row = 0; row < rows_together; ++row)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n)
            store_words(out + row * pitch + at + n * words,
                        narrow(sum[row][2 * n], sum[row][2 * n + 1], smoothing.shift));
}

// The horizontal filter of four rows, for `N` neighbouring blocks of columns.
// A load at an even distance holds pairs of neighbours: it serves the even
// columns with one pair of weights and the odd columns with another.
template <int N, bool is_corrected>
void filter_columns(const int16_t* from, int64_t from_pitch, const Smoothing& smoothing,
                    int16_t* const* out, int64_t at) {
    Longs even[rows_together][N], odd[rows_together][N];
    Longs lost_even[rows_together][N], lost_odd[rows_together][N];
#pragma GCC unroll 4
    for (int row = 0; row < rows_together; ++row)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) {
            even[row][n] = odd[row][n] = all_longs(smoothing.horizontal_rounding);
            lost_even[row][n] = lost_odd[row][n] = all_longs(0);
        }
    const int32_t* weights = smoothing.horizontal.pairs;
    const int32_t* lost = smoothing.horizontal.corrections;
    const int16_t* start = from + at + smoothing.horizontal.first;
    for (int64_t pair = 0; pair < smoothing.horizontal.count; ++pair) {
        const Words for_even = repeat_pair(weights[0]), for_odd = repeat_pair(weights[1]);
#pragma GCC unroll 4
        for (int row = 0; row < rows_together; ++row)
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) {
                const Words value = load_words(start + row * from_pitch + n * words);
                even[row][n] = add_products(even[row][n], value, for_even);
                odd[row][n] = add_products(odd[row][n], value, for_odd);
                if (is_corrected) {
                    lost_even[row][n] = add_products(lost_even[row][n], value, repeat_pair(lost[0]));
                    lost_odd[row][n] = add_products(lost_odd[row][n], value, repeat_pair(lost[1]));
                }
            }
        weights += 2;
        if (is_corrected) lost += 2;
        start += 2;
    }
#pragma GCC unroll 4
    for (int row = 0; row < rows_together; ++row)
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) {
            if (is_corrected) {
                const int shift = smoothing.horizontal.correction_shift;
                even[row][n] = add_shifted(even[row][n], lost_even[row][n], shift);
                odd[row][n] = add_shifted(odd[row][n], lost_odd[row][n], shift);
            }
            store_words(out[row] + at + n * words, upper_halves(even[row][n], odd[row][n]));
        }
}

template <int N>
void filter_horizontally(const int16_t* from, int64_t from_pitch, const Smoothing& smoothing,
                         int16_t* const* out, int64_t at) {
    if (smoothing.horizontal.corrections == nullptr)
        return filter_columns<N, false>(from, from_pitch, smoothing, out, at);
    for (int n = 0; n < N; ++n)  // one block at a time: the sums are twice as many
        filter_columns<1, true>(from, from_pitch, smoothing, out, at + n * words);
}

// Calls `one` or `two` for the blocks that are marked, neighbours together.
template <typename One, typename Two>
void for_marked(const uint8_t* marks, int64_t count, One one, Two two) {
    for (int64_t block = 0; block < count; ++block) {
        if (!marks[block]) continue;
        if (blocks_together == 2 && block + 1 < count && marks[block + 1]) {
            two(block * words);
            ++block;
        } else {
            one(block * words);
        }
    }
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
    void put(int64_t index, const int16_t* upper, const int16_t* lower) const {
        int16_t* out = pair(index);
        for (int64_t x = 0; x < pitch; x += words) {
            const Words a = load_words(upper + x), b = load_words(lower + x);
            store_words(out + 2 * x, interleave_low(a, b));
            store_words(out + 2 * x + words, interleave_high(a, b));
        }
    }

private:
    int16_t* ring;
    int64_t count, pitch;
};

// Exact values of single pixels and their neighbours, the last ones remembered.
class ExactValues {
public:
    bool begin(const nucensus_image& image, const nucensus_settings& settings) {
        entries = static_cast<Entry*>(scratch(nucensus::slot_memo, memo_size * sizeof(Entry)));
        if (entries == nullptr || !point.begin(image, settings)) return false;
        for (int64_t i = 0; i < memo_size; ++i) entries[i].y = -1;
        // A third of what it takes to do the whole image exactly.
        const double ry = static_cast<double>(settings.vertical_radius + 1);
        const double rx = static_cast<double>(settings.horizontal_radius + 1);
        const double pixels = static_cast<double>(image.height) * static_cast<double>(image.width);
        left = static_cast<int64_t>(pixels * (ry + rx) / (ry * (2 * rx + point.together)) / 3) + 64;
        return true;
    }
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
    int64_t left = 0;
};

class Sieve {
public:
    Sieve(const nucensus_image& an_image, const nucensus_settings& some_settings,
          const Plan& a_plan, Source& a_source, Peaks& some_peaks)
        : image(an_image), settings(some_settings), plan(a_plan), source(a_source),
          peaks(some_peaks) {}

    Outcome run() {
        if (!begin()) return nucensus::no_memory;
        const int64_t steps = (image.height + step_rows - 1) / step_rows;
        for (int64_t step = 0; step < steps; ++step) {
            load_rows(step);
            if (source.is_out_of_range()) return nucensus::undecided;
            mark_blocks(step);
            smooth_blocks(step);
            const int64_t known = step + 1 < steps ? (step + 1) * step_rows - reach_y : image.height;
            for (; examined < known; ++examined) {
                const Outcome outcome = examine_row(examined);
                if (outcome != nucensus::found) return outcome;
            }
        }
        // Were every pixel a candidate, the image might be constant, which has no
        // maximum by definition. One that is not a candidate is below another.
        if (candidates == image.height * image.width) return nucensus::undecided;
        return nucensus::found;
    }

private:
    static constexpr int64_t octet = 8;  // rows loaded at a time: four pairs, two groups

    bool begin() {
        width = image.width;
        pitch = round_up(width, blocks_together * words);
        block_count = (width + words - 1) / words;
        reach_x = at_most(settings.min_distance, width - 1);
        reach_y = at_most(settings.min_distance, image.height - 1);
        const PairFilter& vertical = plan.fine.vertical;
        side = round_up(-plan.fine.horizontal.first, words) + words;
        dilation = (-plan.fine.horizontal.first + words - 1) / words;

        // The groups that the sieve needs for the groups of step 0, and the
        // pairs of rows loaded by then; each step moves all on by the same.
        last_octet = floor_div(step_groups - 1 + plan.group_reach, 2);
        next_octet = floor_div(-plan.group_reach, 2);
        const int64_t first_pair = at_least(vertical.first, next_octet * 4);
        const int64_t pairs = power_of_two(4 * (last_octet + 1) - floor_div(first_pair, 4) * 4);
        const int64_t group_pairs = power_of_two(last_octet - next_octet + 1);

        const int64_t line_pitch = side + pitch + side;
        result_rows = power_of_two(2 * reach_y + step_rows);
        result_side = round_up(reach_x, words) + 2 * words;
        result_pitch = result_side + pitch + result_side;
        mark_rows = result_rows / rows_together * 2;
        // Wide windows must not cost more than a few operations a pixel.
        work_left = image.height * width + 100000;

        const int64_t ring_size = PairRing::size(pairs, pitch);
        const int64_t group_size = PairRing::size(group_pairs, pitch);
        const int64_t numbers = ring_size + group_size + (octet + 2) * pitch +
                                step_rows * line_pitch + (result_rows + 1) * result_pitch;
        int16_t* memory = static_cast<int16_t*>(
            scratch(nucensus::slot_ring, numbers * sizeof(int16_t) + 64));
        const int64_t pointer_count = pairs + group_pairs;
        rows = static_cast<const int16_t**>(
            scratch(nucensus::slot_runs, pointer_count * sizeof(int16_t*)));
        const int64_t mark_count = round_up((mark_rows + 1) * block_count, 64);
        const int64_t suspects_size = (block_count + 1) * sizeof(Suspects);
        marks = static_cast<uint8_t*>(scratch(nucensus::slot_blocks, mark_count + suspects_size));
        if (memory == nullptr || rows == nullptr || marks == nullptr) return false;
        if (!exact.begin(image, settings)) return false;

        pair_ring.begin(memory, pairs, pitch);
        group_ring.begin(memory += ring_size, group_pairs, pitch);
        loaded = memory += group_size;
        group_maxima = memory += octet * pitch;
        lines = memory += 2 * pitch;
        results = memory += step_rows * line_pitch;
        line_step = line_pitch;
        dilated = marks + mark_rows * block_count;
        suspects = reinterpret_cast<Suspects*>(marks + mark_count);
        memset(loaded, 0, (octet + 2) * pitch * sizeof(int16_t));
        memset(lines, 0, step_rows * line_pitch * sizeof(int16_t));
        for (int64_t i = 0; i < (result_rows + 1) * result_pitch; ++i) results[i] = nothing;
        return true;
    }

    int16_t* result_row(int64_t y) const {
        const int64_t row = y >= 0 && y < image.height ? y & (result_rows - 1) : result_rows;
        return results + row * result_pitch + result_side;
    }
    uint8_t* group_marks(int64_t group) const { return marks + (group & (mark_rows - 1)) * block_count; }

    // 1. Rows into pairs, and the maxima of groups of four rows into the sieve.
    void load_rows(int64_t step) {
        const int64_t last = last_octet + step * (step_groups / 2);
        for (; next_octet <= last; ++next_octet) {
            for (int64_t i = 0; i < octet; ++i) {
                const int64_t y = next_octet * octet + i;
                source.read_row(at_most(at_least(y, 0), image.height - 1), loaded + i * pitch);
            }
            for (int64_t pair = 0; pair < 4; ++pair)
                pair_ring.put(4 * next_octet + pair, loaded + 2 * pair * pitch,
                              loaded + (2 * pair + 1) * pitch);
            if (plan.has_sieve) put_groups();
        }
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
                store_words(group_maxima + group * pitch + x, half_rounded_up(above));
            }
        }
        group_ring.put(next_octet, group_maxima, group_maxima + pitch);
    }

    // The values outside the image are those of its nearest column.
    void extend_line(int16_t* line) const {
        for (int64_t x = 0; x < side; ++x) line[-1 - x] = line[0];
        const int64_t end = pitch + side;
        for (int64_t x = width; x < end; ++x) line[x] = line[width - 1];
    }

    // 2. Which blocks of the step's four groups can hold a pixel above the threshold.
    void mark_blocks(int64_t step) {
        const int64_t first = step * step_groups;
        if (!plan.has_sieve) {
            for (int64_t group = first; group < first + step_groups; ++group)
                memset(group_marks(group), 1, block_count);
            return;
        }
        const Smoothing& sieve = plan.sieve;
        for (int64_t pair = 0; pair < sieve.vertical.count; ++pair)
            rows[pair] = group_ring.pair(first / 2 + sieve.vertical.first + pair);
        int16_t* bounds[rows_together];
        for (int row = 0; row < rows_together; ++row)
            bounds[row] = lines + (rows_together + row) * line_step + side;
        int16_t* line = lines + side;
        memset(dilated, 1, block_count);
        for_marked(
            dilated, block_count,
            [&](int64_t x) { filter_vertically<1>(rows, x, sieve, line, line_step); },
            [&](int64_t x) { filter_vertically<2>(rows, x, sieve, line, line_step); });
        for (int row = 0; row < rows_together; ++row) extend_line(line + row * line_step);
        for_marked(
            dilated, block_count,
            [&](int64_t x) { filter_horizontally<1>(line, line_step, sieve, bounds, x); },
            [&](int64_t x) { filter_horizontally<2>(line, line_step, sieve, bounds, x); });
        const Words threshold = all_words(sieve.threshold);
        for (int row = 0; row < rows_together; ++row)
            for (int64_t block = 0; block < block_count; ++block)
                group_marks(first + row)[block] =
                    is_above(load_words(bounds[row] + block * words), threshold) != 0;
    }

    // 3. The smoothed values of the marked blocks.
    void smooth_blocks(int64_t step) {
        const Smoothing& fine = plan.fine;
        const int64_t first_pair = step * step_rows / 2 + fine.vertical.first;
        const int64_t pairs_of_step = fine.vertical.count + (step_rows - rows_together) / 2;
        for (int64_t pair = 0; pair < pairs_of_step; ++pair)
            rows[pair] = pair_ring.pair(first_pair + pair);
        for (int64_t i = 0; i < step_groups; ++i) {
            const int64_t group = step * step_groups + i;
            for (int64_t row = 0; row < rows_together; ++row)
                source.fetch(next_octet * octet + i * rows_together + row);
            dilate(group_marks(group));
            int16_t* line = lines + i * rows_together * line_step + side;
            const int16_t* const* from = rows + i * rows_together / 2;
            for_marked(
                dilated, block_count,
                [&](int64_t x) { filter_vertically<1>(from, x, fine, line, line_step); },
                [&](int64_t x) { filter_vertically<2>(from, x, fine, line, line_step); });
            smooth_group(group, line);
        }
    }

    void smooth_group(int64_t group, int16_t* line) {
        const uint8_t* own = group_marks(group);
        int16_t* out[rows_together];
        for (int row = 0; row < rows_together; ++row) {
            const int64_t y = group * rows_together + row;
            extend_line(line + row * line_step);
            // Rows below the image are computed, and not looked at: the line
            // kept free for that stands in for all of them.
            out[row] = y < image.height ? result_row(y) : group_maxima_spare();
            for (int64_t x = 0; x < pitch; x += words)
                store_words(out[row] + x, all_words(nothing));
        }
        for_marked(
            own, block_count,
            [&](int64_t x) { filter_horizontally<1>(line, line_step, plan.fine, out, x); },
            [&](int64_t x) { filter_horizontally<2>(line, line_step, plan.fine, out, x); });
        for (int row = 0; row < rows_together; ++row)
            for (int64_t x = width; x < pitch; ++x) out[row][x] = nothing;
    }

    int16_t* group_maxima_spare() const { return group_maxima; }

    void dilate(const uint8_t* own) {
        memset(dilated, 0, block_count);
        for (int64_t block = 0; block < block_count; ++block) {
            if (!own[block]) continue;
            const int64_t first = at_least(block - dilation, 0);
            const int64_t last = at_most(block + dilation, block_count - 1);
            memset(dilated + first, 1, last - first + 1);
        }
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

    // 4. Pixels that none of the four nearest rules out get the full test.
    Outcome examine_row(int64_t y) {
        const int64_t suspect_count = find_suspects(y);
        for (int64_t i = 0; i < suspect_count; ++i) {
            Lanes lanes = suspects[i].lanes;
            while (lanes != 0) {
                const Outcome outcome = examine(y, suspects[i].x + take_lane(lanes));
                if (outcome != nucensus::found) return outcome;
            }
        }
        return nucensus::found;
    }

    int64_t find_suspects(int64_t y) const {
        const uint8_t* own = group_marks(y / rows_together);
        const int16_t *row = result_row(y), *above = result_row(y - 1), *below = result_row(y + 1);
        const int64_t beside = at_most(reach_x, 1);
        const Words threshold = all_words(plan.fine.threshold);
        const Words ambiguity = all_words(plan.ambiguity);
        Suspects* next = suspects;
        for (int64_t block = 0; block < block_count; ++block) {
            if (!own[block]) continue;
            const int64_t x = block * words;
            const Words value = load_words(row + x);
            const Words in_column = larger(load_words(above + x), load_words(below + x));
            const Words in_row = larger(load_words(row + x - beside), load_words(row + x + beside));
            const Words limit = add_saturated(value, ambiguity);
            next->x = x;
            next->lanes = is_above(value, threshold) & ~is_above(larger(in_column, in_row), limit);
            next += next->lanes != 0;
        }
        return next - suspects;
    }

    static Lanes first_lanes(int64_t count) {
        return count >= words ? static_cast<Lanes>(~static_cast<Lanes>(0))
                              : static_cast<Lanes>(
                                    (static_cast<uint64_t>(1) << count * bits_per_lane) - 1);
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

    Outcome examine(int64_t y, int64_t x) {
        const int value = result_row(y)[x];
        const Window window = {at_least(y - reach_y, 0), at_most(y + reach_y, image.height - 1),
                               x - reach_x, x + reach_x};
        const int highest = value + plan.ambiguity;
        if (window_has_above(window, highest < 32767 ? highest : 32767))
            return work_left < 0 ? nucensus::undecided : nucensus::found;
        ++candidates;
        const int64_t border = settings.exclude_border;
        if (y < border || x < border || y >= image.height - border || x >= image.width - border)
            return nucensus::found;
        if (exact.are_used_up()) return nucensus::undecided;
        const double exactly = exact.at(y, x);
        if (settings.has_threshold && !(exactly > settings.threshold)) return nucensus::found;
        const Outcome outcome = compare(window, exactly, value - plan.ambiguity);
        if (outcome != nucensus::decided) return outcome;
        return peaks.add(y, x, exactly) ? nucensus::found : nucensus::no_memory;
    }

    // Whether no pixel of the window is exactly above the value in its middle
    // (`decided`); only results from `doubtful` on can be.
    Outcome compare(const Window& window, double value, int doubtful) {
        const int below = doubtful - 1 > nothing ? doubtful - 1 : nothing;
        const Words limits = all_words(below);
        int64_t others = 0;
        for (int64_t y = window.top; y <= window.bottom; ++y)
            for (int64_t x = window.left; x <= window.right; x += words) {
                Lanes lanes = is_above(load_words(result_row(y) + x), limits) &
                              first_lanes(window.right - x + 1);
                while (lanes != 0) {
                    const int lane = take_lane(lanes);
                    ++others;
                    if (exact.at(y, x + lane) > value) return nucensus::found;
                    if (exact.are_used_up()) return nucensus::undecided;
                }
            }
        // Without a threshold the least value of the image is one. A pixel is
        // surely above it where its window holds one that is surely below it.
        const int64_t columns = at_most(window.right, width - 1) - at_least(window.left, 0) + 1;
        const bool all_doubtful = others == columns * (window.bottom - window.top + 1);
        return !settings.has_threshold && all_doubtful ? nucensus::undecided : nucensus::decided;
    }

    const nucensus_image& image;
    const nucensus_settings& settings;
    const Plan& plan;
    Source& source;
    Peaks& peaks;
    ExactValues exact;
    PairRing pair_ring, group_ring;
    int64_t width, pitch, block_count, reach_x, reach_y, side, dilation, line_step;
    int64_t last_octet, next_octet, result_rows, result_side, result_pitch, mark_rows;
    int64_t examined = 0, candidates = 0, work_left = 0;
    const int16_t** rows;
    int16_t *loaded, *group_maxima, *lines, *results;
    uint8_t *marks, *dilated;
    Suspects* suspects;
};

Outcome find_by_sieve(const nucensus_image& image, const nucensus_settings& settings,
                      Peaks& peaks) {
    if (settings.min_distance == 0 || image.height * image.width == 1) return nucensus::undecided;
    if (settings.has_threshold && !(fabs(settings.threshold) <= 1e300)) return nucensus::undecided;
    // Wider filters would need more memory than rows, and more digits.
    if (settings.vertical_radius > 1024 || settings.horizontal_radius > 1024)
        return nucensus::undecided;
    Source source;
    for (bool again = false;; again = true) {
        if (!source.begin(image, again)) return nucensus::undecided;
        // A constant image is constant when smoothed, and has no maximum.
        if (source.is_constant) return nucensus::found;
        Plan plan;
        if (!make_plan(image, settings, source.numbers, plan)) return nucensus::undecided;
        if (!peaks.begin(image, settings)) return nucensus::no_memory;
        Sieve sieve(image, settings, plan, source, peaks);
        const Outcome outcome = sieve.run();
        if (outcome != nucensus::undecided || !source.is_out_of_range()) return outcome;
    }
}

}  // namespace
