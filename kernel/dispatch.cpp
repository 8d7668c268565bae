// The C ABI: chooses the instruction set level and gathers the results.
#include <stdlib.h>
#include <string.h>

#include "level.h"

namespace nucensus {
namespace {

const Level* const levels[] = {
    &level_baseline,
#if defined(__x86_64__)
    &level_avx2,
    &level_avx512,
#endif
};
constexpr int32_t level_count = sizeof levels / sizeof levels[0];

// Below this many pixels it takes longer to prepare the sieve than it saves
// (benchmarks/kernel.py, group size).
constexpr int64_t tiny_size = 4096;

int32_t best_level() {
    static const int32_t best = [] {
        int32_t level = level_count - 1;
        while (level > 0 && !levels[level]->is_supported()) --level;
        return level;
    }();
    return best;
}

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

bool append(nucensus_maxima& maxima, const Peaks& found) {
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

Outcome find(const Level& level, const nucensus_image& image, const nucensus_settings& settings) {
    if (image.height == 0 || image.width == 0) {
        peaks.clear();
        return found;
    }
    if (!peaks.begin(image, settings)) return no_memory;
    Outcome outcome = undecided;
    const bool is_tiny = image.height * image.width < tiny_size;
    const bool is_direct = settings.path == NUCENSUS_EXACT ||
                           (settings.path == NUCENSUS_FASTEST && is_tiny);
    if (!is_direct) outcome = level.find_by_sieve(image, settings, peaks);
    if (outcome == undecided) {
        if (!peaks.begin(image, settings)) return no_memory;
        outcome = level.find_exactly(image, settings, peaks);
    }
    if (outcome == found) peaks.sort();
    return outcome;
}

}  // namespace
}  // namespace nucensus

using namespace nucensus;

int32_t nucensus_find_maxima(const nucensus_image* images, int64_t image_count,
                             const nucensus_settings* settings, nucensus_maxima* maxima) {
    const int32_t chosen = settings->level < 0 ? best_level() : settings->level;
    if (chosen >= level_count || !levels[chosen]->is_supported()) return NUCENSUS_NO_LEVEL;
    *maxima = {};
    if (!grow(maxima->counts, image_count)) return NUCENSUS_NO_MEMORY;
    for (int64_t i = 0; i < image_count; ++i) {
        const Outcome outcome = find(*levels[chosen], images[i], *settings);
        if (outcome == not_a_number) {
            maxima->counts[i] = -1;
            continue;
        }
        if (outcome != found || !append(*maxima, peaks)) {
            nucensus_release(maxima);
            return NUCENSUS_NO_MEMORY;
        }
        maxima->counts[i] = peaks.count;
    }
    return NUCENSUS_OK;
}

void nucensus_release(nucensus_maxima* maxima) {
    free(maxima->points);
    free(maxima->intensities);
    free(maxima->counts);
    *maxima = {};
}

const char* nucensus_level_name(int32_t level) {
    return level >= 0 && level < level_count ? levels[level]->name : nullptr;
}

int32_t nucensus_level_supported(int32_t level) {
    return level >= 0 && level < level_count && levels[level]->is_supported();
}
