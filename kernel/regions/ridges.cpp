// Follows ridges of an image that are thinner than a nucleus and longer: fibres.
#include <algorithm>
#include <array>
#include <utility>

#include "abi.h"

namespace nucensus {
namespace {

// All directions are multiples of ten degrees, so that every machine goes the same way.
constexpr int directions = 36;
constexpr double cosines[] = {1,
                              0.98480775301220806,
                              0.93969262078590838,
                              0.86602540378443865,
                              0.76604444311897804,
                              0.64278760968653933,
                              0.5,
                              0.34202014332566873,
                              0.17364817766693035,
                              0};
constexpr int turns[] = {0, -2, 2, -4, 4};
constexpr double step = 0.5;  // radii

constexpr int turned(int direction, int by) { return (direction + by + directions) % directions; }

constexpr double cosine(int direction) {
    const int from_axis = direction > directions / 2 ? directions - direction : direction;
    return from_axis <= directions / 4 ? cosines[from_axis] : -cosines[directions / 2 - from_axis];
}

struct Place {
    double y, x;
};

// One ahead in each direction.
constexpr auto units = [] {
    std::array<Place, directions> all{};
    for (int i = 0; i < directions; ++i) all[i] = {cosine(turned(i, -directions / 4)), cosine(i)};
    return all;
}();

template <class Pixel>
struct Ridges {
    const Image& image;
    const RidgeSettings& settings;
    mutable bool is_beyond = false;  // whether a pixel was asked for that the part does not have

    Place ahead(Place from, int direction, double radii) const {
        const double length = radii * settings.radius;
        return {from.y + length * units[direction].y, from.x + length * units[direction].x};
    }

    bool holds(Place at) const {
        return at.y > -0.5 && at.x > -0.5 && at.y < static_cast<double>(settings.height) - 0.5 &&
               at.x < static_cast<double>(settings.width) - 0.5;
    }

    // The height of the nearest pixel; beyond the edges of the image there is background.
    double height(Place at) const {
        if (!holds(at)) return 0;
        const int64_t row = static_cast<int64_t>(at.y + 0.5) - settings.top,
                      column = static_cast<int64_t>(at.x + 0.5) - settings.left;
        if (row < 0 || row >= image.height || column < 0 || column >= image.width) {
            is_beyond = true;
            return 0;
        }
        const auto* pixels = static_cast<const Pixel*>(image.pixels);
        return static_cast<double>(pixels[row * image.width + column]) - settings.background;
    }

    bool is_thin(Place at, int direction, double height_there) const {
        const int across = turned(direction, directions / 4);
        const double most = settings.thin * height_there;
        return height(ahead(at, across, settings.across)) <= most &&
               height(ahead(at, across, -settings.across)) <= most;
    }

    // How far ahead a ridge that runs over a nucleus is thin again, and no lower on the way; else
    // 0.
    double bridge(Place at, int direction, double last) const {
        for (double over = 2 * step; over <= settings.bridge; over += step) {
            const Place there = ahead(at, direction, over);
            const double now = height(there);
            if (now < settings.ridge * last) return 0;
            if (settings.ridge * now <= last && is_thin(there, direction, now)) return over;
        }
        return 0;
    }

    // The height and the direction of the highest place that is one step ahead.
    std::pair<double, int> highest(Place at, int direction) const {
        std::pair<double, int> best{0, direction};
        for (const int turn : turns) {
            const double there = height(ahead(at, turned(direction, turn), step));
            if (there > best.first) best = {there, turned(direction, turn)};
        }
        return best;
    }

    double follow(Place at, int direction, double last) const {
        double length = 0;
        while (length < settings.enough) {
            auto [best, way] = highest(at, direction);
            Place next = ahead(at, way, step);
            if (best < settings.ridge * last) break;
            if (!is_thin(next, way, best)) {
                double over = 0;
                for (int i = 0; i < 3 && over == 0; ++i) {
                    way = turned(direction, turns[i]);
                    over = bridge(at, way, last);
                }
                if (over == 0) break;
                next = ahead(at, way, over), best = height(next);
            }
            at = next, direction = way, length += step, last = std::min(last, best);
        }
        return length;
    }

    double length(Place at, double first) const {
        double longest = 0;
        for (int axis = 0; axis < directions / 2; axis += 2) {
            const int back = axis + directions / 2;
            const double least = settings.ridge * first;
            if (height(ahead(at, axis, 1)) < least || height(ahead(at, back, 1)) < least) continue;
            if (!is_thin(at, axis, first)) continue;
            longest = std::max(longest, follow(at, axis, first) + follow(at, back, first));
        }
        return longest;
    }
};

template <class Pixel>
void measure(const Image& image, const RidgeSettings& settings, const double* places, int64_t count,
             double* lengths) {
    // The last first: of the image, which was gone through before, the end is still in the cache.
    for (int64_t i = count - 1; i >= 0; --i) {
        const Ridges<Pixel> ridges{image, settings};
        const double* place = places + 3 * i;
        lengths[i] = place[2] > 0 ? ridges.length({place[0], place[1]}, place[2]) : 0;
        if (ridges.is_beyond) lengths[i] = -1;
    }
}

}  // namespace
}  // namespace nucensus

int32_t nucensus_measure_ridges(const nucensus::Image* image,
                                const nucensus::RidgeSettings* settings, const double* places,
                                int64_t count, double* lengths) {
    using namespace nucensus;
    const auto of_pixels = image->pixel_type == pixel_uint8    ? measure<uint8_t>
                           : image->pixel_type == pixel_uint16 ? measure<uint16_t>
                                                               : measure<float>;
    of_pixels(*image, *settings, places, count, lengths);
    return status_ok;
}
