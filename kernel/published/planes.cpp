// The C ABI for planes: runs the fastest way that decides, and gathers the results.
#include <stdlib.h>

#include "arena.h"
#include "isa.h"
#include "layout.h"
#include "peaks.h"

namespace nucensus {
namespace {

// Below this many pixels it takes longer to prepare the sieve than it saves
// (benchmarks/kernel.py, group size).
constexpr int64_t tiny_size = 4096;

struct OwnedPeaks : Peaks {
    ~OwnedPeaks() { free(items); }
};
thread_local OwnedPeaks peaks;

template <typename T>
bool grow(T*& items, int64_t count) {
    void* moved = realloc(items, (count > 0 ? count : 1) * sizeof(T));
    if (moved == nullptr) return false;
    items = static_cast<T*>(moved);
    return true;
}

bool append(Maxima& maxima, const Peaks& found) {
    const int64_t total = maxima.total + found.count;
    if (!grow(maxima.points, 2 * total) || !grow(maxima.intensities, total)) return false;
    for (int64_t i = 0; i < found.count; ++i) {
        const int64_t at = maxima.total + i;
        maxima.points[2 * at] = found.items[i].y;
        maxima.points[2 * at + 1] = found.items[i].x;
        maxima.intensities[at] = found.items[i].value;
    }
    maxima.total = total;
    return true;
}

Status find(const PlaneFunctions& planes, const Image& given, const MaximaSettings& settings) {
    if (given.height == 0 || given.width == 0) {
        peaks.clear();
        return status_ok;
    }
    Image image;
    if (!make_contiguous(given, image)) return status_no_memory;
    const bool is_tiny = image.height * image.width < tiny_size;
    const bool is_direct =
        settings.path == path_exact || (settings.path == path_fastest && is_tiny);
    // Without a threshold a background is full of maxima, which the sieve cannot tell apart.
    const bool has_sieve =
        settings.path == path_sieve || (settings.path == path_fastest && settings.has_threshold);
    Status status = status_undecided;
    const auto try_way = [&](auto find_peaks) {
        if (status != status_undecided) return;
        status =
            peaks.begin(image, settings) ? find_peaks(image, settings, peaks) : status_no_memory;
    };
    if (!is_direct && has_sieve) try_way(planes.find_by_sieve);
    if (!is_direct) try_way(planes.find_in_single_precision);
    try_way(planes.find_exactly);
    release_largest();
    if (status == status_ok) peaks.sort();
    return status;
}

}  // namespace
}  // namespace nucensus

using namespace nucensus;

int32_t nucensus_find_maxima(const Image* images, int64_t image_count,
                             const MaximaSettings* settings, Maxima* maxima) {
    *maxima = {};
    const Isa* isa = find_isa(settings->isa);
    if (isa == nullptr) return status_no_isa;
    if (!grow(maxima->counts, image_count)) return status_no_memory;
    for (int64_t i = 0; i < image_count; ++i) {
        const Status status = find(*isa->planes, images[i], *settings);
        if (status == status_not_a_number) {
            maxima->counts[i] = -1;
            continue;
        }
        if (status != status_ok || !append(*maxima, peaks)) {
            nucensus_release(maxima);
            return status_no_memory;
        }
        maxima->counts[i] = peaks.count;
    }
    return status_ok;
}

int32_t nucensus_space_maxima(const int64_t* points, int64_t count, int64_t width,
                              int64_t min_distance, uint8_t* kept) {
    Peaks spaced;
    if (!spaced.begin_spacing(width, min_distance)) return status_no_memory;
    for (int64_t i = 0; i < count; ++i)
        kept[i] = spaced.is_spaced(points[2 * i], points[2 * i + 1]);
    return status_ok;
}

int32_t nucensus_release(Maxima* maxima) {
    free(maxima->points);
    free(maxima->intensities);
    free(maxima->counts);
    *maxima = {};
    return status_ok;
}
