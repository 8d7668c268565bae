// Finds nuclei as regions of one image, on a grid of pixels averaged to suit their size:
// a foreground cut at half of each object's own height above the background, divided into pieces at
// its valleys, and pieces put together again where they are one convex body without a dip.
// docs/method.md says why, with sources.
//
// Everything is single precision and in a fixed order, without fused operations, so the answer does
// not depend on the instruction set.
#include <new>

#include "abi.h"
#include "background.h"
#include "grid.h"
#include "holes.h"
#include "isa.h"
#include "outlines.h"
#include "pieces.h"
#include "rows.h"
#include "strips.h"
#include "union.h"

namespace nucensus {
namespace {

const PixelRows<uint8_t>& rows_of(const RegionLoops& rows, const uint8_t*) { return rows.of_uint8; }
const PixelRows<uint16_t>& rows_of(const RegionLoops& rows, const uint16_t*) {
    return rows.of_uint16;
}
const PixelRows<float>& rows_of(const RegionLoops& rows, const float*) { return rows.of_float; }

// Whether a region is light from elsewhere: its outline, if much of it is free, does not fall as
// that of an object.
bool is_haze(const Region& region, const RegionSettings& settings) {
    return region.fall * settings.radius < settings.least_fall * region.peak * region.sides;
}

// The same as a number.
double fall_of(const Region& region, const RegionSettings& settings) {
    return region.sides ? region.fall * settings.radius / (region.peak * region.sides) : 0;
}

// A disc has as many sides of pixels as its diameter four times.
double free_of(const Region& region) {
    return region.sides / (8 * std::sqrt(region.moments.area / M_PI));
}

class Finder {
public:
    template <class Pixel>
    int64_t find(const RegionLoops& rows, const Pixel* pixels, int64_t height, int64_t width,
                 const RegionSettings& settings, RegionMeasure& measure, RegionRecord* out,
                 int64_t capacity, OutlineSettings* outlines, PairLog* pairs) {
        grid.resize((height + settings.step - 1) / settings.step,
                    (width + settings.step - 1) / settings.step);
        background.resize(grid, settings);
        for (int64_t y = 0; y < grid.height; ++y) {
            grid.average(rows, rows_of(rows, pixels), pixels, height, width, settings.step, y);
            background.take_samples(rows, grid, y + 1);
        }
        background.fit(rows, settings, measure);
        background.choose_threshold(settings, measure);
        strips.find(rows, grid, background, settings, measure.threshold, foreground);
        measure.edge_width = foreground.edge_width() * static_cast<double>(settings.step);
        measure.foreground =
            static_cast<double>(foreground.count) / static_cast<double>(grid.height * grid.width);
        pieces.find(foreground, grid.height, grid.width);
        holes.find(foreground, grid.height, grid.width,
                   settings.most_hole * M_PI * settings.radius * settings.radius);
        joined.merge(pieces, holes, settings, pairs);
        find_centres(settings);
        const auto found = static_cast<int64_t>(centres.size());
        const int64_t written = std::min(found, capacity);
        describe_all(settings, height, width, out, written);
        look_inside_all(pixels, height, width, settings.radius * static_cast<double>(settings.step),
                        out, written);
        if (outlines != nullptr && found <= capacity)
            outline(pixels, height, width, settings.step, out, *outlines);
        return found;
    }

private:
    // The centre of mass of a region, and the number of the pixel there; -1 if that is background.
    struct Centre {
        int32_t region, pixel;
        double y, x;
    };

    // Those of all but debris and haze, in the order of their first summits.
    void find_centres(const RegionSettings& settings) {
        const double least_area = settings.least_area * M_PI * settings.radius * settings.radius;
        centres.clear();
        for (int32_t r = 0; r < static_cast<int32_t>(pieces.regions.size()); ++r) {
            const Region& region = pieces.regions[r];
            const Moments& m = region.moments;
            if (joined.find(r) != r || m.area < least_area || is_haze(region, settings)) continue;
            const double y = m.y / m.area, x = m.x / m.area;
            centres.push_back(
                {r, foreground.number(nearest(y, grid.height), nearest(x, grid.width)), y, x});
        }
    }

    // What is known of the pixels is no longer in the cache, so what comes soon is asked for.
    void describe_all(const RegionSettings& settings, int64_t height, int64_t width,
                      RegionRecord* out, int64_t count) {
        for (int64_t i = 0; i < count; ++i) {
            const int32_t soon =
                std::max(0, centres[std::min(i + prefetch_ahead, count - 1)].pixel);
            __builtin_prefetch(foreground.way.data() + soon);
            __builtin_prefetch(foreground.height.data() + soon);
            out[i] = describe(centres[i], settings);
            out[i].y = std::min(out[i].y, static_cast<double>(height - 1));
            out[i].x = std::min(out[i].x, static_cast<double>(width - 1));
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
            pixel = foreground.number(region.seed_y, region.seed_x);
        }
        const int64_t row = static_cast<int64_t>(y + .5), column = static_cast<int64_t>(x + .5);
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
                free_of(region)};
    }

    template <class Pixel>
    void outline(const Pixel* pixels, int64_t height, int64_t width, int64_t step,
                 const RegionRecord* found, OutlineSettings& how) {
        number_cells();
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
        outliner.outline(pixels, height, width, step, how.sigma, seeds);
        outliner.find_centres(pixels, seeds, how.records);
        how.count = static_cast<int64_t>(outliner.runs.size());
        std::copy_n(outliner.runs.data(), std::min(how.count, how.capacity), how.runs);
    }

    // The place of the nucleus of each pixel of the grid, from 1 on.
    void number_cells() {
        ranks.assign(pieces.regions.size(), 0);
        for (size_t i = 0; i < centres.size(); ++i)
            ranks[centres[i].region] = static_cast<int32_t>(i + 1);
        outliner.resize(grid.height, grid.width);
        for (int64_t y = 0; y < grid.height; ++y) {
            int32_t* row = outliner.row_of_cells(y);
            for (const PixelSpan* run = foreground.runs_from(y); run < foreground.runs_from(y + 1);
                 ++run)
                for (int32_t x = run->start; x < run->end; ++x)
                    row[x] = ranks[joined.find(~foreground.way[run->first + x - run->start])];
        }
        for (const HoleSpan& span : holes.spans) {
            const int32_t owner = holes.found[span.hole].owner;
            if (owner >= 0)
                std::fill_n(outliner.row_of_cells(span.y) + span.start, span.end - span.start,
                            ranks[joined.find(owner)]);
        }
    }

    // Nor is the image in the cache.
    template <class Pixel>
    static void look_inside_all(const Pixel* pixels, int64_t height, int64_t width, double radius,
                                RegionRecord* regions, int64_t count) {
        for (int64_t i = 0; i < count; ++i) {
            const RegionRecord& soon = regions[std::min(i + prefetch_ahead, count - 1)];
            for (int j = 0; j < 5; ++j)
                __builtin_prefetch(pixels + nearest(soon.y + (j - 2) * radius / 4, height) * width +
                                   nearest(soon.x, width));
            look_inside(pixels, height, width, radius, regions[i]);
        }
    }

    // Whether the image is flat there.
    template <class Pixel>
    static void look_inside(const Pixel* pixels, int64_t height, int64_t width, double radius,
                            RegionRecord& region) {
        int64_t ys[5], xs[5];
        for (int i = 0; i < 5; ++i) {
            ys[i] = nearest(region.y + (i - 2) * radius / 4, height);
            xs[i] = nearest(region.x + (i - 2) * radius / 4, width);
        }
        float values[25], first = -HUGE_VALF, second = -HUGE_VALF;
        for (int i = 0; i < 5; ++i)
            for (int j = 0; j < 5; ++j)
                values[5 * i + j] = static_cast<float>(pixels[ys[i] * width + xs[j]]);
        for (const float value : values) {
            second = std::max(second, std::min(first, value));
            first = std::max(first, value);
        }
        region.second = second;
        region.plateau = value_of_most(values);
    }

    // The value of more than half of 25, if there is one: it stays when each other cancels one of
    // it.
    static float value_of_most(const float* values) {
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

    static int64_t nearest(double place, int64_t n) {
        return std::min<int64_t>(n - 1, std::max<int64_t>(0, static_cast<int64_t>(place + .5)));
    }

    static constexpr int64_t prefetch_ahead = 6;  // regions

    Grid grid;
    Background background;
    Strips strips;
    Foreground foreground;
    Pieces pieces;
    Holes holes;
    Union joined;
    std::vector<Centre> centres;
    Outliner outliner;
    std::vector<Seed> seeds;
    std::vector<int32_t> ranks;
};

thread_local Finder finder;

// Memory that is missing ends as a status: nothing throws beyond here.
template <class Pixel>
Status find_regions(const RegionLoops& loops, const Image& image, const RegionSettings& settings,
                    RegionMeasure& measure, RegionRecord* regions, int64_t capacity, int64_t& count,
                    OutlineSettings* outlines, PairLog* pairs) {
    try {
        count = finder.find(loops, static_cast<const Pixel*>(image.pixels), image.height,
                            image.width, settings, measure, regions, capacity, outlines, pairs);
        return status_ok;
    } catch (const std::bad_alloc&) {
        return status_no_memory;
    }
}

}  // namespace
}  // namespace nucensus

using namespace nucensus;

int32_t nucensus_find_regions(const Image* image, const RegionSettings* settings, int32_t isa,
                              RegionMeasure* measure, RegionRecord* regions, int64_t capacity,
                              int64_t* count, OutlineSettings* outlines, PairLog* pairs) {
    const Isa* chosen = find_isa(isa);
    if (chosen == nullptr) return status_no_isa;
    const auto find = image->pixel_type == pixel_uint8    ? find_regions<uint8_t>
                      : image->pixel_type == pixel_uint16 ? find_regions<uint16_t>
                                                          : find_regions<float>;
    return find(*chosen->regions, *image, *settings, *measure, regions, capacity, *count, outlines,
                pairs);
}
