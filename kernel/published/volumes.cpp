// The C ABI for volumes: orders and spaces the maxima, and gathers them.
#include <stdlib.h>

#include <algorithm>
#include <tuple>

#include "arena.h"
#include "isa.h"
#include "voxels.h"

namespace nucensus {

Voxels::~Voxels() { free(items); }

bool Voxels::add(int64_t z, int64_t y, int64_t x, double value) {
    if (count == capacity) {
        const int64_t larger = capacity > 0 ? 2 * capacity : 1024;
        void* moved = realloc(items, larger * sizeof(Voxel));
        if (moved == nullptr) return false;
        items = static_cast<Voxel*>(moved);
        capacity = larger;
    }
    items[count++] = {z, y, x, value};
    return true;
}

void Voxels::keep_above(double threshold) {
    count = std::remove_if(items, items + count,
                           [=](const Voxel& voxel) { return !(voxel.value > threshold); }) -
            items;
}

bool Voxels::finish(const Volume& volume, const VolumeSettings& settings) {
    const int64_t border = settings.exclude_border;
    const auto is_near_edge = [&](const Voxel& v) {
        return std::min({v.z, v.y, v.x, volume.depth - 1 - v.z, volume.height - 1 - v.y,
                         volume.width - 1 - v.x}) < border;
    };
    count = std::remove_if(items, items + count, is_near_edge) - items;
    std::sort(items, items + count, [](const Voxel& a, const Voxel& b) {
        if (a.value != b.value) return a.value > b.value;
        return std::tie(a.z, a.y, a.x) < std::tie(b.z, b.y, b.x);
    });
    // scikit-image spaces peaks only when min_distance is above 1.
    return settings.min_distance > 1 ? keep_spaced(volume, settings.min_distance) : true;
}

// Walk the maxima from the brightest down and drop those nearer than `spacing`
// (the largest of the distances along the axes, strictly) to one that was kept.
// In a cube as wide as the spacing there is at most one that was kept.
bool Voxels::keep_spaced(const Volume& volume, int64_t spacing) {
    const int64_t cubes[] = {volume.depth / spacing + 1, volume.height / spacing + 1,
                             volume.width / spacing + 1};
    int64_t* kept_in = static_cast<int64_t*>(
        calloc(cubes[0] * cubes[1] * cubes[2], sizeof(int64_t)));  // 1 + index, 0 for none
    if (kept_in == nullptr) return false;
    const auto neighbours = [&](int64_t at, int axis) {
        return std::pair{std::max<int64_t>(at / spacing - 1, 0),
                         std::min(at / spacing + 1, cubes[axis] - 1)};
    };
    const auto is_free = [&](const Voxel& voxel) {
        const auto [front, back] = neighbours(voxel.z, 0);
        const auto [top, bottom] = neighbours(voxel.y, 1);
        const auto [left, right] = neighbours(voxel.x, 2);
        for (int64_t z = front; z <= back; ++z)
            for (int64_t y = top; y <= bottom; ++y)
                for (int64_t x = left; x <= right; ++x) {
                    const int64_t found = kept_in[(z * cubes[1] + y) * cubes[2] + x];
                    if (found == 0) continue;
                    const Voxel& other = items[found - 1];
                    if (std::max({std::abs(voxel.z - other.z), std::abs(voxel.y - other.y),
                                  std::abs(voxel.x - other.x)}) < spacing)
                        return false;
                }
        return true;
    };
    int64_t kept = 0;
    for (int64_t i = 0; i < count; ++i) {
        if (!is_free(items[i])) continue;
        const Voxel voxel = items[i];
        items[kept++] = voxel;
        kept_in[(voxel.z / spacing * cubes[1] + voxel.y / spacing) * cubes[2] + voxel.x / spacing] =
            kept;
    }
    count = kept;
    free(kept_in);
    return true;
}

namespace {

bool hand_over(const Voxels& voxels, Maxima* maxima) {
    const int64_t room = voxels.count > 0 ? voxels.count : 1;
    maxima->points = static_cast<int64_t*>(malloc(3 * room * sizeof(int64_t)));
    maxima->intensities = static_cast<double*>(malloc(room * sizeof(double)));
    if (maxima->points == nullptr || maxima->intensities == nullptr) return false;
    for (int64_t i = 0; i < voxels.count; ++i) {
        const Voxel& voxel = voxels.items[i];
        maxima->points[3 * i] = voxel.z;
        maxima->points[3 * i + 1] = voxel.y;
        maxima->points[3 * i + 2] = voxel.x;
        maxima->intensities[i] = voxel.value;
    }
    maxima->total = *maxima->counts = voxels.count;
    return true;
}

}  // namespace
}  // namespace nucensus

using namespace nucensus;

int32_t nucensus_find_maxima_in_volume(const Volume* volume, const VolumeSettings* settings,
                                       Maxima* maxima) {
    *maxima = {};
    const Isa* isa = find_isa(settings->isa);
    if (isa == nullptr) return status_no_isa;
    maxima->counts = static_cast<int64_t*>(calloc(1, sizeof(int64_t)));
    if (maxima->counts == nullptr) return status_no_memory;
    Voxels voxels;
    const bool is_empty = volume->depth == 0 || volume->height == 0 || volume->width == 0;
    const Status status = is_empty ? status_ok : isa->volumes->find(*volume, *settings, voxels);
    release_largest();
    if (status == status_not_a_number) {
        *maxima->counts = -1;
        return status_ok;
    }
    if (status != status_ok || !voxels.finish(*volume, *settings) || !hand_over(voxels, maxima)) {
        nucensus_release(maxima);
        return status_no_memory;
    }
    return status_ok;
}
