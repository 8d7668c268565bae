// Smoothing in double precision, bit for bit in SciPy's order of operations.
//
// Compile with -ffp-contract=off: a fused multiply-add rounds once where SciPy rounds twice.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "abi.h"
#include "arena.h"
#include "pixels.h"
#include "simd/simd.h"

namespace nucensus {
namespace {

constexpr int strides_together = 4;
constexpr int64_t block = lanes * strides_together;
int64_t at_most(int64_t value, int64_t limit) { return value < limit ? value : limit; }
int64_t at_least(int64_t value, int64_t limit) { return value > limit ? value : limit; }
int64_t padded(int64_t count) { return (count + block - 1) / block * block; }

// scipy.ndimage.correlate1d for a symmetric filter: the centre first, then the
// pairs from the outermost inwards. `before[j]` and `after[j]` are the elements
// at distance j of the first output; works on whole blocks.
template <typename Before, typename After>
void correlate(const double* centre, Before before, After after, const double* weights,
               int64_t radius, int64_t count, double* out) {
    for (int64_t x = 0; x < count; x += block) {
        Doubles sum[strides_together];
#pragma GCC unroll 4
        for (int i = 0; i < strides_together; ++i)
            sum[i] = load(centre + x + i * lanes) * weights[0];
        for (int64_t j = radius; j > 0; --j) {
            const double* a = before(j) + x;
            const double* b = after(j) + x;
            const double weight = weights[j];
#pragma GCC unroll 4
            for (int i = 0; i < strides_together; ++i)
                sum[i] += (load(a + i * lanes) + load(b + i * lanes)) * weight;
        }
#pragma GCC unroll 4
        for (int i = 0; i < strides_together; ++i) store(out + x + i * lanes, sum[i]);
    }
}

void round_to_single(double* values, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
        values[i] = static_cast<double>(static_cast<float>(values[i]));
}

// Smooths an image row by row, from the top down.
class Smoother {
public:
    bool begin(const Image& an_image, const MaximaSettings& some_settings) {
        image = an_image;
        settings = some_settings;
        width = image.width;
        pitch = padded(width);
        radius_y = settings.vertical_radius;
        radius_x = settings.horizontal_radius;
        ring_rows = at_most(2 * radius_y + 1, image.height);
        // Columns left of the image, the line, columns right of it, and a rest
        // that whole blocks may read.
        const int64_t line_size = radius_x + pitch + radius_x + block;
        const bool has_memory = take_scratch(slot_smoother, [&](Cutter& parts) {
            rows = parts.take<double>(ring_rows * pitch);
            line = parts.take<double>(line_size);
            above = parts.take<const double*>(radius_y + 1);
            below = parts.take<const double*>(radius_y + 1);
        });
        if (!has_memory) return false;
        memset(rows, 0, ring_rows * pitch * sizeof(double));
        memset(line, 0, line_size * sizeof(double));
        return true;
    }

    // Row `y` of the smoothed image, `padded(width)` long. Call for y = 0, 1, 2, ...
    void smooth_row(int64_t y, double* out) {
        for (const int64_t last = at_most(y + radius_y, image.height - 1); loaded <= last; ++loaded)
            load_row(image, loaded, 0, width, ring_row(loaded));
        const bool single = is_single_precision(image);
        double* middle = line + radius_x;
        // Looked up once: the ring's division takes longer than a pair of rows.
        for (int64_t j = 0; j <= radius_y; ++j) {
            above[j] = ring_row(at_least(y - j, 0));
            below[j] = ring_row(at_most(y + j, image.height - 1));
        }
        correlate(
            above[0], [&](int64_t j) { return above[j]; }, [&](int64_t j) { return below[j]; },
            settings.vertical, radius_y, pitch, middle);
        if (single) round_to_single(middle, width);
        for (int64_t x = 0; x < radius_x; ++x) {
            line[x] = middle[0];
            middle[width + x] = middle[width - 1];
        }
        correlate(
            middle, [&](int64_t j) { return middle - j; }, [&](int64_t j) { return middle + j; },
            settings.horizontal, radius_x, pitch, out);
        if (single) round_to_single(out, width);
    }

private:
    double* ring_row(int64_t y) { return rows + y % ring_rows * pitch; }

    Image image;
    MaximaSettings settings;
    int64_t width, pitch, radius_y, radius_x, ring_rows;
    int64_t loaded = 0;
    double* rows = nullptr;
    double* line = nullptr;
    const double **above = nullptr, **below = nullptr;
};

// The smoothed values of single pixels, by the same operations: `together`
// neighbours in a row at a time, which cost hardly more than one, since most of
// the columns that they need are the same.
class PointSmoother {
public:
    static constexpr int64_t most_together = 64;
    int64_t together;

    bool begin(const Image& an_image, const MaximaSettings& some_settings) {
        image = an_image;
        settings = some_settings;
        single = is_single_precision(image);
        radius_y = settings.vertical_radius;
        radius_x = settings.horizontal_radius;
        together = at_least(at_most(radius_x / 16 * 8, most_together), 8);
        const int64_t columns = 2 * radius_x + together;
        pitch = padded(at_most(columns, image.width));
        const int64_t line_size = columns + pitch;
        const int64_t height = at_most(2 * radius_y + 1, image.height);
        const bool has_memory = take_scratch(slot_point, [&](Cutter& parts) {
            line = parts.take<double>(line_size);
            rows = parts.take<double>(height * pitch);
        });
        if (!has_memory) return false;
        memset(line, 0, line_size * sizeof(double));
        memset(rows, 0, height * pitch * sizeof(double));
        return true;
    }

    // The values of pixels x to x + together - 1 of row y; those outside the
    // image are arbitrary.
    void smooth(int64_t y, int64_t x, double* out) {
        first = at_least(x - radius_x, 0);
        count = at_most(x + together - 1 + radius_x, image.width - 1) - first + 1;
        double* columns = line + (first - (x - radius_x));
        smooth_columns(y, columns);
        if (single) round_to_single(columns, count);
        for (double* left = line; left < columns; ++left) *left = columns[0];
        double* end = line + 2 * radius_x + together;
        for (double* right = columns + count; right < end; ++right) *right = columns[count - 1];
        const double* centre = line + radius_x;
        for (int64_t start = 0; start < together; start += 8)
            smooth_eight(centre + start, out + start);
        if (single) round_to_single(out, together);
    }

private:
    void smooth_eight(const double* centre, double* out) const {
        constexpr int vectors = 8 / lanes;
        Doubles sum[vectors];
#pragma GCC unroll 4
        for (int i = 0; i < vectors; ++i)
            sum[i] = load(centre + i * lanes) * settings.horizontal[0];
        for (int64_t j = radius_x; j > 0; --j)
#pragma GCC unroll 4
            for (int i = 0; i < vectors; ++i)
                sum[i] += (load(centre + i * lanes - j) + load(centre + i * lanes + j)) *
                          settings.horizontal[j];
#pragma GCC unroll 4
        for (int i = 0; i < vectors; ++i) store(out + i * lanes, sum[i]);
    }

    void smooth_columns(int64_t y, double* out) {
        const bool plain = !image.byte_swapped && count >= columns_at_once;
        const int64_t stride = image.column_stride;
        if (plain && image.pixel_type == pixel_uint16 && stride == 2)
            return smooth_in_place<uint16_t>(y, out);
        if (plain && image.pixel_type == pixel_int16 && stride == 2)
            return smooth_in_place<int16_t>(y, out);
        if (plain && image.pixel_type == pixel_uint8 && stride == 1)
            return smooth_in_place<uint8_t>(y, out);
        if (plain && image.pixel_type == pixel_float32 && stride == 4)
            return smooth_in_place<float>(y, out);
        const int64_t top = at_least(y - radius_y, 0);
        const int64_t bottom = at_most(y + radius_y, image.height - 1);
        for (int64_t other = top; other <= bottom; ++other)
            load_row(image, other, first, count, rows + (other - top) * pitch);
        correlate(
            rows + (y - top) * pitch,
            [&](int64_t j) { return rows + (at_least(y - j, 0) - top) * pitch; },
            [&](int64_t j) { return rows + (at_most(y + j, image.height - 1) - top) * pitch; },
            settings.vertical, radius_y, padded(count), out);
    }

    // Sums that do not wait for one another.
    static constexpr int vectors_at_once = lanes == 8 ? 2 : 4;
    static constexpr int64_t columns_at_once = vectors_at_once * lanes;

    template <typename T>
    void smooth_in_place(int64_t y, double* out) const {
        const char* origin = static_cast<const char*>(image.pixels) + first * sizeof(T);
        const int64_t stride = image.row_stride, last_row = image.height - 1;
        const double* weights = settings.vertical;
        // The last columns end with the last one, and may overlap those before.
        for (int64_t i = 0; i < count; i += columns_at_once) {
            const int64_t at = at_most(i, count - columns_at_once);
            const char* from = origin + at * sizeof(T);
            Doubles sum[vectors_at_once];
#pragma GCC unroll 4
            for (int n = 0; n < vectors_at_once; ++n)
                sum[n] = pixel_sum<T>(from + y * stride + n * lanes * sizeof(T)) * weights[0];
            for (int64_t j = radius_y; j > 0; --j) {
                const char* above = from + at_least(y - j, 0) * stride;
                const char* below = from + at_most(y + j, last_row) * stride;
#pragma GCC unroll 4
                for (int n = 0; n < vectors_at_once; ++n)
                    sum[n] +=
                        pixel_sum<T>(above + n * lanes * sizeof(T), below + n * lanes * sizeof(T)) *
                        weights[j];
            }
#pragma GCC unroll 4
            for (int n = 0; n < vectors_at_once; ++n) store(out + at + n * lanes, sum[n]);
        }
    }

    // The sum of two integer pixels is exact as an integer, and so is its conversion.
    template <typename T>
    static Doubles pixel_sum(const char* a) {
        if constexpr (sizeof(T) == sizeof(float))
            return widen(load_singles(a));
        else
            return widen(load_integers<T>(a));
    }
    template <typename T>
    static Doubles pixel_sum(const char* a, const char* b) {
        if constexpr (sizeof(T) == sizeof(float))
            return widen(load_singles(a)) + widen(load_singles(b));
        else
            return widen(load_integers<T>(a) + load_integers<T>(b));
    }

    Image image;
    MaximaSettings settings;
    bool single;
    int64_t radius_y, radius_x, pitch, first, count;
    double *line, *rows;
};

}  // namespace
}  // namespace nucensus
