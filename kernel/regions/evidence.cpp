// What the evidence that a region is a nucleus rests on; the weights are not known here.
#include <algorithm>

#include "abi.h"

using namespace nucensus;

int32_t nucensus_describe_evidence(const double* area, const double* stretch,
                                   const double* contrast, const double* free, const double* fall,
                                   const double* mean_height, const double* height,
                                   const uint8_t* touches_edge, int64_t count, double* features) {
    for (int64_t i = 0; i < count; ++i) {
        const double small = std::min(area[i], 0.), large = std::max(area[i], 0.);
        const double stretched = std::min(stretch[i], .5);
        const double open = std::min(std::max(free[i], 0.), 1.2);
        const double at_edge = touches_edge[i];
        for (const double each : {
                 area[i],
                 small * small,
                 large * large,
                 stretched,
                 stretched * std::max(area[i], -2.),
                 open,
                 open * std::max(1 - fall[i], 0.),
                 open * std::min(std::max(fall[i] - 1, 0.), 1.),
                 mean_height[i] / height[i],
                 at_edge,
                 at_edge * small,
             })
            *features++ = each;
        if (contrast == nullptr) continue;
        const double dim = std::min(contrast[i], 0.), bright = std::max(contrast[i], 0.);
        for (const double each : {dim, dim * dim, dim * small, bright, bright * small})
            *features++ = each;
    }
    return status_ok;
}
