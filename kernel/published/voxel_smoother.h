// Smoothed values of single voxels, bit for bit.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "arena.h"
#include "smoothing.h"

namespace nucensus {
namespace {

Image plane_of(const Volume& volume, int64_t z) {
    return {static_cast<const char*>(volume.pixels) + z * volume.plane_stride,
            volume.height,
            volume.width,
            volume.row_stride,
            volume.column_stride,
            volume.pixel_type,
            volume.byte_swapped};
}

class VoxelSmoother {
public:
    bool begin(const Volume& a_volume, const VolumeSettings& some_settings) {
        volume = a_volume;
        settings = some_settings;
        single = is_single_precision(plane_of(volume, 0));
        pitch = padded(2 * settings.radius[2] + 1);
        const int64_t planes = 2 * settings.radius[0] + 1, rows = 2 * settings.radius[1] + 1;
        const bool has_memory = take_scratch(slot_point, [&](Cutter& parts) {
            window = parts.take<double>(planes * pitch);
            smoothed_rows = parts.take<double>(rows * pitch);
            line = parts.take<double>(pitch);
        });
        if (!has_memory) return false;
        memset(window, 0, planes * pitch * sizeof(double));
        memset(smoothed_rows, 0, rows * pitch * sizeof(double));
        memset(line, 0, pitch * sizeof(double));
        return true;
    }

    double at(int64_t z, int64_t y, int64_t x) {
        const int64_t radius = settings.radius[2];
        const int64_t first = at_least(x - radius, 0);
        const int64_t count = at_most(x + radius, volume.width - 1) - first + 1;
        const int64_t top = at_least(y - settings.radius[1], 0);
        const int64_t bottom = at_most(y + settings.radius[1], volume.height - 1);
        for (int64_t row = top; row <= bottom; ++row) prefetch(z, row, first, count);
        for (int64_t row = top; row <= bottom; ++row)
            smooth_across_planes(z, row, first, count, smoothed_rows + (row - top) * pitch);
        filter(smoothed_rows, y - top, bottom - top, 1, count, line);
        const int64_t centre = x - first;
        double sum = line[centre] * settings.weights[2][0];
        for (int64_t j = radius; j > 0; --j)
            sum += (line[at_least(centre - j, 0)] + line[at_most(centre + j, count - 1)]) *
                   settings.weights[2][j];
        if (single) round_to_single(&sum, 1);
        return sum;
    }

private:
    int64_t front_of(int64_t z) const { return at_least(z - settings.radius[0], 0); }
    int64_t back_of(int64_t z) const { return at_most(z + settings.radius[0], volume.depth - 1); }

    // No processor foresees steps from plane to plane, and to wait for each is most of the time.
    void prefetch(int64_t z, int64_t y, int64_t first, int64_t count) const {
        const char* row = static_cast<const char*>(volume.pixels) + y * volume.row_stride;
        for (int64_t plane = front_of(z); plane <= back_of(z); ++plane) {
            const char* from = row + plane * volume.plane_stride;
            __builtin_prefetch(from + first * volume.column_stride);
            __builtin_prefetch(from + (first + count - 1) * volume.column_stride);
        }
    }

    void smooth_across_planes(int64_t z, int64_t y, int64_t first, int64_t count, double* out) {
        const int64_t front = front_of(z), back = back_of(z);
        for (int64_t plane = front; plane <= back; ++plane)
            load_row(plane_of(volume, plane), y, first, count, window + (plane - front) * pitch);
        filter(window, z - front, back - front, 0, count, out);
    }

    void filter(const double* rows, int64_t middle, int64_t last, int axis, int64_t count,
                double* out) const {
        correlate(
            rows + middle * pitch,
            [&](int64_t j) { return rows + at_least(middle - j, 0) * pitch; },
            [&](int64_t j) { return rows + at_most(middle + j, last) * pitch; },
            settings.weights[axis], settings.radius[axis], padded(count), out);
        if (single) round_to_single(out, count);
    }

    Volume volume;
    VolumeSettings settings;
    bool single;
    int64_t pitch;
    double *window = nullptr, *smoothed_rows, *line;
};

}  // namespace
}  // namespace nucensus
