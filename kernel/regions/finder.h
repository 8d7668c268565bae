// Finds nuclei as regions of one image, on a grid of pixels averaged to suit their size:
// a foreground cut at half of each object's own height above the background, divided into pieces at
// its valleys, and pieces put together again where they are one convex body without a dip.
// docs/method.md says why, with sources.
//
// Everything is single precision and in a fixed order, without fused operations, so the answer does
// not depend on the instruction set.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "abi.h"
#include "background.h"
#include "cells.h"
#include "cut.h"
#include "grid.h"
#include "holes.h"
#include "inside.h"
#include "outlines.h"
#include "pieces.h"
#include "rows.h"
#include "shapes.h"
#include "strips.h"
#include "union.h"

namespace nucensus {

inline const PixelRows<uint8_t>& rows_of(const RegionLoops& rows, const uint8_t*) {
    return rows.of_uint8;
}
inline const PixelRows<uint16_t>& rows_of(const RegionLoops& rows, const uint16_t*) {
    return rows.of_uint16;
}
inline const PixelRows<float>& rows_of(const RegionLoops& rows, const float*) {
    return rows.of_float;
}

// Whether a region is light from elsewhere: its outline, if much of it is free, does not fall as
// that of an object.
inline bool is_haze(const Region& region, const RegionSettings& settings) {
    return region.fall * settings.radius < settings.least_fall * region.peak * region.sides;
}

// The same as a number.
inline double fall_of(const Region& region, const RegionSettings& settings) {
    return region.sides ? region.fall * settings.radius / (region.peak * region.sides) : 0;
}

// A disc has as many sides of pixels as its diameter four times.
inline double free_of(const Region& region) {
    return region.sides / (8 * std::sqrt(region.moments.area / M_PI));
}

class Finder {
public:
    template <class Pixel>
    int64_t find(const RegionLoops& rows, const Image& image, const RegionSettings& settings,
                 RegionMeasure& measure, RegionRecord* out, int64_t capacity, RegionShapes* shapes,
                 OutlineSettings* outlines, PairLog* pairs) {
        begin(image, settings, whole(image, settings));
        background.make_room();
        background.begin_samples(part);
        average<Pixel>(rows, image, settings, true);
        background.fit(rows, settings, measure);
        const int64_t found =
            find_in_grid<Pixel>(rows, image, settings, measure, out, capacity, shapes, pairs);
        measure.edge_width = part.crossings ? static_cast<double>(part.on_edges) /
                                                  static_cast<double>(part.crossings) *
                                                  static_cast<double>(settings.step)
                                            : 0;
        measure.foreground =
            static_cast<double>(part.foreground) / static_cast<double>(grid.height * grid.width);
        if (outlines != nullptr && found <= capacity) {
            if (shapes == nullptr) find_cells();
            outline(rows, static_cast<const Pixel*>(image.pixels), image.height, image.width,
                    settings.step, out, *outlines);
        }
        return found;
    }

    void size_ground(int64_t height, int64_t width, const RegionSettings& settings,
                     RegionGround& ground) {
        resize_background(height, width, settings);
        background.measure_ground(ground);
    }

    void fit_ground(const RegionLoops& rows, int64_t height, int64_t width,
                    const RegionSettings& settings, RegionGround& ground, RegionMeasure& measure) {
        resize_background(height, width, settings);
        background.use_room(ground);
        background.fit(rows, settings, measure);
        background.keep(ground);
    }

    template <class Pixel>
    void sample(const RegionLoops& rows, const Image& image, const RegionSettings& settings,
                const RegionWindow& window, const RegionGround& ground) {
        begin(image, settings, window);
        background.use_room(ground);
        background.begin_samples(part);
        average<Pixel>(rows, image, settings, true);
    }

    template <class Pixel>
    int64_t find_part(const RegionLoops& rows, const Image& image, const RegionSettings& settings,
                      RegionWindow& window, const RegionGround& ground, RegionMeasure& measure,
                      RegionRecord* out, int64_t capacity, RegionShapes* shapes) {
        begin(image, settings, window);
        background.recall(ground);
        average<Pixel>(rows, image, settings, false);
        const int64_t found =
            find_in_grid<Pixel>(rows, image, settings, measure, out, capacity, shapes, nullptr);
        window = part;
        return found;
    }

private:
    struct Place {
        int64_t y, x;
    };

    // The centre of mass of a region, and the number of the pixel there; -1 if that is background.
    struct Centre {
        int32_t region, pixel;
        double y, x;
    };

    static int64_t cells(int64_t pixels, const RegionSettings& settings) {
        return (pixels + settings.step - 1) / settings.step;
    }

    // All of an image, as its only part.
    static RegionWindow whole(const Image& image, const RegionSettings& settings) {
        return {image.height,
                image.width,
                0,
                0,
                0,
                cells(image.height, settings),
                0,
                cells(image.width, settings),
                0,
                0,
                0,
                0};
    }

    void resize_background(int64_t height, int64_t width, const RegionSettings& settings) {
        image_height = cells(height, settings), image_width = cells(width, settings);
        background.resize(image_height, image_width, settings);
    }

    // Of a part of the image, which begins at `part.top` and `part.left` of its grid.
    void begin(const Image& image, const RegionSettings& settings, const RegionWindow& window) {
        part = window;
        resize_background(part.height, part.width, settings);
        grid.resize(cells(image.height, settings), cells(image.width, settings));
    }

    template <class Pixel>
    void average(const RegionLoops& rows, const Image& image, const RegionSettings& settings,
                 bool is_sampled) {
        const auto* pixels = static_cast<const Pixel*>(image.pixels);
        for (int64_t y = 0; y < grid.height; ++y) {
            grid.average(rows, rows_of(rows, pixels), pixels, image.height, image.width,
                         settings.step, y);
            if (is_sampled) background.take_samples(rows, grid, y + 1);
        }
    }

    template <class Pixel>
    int64_t find_in_grid(const RegionLoops& rows, const Image& image,
                         const RegionSettings& settings, const RegionMeasure& measure,
                         RegionRecord* out, int64_t capacity, RegionShapes* shapes,
                         PairLog* pairs) {
        const double most_hole = settings.most_hole * M_PI * settings.radius * settings.radius;
        background.prepare(grid, part, measure);
        strips.find(rows, grid, background, settings, part, measure.threshold, foreground);
        pieces.find(foreground, grid.height, grid.width, part.top, part.left);
        holes.find(foreground, grid.height, grid.width, part.top, part.left, most_hole);
        count_own();
        is_divided = grid.height < image_height || grid.width < image_width;
        if (is_divided) find_cut(most_hole);
        joined.merge(pieces, holes, settings, pairs);
        find_centres(settings);
        const auto found = static_cast<int64_t>(centres.size());
        const int64_t written = std::min(found, capacity);
        describe_all(settings, out, written);
        look_inside<Pixel>(rows, image, settings, out, written,
                           found <= capacity ? shapes : nullptr);
        return found;
    }

    // A few regions at a time: what was measured is still in the cache when it is looked at.
    template <class Pixel>
    void look_inside(const RegionLoops& rows, const Image& image, const RegionSettings& settings,
                     RegionRecord* out, int64_t count, RegionShapes* shapes) {
        const PixelRows<Pixel>& of_pixels = rows_of(rows, static_cast<const Pixel*>(image.pixels));
        const Insides<Pixel> insides(image, part, settings);
        if (shapes != nullptr) find_cells();
        for (int64_t first = 0; first < count; first += looked_at_together) {
            const int64_t last = std::min(count, first + looked_at_together);
            if (shapes != nullptr) {
                const auto run = static_cast<int64_t>(held.first[first]),
                           end = static_cast<int64_t>(held.first[last]);
                shaper.measure(of_pixels, image, settings.step, held.runs.data() + run, end - run,
                               shapes->records);
            }
            if (settings.looks_inside) insides.look(out + first, last - first);
        }
        if (shapes != nullptr) finish_shapes(*shapes);
    }

    bool is_own(int64_t y, int64_t x) const {
        return y >= part.own_top && y < part.own_bottom && x >= part.own_left && x < part.own_right;
    }

    void count_own() {
        part.on_edges = foreground.on_edges, part.crossings = foreground.crossings;
        part.foreground = 0;
        for (int64_t y = part.own_top - part.top; y < part.own_bottom - part.top; ++y)
            for (const PixelSpan* run = foreground.runs_from(y); run < foreground.runs_from(y + 1);
                 ++run)
                part.foreground += std::max<int64_t>(
                    0, std::min<int64_t>(run->end, part.own_right - part.left) -
                           std::max<int64_t>(run->start, part.own_left - part.left));
    }

    void find_cut(double most_hole) {
        cut.find(foreground, pieces, holes, part, grid.height, grid.width, image_height,
                 image_width, most_hole);
        part.is_cut = 0;
        for (int32_t r = 0; r < static_cast<int32_t>(pieces.regions.size()); ++r) {
            const Region& piece = pieces.regions[r];
            if (is_own(piece.seed_y, piece.seed_x) && cut.holds(r)) part.is_cut = 1;
        }
    }

    // Those of all but debris and haze, in the order of their first summits; of a part those that
    // are its own, and are known whole.
    void find_centres(const RegionSettings& settings) {
        const double least_area = settings.least_area * M_PI * settings.radius * settings.radius;
        centres.clear();
        for (int32_t r = 0; r < static_cast<int32_t>(pieces.regions.size()); ++r) {
            const Region& region = pieces.regions[r];
            const Moments& m = region.moments;
            if (joined.find(r) != r || m.area < least_area || is_haze(region, settings)) continue;
            if (!is_own(region.seed_y, region.seed_x) || (is_divided && cut.holds(r))) continue;
            const double y = m.y / m.area, x = m.x / m.area;
            centres.push_back({r, number(nearest(y, image_height), nearest(x, image_width)), y, x});
        }
    }

    int32_t number(int64_t y, int64_t x) const {
        return foreground.number(y - part.top, x - part.left);
    }

    // What is known of the pixels is no longer in the cache, so what comes soon is asked for.
    void describe_all(const RegionSettings& settings, RegionRecord* out, int64_t count) {
        for (int64_t i = 0; i < count; ++i) {
            const int32_t soon =
                std::max(0, centres[std::min(i + prefetch_ahead, count - 1)].pixel);
            __builtin_prefetch(foreground.way.data() + soon);
            __builtin_prefetch(foreground.height.data() + soon);
            out[i] = describe(centres[i], settings);
            out[i].y = std::min(out[i].y, static_cast<double>(part.height - 1));
            out[i].x = std::min(out[i].x, static_cast<double>(part.width - 1));
        }
    }

    // The centre of mass, unless it lies outside of the region: then its seed. In a hole the value
    // is that of the seed.
    RegionRecord describe(const Centre& centre, const RegionSettings& settings) {
        const Region& region = pieces.regions[centre.region];
        const Moments& m = region.moments;
        double y = centre.y, x = centre.x;
        int32_t pixel = centre.pixel;
        if (pixel < 0 || joined.find(~foreground.way[pixel]) != centre.region) {
            if (pixel >= 0 || !region.has_hole) y = region.seed_y, x = region.seed_x;
            pixel = number(region.seed_y, region.seed_x);
        }
        const int64_t row = static_cast<int64_t>(y + .5) - part.top,
                      column = static_cast<int64_t>(x + .5) - part.left;
        const double grey_level =
            static_cast<double>(foreground.height[pixel]) + background.at(row, column);
        const auto step = static_cast<double>(settings.step);
        const double shift = (step - 1) / 2;
        return {y * step + shift,
                x * step + shift,
                m.area * step * step,
                region.peak,
                region.mass / m.area,
                grey_level,
                m.stretch(),
                static_cast<double>(region.touches_edge),
                0,
                -HUGE_VAL,
                fall_of(region, settings),
                free_of(region),
                static_cast<double>(part.top + foreground.summits[centre.region].y),
                static_cast<double>(part.left + foreground.summits[centre.region].x)};
    }

    template <class Pixel>
    void outline(const RegionLoops& rows, const Pixel* pixels, int64_t height, int64_t width,
                 int64_t step, const RegionRecord* found, OutlineSettings& how) {
        outliner.resize(grid.height, grid.width);
        for (const OutlineRun& run : held.runs)
            std::fill_n(outliner.row_of_cells(run.row) + run.start, run.end - run.start,
                        run.nucleus + 1);
        seeds.clear();
        for (size_t i = 0; i < centres.size(); ++i) {
            const Centre& centre = centres[i];
            const float ground =
                background.at(nearest(centre.y, grid.height), nearest(centre.x, grid.width));
            seeds.push_back({static_cast<int32_t>(nearest(found[i].y, height)),
                             static_cast<int32_t>(nearest(found[i].x, width)),
                             ground + static_cast<float>(how.share * found[i].mean_height),
                             ground});
        }
        const PixelRows<Pixel>& of_pixels = rows_of(rows, pixels);
        outliner.outline(rows, of_pixels, pixels, height, width, step, how.sigma, seeds);
        outliner.find_centres(of_pixels, pixels, seeds, how.records);
        how.count = static_cast<int64_t>(outliner.runs.size());
        std::copy_n(outliner.runs.data(), std::min(how.count, how.capacity), how.runs);
    }

    // The pixels of the grid that the regions hold.
    void find_cells() {
        nucleus_of.assign(pieces.regions.size(), -1);
        for (size_t i = 0; i < centres.size(); ++i)
            nucleus_of[centres[i].region] = static_cast<int32_t>(i);
        for (size_t r = 0; r < nucleus_of.size(); ++r)
            nucleus_of[r] = nucleus_of[joined.find(static_cast<int32_t>(r))];
        held.find(pieces.stretches, holes, nucleus_of, centres.size());
    }

    // What the pixels of the image do not tell of what is in the regions.
    void finish_shapes(RegionShapes& to) {
        const int edges = (part.top == 0) | (part.left == 0) << 1 |
                          (part.top + grid.height == image_height) << 2 |
                          (part.left + grid.width == image_width) << 3;
        for (size_t i = 0; i < centres.size(); ++i) {
            const int64_t y = nearest(centres[i].y, image_height) - part.top,
                          x = nearest(centres[i].x, image_width) - part.left;
            to.records[i].background = background.at(y, x);
            to.records[i].edges = static_cast<int>(to.records[i].edges) & edges;
        }
        if (to.runs == nullptr) return;
        to.count = static_cast<int64_t>(held.runs.size());
        std::copy_n(held.runs.data(), std::min(to.count, to.capacity), to.runs);
    }

    static constexpr int64_t prefetch_ahead = 6, looked_at_together = 8;  // regions

    RegionWindow part{};
    int64_t image_height = 0, image_width = 0;  // pixels of the grid of the whole image
    bool is_divided = false;
    Grid grid;
    Background background;
    Strips strips;
    Foreground foreground;
    Pieces pieces;
    Holes holes;
    Cut cut;
    Union joined;
    std::vector<Centre> centres;
    Cells held;
    Shapes shaper;
    Outliner outliner;
    std::vector<Seed> seeds;
    std::vector<int32_t> nucleus_of;  // of each piece
};

}  // namespace nucensus
