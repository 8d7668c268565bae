// The definition in double precision, bit for bit: SciPy's order of operations.
//
// Rows of the image stream through ring buffers: a vertical pass over
// 2 * radius + 1 converted rows, a horizontal pass over one padded line, and the
// maximum of the window over 2 * min_distance + 1 rows. Nothing as large as the
// image is kept.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include <math.h>

#include "arena.h"
#include "peaks.h"
#include "smoothing.h"

namespace nucensus {
namespace {

void max_into(double* into, const double* values, int64_t count) {
    for (int64_t i = 0; i < count; ++i) into[i] = values[i] > into[i] ? values[i] : into[i];
}

void max_of(const double* a, const double* b, int64_t count, double* out) {
    for (int64_t i = 0; i < count; ++i) out[i] = a[i] > b[i] ? a[i] : b[i];
}

// The maximum of a window of `size` elements that starts at each of the `count`
// first elements of `values`, which holds count + size - 1. The windows are
// doubled until two of them cover the whole: vectors of a few passes are faster
// than van Herk's three comparisons, which wait for one another. Both lines are
// worked in; the result is `out`.
void window_maxima(double* values, double* other, int64_t count, int64_t size, double* out) {
    int64_t covered = 1;
    for (; 2 * covered < size; covered *= 2) {
        max_of(values, values + covered, count + size - 2 * covered, other);
        double* swapped = values;
        values = other;
        other = swapped;
    }
    max_of(values, values + size - covered, count, out);
}

// The maximum of the square window around each pixel, row by row; across rows in
// van Herk's way, three comparisons a pixel for any window. Rows go in at the top; out of it come
// the maxima of the row `reach` rows back. Outside the image there is minus infinity.
class WindowMaximum {
public:
    bool begin(int64_t a_width, int64_t height, int64_t min_distance) {
        width = a_width;
        reach_x = at_most(min_distance, width - 1);
        reach_y = at_most(min_distance, height - 1);
        size_y = 2 * reach_y + 1;
        const int64_t line_size = width + 2 * reach_x;
        const bool has_memory = take_scratch(slot_window, [&](Cutter& parts) {
            line = parts.take<double>(line_size);
            other = parts.take<double>(line_size);
            result = parts.take<double>(width);
            running = parts.take<double>(width);
            ring = parts.take<double>(size_y * width);
        });
        if (!has_memory) return false;
        pushed = 0;
        for (int64_t i = 0; i < reach_y; ++i) push_nothing();
        return true;
    }

    void push(const double* row) {
        for (int64_t x = 0; x < reach_x; ++x) line[x] = line[reach_x + width + x] = -INFINITY;
        memcpy(line + reach_x, row, width * sizeof(double));
        double* own = ring + pushed % size_y * width;
        window_maxima(line, other, width, 2 * reach_x + 1, own);
        advance(own);
    }

    void push_nothing() {
        double* own = ring + pushed % size_y * width;
        for (int64_t x = 0; x < width; ++x) own[x] = -INFINITY;
        advance(own);
    }

    // The maxima for the row `reach_y` before the one pushed last.
    const double* maxima() const { return result; }
    int64_t reach_y;

private:
    // The window of size_y rows that ends here spans at most two blocks of
    // size_y rows: of the elder block we hold, for each row, the maximum from
    // there to the block's end; of the younger one the running maximum.
    void advance(double* own) {
        const int64_t position = pushed % size_y;
        ++pushed;
        if (position == 0) {
            memcpy(running, own, width * sizeof(double));
        } else {
            max_into(running, own, width);
        }
        memcpy(result, running, width * sizeof(double));
        if (position + 1 < size_y) {
            if (pushed > size_y) max_into(result, ring + (position + 1) * width, width);
        } else {
            for (int64_t i = size_y - 2; i > 0; --i)  // no window has all of the elder block
                max_into(ring + i * width, ring + (i + 1) * width, width);
        }
    }

    int64_t width, reach_x, size_y, pushed;
    double *line, *other, *result, *running, *ring;
};

// What the whole smoothed image is like.
struct Extent {
    double low = INFINITY, high = -INFINITY;
    bool has_nan = false;

    // Sixteen running results, because the compiler may not reorder one.
    void include(const double* values, int64_t count) {
        constexpr int64_t together = 16;
        double lows[together], highs[together], nans[together];
        for (int64_t i = 0; i < together; ++i) {
            lows[i] = low;
            highs[i] = high;
            nans[i] = 0;
        }
        int64_t x = 0;
        for (; x + together <= count; x += together)
            for (int64_t i = 0; i < together; ++i) {
                const double value = values[x + i];
                lows[i] = value < lows[i] ? value : lows[i];
                highs[i] = value > highs[i] ? value : highs[i];
                nans[i] = value == value ? nans[i] : 1;
            }
        for (int64_t i = 0; i < together; ++i) include(lows[i], highs[i], nans[i] != 0);
        for (; x < count; ++x) include(values[x], values[x], values[x] != values[x]);
    }

private:
    void include(double lowest, double highest, bool is_nan) {
        low = lowest < low ? lowest : low;
        high = highest > high ? highest : high;
        has_nan |= is_nan;
    }
};

// Without a window every pixel above the threshold is a point.
Status find_above_threshold(const Image& image, const MaximaSettings& settings, Peaks& peaks) {
    Smoother smoother;
    double* row =
        static_cast<double*>(scratch(slot_smoothed, padded(image.width) * sizeof(double)));
    if (row == nullptr || !smoother.begin(image, settings)) return status_no_memory;
    Extent extent;
    for (int64_t y = 0; y < image.height; ++y) {
        smoother.smooth_row(y, row);
        extent.include(row, image.width);
        for (int64_t x = 0; x < image.width; ++x)
            if (settings.has_threshold ? row[x] > settings.threshold : row[x] == row[x])
                if (!peaks.add(y, x, row[x])) return status_no_memory;
    }
    if (!settings.has_threshold) {
        if (extent.has_nan) peaks.clear();
        peaks.keep_above(extent.low);
    }
    return status_ok;
}

Status find_window_maxima(const Image& image, const MaximaSettings& settings, Peaks& peaks) {
    const int64_t width = image.width, pitch = padded(width);
    Smoother smoother;
    WindowMaximum window;
    if (!smoother.begin(image, settings) ||
        !window.begin(width, image.height, settings.min_distance))
        return status_no_memory;
    // The smoothed rows wait here until all of their window is known.
    const int64_t waiting = window.reach_y + 1;
    double* rows = static_cast<double*>(scratch(slot_smoothed, waiting * pitch * sizeof(double)));
    if (rows == nullptr) return status_no_memory;
    Extent extent;
    const double threshold = settings.has_threshold ? settings.threshold : -INFINITY;
    for (int64_t y = 0; y < image.height + window.reach_y; ++y) {
        if (y < image.height) {
            double* row = rows + y % waiting * pitch;
            smoother.smooth_row(y, row);
            extent.include(row, width);
            if (extent.has_nan) return status_not_a_number;
            window.push(row);
        } else {
            window.push_nothing();
        }
        const int64_t centre = y - window.reach_y;
        if (centre < 0) continue;
        const double* row = rows + centre % waiting * pitch;
        const double* maxima = window.maxima();
        for (int64_t x = 0; x < width; ++x)
            if (row[x] > threshold && row[x] == maxima[x])
                if (!peaks.add(centre, x, row[x])) return status_no_memory;
    }
    // scikit-image: a constant image has no maximum.
    if (extent.low == extent.high && !settings.is_part) peaks.clear();
    if (!settings.has_threshold) peaks.keep_above(extent.low);
    return status_ok;
}

Status find_exactly(const Image& image, const MaximaSettings& settings, Peaks& peaks) {
    if (settings.min_distance == 0 || image.height * image.width == 1)
        return find_above_threshold(image, settings, peaks);
    return find_window_maxima(image, settings, peaks);
}

}  // namespace
}  // namespace nucensus
