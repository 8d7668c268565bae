// The outlines of nuclei in pixels of the image, as runs of pixels, and what lies within them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi.h"
#include "rows.h"

namespace nucensus {

// A nucleus to outline: the pixel of the image that is its own in any case, what its other pixels
// are higher than, and the background under it.
struct Seed {
    int32_t y, x;
    float level, background;
};

// Where a nucleus is alone, its pixels are those higher than its level. Where nuclei touch, each
// grows from the highest pixels down, so that they meet in the valley.
class Outliner {
public:
    // The number of its nucleus, from 1 on, is to be set for each pixel of the grid: 0 for none.
    void resize(int64_t h, int64_t w);
    int32_t* row_of_cells(int64_t y) { return cells.data() + (y + 1) * stride + 1; }

    // Outlines nuclei whose cells were numbered; their runs are in `runs`, by nucleus, row and
    // column. Each nucleus is one body whose pixels touch side by side, without holes.
    template <class Pixel>
    void outline(const RegionLoops& loops, const PixelRows<Pixel>& of_pixels, const Pixel* pixels,
                 int64_t height, int64_t width, int64_t step, double sigma,
                 const std::vector<Seed>& seeds);

    // Then the centre of each.
    template <class Pixel>
    void find_centres(const PixelRows<Pixel>& of_pixels, const Pixel* pixels,
                      const std::vector<Seed>& seeds, OutlineRecord* out);

    std::vector<OutlineRun> runs;

private:
    enum Zone : uint8_t { outside, alone, contested, inside };
    struct Place {
        int32_t y, x;
    };
    // A nucleus that a pixel may go to, and the next one as high.
    struct Claim {
        Place place;
        int32_t label, next;
    };
    struct Queue {
        int32_t first, last;
    };

    void find_zones();
    template <class Pixel>
    void smooth(const RegionLoops& loops, const PixelRows<Pixel>& of_pixels, const Pixel* pixels,
                double sigma);
    void find_spans(int64_t cell_row);
    void look_up(int64_t cell_row);
    void decide(int64_t y);
    void share_contested();
    void plant_seeds();
    void claim_from_around(Place at);
    void claim_around(Place at, int32_t label);
    void claim(int32_t y, int32_t x, int32_t label);
    bool is_near(int64_t cell, int32_t label) const;
    void collect_runs();
    void tidy(std::vector<OutlineRun>& of_one);
    void keep_seeded(std::vector<OutlineRun>& of_one);
    void fill_holes(std::vector<OutlineRun>& of_one);

    template <class Pixel>
    OutlineRecord find_centre(const PixelRows<Pixel>& of_pixels, const Pixel* pixels, size_t first,
                              size_t last, const Seed& seed);
    int64_t cell_of(int64_t y, int64_t x) const { return cell_rows[y] + cell_columns[x]; }

    int64_t h = 0, w = 0, stride = 0;  // of the grid, with one more cell on all sides
    int64_t image_height = 0, image_width = 0, step = 1;
    const std::vector<Seed>* nuclei = nullptr;
    std::vector<int64_t> cell_rows, cell_columns;
    std::vector<int32_t> cells, near;  // the one nucleus in or beside a cell
    std::vector<Zone> zones;
    std::vector<float> heights, line;  // smoothed, where they are asked for
    std::vector<float> levels;         // of the pixels of a row of cells
    std::vector<int32_t> owners;
    std::vector<Span> smoothed, held;  // pixels of a row of cells; those near nuclei, of all rows
    std::vector<size_t> first_held;
    std::vector<int32_t> labels, parent, most, least, full;
    std::vector<Place> open, waiting;  // pixels that several nuclei are near
    std::vector<Claim> claims;
    std::vector<Queue> queues;  // by height
    std::vector<Queue> sides;   // of rows
    size_t turn = 0;            // the queue whose turn it is
    float lowest = 0, per_queue = 1;
    std::vector<OutlineRun> found, body;
    std::vector<uint8_t> box;
};

}  // namespace nucensus
