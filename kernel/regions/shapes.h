// What is within outlines, or in the squares of pixels that are the cells of a grid.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi.h"
#include "rows.h"

namespace nucensus {

// One side of the convex hull of the corners of the sides of pixels, from top to bottom.
class Side {
public:
    void begin(size_t most_rows) { chain.resize(std::max(chain.size(), 4 * most_rows)), size = 0; }
    // Rows from `top` to before `bottom` begin at column `x`, those above and below them elsewhere;
    // columns count inwards.
    void add_rows(int32_t top, int32_t bottom, int32_t x, int32_t above, int32_t below);
    // The first columns within the hull, of all rows together.
    int64_t sum_of_columns() const;

private:
    struct Vertex {
        int32_t y, x;  // half pixels
    };
    void add(Vertex to);

    std::vector<Vertex> chain;
    size_t size = 0;
};

class Shapes {
public:
    // Measures what is in runs, ordered by nucleus, row and column, of cells of `step` x `step`
    // pixels. All sums are of whole numbers, or in a fixed order.
    template <class Pixel>
    void measure(const PixelRows<Pixel>& functions, const Image& image, int64_t step,
                 const OutlineRun* runs, int64_t count, ShapeRecord* records);

private:
    // From the first row and column to before the last.
    struct Box {
        int32_t top, bottom, left, right;
    };

    Box box_of(const OutlineRun& run) const;
    void measure_form(ShapeRecord& record) const;
    Box gather_rows();
    int64_t convex_area(const Box& around);

    int32_t height = 0, width = 0, step = 1;
    std::vector<Box> boxes, rows;  // of a nucleus, and of its rows of cells
    Side left, right;
};

}  // namespace nucensus
