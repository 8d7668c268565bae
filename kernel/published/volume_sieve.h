// The fast way through a volume: single precision finds the candidates, exact values decide.
//
// The volume streams through once along its rows, `step` at a time. A slab is one row
// of all planes, depth x width.
//   1. each slab is smoothed across the planes, and waits in a ring until the slabs
//      that the filter down the rows needs are there too;
//   2. then it is smoothed down the rows and along the columns, into a ring of results;
//   3. a voxel that none of its six neighbours surely exceeds has its window looked at;
//   4. a voxel that can be the maximum of its window, and every voxel it might tie
//      with, is computed exactly.
// When too many voxels had to be computed exactly, nothing was gained: the answer is
// `undecided`, and all is done in double precision.
//
// How far a result can be from the exact value. In each term of the filter of radius r
// these are rounded, by a factor of 1 + u with u = 2^-24 at most: the voxel (once), the
// weight, the sum of two voxels, their product with the weight, and r + 1 running sums.
// All weights are positive. Where no voxel is negative either, an axis thus changes a
// result v by (r + 5) u v at most, and hardly more for what the axes before it changed,
// since (r + 5) u is below 0.0001. SciPy's storage of float32 volumes adds one u v, and
// comparing two results one more. (r + 8) u v for each axis covers it all but underflow,
// which is absolute. Where voxels are negative, the largest |voxel| takes the place of v.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include <float.h>
#include <math.h>

#include "voxel_smoother.h"
#include "voxels.h"

namespace nucensus {
namespace {

// Accumulators enough to hide the time that a multiply-add takes.
constexpr int floats_together = 8;
constexpr int64_t float_block = float_lanes * floats_together;
constexpr int64_t line_floats = 16;  // of a cache line
unsigned first_lanes(int64_t count) { return count >= float_lanes ? ~0u : (1u << count) - 1; }

// As `correlate` in double precision, for one block.
template <typename Before, typename After>
void correlate_block(const float* centre, Before before, After after, const float* weights,
                     int64_t radius, float* out) {
    Floats sum[floats_together];
#pragma GCC unroll 8
    for (int i = 0; i < floats_together; ++i)
        sum[i] = load_floats(centre + i * float_lanes) * weights[0];
    for (int64_t j = radius; j > 0; --j) {
        const float *a = before(j), *b = after(j);
        const Floats weight = all_floats(weights[j]);
#pragma GCC unroll 8
        for (int i = 0; i < floats_together; ++i)
            sum[i] =
                multiply_add(load_floats(a + i * float_lanes) + load_floats(b + i * float_lanes),
                             weight, sum[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < floats_together; ++i) store_floats(out + i * float_lanes, sum[i]);
}

class VolumeSieve {
public:
    VolumeSieve(const Volume& a_volume, const VolumeSettings& some_settings, Voxels& some_voxels)
        : volume(a_volume), settings(some_settings), voxels(some_voxels) {}

    Status run() {
        if (!begin()) return status_no_memory;
        int64_t loaded = 0, examined = 0;
        for (int64_t y = 0; y < volume.height; y += step) {
            const int64_t end = at_most(y + step, volume.height);
            for (const int64_t needed = at_most(end + radius(1), volume.height); loaded < needed;)
                smooth_across_planes(loaded++);
            if (!can_tell()) return status_undecided;
            smooth_planes(y, end);
            for (const int64_t ready = end == volume.height ? end : end - reach_y;
                 examined < ready;) {
                const Status status = examine_slab(examined++);
                if (status != status_ok) return status;
            }
        }
        return status_ok;
    }

private:
    // Rows that the filter down the rows makes together, from what is then in the first cache.
    static constexpr int64_t step = 16;
    static constexpr double underflow = 1e-37;

    int64_t radius(int axis) const { return settings.radius[axis]; }

    bool begin() {
        reach_y = at_most(settings.min_distance, volume.height - 1);
        pitch = odd_lines((volume.width + float_block - 1) / float_block * float_block + 1);
        slab_size = odd_lines(volume.depth * pitch);
        slab_count = 2 * radius(1) + step;
        result_count = 2 * reach_y + step;
        margin = (radius(2) + line_floats - 1) / line_floats * line_floats;
        line_size = 2 * margin + pitch + float_block;
        slabs = take(large_filtered, slab_count * slab_size);
        results = take(large_maxima, result_count * slab_size + line_floats);
        const int64_t column_size = volume.depth * float_block;
        const bool has_memory = take_scratch(slot_sieve, [&](Cutter& parts) {
            columns = parts.take<float>(column_size);
            lines = parts.take<float>(step * line_size);
            for (int axis = 0; axis < 3; ++axis) narrow[axis] = parts.take<float>(radius(axis) + 1);
            row = parts.take<double>(float_block);
            bases = parts.take<const float*>(slab_count);
            around = parts.take<const float*>(2 * reach_y + 1);
        });
        if (slabs == nullptr || results == nullptr || !has_memory || !exact.begin(volume, settings))
            return false;
        memset(columns, 0, column_size * sizeof(float));
        memset(lines, 0, step * line_size * sizeof(float));
        // Left of each slab there is what is right of each row: nothing.
        results += line_floats;
        for (int64_t i = 0; i < result_count; ++i)
            for (int64_t j = 1; j <= line_floats; ++j) results[i * slab_size - j] = -INFINITY;
        for (int axis = 0; axis < 3; ++axis) {
            for (int64_t j = 0; j <= radius(axis); ++j)
                narrow[axis][j] = static_cast<float>(settings.weights[axis][j]);
        }
        const int64_t size = volume.depth * volume.height * volume.width;
        suspects_left = size / 64 + 64;
        taps_left = 50 * size + 1000000;
        return true;
    }

    // A number of cache lines that is odd: rows below each other are in other parts of the cache.
    static int64_t odd_lines(int64_t floats) {
        return ((floats + line_floats - 1) / line_floats | 1) * line_floats;
    }

    static float* take(LargeSlot slot, int64_t floats) {
        return static_cast<float*>(large_scratch(slot, floats * sizeof(float)));
    }

    float* slab(int64_t y) const { return slabs + y % slab_count * slab_size; }
    float* result(int64_t y) const { return results + y % result_count * slab_size; }

    // 1. Smooth slab `y` across the planes, a block of columns at a time.
    void smooth_across_planes(int64_t y) {
        const int64_t last = volume.depth - 1;
        float* out = slab(y);
        for (int64_t x = 0; x < volume.width; x += float_block) {
            for (int64_t z = 0; z <= last; ++z)
                load_block(z, y, x, at_most(float_block, volume.width - x),
                           columns + z * float_block);
            for (int64_t z = 0; z <= last; ++z)
                correlate_block(
                    columns + z * float_block,
                    [&](int64_t j) { return columns + at_least(z - j, 0) * float_block; },
                    [&](int64_t j) { return columns + at_most(z + j, last) * float_block; },
                    narrow[0], radius(0), out + z * pitch + x);
        }
    }

    void load_block(int64_t z, int64_t y, int64_t x, int64_t count, float* to) {
        const char* from = static_cast<const char*>(volume.pixels) + z * volume.plane_stride +
                           y * volume.row_stride + x * volume.column_stride;
        const bool plain = !volume.byte_swapped;
        if (plain && volume.pixel_type == pixel_uint16 && volume.column_stride == 2)
            narrow_row<uint16_t>(from, count, to);
        else if (plain && volume.pixel_type == pixel_uint8 && volume.column_stride == 1)
            narrow_row<uint8_t>(from, count, to);
        else if (plain && volume.pixel_type == pixel_float32 && volume.column_stride == 4)
            narrow_row<float>(from, count, to);
        else {
            load_row(plane_of(volume, z), y, x, count, row);
            narrow_row<double>(reinterpret_cast<const char*>(row), count, to);
        }
        for (int64_t i = 0; i < float_block; i += float_lanes) {
            const Floats value = load_floats(to + i);
            most = larger(value, most);
            least = value < least ? value : least;
            has_odd |= value != value;
        }
    }

    template <typename T>
    static void narrow_row(const char* from, int64_t count, float* to) {
        for (int64_t i = 0; i < count; ++i) {
            T value;
            memcpy(&value, from + i * sizeof value, sizeof value);
            to[i] = static_cast<float>(value);
        }
    }

    // Work out how far the results can be from the exact values, of all that was loaded so far.
    bool can_tell() {
        float largest = 0;
        bool is_signed = false, is_odd = false;
        for (int i = 0; i < float_lanes; ++i) {
            const float size = most[i] > -least[i] ? most[i] : -least[i];
            largest = size > largest ? size : largest;
            is_signed |= least[i] < 0;
            is_odd |= has_odd[i] != 0;
        }
        if (is_odd || largest > 1e30f || (largest > 0 && largest < 1e-30f)) return false;
        const double error = 0x1p-24 * (radius(0) + radius(1) + radius(2) + 24);
        const double threshold = fabs(settings.threshold);
        relative = static_cast<float>(is_signed ? 0 : 2.01 * error);
        absolute = static_cast<float>(underflow + (is_signed ? 2.01 * error * largest : 0));
        limit = settings.has_threshold
                    ? at_most_float(settings.threshold - threshold * relative - absolute)
                    : -INFINITY;
        return true;
    }

    // The least result that is surely above `value`, and the largest that is surely below.
    Floats surely_above(Floats value) const { return value + (value * relative + absolute); }
    float surely_above(float value) const { return value + (value * relative + absolute); }
    float surely_below(float value) const { return value - (value * relative + absolute); }

    static float at_most_float(double value) {
        return nextafterf(static_cast<float>(value), -INFINITY);
    }

    // 2. Smooth rows `y` to `end - 1` of each plane down the rows, then along the columns.
    void smooth_planes(int64_t y, int64_t end) {
        const int64_t reach = radius(1);
        for (int64_t i = 0; i < end - y + 2 * reach; ++i)
            bases[i] = slab(at_most(at_least(y - reach + i, 0), volume.height - 1));
        for (int64_t z = 0; z < volume.depth; ++z) {
            for (int64_t x = 0; x < volume.width; x += float_block) {
                const int64_t at = z * pitch + x;
                for (int64_t i = 0; i < end - y; ++i) {
                    const float** middle = bases + i + reach;
                    correlate_block(
                        *middle + at, [&](int64_t j) { return middle[-j] + at; },
                        [&](int64_t j) { return middle[j] + at; }, narrow[1], reach,
                        lines + i * line_size + margin + x);
                }
            }
            for (int64_t i = 0; i < end - y; ++i)
                smooth_line(lines + i * line_size + margin, result(y + i) + z * pitch);
        }
    }

    void smooth_line(float* line, float* out) const {
        for (int64_t j = 1; j <= radius(2); ++j) {
            line[-j] = line[0];
            line[volume.width - 1 + j] = line[volume.width - 1];
        }
        for (int64_t x = 0; x < volume.width; x += float_block)
            correlate_block(
                line + x, [&](int64_t j) { return line + x - j; },
                [&](int64_t j) { return line + x + j; }, narrow[2], radius(2), out + x);
        for (int64_t x = volume.width; x < pitch; ++x) out[x] = -INFINITY;
    }

    // 3. Voxels that none of the six nearest rule out get the full test.
    Status examine_slab(int64_t y) {
        top = at_least(y - reach_y, 0);
        bottom = at_most(y + reach_y, volume.height - 1);
        for (int64_t other = top; other <= bottom; ++other) around[other - top] = result(other);
        const float* own = around[y - top];
        const float* above = around[at_least(y - 1, 0) - top];
        const float* below = around[at_most(y + 1, volume.height - 1) - top];
        for (int64_t z = 0; z < volume.depth; ++z) {
            const float* middle = own + z * pitch;
            const float* front = own + at_least(z - 1, 0) * pitch;
            const float* back = own + at_most(z + 1, volume.depth - 1) * pitch;
            for (int64_t x = 0; x < volume.width; x += float_lanes) {
                const Floats value = load_floats(middle + x);
                unsigned suspects = is_above(value, all_floats(limit));
                if (suspects == 0) continue;
                const int64_t at = z * pitch + x;
                const Floats in_row =
                    larger(load_floats(middle + x - 1), load_floats(middle + x + 1));
                const Floats in_column = larger(load_floats(above + at), load_floats(below + at));
                const Floats across = larger(load_floats(front + x), load_floats(back + x));
                suspects &=
                    ~is_above(larger(larger(in_row, in_column), across), surely_above(value));
                for (; suspects != 0; suspects &= suspects - 1) {
                    const Status status = examine(z, y, x + __builtin_ctz(suspects));
                    if (status != status_ok) return status;
                }
            }
        }
        return status_ok;
    }

    // 4. Decide about one voxel.
    Status examine(int64_t z, int64_t y, int64_t x) {
        if (--suspects_left < 0) return status_undecided;
        const float value = around[y - top][z * pitch + x];
        const auto is_higher = [&](int64_t, int64_t, int64_t, unsigned) { return true; };
        if (any_above(surely_above(value), z, x, is_higher) || is_near_edge(z, y, x))
            return status_ok;
        if (!pay_for_voxel()) return status_undecided;
        const double exactly = exact.at(z, y, x);
        if (settings.has_threshold && !(exactly > settings.threshold)) return status_ok;
        // Only the voxels that are not surely below this one can exceed it.
        int64_t doubtful = 0;
        bool is_paid = true;
        const auto exceeds = [&](int64_t other_z, int64_t other_y, int64_t other_x, unsigned some) {
            for (; some != 0; some &= some - 1) {
                ++doubtful;
                const int64_t other = other_x + __builtin_ctz(some);
                if (other_z == z && other_y == y && other == x) continue;
                is_paid = pay_for_voxel();
                if (!is_paid || exact.at(other_z, other_y, other) > exactly) return true;
            }
            return false;
        };
        if (any_above(surely_below(value), z, x, exceeds))
            return is_paid ? status_ok : status_undecided;
        // Without a threshold the least value of the volume is one, and a constant volume
        // has no maximum. A voxel whose window holds one that is surely below it is above
        // the least value, and shows that the volume is not constant.
        if (doubtful == window_size(z, x)) return status_undecided;
        return voxels.add(z, y, x, exactly) ? status_ok : status_no_memory;
    }

    // Whether `is_it` holds for voxels of the window that are above `level`, given as
    // (z, y, x, a bit for each of the voxels from there on).
    template <typename IsIt>
    bool any_above(float level, int64_t z, int64_t x, IsIt is_it) const {
        const Floats levels = all_floats(level);
        const int64_t left = at_least(x - settings.min_distance, 0), right = right_of(x);
        const int64_t back = back_of(z);
        for (int64_t y = top; y <= bottom; ++y)
            for (int64_t k = front_of(z); k <= back; ++k) {
                const float* values = around[y - top] + k * pitch;
                for (int64_t i = left; i <= right; i += float_lanes) {
                    const unsigned some =
                        is_above(load_floats(values + i), levels) & first_lanes(right - i + 1);
                    if (some != 0 && is_it(k, y, i, some)) return true;
                }
            }
        return false;
    }

    int64_t front_of(int64_t z) const { return at_least(z - settings.min_distance, 0); }
    int64_t back_of(int64_t z) const {
        return at_most(z + settings.min_distance, volume.depth - 1);
    }
    int64_t right_of(int64_t x) const {
        return at_most(x + settings.min_distance, volume.width - 1);
    }
    int64_t window_size(int64_t z, int64_t x) const {
        return (bottom - top + 1) * (back_of(z) - front_of(z) + 1) *
               (right_of(x) - at_least(x - settings.min_distance, 0) + 1);
    }

    bool is_near_edge(int64_t z, int64_t y, int64_t x) const {
        const int64_t border = settings.exclude_border;
        return z < border || y < border || x < border || z >= volume.depth - border ||
               y >= volume.height - border || x >= volume.width - border;
    }

    bool pay_for_voxel() {
        taps_left -= (2 * radius(0) + 1) * (2 * radius(1) + 1) * (2 * radius(2) + 1);
        return taps_left >= 0;
    }

    const Volume& volume;
    const VolumeSettings& settings;
    Voxels& voxels;
    VoxelSmoother exact;
    int64_t reach_y, pitch, slab_size, slab_count, result_count, margin, line_size;
    int64_t top = 0, bottom = 0;  // of the window around the slab that is examined
    int64_t suspects_left, taps_left;
    float relative = 0, absolute = 0, limit = 0;
    Floats most = {}, least = {};
    decltype(Floats{} != Floats{}) has_odd = {};
    float *slabs, *results, *columns, *lines, *narrow[3];
    double* row;
    const float **bases, **around;
};

Status find_in_volume_by_sieve(const Volume& volume, const VolumeSettings& settings,
                               Voxels& voxels) {
    if (settings.min_distance == 0 || volume.depth * volume.height * volume.width == 1)
        return status_undecided;
    if (settings.has_threshold && !(fabs(settings.threshold) <= 1e30)) return status_undecided;
    for (const int64_t radius : settings.radius)
        if (radius > 1024) return status_undecided;
    return VolumeSieve(volume, settings, voxels).run();
}

}  // namespace
}  // namespace nucensus
