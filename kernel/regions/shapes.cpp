#include "shapes.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "isa.h"

namespace nucensus {
namespace {

constexpr int64_t prefetch_ahead = 8;  // runs: the image is no longer in the cache

// From down to the long axis, towards the right, in radians.
double orientation(const ShapeRecord& shape) {
    const double straight = shape.yy - shape.xx;
    if (straight == 0) return shape.xy > 0 ? M_PI / 4 : -M_PI / 4;
    return .5 * std::atan2(2 * shape.xy, straight);
}

// Axes are those of the ellipse with the same second moments. What padding cut away has no pixels.
MeasuredRecord describe(const ShapeRecord& shape, double unit) {
    const double mean = shape.sum / shape.area, above = unit * (mean - shape.background),
                 variance = shape.squares / shape.area - mean * mean,
                 middle = (shape.yy + shape.xx) / 2,
                 apart = std::hypot((shape.yy - shape.xx) / 2, shape.xy);
    const auto single = [](double value) { return static_cast<float>(value); };
    return {static_cast<int32_t>(shape.area),
            single(above),
            single(above * shape.area),
            single(unit * std::sqrt(std::max(variance, 0.))),
            single(4 * std::sqrt(middle + apart)),
            single(4 * std::sqrt(std::max(middle - apart, 0.))),
            single(orientation(shape)),
            single(shape.area / shape.convex_area),
            shape.edges > 0};
}

}  // namespace

// A corner that lies inside of those of the next rows is none of the hull.
void Side::add_rows(int32_t top, int32_t bottom, int32_t x, int32_t above, int32_t below) {
    if (x < above) add({2 * top - 1, 2 * x}), add({2 * top, 2 * x - 1});
    if (x < below) add({2 * bottom - 2, 2 * x - 1}), add({2 * bottom - 1, 2 * x});
}

void Side::add(Vertex to) {
    if (size > 0 && chain[size - 1].y == to.y) {
        if (chain[size - 1].x <= to.x) return;
        --size;
    }
    // Twice the area of a triangle: above 0 if the way over its corners turns inwards.
    const auto turn = [&](const Vertex& a, const Vertex& b) {
        return static_cast<int64_t>(b.y - a.y) * (to.x - a.x) -
               static_cast<int64_t>(b.x - a.x) * (to.y - a.y);
    };
    while (size > 1 && turn(chain[size - 2], chain[size - 1]) <= 0) --size;
    chain[size++] = to;
}

int64_t Side::sum_of_columns() const {
    int64_t sum = 0;
    for (size_t i = 1; i < size; ++i) {
        const Vertex &a = chain[i - 1], &b = chain[i];
        const int64_t first = (a.y + 2) / 2, last = b.y / 2;  // all rows between them
        const int64_t down = 2 * static_cast<int64_t>(b.y - a.y), across = b.x - a.x;
        // Half a column more than a quotient is never a whole number, so rounding does not tell.
        const double part = 1 / static_cast<double>(down);
        for (int64_t y = first; y <= last; ++y) {
            const int64_t column = a.x * (down / 2) + across * (2 * y - a.y) + 2 * down;
            sum += static_cast<int64_t>((static_cast<double>(column) - .5) * part) - 1;
        }
    }
    return sum;
}

template <class Pixel>
void Shapes::measure(const PixelRows<Pixel>& functions, const Image& image, int64_t of_step,
                     const OutlineRun* runs, int64_t count, ShapeRecord* records) {
    height = static_cast<int32_t>(image.height), width = static_cast<int32_t>(image.width);
    step = static_cast<int32_t>(of_step);
    const auto* pixels = static_cast<const Pixel*>(image.pixels);
    for (const OutlineRun *run = runs, *end = runs + count; run < end;) {
        ShapeRecord& record = records[run->nucleus];
        record = {}, boxes.clear();
        for (const int32_t nucleus = run->nucleus; run < end && run->nucleus == nucleus; ++run) {
            const Box soon = box_of(run[std::min<int64_t>(prefetch_ahead, end - run - 1)]);
            for (int32_t y = soon.top; y < soon.bottom; ++y) {
                __builtin_prefetch(pixels + y * image.width + soon.left);
                __builtin_prefetch(pixels + y * image.width + soon.right - 1);
            }
            const Box box = box_of(*run);
            boxes.push_back(box);
            const Sums sums = functions.sums(pixels + box.top * image.width + box.left, image.width,
                                             box.bottom - box.top, box.right - box.left);
            record.sum += sums.values, record.squares += sums.squares;
        }
        measure_form(record);
        const Box around = gather_rows();
        record.convex_area = static_cast<double>(convex_area(around));
        record.edges = (around.top == 0) | (around.left == 0) << 1 |
                       (around.bottom == height) << 2 | (around.right == width) << 3;
    }
}

// Cells at the right and lower edge may have fewer pixels.
Shapes::Box Shapes::box_of(const OutlineRun& run) const {
    return {run.row * step, std::min(height, (run.row + 1) * step), run.start * step,
            std::min(width, run.end * step)};
}

void Shapes::measure_form(ShapeRecord& record) const {
    const Box corner = boxes[0];
    double area = 0, y = 0, x = 0, yy = 0, xy = 0, xx = 0;
    for (const Box& box : boxes) {
        const double down = box.bottom - box.top, across = box.right - box.left, n = down * across;
        const double my = .5 * (box.top + box.bottom - 1 - 2 * corner.top),
                     mx = .5 * (box.left + box.right - 1 - 2 * corner.left);
        area += n, y += n * my, x += n * mx, xy += n * my * mx;
        yy += n * (my * my + (down * down - 1) * (1. / 12));
        xx += n * (mx * mx + (across * across - 1) * (1. / 12));
    }
    y /= area, x /= area;
    record.area = area;
    record.yy = yy / area - y * y, record.xy = xy / area - x * y, record.xx = xx / area - x * x;
}

// The boxes of each row of cells as one, and the box around all of them.
Shapes::Box Shapes::gather_rows() {
    Box around = boxes[0];
    rows.clear();
    for (const Box& box : boxes) {
        if (rows.empty() || rows.back().top < box.top)
            rows.push_back(box);
        else
            rows.back().right = box.right;
        around = {around.top, box.bottom, std::min(around.left, box.left),
                  std::max(around.right, box.right)};
    }
    return around;
}

// Pixels whose middle is in the convex hull.
int64_t Shapes::convex_area(const Box& around) {
    constexpr int32_t none = INT32_MAX;
    left.begin(rows.size()), right.begin(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
        const Box& row = rows[i];
        const Box *above = i > 0 && rows[i - 1].bottom == row.top ? &row - 1 : nullptr,
                  *below =
                      i + 1 < rows.size() && row.bottom == rows[i + 1].top ? &row + 1 : nullptr;
        left.add_rows(row.top, row.bottom, row.left - around.left,
                      above ? above->left - around.left : none,
                      below ? below->left - around.left : none);
        right.add_rows(row.top, row.bottom, around.right - row.right,
                       above ? around.right - above->right : none,
                       below ? around.right - below->right : none);
    }
    const int64_t down = around.bottom - around.top, across = around.right - around.left;
    return down * across - left.sum_of_columns() - right.sum_of_columns();
}

template void Shapes::measure(const PixelRows<uint8_t>&, const Image&, int64_t, const OutlineRun*,
                              int64_t, ShapeRecord*);
template void Shapes::measure(const PixelRows<uint16_t>&, const Image&, int64_t, const OutlineRun*,
                              int64_t, ShapeRecord*);
template void Shapes::measure(const PixelRows<float>&, const Image&, int64_t, const OutlineRun*,
                              int64_t, ShapeRecord*);

}  // namespace nucensus

using namespace nucensus;

int32_t nucensus_measure_outlines(const Image* image, const OutlineRun* runs, int64_t run_count,
                                  ShapeRecord* records) {
    thread_local Shapes shapes;
    const RegionLoops& loops = *find_isa(-1)->regions;
    const auto measure = [&](const auto& functions) {
        shapes.measure(functions, *image, 1, runs, run_count, records);
    };
    try {
        image->pixel_type == pixel_uint8    ? measure(loops.of_uint8)
        : image->pixel_type == pixel_uint16 ? measure(loops.of_uint16)
                                            : measure(loops.of_float);
        return status_ok;
    } catch (const std::bad_alloc&) {
        return status_no_memory;
    }
}

int32_t nucensus_describe_shapes(const ShapeRecord* shapes, const int64_t* places, int64_t count,
                                 const double* unit, MeasuredRecord* measured) {
    for (int64_t i = 0; i < count; ++i) measured[i] = describe(shapes[places[i]], *unit);
    return status_ok;
}
