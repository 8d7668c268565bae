#include "outlines.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>

#include "cells.h"
#include "grid.h"

namespace nucensus {
namespace {

constexpr int32_t around = 2;       // pixels around an outline that a centre may depend on
constexpr int queue_count = 4096;   // heights that are told apart where nuclei touch
constexpr int64_t most_gap = 16;    // pixels that are smoothed rather than left out
constexpr int64_t room_beyond = 8;  // what loops read behind a line

// Calls `meet(i, j)` for runs i and j that touch, of which j is in the row above; with `corners`
// set, also for those whose corners touch.
template <class Meet>
void for_contacts(const std::vector<OutlineRun>& of_one, int32_t corners, Meet meet) {
    const auto count = static_cast<int32_t>(of_one.size());
    for (int32_t i = 0, j = 0; i < count; ++i) {
        const OutlineRun& run = of_one[i];
        while (of_one[j].row < run.row - 1 ||
               (of_one[j].row < run.row && of_one[j].end + corners <= run.start))
            ++j;
        for (int32_t k = j; of_one[k].row < run.row && of_one[k].start < run.end + corners; ++k)
            meet(i, k);
    }
}

}  // namespace

void Outliner::resize(int64_t height, int64_t width) {
    h = height, w = width, stride = w + 2;
    cells.assign((h + 2) * stride, 0);
}

template <class Pixel>
void Outliner::outline(const RegionLoops& loops, const PixelRows<Pixel>& of_pixels,
                       const Pixel* pixels, int64_t height, int64_t width, int64_t of_step,
                       double sigma, const std::vector<Seed>& seeds) {
    image_height = height, image_width = width, step = of_step, nuclei = &seeds;
    cell_rows.resize(height), cell_columns.resize(width);
    for (int64_t y = 0; y < height; ++y) cell_rows[y] = (y / step + 1) * stride;
    for (int64_t x = 0; x < width; ++x) cell_columns[x] = x / step + 1;
    heights.resize(height * width), labels.resize(height * width);
    std::memset(labels.data(), 0, labels.size() * sizeof(int32_t));
    find_zones();
    smooth(loops, of_pixels, pixels, sigma);
    plant_seeds();
    share_contested();
    collect_runs();
}

// Where a pixel may belong to one nucleus or several: whose cells are there or beside.
void Outliner::find_zones() {
    for (int64_t y = 1; y <= h; ++y) {
        int32_t* row = cells.data() + y * stride;
        row[0] = row[1], row[w + 1] = row[w];
    }
    std::copy_n(cells.data() + stride, stride, cells.data());
    std::copy_n(cells.data() + h * stride, stride, cells.data() + (h + 1) * stride);
    most.resize(cells.size()), least.resize(cells.size()), full.resize(cells.size());
    near.assign(cells.size(), 0), zones.assign(cells.size(), outside);
    for (int64_t y = 0; y < h + 2; ++y) {
        const int32_t* row = cells.data() + y * stride;
        int32_t *high = most.data() + y * stride, *low = least.data() + y * stride,
                *all = full.data() + y * stride;
        for (int64_t x = 1; x <= w; ++x) {
            const int32_t a = row[x - 1], b = row[x], c = row[x + 1];
            high[x] = std::max(a, std::max(b, c)), all[x] = std::min(a, std::min(b, c));
            low[x] = std::min(a ? a : INT_MAX, std::min(b ? b : INT_MAX, c ? c : INT_MAX));
        }
    }
    for (int64_t y = 1; y <= h; ++y)
        for (int64_t i = y * stride + 1; i <= y * stride + w; ++i) {
            const int64_t up = i - stride, down = i + stride;
            const int32_t high = std::max(most[up], std::max(most[i], most[down]));
            const int32_t low = std::min(least[up], std::min(least[i], least[down]));
            const int32_t all = std::min(full[up], std::min(full[i], full[down]));
            near[i] = high;
            zones[i] = high == 0 ? outside : high != low ? contested : all == high ? inside : alone;
        }
    for (const Seed& seed : *nuclei) {  // of a crescent it may lie beside
        Zone& zone = zones[cell_of(seed.y, seed.x)];
        if (zone == outside) zone = contested;
    }
}

// Goes through the rows of cells in which there is something to decide.
template <class Pixel>
void Outliner::smooth(const RegionLoops& loops, const PixelRows<Pixel>& of_pixels,
                      const Pixel* pixels, double sigma) {
    const Gaussian gaussian(sigma);
    const int64_t reach = gaussian.reach;
    const Pixel* rows[2 * most_reach + 1];
    line.resize(image_width + 2 * most_reach + room_beyond);
    levels.resize(image_width), owners.resize(image_width);
    float* mid = line.data() + most_reach;
    open.clear(), held.clear(), first_held.assign(1, 0);
    for (int64_t cell_row = 0; cell_row < h; ++cell_row) {
        find_spans(cell_row);
        look_up(cell_row);
        const int64_t last = std::min(image_height, (cell_row + 1) * step);
        for (int64_t y = cell_row * step; y < last; ++y) {
            for (int64_t j = -reach; j <= reach; ++j)
                rows[reach + j] = pixels + mirror(y + j, image_height) * image_width;
            for (const Span& span : smoothed) {
                const int64_t first = std::max<int64_t>(0, span.start - reach),
                              beyond = std::min(image_width, span.end + reach);
                of_pixels.smooth_down(rows, first, beyond - first, gaussian.taps, reach,
                                      mid + first);
                for (int64_t x = span.start - reach; x < 0; ++x)
                    mid[x] = mid[mirror(x, image_width)];
                for (int64_t x = image_width; x < span.end + reach; ++x)
                    mid[x] = mid[mirror(x, image_width)];
                loops.smooth_across(mid + span.start, span.end - span.start, gaussian.taps, reach,
                                    heights.data() + y * image_width + span.start);
            }
            decide(y);
        }
    }
}

// The pixels of a row of cells that are near nuclei, and those of them that are smoothed: a few
// that need not be are where others are on both sides.
void Outliner::find_spans(int64_t cell_row) {
    const Zone* zone = zones.data() + (cell_row + 1) * stride + 1;
    const auto add = [&](std::vector<Span>& to, size_t first, int64_t x, int64_t gap) {
        const int64_t start = x * step, end = std::min(image_width, start + step);
        if (to.size() > first && start - to.back().end <= gap)
            to.back().end = end;
        else
            to.push_back({start, end});
    };
    smoothed.clear();
    for (int64_t x = 0; x < w; ++x) {
        if (zone[x] != outside) add(held, first_held.back(), x, 0);
        if (zone[x] == alone || zone[x] == contested) add(smoothed, 0, x, most_gap);
    }
    first_held.push_back(held.size());
}

// Whose pixels those of a row of cells are, and what they have to be higher than. Pixels inside of
// a nucleus are its own, those near it alone are if they are high.
void Outliner::look_up(int64_t cell_row) {
    const int64_t first_cell = (cell_row + 1) * stride + 1, top = cell_row * step,
                  bottom = std::min(image_height, top + step);
    for (size_t i = first_held[cell_row]; i < first_held[cell_row + 1]; ++i)
        for (int64_t x = held[i].start; x < held[i].end; x += step) {
            const int64_t cell = first_cell + x / step, right = std::min(held[i].end, x + step);
            const Zone zone = zones[cell];
            const int32_t label = zone == contested ? 0 : near[cell];
            const float level = zone == alone ? (*nuclei)[label - 1].level : -HUGE_VALF;
            for (int64_t j = x; j < right; ++j) levels[j] = level, owners[j] = label;
            if (zone != contested) continue;
            for (int64_t y = top; y < bottom; ++y)
                for (int64_t j = x; j < right; ++j)
                    open.push_back({static_cast<int32_t>(y), static_cast<int32_t>(j)});
        }
}

void Outliner::decide(int64_t y) {
    const int64_t cell_row = y / step;
    for (size_t i = first_held[cell_row]; i < first_held[cell_row + 1]; ++i) {
        const int64_t start = held[i].start, n = held[i].end - start;
        const float* height = heights.data() + y * image_width + start;
        const float* level = levels.data() + start;
        const int32_t* owner = owners.data() + start;
        int32_t* to = labels.data() + y * image_width + start;
        for (int64_t x = 0; x < n; ++x) to[x] = height[x] > level[x] ? owner[x] : 0;
    }
}

// What several nuclei are near goes to the one that reaches it first, from the highest down; of
// those as high, the nearest.
void Outliner::share_contested() {
    if (open.empty()) return;
    float highest = -HUGE_VALF;
    lowest = HUGE_VALF;
    for (const Place& place : open) {
        const float height = heights[place.y * image_width + place.x];
        lowest = std::min(lowest, height), highest = std::max(highest, height);
    }
    per_queue = std::max((highest - lowest) / (queue_count - 1), 1e-20f);
    queues.assign(queue_count, {-1, -1}), claims.clear();
    turn = queue_count - 1;
    for (const Place& place : open) claim_from_around(place);
    for (turn = queue_count; turn-- > 0;)
        while (queues[turn].first >= 0) {
            const Claim best = claims[queues[turn].first];
            queues[turn].first = best.next;
            int32_t& here = labels[best.place.y * image_width + best.place.x];
            if (here) continue;
            here = best.label;
            claim_around(best.place, best.label);
        }
}

// Every nucleus has a pixel, however thin its region is.
void Outliner::plant_seeds() {
    int32_t label = 0;
    for (const Seed& seed : *nuclei) labels[seed.y * image_width + seed.x] = ++label;
}

// What lies beside a pixel may claim it.
void Outliner::claim_from_around(Place at) {
    const int64_t pixel = at.y * image_width + at.x;
    if (at.y > 0) claim(at.y, at.x, labels[pixel - image_width]);
    if (at.x > 0) claim(at.y, at.x, labels[pixel - 1]);
    if (at.x + 1 < image_width) claim(at.y, at.x, labels[pixel + 1]);
    if (at.y + 1 < image_height) claim(at.y, at.x, labels[pixel + image_width]);
}

void Outliner::claim_around(Place at, int32_t label) {
    if (at.y > 0) claim(at.y - 1, at.x, label);
    if (at.x > 0) claim(at.y, at.x - 1, label);
    if (at.x + 1 < image_width) claim(at.y, at.x + 1, label);
    if (at.y + 1 < image_height) claim(at.y + 1, at.x, label);
}

void Outliner::claim(int32_t y, int32_t x, int32_t label) {
    const int64_t pixel = y * image_width + x, cell = cell_of(y, x);
    if (!label || labels[pixel] || zones[cell] != contested) return;
    const float height = heights[pixel];
    if (height <= (*nuclei)[label - 1].level || !is_near(cell, label)) return;
    const auto place = static_cast<int32_t>(claims.size());
    claims.push_back({{y, x}, label, -1});
    Queue& queue = queues[std::min(turn, static_cast<size_t>((height - lowest) / per_queue))];
    (queue.first < 0 ? queue.first : claims[queue.last].next) = place;
    queue.last = place;
}

bool Outliner::is_near(int64_t cell, int32_t label) const {
    for (const int64_t row : {cell - stride, cell, cell + stride})
        for (int64_t i = row - 1; i <= row + 1; ++i)
            if (cells[i] == label) return true;
    return false;
}

// The runs of all nuclei in reading order, then sorted by nucleus.
void Outliner::collect_runs() {
    found.clear();
    for (int64_t y = 0; y < image_height; ++y) {
        const int32_t* row = labels.data() + y * image_width;
        const int64_t cell_row = y / step;
        for (size_t i = first_held[cell_row]; i < first_held[cell_row + 1]; ++i)
            for (int64_t x = held[i].start; x < held[i].end;) {
                const int32_t label = row[x];
                const int64_t start = x;
                while (x < held[i].end && row[x] == label) ++x;
                if (label == 0) continue;
                found.push_back({label - 1, static_cast<int32_t>(y), static_cast<int32_t>(start),
                                 static_cast<int32_t>(x)});
            }
    }
    std::vector<size_t> first;
    order_by_nucleus(found, nuclei->size(), runs, first);
    found.swap(runs), runs.clear();
    for (size_t i = 0; i < nuclei->size(); ++i) {
        body.assign(found.begin() + static_cast<int64_t>(first[i]),
                    found.begin() + static_cast<int64_t>(first[i + 1]));
        tidy(body);
        runs.insert(runs.end(), body.begin(), body.end());
    }
}

// Makes the pixels of a nucleus one body without holes.
void Outliner::tidy(std::vector<OutlineRun>& of_one) {
    const auto root = [&](int32_t i) {
        while (parent[i] != i) i = parent[i] = parent[parent[i]];
        return i;
    };
    auto bodies = static_cast<int32_t>(of_one.size());
    parent.resize(of_one.size());
    for (int32_t i = 0; i < bodies; ++i) parent[i] = i;
    for_contacts(of_one, 0, [&](int32_t i, int32_t j) {
        const int32_t a = root(i), b = root(j);
        if (a != b) parent[std::max(a, b)] = std::min(a, b), --bodies;
    });
    if (bodies > 1) {
        for (size_t i = 0; i < of_one.size(); ++i) parent[i] = root(static_cast<int32_t>(i));
        keep_seeded(of_one);
    }
    // As many contacts as hold a body together; each more closes a hole.
    auto holes = 1 - static_cast<int32_t>(of_one.size());
    for_contacts(of_one, 1, [&](int32_t, int32_t) { ++holes; });
    if (holes) fill_holes(of_one);
}

// Of several bodies the one with the seed is the nucleus.
void Outliner::keep_seeded(std::vector<OutlineRun>& of_one) {
    const Seed& seed = (*nuclei)[of_one[0].nucleus];
    const auto at = std::find_if(of_one.begin(), of_one.end(), [&](const OutlineRun& run) {
        return run.row == seed.y && run.start <= seed.x && seed.x < run.end;
    });
    const int32_t best = parent[at - of_one.begin()];
    size_t kept = 0;
    for (size_t i = 0; i < of_one.size(); ++i) {
        const OutlineRun& run = of_one[i];
        if (parent[i] == best)
            of_one[kept++] = run;
        else
            std::fill(labels.data() + run.row * image_width + run.start,
                      labels.data() + run.row * image_width + run.end, 0);
    }
    of_one.resize(kept);
}

// What cannot be reached from outside is a hole; it may hold another nucleus.
void Outliner::fill_holes(std::vector<OutlineRun>& of_one) {
    const int32_t nucleus = of_one[0].nucleus, top = of_one[0].row - 1;
    int32_t left = INT_MAX, right = 0;
    for (const OutlineRun& run : of_one)
        left = std::min(left, run.start - 1), right = std::max(right, run.end + 1);
    const int32_t rows = of_one.back().row + 2 - top, columns = right - left;
    box.assign(static_cast<size_t>(rows) * columns, 0);
    for (const OutlineRun& run : of_one)
        std::fill(box.data() + (run.row - top) * columns + run.start - left,
                  box.data() + (run.row - top) * columns + run.end - left, 1);
    waiting.assign(1, {0, 0}), box[0] = 2;
    while (!waiting.empty()) {
        const Place at = waiting.back();
        waiting.pop_back();
        const Place beside[] = {
            {at.y - 1, at.x}, {at.y + 1, at.x}, {at.y, at.x - 1}, {at.y, at.x + 1}};
        for (const Place& to : beside) {
            if (to.y < 0 || to.y >= rows || to.x < 0 || to.x >= columns) continue;
            uint8_t& there = box[to.y * columns + to.x];
            if (there == 0) there = 2, waiting.push_back(to);
        }
    }
    of_one.clear();
    for (int32_t y = 1; y + 1 < rows; ++y) {
        int32_t* row = labels.data() + (y + top) * image_width + left;
        const uint8_t* of_row = box.data() + y * columns;
        for (int32_t x = 1; x + 1 < columns; ++x)
            if (of_row[x] == 0 && row[x] == 0) row[x] = nucleus + 1;
        for (int32_t x = 1; x + 1 < columns; ++x) {
            if (row[x] != nucleus + 1) continue;
            const int32_t start = x;
            while (x + 1 < columns && row[x] == nucleus + 1) ++x;
            of_one.push_back({nucleus, y + top, start + left, x + left});
        }
    }
}

template <class Pixel>
void Outliner::find_centres(const PixelRows<Pixel>& of_pixels, const Pixel* pixels,
                            const std::vector<Seed>& seeds, OutlineRecord* out) {
    for (size_t first = 0, last = 0; first < runs.size(); first = last) {
        const int32_t nucleus = runs[first].nucleus;
        while (last < runs.size() && runs[last].nucleus == nucleus) ++last;
        out[nucleus] = find_centre(of_pixels, pixels, first, last, seeds[nucleus]);
    }
}

// The centre of mass of what is higher than half of the level, in the outline and a little around
// it: whether a pixel at the outline belongs to the nucleus does not move it.
template <class Pixel>
OutlineRecord Outliner::find_centre(const PixelRows<Pixel>& of_pixels, const Pixel* pixels,
                                    size_t first, size_t last, const Seed& seed) {
    const int32_t top = runs[first].row, rows = runs[last - 1].row - top + 1,
                  own = runs[first].nucleus + 1;
    sides.assign(rows + 2 * around, {INT_MAX, INT_MIN});
    for (size_t i = first; i < last; ++i)
        for (int32_t j = 0; j <= 2 * around; ++j) {
            Queue& side = sides[runs[i].row - top + j];
            side.first = std::min(side.first, runs[i].start - around);
            side.last = std::max(side.last, runs[i].end + around);
        }
    const auto cut = static_cast<float>(.5 * (static_cast<double>(seed.level) + seed.background));
    double light = 0, down = 0, across = 0;
    for (int32_t j = 0; j < rows + 2 * around; ++j) {
        const int32_t y = top - around + j;
        if (y < 0 || y >= image_height) continue;
        const int32_t start = std::max(0, sides[j].first),
                      end = std::min(static_cast<int32_t>(image_width), sides[j].last);
        const int64_t at = y * image_width + start;
        const Weight row = of_pixels.weigh(pixels + at, labels.data() + at, end - start, own, cut);
        light += row.light, down += row.light * y, across += row.light * start + row.moment;
    }
    if (light > 0) return {down / light, across / light, seed.background};
    return {static_cast<double>(seed.y), static_cast<double>(seed.x), seed.background};
}

#define NUCENSUS_OUTLINE(Pixel)                                                                   \
    template void Outliner::outline(const RegionLoops&, const PixelRows<Pixel>&, const Pixel*,    \
                                    int64_t, int64_t, int64_t, double, const std::vector<Seed>&); \
    template void Outliner::find_centres(const PixelRows<Pixel>&, const Pixel*,                   \
                                         const std::vector<Seed>&, OutlineRecord*);
NUCENSUS_OUTLINE(uint8_t)
NUCENSUS_OUTLINE(uint16_t)
NUCENSUS_OUTLINE(float)
#undef NUCENSUS_OUTLINE

}  // namespace nucensus
