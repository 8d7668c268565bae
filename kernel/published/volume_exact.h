// The definition in three dimensions, bit for bit: planes, rows, columns, as SciPy does.
//
// First the filter across the planes, a strip of columns at a time, into a copy
// of the volume in the type that SciPy stores; then those along rows and columns,
// plane by plane, in place. Few voxels above the threshold are not exceeded by a
// neighbour: only their windows are looked at. Where many are, as on plateaus,
// the maxima of all windows are taken, and those of planes wait in a ring.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "exact.h"
#include "volume_sieve.h"

namespace nucensus {
namespace {

// The smoothed volume: float where SciPy stores float, else double.
class SmoothedVolume {
public:
    bool begin(const Volume& a_volume, const VolumeSettings& some_settings) {
        volume = a_volume;
        settings = some_settings;
        single = is_single_precision(plane_of(volume, 0));
        item = single ? sizeof(float) : sizeof(double);
        stored = static_cast<char*>(
            large_scratch(large_filtered, volume.depth * volume.height * volume.width * item));
        const int64_t columns = volume.depth * strip + strip;
        strips = static_cast<double*>(scratch(slot_window, columns * sizeof(double)));
        if (stored == nullptr || strips == nullptr) return false;
        memset(strips, 0, columns * sizeof(double));
        for (int64_t y = 0; y < volume.height; ++y)
            for (int64_t x = 0; x < volume.width; x += strip)
                filter_strip(y, x, at_most(strip, volume.width - x));
        for (int64_t z = 0; z < volume.depth; ++z)
            if (!smooth_plane(z)) return false;
        return true;
    }

    Image plane(int64_t z) const {
        const int64_t row = volume.width * item;
        return {stored + z * volume.height * row,
                volume.height,
                volume.width,
                row,
                item,
                single ? pixel_float32 : pixel_float64,
                0};
    }

    const void* values() const { return stored; }
    bool single;
    Extent extent;

private:
    static constexpr int64_t strip = 512;

    // In place: the smoother has its own copy of the rows that it still needs.
    bool smooth_plane(int64_t z) {
        const Image image = plane(z);
        MaximaSettings filters = {};
        filters.vertical = settings.weights[1];
        filters.horizontal = settings.weights[2];
        filters.vertical_radius = settings.radius[1];
        filters.horizontal_radius = settings.radius[2];
        Smoother smoother;
        double* row =
            static_cast<double*>(scratch(slot_smoothed, padded(volume.width) * sizeof(double)));
        if (row == nullptr || !smoother.begin(image, filters)) return false;
        for (int64_t y = 0; y < volume.height; ++y) {
            smoother.smooth_row(y, row);
            include(row);
            keep(row, volume.width, (z * volume.height + y) * volume.width);
        }
        return true;
    }

    // As Extent::include, in vectors.
    void include(const double* row) {
        int64_t x = 0;
        if (volume.width >= lanes) {
            Doubles low = load(row), high = low;
            auto nans = low != low;
            for (; x + lanes <= volume.width; x += lanes) {
                const Doubles value = load(row + x);
                low = value < low ? value : low;
                high = value > high ? value : high;
                nans |= value != value;
            }
            for (int i = 0; i < lanes; ++i) {
                extent.low = low[i] < extent.low ? low[i] : extent.low;
                extent.high = high[i] > extent.high ? high[i] : extent.high;
                extent.has_nan |= nans[i] != 0;
            }
        }
        extent.include(row + x, volume.width - x);
    }

    void keep(const double* from, int64_t count, int64_t at) {
        char* to = stored + at * item;
        if (!single) {
            memcpy(to, from, count * sizeof(double));
            return;
        }
        for (int64_t i = 0; i < count; ++i) {
            const float value = static_cast<float>(from[i]);
            memcpy(to + i * sizeof value, &value, sizeof value);
        }
    }

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
            keep(out, count, (z * volume.height + y) * volume.width + x);
        }
    }

    Volume volume;
    VolumeSettings settings;
    int64_t item;
    char* stored = nullptr;
    double* strips = nullptr;
};

// Keeps the maxima of planes, and the voxels that are one in their own plane
// until all planes of their window are known.
class DepthMaximum {
public:
    bool begin(const Volume& a_volume, int64_t min_distance) {
        volume = a_volume;
        reach = at_most(min_distance, volume.depth - 1);
        ring_planes = 2 * reach + 1;
        area = volume.height * volume.width;
        ring =
            static_cast<double*>(large_scratch(large_maxima, ring_planes * area * sizeof(double)));
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
    bool is_maximum(const Voxel& voxel) {
        const int64_t last = at_most(voxel.z + reach, volume.depth - 1);
        for (int64_t z = at_least(voxel.z - reach, 0); z <= last; ++z)
            if (row(z, voxel.y)[voxel.x] > voxel.value) return false;
        return true;
    }

    Volume volume;
    int64_t ring_planes, area;
    double* ring = nullptr;
};

// Add the voxels of a plane that are the maxima of their windows in it.
Status find_in_plane(const Image& image, int64_t min_distance, double threshold, int64_t z,
                     DepthMaximum& depth, Voxels& voxels) {
    const int64_t width = image.width;
    WindowMaximum window;
    if (!window.begin(width, image.height, min_distance)) return status_no_memory;
    double* row = static_cast<double*>(scratch(slot_smoothed, padded(width) * sizeof(double)));
    if (row == nullptr) return status_no_memory;
    for (int64_t y = 0; y < image.height + window.reach_y; ++y) {
        if (y < image.height) {
            load_row(image, y, 0, width, row);
            window.push(row);
        } else {
            window.push_nothing();
        }
        const int64_t centre = y - window.reach_y;
        if (centre < 0) continue;
        load_row(image, centre, 0, width, row);
        double* maxima = depth.row(z, centre);
        memcpy(maxima, window.maxima(), width * sizeof(double));
        for (int64_t x = 0; x < width; ++x)
            if (row[x] > threshold && row[x] == maxima[x])
                if (!voxels.add(z, centre, x, row[x])) return status_no_memory;
    }
    return status_ok;
}

// The maxima of all windows: the same time whatever the volume.
Status find_in_windows(const Volume& volume, const SmoothedVolume& smoothed, int64_t min_distance,
                       double threshold, Voxels& voxels) {
    DepthMaximum depth;
    if (!depth.begin(volume, min_distance)) return status_no_memory;
    int64_t settled = 0;
    for (int64_t z = 0; z < volume.depth; ++z) {
        const Status status =
            find_in_plane(smoothed.plane(z), min_distance, threshold, z, depth, voxels);
        if (status != status_ok) return status;
        if (z >= depth.reach) depth.settle(z - depth.reach, voxels, settled);
    }
    for (int64_t z = at_least(volume.depth - depth.reach, 0); z < volume.depth; ++z)
        depth.settle(z, voxels, settled);
    return status_ok;
}

// Looks at the window of a voxel only where no neighbour exceeds it.
template <typename T>
class Climber {
public:
    Climber(const Volume& a_volume, const void* smoothed, int64_t a_reach)
        : volume(a_volume), values(static_cast<const T*>(smoothed)), reach(a_reach) {}

    // Undecided where so many windows are looked at that it pays to take them all.
    Status find(double threshold, Voxels& voxels) {
        int64_t left = volume.depth * volume.height * volume.width / 256 + 64;
        for (int64_t z = 0; z < volume.depth; ++z)
            for (int64_t y = 0; y < volume.height; ++y) {
                const T* row = row_at(z, y);
                for (int64_t x = 0; x < volume.width; ++x) {
                    if (!(row[x] > threshold) || !is_highest(z, y, x, 1)) continue;
                    if (--left < 0) return status_undecided;
                    if (is_highest(z, y, x, reach) && !voxels.add(z, y, x, row[x]))
                        return status_no_memory;
                }
            }
        return status_ok;
    }

private:
    const T* row_at(int64_t z, int64_t y) const {
        return values + (z * volume.height + y) * volume.width;
    }

    bool is_highest(int64_t z, int64_t y, int64_t x, int64_t around) const {
        const T value = row_at(z, y)[x];
        const int64_t left = at_least(x - around, 0), right = at_most(x + around, volume.width - 1);
        const T* own = row_at(z, y);
        for (int64_t i = left; i <= right; ++i)
            if (own[i] > value) return false;
        for (int64_t k = at_least(z - around, 0); k <= at_most(z + around, volume.depth - 1); ++k)
            for (int64_t j = at_least(y - around, 0); j <= at_most(y + around, volume.height - 1);
                 ++j) {
                const T* row = row_at(k, j);
                for (int64_t i = left; i <= right; ++i)
                    if (row[i] > value) return false;
            }
        return true;
    }

    Volume volume;
    const T* values;
    int64_t reach;
};

// Without a window every voxel above the threshold is a point.
Status find_all(const Volume& volume, const SmoothedVolume& smoothed, double threshold,
                Voxels& voxels) {
    double* row =
        static_cast<double*>(scratch(slot_smoothed, padded(volume.width) * sizeof(double)));
    if (row == nullptr) return status_no_memory;
    for (int64_t z = 0; z < volume.depth; ++z)
        for (int64_t y = 0; y < volume.height; ++y) {
            load_row(smoothed.plane(z), y, 0, volume.width, row);
            for (int64_t x = 0; x < volume.width; ++x)
                if (row[x] > threshold && !voxels.add(z, y, x, row[x])) return status_no_memory;
        }
    return status_ok;
}

Status find_in_volume_exactly(const Volume& volume, const VolumeSettings& settings,
                              Voxels& voxels) {
    SmoothedVolume smoothed;
    if (!smoothed.begin(volume, settings)) return status_no_memory;
    const Extent& extent = smoothed.extent;
    const double threshold = settings.has_threshold ? settings.threshold : extent.low;
    if (settings.min_distance == 0 || volume.depth * volume.height * volume.width == 1) {
        if (extent.has_nan && !settings.has_threshold) return status_ok;
        return find_all(volume, smoothed, threshold, voxels);
    }
    if (extent.has_nan) return status_not_a_number;
    // scikit-image: a constant volume has no maximum.
    if (extent.low == extent.high) return status_ok;
    const void* values = smoothed.values();
    const int64_t reach = settings.min_distance;
    const Status status = smoothed.single
                              ? Climber<float>(volume, values, reach).find(threshold, voxels)
                              : Climber<double>(volume, values, reach).find(threshold, voxels);
    if (status != status_undecided) return status;
    voxels.count = 0;
    return find_in_windows(volume, smoothed, reach, threshold, voxels);
}

// Below this many voxels it takes longer to prepare the sieve than it saves.
constexpr int64_t tiny_volume = 4096;

Status find_in_volume(const Volume& volume, const VolumeSettings& settings, Voxels& voxels) {
    const bool is_tiny = volume.depth * volume.height * volume.width < tiny_volume;
    if (settings.path == path_sieve || (settings.path == path_fastest && !is_tiny)) {
        const Status status = find_in_volume_by_sieve(volume, settings, voxels);
        if (status != status_undecided) return status;
        voxels.count = 0;
    }
    return find_in_volume_exactly(volume, settings, voxels);
}

}  // namespace
}  // namespace nucensus
