#include "shapes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>
#include <numeric>

#include "isa.h"

namespace nucensus {
namespace {

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
                 middle = (shape.yy + shape.xx) / 2, straight = (shape.yy - shape.xx) / 2,
                 apart = std::sqrt(straight * straight + shape.xy * shape.xy);
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

// How many rows between the ends of an edge meet half a column (of a flat edge: rows and columns
// the other way round): as many as there are pieces between whole numbers, if these can be halved.
int64_t rows_that_meet(int32_t down, int32_t across) {
    const int32_t most = std::max(down, across), least = std::min(down, across);
    const bool is_halved = (most & -most) > (least & -least);
    return least > 0 && is_halved ? std::gcd(most, least) : 0;
}

}  // namespace

void Side::add(int32_t y, int32_t x) {
    // Twice the area of a triangle: above 0 if the way over its corners turns inwards.
    const auto turn = [&](const Vertex& a, const Vertex& b) {
        return static_cast<int64_t>(b.y - a.y) * (x - a.x) -
               static_cast<int64_t>(b.x - a.x) * (y - a.y);
    };
    while (size > 1 && turn(chain[size - 2], chain[size - 1]) <= 0) --size;
    chain[size++] = {y, x};
}

// A side of a pixel is half a pixel from its middle: the hull of the sides is that of the middles
// moved out by half a column, or by half a row where it is flatter than a diagonal. A pixel belongs
// to it if its middle does, so columns are rounded inwards. An edge looks the same from both ends:
// of two of its rows that mirror each other one is rounded by as much as the other lacks of a whole
// column, and only those rows count by themselves that meet the middle of a pixel.
int64_t Side::sum_of_columns() const {
    int64_t twice = 0;
    int32_t outermost = chain[0].x;
    for (size_t i = 1; i < size; ++i) {
        const Vertex &a = chain[i - 1], &b = chain[i];
        const int32_t down = b.y - a.y, across = b.x - a.x;
        if (across <= down) outermost = b.x;
        const bool is_flat = std::abs(across) > down;
        twice += static_cast<int64_t>(down) * (a.x + b.x) + (is_flat ? down : -across) -
                 rows_that_meet(down, std::abs(across));
    }
    return twice / 2 + outermost;
}

template <class Pixel>
void Shapes::measure(const PixelRows<Pixel>& functions, const Image& image, int64_t of_step,
                     const OutlineRun* runs, int64_t count, ShapeRecord* records) {
    height = static_cast<int32_t>(image.height), width = static_cast<int32_t>(image.width);
    step = static_cast<int32_t>(of_step);
    const auto* pixels = static_cast<const Pixel*>(image.pixels);
    boxes.resize(count);
    for (int64_t i = 0; i < count; ++i) boxes[i] = box_of(runs[i]);
    for (int64_t first = 0, end; first < count; first = end) {
        const int32_t nucleus = runs[first].nucleus;
        for (end = first + 1; end < count && runs[end].nucleus == nucleus;) ++end;
        Box* const of_one = boxes.data() + first;
        const Sums sums = functions.sums(pixels, image.width, of_one, end - first, count - first);
        ShapeRecord& record = records[nucleus];
        record = {}, record.sum = sums.values, record.squares = sums.squares;
        measure_form(of_one, of_one + (end - first), record);
        measure_hull(of_one, join_rows(of_one, of_one + (end - first)), record);
    }
}

// Cells at the right and lower edge may have fewer pixels.
Box Shapes::box_of(const OutlineRun& run) const {
    return {run.row * step, std::min(height, (run.row + 1) * step), run.start * step,
            std::min(width, run.end * step)};
}

void Shapes::measure_form(const Box* boxes, const Box* end, ShapeRecord& record) {
    const Box corner = *boxes;
    double area = 0, y = 0, x = 0, yy = 0, xy = 0, xx = 0;
    for (; boxes < end; ++boxes) {
        const Box box = *boxes;
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

// Makes one box of those of each row of cells, and returns where these end.
Box* Shapes::join_rows(Box* boxes, const Box* end) {
    Box* last = boxes;
    while (++boxes < end)
        if (boxes->top == last->top)
            last->right = boxes->right;
        else
            *++last = *boxes;
    return last + 1;
}

// Pixels whose middle is in the convex hull, and the edges that are touched. Where the next row
// reaches as far out as a row does, that has no corner of the hull.
void Shapes::measure_hull(const Box* first, const Box* end, ShapeRecord& record) {
    constexpr Box none{0, 0, INT32_MAX, 0};
    const auto most = 2 * static_cast<size_t>(end - first);
    left.begin(most), right.begin(most);
    int32_t outer_left = INT32_MAX, outer_right = 0;
    for (const Box* row = first; row < end; ++row) {
        const Box& above = row > first && row[-1].bottom == row->top ? row[-1] : none;
        const Box& below = row + 1 < end && row[1].top == row->bottom ? row[1] : none;
        if (row->left < above.left) left.add(row->top, row->left);
        if (row->left < below.left) left.add(row->bottom - 1, row->left);
        if (row->right > above.right) right.add(row->top, -row->right);
        if (row->right > below.right) right.add(row->bottom - 1, -row->right);
        outer_left = std::min(outer_left, row->left);
        outer_right = std::max(outer_right, row->right);
    }
    record.convex_area = static_cast<double>(-left.sum_of_columns() - right.sum_of_columns());
    record.edges = (first->top == 0) | (outer_left == 0) << 1 | (end[-1].bottom == height) << 2 |
                   (outer_right == width) << 3;
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
