// Measures what is within outlines. All sums are of whole numbers, or in a fixed order.
#include <algorithm>
#include <cstdint>
#include <new>
#include <type_traits>
#include <vector>

#include "abi.h"

namespace nucensus {
namespace {

struct Vertex {
    int64_t y, x;
};

// Twice the area of the triangle: above 0 if the way from a over b to c turns towards greater x.
int64_t turn(const Vertex& a, const Vertex& b, const Vertex& c) {
    return (b.y - a.y) * (c.x - a.x) - (b.x - a.x) * (c.y - a.y);
}

int64_t floor_of(int64_t amount, int64_t parts) {
    return amount >= 0 ? amount / parts : -((parts - 1 - amount) / parts);
}

// The convex hull of the corners of the sides of pixels, one side of it: in half pixels, from top
// to bottom.
class Side {
public:
    void clear() { chain.clear(); }
    // `x` is the first column of row `y`, for the right side the last one, negative.
    void add_row(int64_t y, int64_t x) {
        add({2 * y - 1, 2 * x});
        add({2 * y, 2 * x - 1});
        add({2 * y + 1, 2 * x});
    }
    // The first column within, in row `y`; rows are asked for from top to bottom.
    int64_t first_within(int64_t y, size_t& at) const {
        while (at + 2 < chain.size() && chain[at + 1].y < 2 * y) ++at;
        const Vertex &a = chain[at], &b = chain[at + 1];
        const int64_t down = b.y - a.y;
        return -floor_of(-(a.x * down + (b.x - a.x) * (2 * y - a.y)), 2 * down);
    }

private:
    void add(const Vertex& to) {
        if (!chain.empty() && chain.back().y == to.y) {
            if (chain.back().x <= to.x) return;
            chain.pop_back();
        }
        while (chain.size() > 1 && turn(chain[chain.size() - 2], chain.back(), to) <= 0)
            chain.pop_back();
        chain.push_back(to);
    }

    std::vector<Vertex> chain;
};

class Shapes {
public:
    template <class Pixel>
    void measure(const Pixel* pixels, int64_t width, const OutlineRun* runs, int64_t count,
                 ShapeRecord* records) {
        for (int64_t first = 0, last = 0; first < count; first = last) {
            while (last < count && runs[last].nucleus == runs[first].nucleus) ++last;
            ShapeRecord& record = records[runs[first].nucleus];
            measure_light(pixels, width, runs + first, runs + last, record);
            measure_form(runs + first, runs + last, record);
            record.convex_area = convex_area(runs + first, runs + last);
        }
    }

private:
    template <class Pixel>
    static void measure_light(const Pixel* pixels, int64_t width, const OutlineRun* first,
                              const OutlineRun* last, ShapeRecord& record) {
        for (const OutlineRun* run = first; run < last; ++run) {
            const Pixel* row = pixels + run->row * width;
            using Sum = std::conditional_t<std::is_integral_v<Pixel>, uint64_t, double>;
            Sum sum = 0, squares = 0;
            for (int32_t x = run->start; x < run->end; ++x) {
                const Sum value = row[x];
                sum += value, squares += value * value;
            }
            record.sum += static_cast<double>(sum), record.squares += static_cast<double>(squares);
        }
    }

    static void measure_form(const OutlineRun* first, const OutlineRun* last, ShapeRecord& record) {
        double area = 0, y = 0, x = 0, yy = 0, xy = 0, xx = 0;
        for (const OutlineRun* run = first; run < last; ++run) {
            const double n = run->end - run->start, down = run->row - first->row;
            const double middle = .5 * (run->start + run->end - 1.) - first->start,
                         sum = n * middle;
            area += n, y += n * down, x += sum, yy += n * down * down, xy += down * sum;
            xx += n * (middle * middle + (n * n - 1) / 12);
        }
        y /= area, x /= area;
        record.area = area;
        record.yy = yy / area - y * y, record.xy = xy / area - x * y, record.xx = xx / area - x * x;
    }

    double convex_area(const OutlineRun* first, const OutlineRun* last) {
        left.clear(), right.clear();
        for (const OutlineRun* run = first; run < last; ++run) {
            if (run == first || run[-1].row < run->row) left.add_row(run->row, run->start);
            if (run + 1 == last || run->row < run[1].row) right.add_row(run->row, 1 - run->end);
        }
        double area = 0;
        size_t at_left = 0, at_right = 0;
        for (int64_t y = first->row; y <= (last - 1)->row; ++y) {
            const int64_t start = left.first_within(y, at_left),
                          end = -right.first_within(y, at_right);
            area += static_cast<double>(end - start + 1);
        }
        return area;
    }

    Side left, right;
};

thread_local Shapes shapes;

}  // namespace
}  // namespace nucensus

using namespace nucensus;

int32_t nucensus_measure_outlines(const Image* image, const OutlineRun* runs, int64_t run_count,
                                  ShapeRecord* records) {
    const auto measure = [&](auto pixel) {
        shapes.measure(static_cast<const decltype(pixel)*>(image->pixels), image->width, runs,
                       run_count, records);
    };
    try {
        image->pixel_type == pixel_uint8    ? measure(uint8_t())
        : image->pixel_type == pixel_uint16 ? measure(uint16_t())
                                            : measure(float());
        return status_ok;
    } catch (const std::bad_alloc&) {
        return status_no_memory;
    }
}
