// Holes: places of the background that the foreground encloses, as nucleoli are in a nucleus.
#pragma once

#include <cstdint>
#include <vector>

#include "pieces.h"
#include "strips.h"

namespace nucensus {

struct Hole {
    Moments moments;
    std::vector<int32_t> around;  // the pieces that it lies beside
    int32_t owner = -1;           // a piece of the region that it is part of, -1 if there is none
};

// Neighbouring pixels of a row of a hole.
struct HoleSpan {
    int32_t y, start, end, hole;
};

class Holes {
public:
    // Finds the holes of no more than `most_area` pixels, in reading order. Moments are those in
    // the whole image, in which the foreground of `height` x `width` begins at `top` and `left`.
    void find(const Foreground& foreground, int64_t height, int64_t width, int64_t top,
              int64_t left, double most_area);

    std::vector<Hole> found;
    std::vector<HoleSpan> spans;

private:
    // Neighbouring pixels of a row that are background; `beside` is the foreground run behind it.
    struct Gap {
        int32_t y, start, end, parent, beside;
        bool is_open;  // at the edge, or so is what it touches; its root may know better
    };

    void collect_gaps(const Foreground& foreground);
    void join_rows();
    void join(int32_t one, int32_t other);
    int32_t find_root(int32_t gap);
    void keep(const Foreground& foreground, double most_area);
    void look_around(const Foreground& foreground, const Gap& gap, Hole& hole) const;

    int64_t h = 0, w = 0, first_y = 0, first_x = 0;
    std::vector<Gap> gaps;
    std::vector<int32_t> first_gap;  // of each row, and the end of the last
    std::vector<double> areas;
    std::vector<int32_t> places;  // in `found`, of roots
};

}  // namespace nucensus
