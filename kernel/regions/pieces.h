// The pieces of the foreground: pixels that share a summit, what is known of them, and where they
// touch.
#pragma once

#include <cstdint>
#include <vector>

#include "strips.h"

namespace nucensus {

struct Moments {
    double area = 0, y = 0, x = 0, yy = 0, xy = 0, xx = 0;
    void operator+=(const Moments& other) {
        area += other.area, y += other.y, x += other.x;
        yy += other.yy, xy += other.xy, xx += other.xx;
    }
    void add_run(int64_t row, int64_t start, int64_t end);
    // Area of the ellipse with these moments over the area: 1 for an ellipse.
    double stretch() const;
};

struct Region {
    Moments moments;
    double mass = 0;    // sum of heights
    double fall = 0;    // sum of the falls from its pixels to those beside them that are background
    int32_t sides = 0;  // how many such pairs there are
    float peak = 0;     // greatest height
    float crest = -1;   // greatest value of the ridge map, and where
    int32_t seed_y = 0, seed_x = 0;
    bool touches_edge = false, has_hole = false;
    int32_t version = 0;
};

// The highest pass between two pieces along one stretch of their border, and its length.
struct Contact {
    int32_t first, second;
    float saddle;
    int32_t length;
};

// Neighbouring pixels of a row that are of one piece.
struct Stretch {
    int32_t piece, y, start, end;
};

struct Pieces {
    std::vector<Region> regions;
    std::vector<Contact> contacts;
    std::vector<Stretch> stretches;  // in reading order, in the foreground

    // Places are those of the whole image, in which the foreground of `height` x `width` begins at
    // `top` and `left`.
    void find(const Foreground& foreground, int64_t height, int64_t width, int64_t top,
              int64_t left);

private:
    void measure(const Foreground& foreground);
    void measure_run(const Foreground& foreground, int64_t y, const PixelSpan& run);
    void touch_below(const Foreground& foreground, const PixelSpan& run, const PixelSpan& below);
    void touch(int32_t a, int32_t b, float saddle, int32_t length) {
        contacts.push_back({std::min(a, b), std::max(a, b), saddle, length});
    }

    int64_t h = 0, w = 0, first_y = 0, first_x = 0;
};

}  // namespace nucensus
