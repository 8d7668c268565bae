// scikit-image's rules for borders and spacing, applied while the peaks come in.
#include "peaks.h"

#include <stdlib.h>

#include <algorithm>

#include "arena.h"

namespace nucensus {

bool Peaks::begin(const Image& image, const MaximaSettings& settings) {
    count = 0;
    height = image.height;
    width = image.width;
    border = settings.exclude_border;
    return begin_spacing(width, settings.is_part ? 0 : settings.min_distance);
}

// scikit-image spaces peaks only when min_distance is above 1.
bool Peaks::begin_spacing(int64_t a_width, int64_t min_distance) {
    width = a_width;
    spacing = min_distance > 1 ? min_distance : 0;
    strip_count = 0;
    if (spacing == 0) return true;
    strip_count = width / spacing + 1;
    strips = static_cast<Accepted*>(scratch(slot_spacing, strip_count * sizeof(Accepted)));
    if (strips == nullptr) return false;
    for (int64_t i = 0; i < strip_count; ++i) strips[i] = {INT64_MIN / 2, INT64_MIN / 2};
    return true;
}

// scikit-image walks the peaks from the brightest down, equal ones row by row,
// and drops those nearer than min_distance (the larger of the distances along
// the axes, strictly) to one it kept. All of them are maxima of their windows,
// so two that near are equal, and equal ones come to us in that same order: the
// decision can be taken at once. In a vertical strip as wide as the spacing,
// kept peaks are at least the spacing apart in y, so the last one of each strip
// is the only one that can be near.
bool Peaks::is_spaced(int64_t y, int64_t x) {
    if (spacing == 0) return true;
    const int64_t strip = x / spacing;
    for (int64_t i = std::max<int64_t>(strip - 1, 0); i <= std::min(strip + 1, strip_count - 1);
         ++i)
        if (y - strips[i].y < spacing && std::abs(x - strips[i].x) < spacing) return false;
    strips[strip] = {y, x};
    return true;
}

bool Peaks::add(int64_t y, int64_t x, double value) {
    if (y < border || x < border || y >= height - border || x >= width - border) return true;
    if (!is_spaced(y, x)) return true;
    if (count == capacity) {
        const int64_t larger = capacity > 0 ? 2 * capacity : 1024;
        void* moved = realloc(items, larger * sizeof(Peak));
        if (moved == nullptr) return false;
        items = static_cast<Peak*>(moved);
        capacity = larger;
    }
    items[count++] = {y, x, value};
    return true;
}

void Peaks::keep_above(double threshold) {
    Peak* end = std::remove_if(items, items + count,
                               [=](const Peak& peak) { return !(peak.value > threshold); });
    count = end - items;
}

void Peaks::clear() { count = 0; }

void Peaks::sort() {
    std::sort(items, items + count, [](const Peak& a, const Peak& b) {
        if (a.value != b.value) return a.value > b.value;
        if (a.y != b.y) return a.y < b.y;
        return a.x < b.x;
    });
}

}  // namespace nucensus
