// What the pixels in the middle of regions say of them: whether the image is flat there.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "abi.h"

namespace nucensus {

// The nearest of `n` places.
inline int64_t nearest(double place, int64_t n) {
    return std::min<int64_t>(n - 1, std::max<int64_t>(0, static_cast<int64_t>(place + .5)));
}

// The value of more than half of 25, if there is one: it stays when each other cancels one of it.
inline float value_of_most(const float* values) {
    // So many in a ring cannot be equal without two neighbours that are.
    int equal = values[24] == values[0];
    for (int n = 0; n < 24; ++n) equal |= values[n] == values[n + 1];
    if (!equal) return -HUGE_VALF;
    float most = values[0];
    for (int n = 0, lead = 0; n < 25; ++n) {
        if (lead == 0) most = values[n];
        lead += values[n] == most ? 1 : -1;
    }
    return std::count(values, values + 25, most) > 12 ? most : -HUGE_VALF;
}

// The middles of regions of one radius, in a part of an image.
template <class Pixel>
class Insides {
public:
    Insides(const Image& image, const RegionWindow& part, const RegionSettings& settings)
        : pixels(static_cast<const Pixel*>(image.pixels)),
          width(image.width),
          part(part),
          top(part.top * settings.step),
          left(part.left * settings.step),
          radius(settings.radius * static_cast<double>(settings.step)) {}

    // The image is no longer in the cache, so what comes soon is asked for.
    void look(RegionRecord* regions, int64_t count) const {
        for (int64_t i = 0; i < count; ++i) {
            prefetch(regions[std::min(i + ahead, count - 1)]);
            look(regions[i]);
        }
    }

private:
    static constexpr int64_t ahead = 6;  // regions

    int64_t row(const RegionRecord& region, int i) const {
        return nearest(region.y + (i - 2) * radius / 4, part.height) - top;
    }
    int64_t column(const RegionRecord& region, int i) const {
        return nearest(region.x + (i - 2) * radius / 4, part.width) - left;
    }

    void prefetch(const RegionRecord& region) const {
        for (int i = 0; i < 5; ++i)
            __builtin_prefetch(pixels + row(region, i) * width + column(region, 2));
    }

    void look(RegionRecord& region) const {
        int64_t columns[5];
        for (int j = 0; j < 5; ++j) columns[j] = column(region, j);
        float values[25], first = -HUGE_VALF, second = -HUGE_VALF;
        for (int i = 0; i < 5; ++i) {
            const Pixel* of_row = pixels + row(region, i) * width;
            for (int j = 0; j < 5; ++j) values[5 * i + j] = static_cast<float>(of_row[columns[j]]);
        }
        for (const float value : values) {
            second = std::max(second, std::min(first, value));
            first = std::max(first, value);
        }
        region.second = second;
        region.plateau = value_of_most(values);
    }

    const Pixel* pixels;
    int64_t width;
    const RegionWindow& part;
    int64_t top, left;
    double radius;
};

}  // namespace nucensus
