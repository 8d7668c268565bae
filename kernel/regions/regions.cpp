// The functions of the ABI that find nuclei as regions.
#include <new>

#include "abi.h"
#include "finder.h"
#include "isa.h"
#include "rows.h"

namespace nucensus {
namespace {

thread_local Finder finder;

// Memory that is missing ends as a status: nothing throws beyond here. `work` is called with the
// loops and a pixel of the type of the image.
template <class Work>
Status with_loops(int32_t isa, int32_t pixel_type, Work work) {
    const Isa* chosen = find_isa(isa);
    if (chosen == nullptr) return status_no_isa;
    try {
        pixel_type == pixel_uint8    ? work(*chosen->regions, uint8_t{0})
        : pixel_type == pixel_uint16 ? work(*chosen->regions, uint16_t{0})
                                     : work(*chosen->regions, 0.F);
        return status_ok;
    } catch (const std::bad_alloc&) {
        return status_no_memory;
    }
}

}  // namespace
}  // namespace nucensus

using namespace nucensus;

int32_t nucensus_find_regions(const Image* image, const RegionSettings* settings, int32_t isa,
                              RegionMeasure* measure, RegionRecord* regions, int64_t capacity,
                              int64_t* count, RegionShapes* shapes, OutlineSettings* outlines,
                              PairLog* pairs) {
    return with_loops(isa, image->pixel_type, [&](const RegionLoops& loops, auto pixel) {
        *count = finder.find<decltype(pixel)>(loops, *image, *settings, *measure, regions, capacity,
                                              shapes, outlines, pairs);
    });
}

int32_t nucensus_size_ground(const RegionSettings* settings, int64_t height, int64_t width,
                             RegionGround* ground) {
    return with_loops(0, pixel_uint8, [&](const RegionLoops&, auto) {
        finder.size_ground(height, width, *settings, *ground);
    });
}

int32_t nucensus_sample_ground(const Image* part, const RegionSettings* settings, int32_t isa,
                               const RegionWindow* window, const RegionGround* ground) {
    return with_loops(isa, part->pixel_type, [&](const RegionLoops& loops, auto pixel) {
        finder.sample<decltype(pixel)>(loops, *part, *settings, *window, *ground);
    });
}

int32_t nucensus_fit_ground(const RegionSettings* settings, int64_t height, int64_t width,
                            int32_t isa, RegionGround* ground, RegionMeasure* measure) {
    return with_loops(isa, pixel_uint8, [&](const RegionLoops& loops, auto) {
        finder.fit_ground(loops, height, width, *settings, *ground, *measure);
    });
}

int32_t nucensus_find_regions_of_part(const Image* part, const RegionSettings* settings,
                                      int32_t isa, RegionWindow* window, const RegionGround* ground,
                                      RegionMeasure* measure, RegionRecord* regions,
                                      int64_t capacity, int64_t* count, RegionShapes* shapes) {
    return with_loops(isa, part->pixel_type, [&](const RegionLoops& loops, auto pixel) {
        *count = finder.find_part<decltype(pixel)>(loops, *part, *settings, *window, *ground,
                                                   *measure, regions, capacity, shapes);
    });
}
