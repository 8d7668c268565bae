// Exact values of single pixels, remembered and counted.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "arena.h"
#include "smoothing.h"

namespace nucensus {
namespace {

// Exact values of single pixels and their neighbours, the last ones remembered.
class ExactValues {
public:
    // No more than `share` of what it takes to do the whole image exactly.
    bool begin(const Image& image, const MaximaSettings& settings, double share) {
        entries = static_cast<Entry*>(scratch(slot_memo, memo_size * sizeof(Entry)));
        if (entries == nullptr || !point.begin(image, settings)) return false;
        for (int64_t i = 0; i < memo_size; ++i) entries[i].y = -1;
        const double ry = static_cast<double>(settings.vertical_radius + 1);
        const double rx = static_cast<double>(settings.horizontal_radius + 1);
        const double pixels = static_cast<double>(image.height) * static_cast<double>(image.width);
        const double most = pixels * (ry + rx) / (ry * (2 * rx + point.together)) * share;
        left = most / 16 + 64;
        look_up = 100 / ((2 * ry + 1) * (2 * rx + point.together));
        left_for_row = most * 15 / 16 / static_cast<double>(image.height);
        return true;
    }
    // Not all of them at once: where they will not do, the first rows tell.
    void allow_for(int64_t row_count) { left += left_for_row * static_cast<double>(row_count); }
    bool are_used_up() const { return left < 0; }
    double at(int64_t y, int64_t x) {
        const int64_t segment = x / point.together;
        const int64_t first = segment * point.together;
        left -= look_up;
        Entry& entry = entries[(y * 37 + segment) & (memo_size - 1)];
        if (entry.y != y || entry.x != first) {
            entry.y = y;
            entry.x = first;
            point.smooth(y, first, entry.values);
            --left;
        }
        return entry.values[x - first];
    }

private:
    static constexpr int64_t memo_size = 512;
    struct Entry {
        int64_t y, x;
        double values[PointSmoother::most_together];
    };
    PointSmoother point;
    Entry* entries = nullptr;
    double left = 0, left_for_row = 0;
    double look_up = 0;  // what it takes, relative to computing a value
};

}  // namespace
}  // namespace nucensus
