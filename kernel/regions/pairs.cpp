#include "pairs.h"

#include <algorithm>
#include <cmath>

namespace nucensus {
namespace {

// Where more tells no more: logarithms of stretch and size, dip, border over a diameter.
constexpr double most_stretched = .8, deepest = .8, smallest = -3, widest = 1.5;
constexpr double least_evidence = .05;

double summit_of(const Region& region, const RegionSettings& settings) {
    return region.peak + (region.mass / region.moments.area - region.peak) * settings.crest_share;
}

double log_stretch(const Moments& moments) { return std::log(moments.stretch()); }

struct Joint {
    Moments all;
    double against;  // evidence, for a union of this size
};

Joint join(const Moments& all, double dip, const RegionSettings& settings) {
    return {all,
            evidence(all, dip, settings) * std::max(size_of(all, settings), settings.least_size)};
}

void describe(const Pair& pair, const Joint& joint, bool fills_holes,
              const RegionSettings& settings, double* to) {
    const Region &a = pair.first, &b = pair.second;
    const double both = a.moments.area + b.moments.area;
    const double smaller = std::min(a.moments.area, b.moments.area);
    const double stretch = std::min(log_stretch(joint.all), most_stretched);
    const double dip = std::min(dip_between(a, b, pair.saddle, settings), deepest);
    const double size = std::log(size_of(joint.all, settings)), large = std::max(size, 0.);
    const double least =
        std::max(std::log(smaller / (M_PI * settings.radius * settings.radius)), smallest);
    const double neck = std::min(pair.length / (2 * std::sqrt(smaller / M_PI)), widest);
    const double of_a = log_stretch(a.moments), of_b = log_stretch(b.moments);
    const double apart = (of_a * a.moments.area + of_b * b.moments.area) / both;
    const double low = std::min(a.peak, b.peak), high = std::max(a.peak, b.peak);
    const double pass = pair.saddle / std::max(summit_of(a, settings), summit_of(b, settings));
    const double values[pair_features] = {
        std::log(std::max(joint.against, least_evidence)),
        stretch,
        dip,
        large,
        std::min(size, 0.),
        least,
        neck,
        apart - stretch,
        static_cast<double>(fills_holes),
        std::log(low / high),
        stretch * large,
        dip * large,
        dip * dip,
        stretch * stretch,
        neck * dip,
        neck * stretch,
        least * least,
        std::min(std::max(of_a, of_b), most_stretched),
        pass,
    };
    std::copy_n(values, pair_features, to);
}

}  // namespace

double dip_between(const Region& a, const Region& b, float saddle, const RegionSettings& settings) {
    return std::max(0., 1 - saddle / std::min(summit_of(a, settings), summit_of(b, settings)));
}

double evidence(const Moments& all, double dip, const RegionSettings& settings) {
    return std::log(all.stretch()) / settings.most_stretch + dip / settings.most_dip;
}

double size_of(const Moments& all, const RegionSettings& settings) {
    return all.area / (M_PI * settings.radius * settings.radius);
}

Verdict judge(const Pair& pair, const RegionSettings& settings, double* features) {
    Moments both = pair.first.moments;
    both += pair.second.moments;
    const double dip = dip_between(pair.first, pair.second, pair.saddle, settings);
    Joint joint = join(both, dip, settings);
    bool fills_holes = false;
    if (pair.between.area > 0) {
        both += pair.between;
        const Joint filled = join(both, dip * settings.hole_dip, settings);
        fills_holes = filled.against < joint.against;
        if (fills_holes) joint = filled;
    }
    describe(pair, joint, fills_holes, settings, features);
    if (!settings.is_learned) return {joint.against - 1, fills_holes};
    double likely = settings.union_weights[0];
    for (int i = 0; i < pair_features; ++i) likely += settings.union_weights[i + 1] * features[i];
    return {settings.least_union - likely, fills_holes};
}

}  // namespace nucensus
