// The definition in three dimensions, bit for bit: planes, rows, columns, as SciPy does.
//
// First the filter across the planes, a strip of columns at a time, into a copy
// of the volume in the type that SciPy stores; then each plane goes the way of
// an image. Maxima of planes wait in a ring until all planes of a window are known.
//
// Everything is in an unnamed namespace: see level.h.
#pragma once

#include "exact.h"
#include "voxels.h"

namespace {

using nucensus::Voxels;

nucensus_image plane_of(const nucensus_volume& volume, int64_t z) {
    return {static_cast<const char*>(volume.pixels) + z * volume.plane_stride,
            volume.height, volume.width, volume.row_stride, volume.column_stride,
            volume.pixel_type, volume.byte_swapped};
}

// The volume filtered across its planes: float where SciPy stores float, else double.
class FilteredPlanes {
public:
    bool begin(const nucensus_volume& a_volume, const nucensus_volume_settings& some_settings) {
        volume = a_volume;
        settings = some_settings;
        single = is_single_precision(plane_of(volume, 0));
        item = single ? sizeof(float) : sizeof(double);
        stored = static_cast<char*>(
            nucensus::large(nucensus::large_filtered, volume.depth * volume.height * volume.width * item));
        const int64_t columns = volume.depth * strip + strip;
        strips = static_cast<double*>(scratch(nucensus::slot_rows, columns * sizeof(double)));
        if (stored == nullptr || strips == nullptr) return false;
        memset(strips, 0, columns * sizeof(double));
        for (int64_t y = 0; y < volume.height; ++y)
            for (int64_t x = 0; x < volume.width; x += strip)
                filter_strip(y, x, at_most(strip, volume.width - x));
        return true;
    }

    nucensus_image plane(int64_t z) const {
        const int64_t row = volume.width * item;
        return {stored + z * volume.height * row, volume.height, volume.width, row, item,
                single ? NUCENSUS_FLOAT32 : NUCENSUS_FLOAT64, 0};
    }

private:
    static constexpr int64_t strip = 512;

    void filter_strip(int64_t y, int64_t x, int64_t count) {
        const int64_t last = volume.depth - 1, radius = settings.radius[0];
        for (int64_t z = 0; z <= last; ++z)
            load_row(plane_of(volume, z), y, x, count, strips + z * strip);
        double* out = strips + volume.depth * strip;
        for (int64_t z = 0; z <= last; ++z) {
            correlate(
                strips + z * strip, [&](int64_t j) { return strips + at_least(z - j, 0) * strip; },
                [&](int64_t j) { return strips + at_most(z + j, last) * strip; },
                settings.weights[0], radius, padded(count), out);
            char* to = stored + ((z * volume.height + y) * volume.width + x) * item;
            if (single) {
                for (int64_t i = 0; i < count; ++i) {
                    const float value = static_cast<float>(out[i]);
                    memcpy(to + i * sizeof value, &value, sizeof value);
                }
            } else {
                memcpy(to, out, count * sizeof(double));
            }
        }
    }

    nucensus_volume volume;
    nucensus_volume_settings settings;
    bool single;
    int64_t item;
    char* stored = nullptr;
    double* strips = nullptr;
};

// Keeps the maxima of planes, and the voxels that are one in their own plane
// until all planes of their window are known.
class DepthMaximum {
public:
    bool begin(const nucensus_volume& a_volume, int64_t min_distance) {
        volume = a_volume;
        reach = at_most(min_distance, volume.depth - 1);
        ring_planes = 2 * reach + 1;
        area = volume.height * volume.width;
        ring = static_cast<double*>(nucensus::large(nucensus::large_maxima, ring_planes * area * sizeof(double)));
        return ring != nullptr;
    }

    double* row(int64_t z, int64_t y) { return ring + z % ring_planes * area + y * volume.width; }

    // Of the voxels from `start` on, drop those of plane `z` that a plane in reach exceeds.
    void settle(int64_t z, Voxels& voxels, int64_t& start) {
        int64_t end = start, kept = start;
        for (; end < voxels.count && voxels.items[end].z == z; ++end)
            if (is_maximum(voxels.items[end])) voxels.items[kept++] = voxels.items[end];
        for (int64_t from = end; from < voxels.count; ++from)
            voxels.items[kept + from - end] = voxels.items[from];
        voxels.count -= end - kept;
        start = kept;
    }

    int64_t reach;

private:
    bool is_maximum(const nucensus::Voxel& voxel) {
        const int64_t last = at_most(voxel.z + reach, volume.depth - 1);
        for (int64_t z = at_least(voxel.z - reach, 0); z <= last; ++z)
            if (row(z, voxel.y)[voxel.x] > voxel.value) return false;
        return true;
    }

    nucensus_volume volume;
    int64_t ring_planes, area;
    double* ring = nullptr;
};

// Add the voxels of a plane that are the maxima of their windows in it.
Outcome find_in_plane(const nucensus_image& image, const nucensus_settings& settings, int64_t z,
                      DepthMaximum& depth, Extent& extent, Voxels& voxels) {
    const int64_t width = image.width, pitch = padded(width);
    Smoother smoother;
    WindowMaximum window;
    if (!smoother.begin(image, settings) ||
        !window.begin(width, image.height, settings.min_distance))
        return nucensus::no_memory;
    const int64_t waiting = window.reach_y + 1;
    double* rows = static_cast<double*>(
        scratch(nucensus::slot_smoothed, waiting * pitch * sizeof(double)));
    if (rows == nullptr) return nucensus::no_memory;
    const double threshold = settings.has_threshold ? settings.threshold : -INFINITY;
    for (int64_t y = 0; y < image.height + window.reach_y; ++y) {
        if (y < image.height) {
            double* row = rows + y % waiting * pitch;
            smoother.smooth_row(y, row);
            extent.include(row, width);
            if (extent.has_nan) return nucensus::not_a_number;
            window.push(row);
        } else {
            window.push_nothing();
        }
        const int64_t centre = y - window.reach_y;
        if (centre < 0) continue;
        const double* row = rows + centre % waiting * pitch;
        double* maxima = depth.row(z, centre);
        memcpy(maxima, window.maxima(), width * sizeof(double));
        for (int64_t x = 0; x < width; ++x)
            if (row[x] > threshold && row[x] == maxima[x])
                if (!voxels.add(z, centre, x, row[x])) return nucensus::no_memory;
    }
    return nucensus::found;
}

// Without a window every voxel above the threshold is a point.
Outcome find_all_in_plane(const nucensus_image& image, const nucensus_settings& settings, int64_t z,
                          Extent& extent, Voxels& voxels) {
    Smoother smoother;
    double* row = static_cast<double*>(
        scratch(nucensus::slot_smoothed, padded(image.width) * sizeof(double)));
    if (row == nullptr || !smoother.begin(image, settings)) return nucensus::no_memory;
    for (int64_t y = 0; y < image.height; ++y) {
        smoother.smooth_row(y, row);
        extent.include(row, image.width);
        for (int64_t x = 0; x < image.width; ++x)
            if (settings.has_threshold ? row[x] > settings.threshold : row[x] == row[x])
                if (!voxels.add(z, y, x, row[x])) return nucensus::no_memory;
    }
    return nucensus::found;
}

Outcome find_in_volume(const nucensus_volume& volume, const nucensus_volume_settings& settings,
                       Voxels& voxels) {
    nucensus_settings plane = {};
    plane.vertical = settings.weights[1];
    plane.horizontal = settings.weights[2];
    plane.vertical_radius = settings.radius[1];
    plane.horizontal_radius = settings.radius[2];
    plane.min_distance = settings.min_distance;
    plane.threshold = settings.threshold;
    plane.has_threshold = settings.has_threshold;
    const bool has_window =
        settings.min_distance > 0 && volume.depth * volume.height * volume.width > 1;
    FilteredPlanes planes;
    DepthMaximum depth;
    if (!planes.begin(volume, settings)) return nucensus::no_memory;
    if (has_window && !depth.begin(volume, settings.min_distance)) return nucensus::no_memory;
    Extent extent;
    int64_t settled = 0;
    for (int64_t z = 0; z < volume.depth; ++z) {
        const nucensus_image image = planes.plane(z);
        const Outcome outcome = has_window
                                    ? find_in_plane(image, plane, z, depth, extent, voxels)
                                    : find_all_in_plane(image, plane, z, extent, voxels);
        if (outcome != nucensus::found) return outcome;
        if (has_window && z >= depth.reach) depth.settle(z - depth.reach, voxels, settled);
    }
    if (has_window) {
        for (int64_t z = at_least(volume.depth - depth.reach, 0); z < volume.depth; ++z)
            depth.settle(z, voxels, settled);
        // scikit-image: a constant image has no maximum.
        if (extent.low == extent.high) voxels.count = 0;
    } else if (!settings.has_threshold && extent.has_nan) {
        voxels.count = 0;
    }
    if (!settings.has_threshold) voxels.keep_above(extent.low);
    return nucensus::found;
}

}  // namespace
