// What is within outlines, or in the squares of pixels that are the cells of a grid.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi.h"
#include "rows.h"

namespace nucensus {

// One side of the convex hull of the middles of pixels, from top to bottom; columns count inwards.
class Side {
public:
    void begin(size_t most) { chain.resize(std::max(chain.size(), most)), size = 0; }
    void add(int32_t y, int32_t x);
    // The first columns within the hull of the pixels' sides, of all rows together.
    int64_t sum_of_columns() const;

private:
    struct Vertex {
        int32_t y, x;
    };

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
    Box box_of(const OutlineRun& run) const;
    static void measure_form(const Box* boxes, const Box* end, ShapeRecord& record);
    static Box* join_rows(Box* boxes, const Box* end);
    void measure_hull(const Box* first, const Box* end, ShapeRecord& record);

    int32_t height = 0, width = 0, step = 1;
    std::vector<Box> boxes;
    Side left, right;
};

}  // namespace nucensus
