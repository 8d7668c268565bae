#include "pieces.h"

#include <cmath>

namespace nucensus {

void Moments::add_run(int64_t row, int64_t start, int64_t end) {
    const double n = static_cast<double>(end - start), down = static_cast<double>(row);
    const double middle = static_cast<double>(start + end - 1) * .5, sum = n * middle;
    area += n, y += n * down, x += sum, yy += n * down * down, xy += down * sum;
    xx += n * (middle * middle + (n * n - 1) * (1. / 12));
}

double Moments::stretch() const {
    const double my = y / area, mx = x / area;
    const double vy = yy / area - my * my + 1. / 12, vx = xx / area - mx * mx + 1. / 12,
                 c = xy / area - mx * my;
    return 4 * M_PI * std::sqrt(std::max(vy * vx - c * c, 1e-12)) / area;
}

void Pieces::find(const Foreground& foreground, int64_t height, int64_t width, int64_t top,
                  int64_t left) {
    h = height, w = width, first_y = top, first_x = left;
    regions.assign(foreground.summits.size(), Region());
    contacts.clear(), stretches.clear();
    for (size_t r = 0; r < regions.size(); ++r) {
        const Summit& summit = foreground.summits[r];
        regions[r].crest = summit.ridge;
        regions[r].seed_y = static_cast<int32_t>(top) + summit.y;
        regions[r].seed_x = static_cast<int32_t>(left) + summit.x;
    }
    measure(foreground);
}

void Pieces::measure(const Foreground& foreground) {
    for (int64_t y = 0; y < h; ++y) {
        const PixelSpan *run = foreground.runs_from(y), *end = foreground.runs_from(y + 1);
        const PixelSpan *below = end, *last = y + 1 < h ? foreground.runs_from(y + 2) : end;
        for (; run < end; ++run) {
            measure_run(foreground, y, *run);
            while (below < last && below->end <= run->start) ++below;
            for (const PixelSpan* b = below; b < last && b->start < run->end; ++b)
                touch_below(foreground, *run, *b);
        }
    }
}

// What lies side by side in a run: stretches of one piece.
void Pieces::measure_run(const Foreground& foreground, int64_t y, const PixelSpan& run) {
    const int32_t end = run.first + run.end - run.start, shift = run.start - run.first;
    const int32_t* way = foreground.way.data();
    const float *height = foreground.height.data(), *falls = foreground.fall.data();
    // Sides that face background: beyond the edge of the image there is none, above and below there
    // is all along, until `touch_below` takes away where another run lies.
    const int32_t up_and_down = (y > 0) + (y < h - 1);
    int32_t beside = run.start > 0;
    for (int32_t i = run.first; i < end;) {
        const int32_t start = i, mine = way[i];
        Region& region = regions[~mine];
        float peak = region.peak, mass = 0, fall = 0;
        for (; i < end && way[i] == mine; ++i)
            peak = std::max(peak, height[i]), mass += height[i], fall += falls[i];
        if (i == end) beside += run.end < w;
        region.peak = peak, region.mass += mass, region.fall += fall;
        region.sides += up_and_down * (i - start) + beside;
        beside = 0;
        stretches.push_back({~mine, static_cast<int32_t>(y), start + shift, i + shift});
        region.moments.add_run(first_y + y, first_x + start + shift, first_x + i + shift);
        region.touches_edge |= y == 0 || y == h - 1 || start + shift == 0 || i + shift == w;
        if (i < end) touch(~mine, ~way[i], std::min(height[i - 1], height[i]), 1);
    }
}

// Where a run lies above another: each stretch in which the same two pieces touch.
void Pieces::touch_below(const Foreground& foreground, const PixelSpan& run,
                         const PixelSpan& below) {
    const int32_t start = std::max(run.start, below.start), end = std::min(run.end, below.end);
    const float *height = foreground.height.data() + run.first - run.start,
                *under = foreground.height.data() + below.first - below.start;
    const int32_t *mine = foreground.way.data() + run.first - run.start,
                  *theirs = foreground.way.data() + below.first - below.start;
    for (int32_t x = start; x < end;) {
        const int32_t first = x, a = mine[x], b = theirs[x];
        while (x < end && mine[x] == a && theirs[x] == b) ++x;
        regions[~a].sides -= x - first, regions[~b].sides -= x - first;
        if (a == b) continue;
        float saddle = 0;  // all heights are above
        for (int32_t i = first; i < x; ++i)
            saddle = std::max(saddle, std::min(height[i], under[i]));
        touch(~a, ~b, saddle, x - first);
    }
}

}  // namespace nucensus
