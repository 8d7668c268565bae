// The working grid of the detector without parameters: means of step x step pixels, and maps of its
// size.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "rows.h"

namespace nucensus {

constexpr int64_t margin_columns =
    32;  // columns on both sides of a map: what loops reach beyond its edges

inline int64_t whole_blocks(int64_t columns) {
    return (columns + block_columns - 1) / block_columns * block_columns;
}

// The pixel that stands for one beyond the edge.
inline int64_t mirror(int64_t i, int64_t n) {
    if (n == 1) return 0;
    while (i < 0 || i >= n) i = i < 0 ? -i - 1 : 2 * n - 1 - i;
    return i;
}

struct Gaussian {
    int reach;
    float taps[most_reach + 1];

    explicit Gaussian(double sigma)
        : reach(std::min(most_reach, std::max(1, static_cast<int>(std::ceil(3 * sigma))))) {
        double weights[most_reach + 1], total = 0;
        for (int j = 0; j <= reach; ++j) {
            weights[j] = std::exp(-0.5 * j * j / (sigma * sigma));
            total += j ? 2 * weights[j] : weights[j];
        }
        for (int j = 0; j <= reach; ++j) taps[j] = static_cast<float>(weights[j] / total);
    }
};

// Where values begin that are loaded as aligned vectors; behind the others there has to be room for
// so many more.
constexpr int64_t alignment = 16;

template <class Value>
Value* aligned(std::vector<Value>& values) {
    const auto start = reinterpret_cast<uintptr_t>(values.data());
    const auto skip = static_cast<int64_t>(-start % (alignment * sizeof(Value)) / sizeof(Value));
    return values.data() + skip;
}

// Rows of values with margins; of a map of few rows each serves again and again, as in a ring.
template <class Value>
class Map {
public:
    // A map of `h` rows, of which `most` are kept at once.
    void resize(int64_t h, int64_t w, int64_t most) {
        int64_t kept = h;
        if (most < h)
            for (kept = band_rows; kept < most;) kept *= 2;
        mask = kept < h ? kept - 1 : INT64_MAX;
        height = h, width = w, stride = whole_blocks(w) + 2 * margin_columns;
        if (stride % 1024 == 0)
            stride += block_columns;  // or all rows would want the same place of the cache
        values.resize(kept * stride + alignment);
    }

    Value* row(int64_t y) { return aligned(values) + (y & mask) * stride + margin_columns; }
    const Value* row(int64_t y) const { return const_cast<Map*>(this)->row(y); }

    // Pointers to `count` rows from `y` on; beyond the edges they are mirrored.
    template <class Pointer>
    void rows(int64_t y, int64_t count, Pointer* to) {
        for (int64_t j = 0; j < count; ++j) to[j] = row(mirror(y + j, height));
    }

    void fill(Value value) { std::fill(values.begin(), values.end(), value); }
    // Row `y` takes the place of that many rows above; if there are fewer, of none.
    int64_t kept() const { return mask < INT64_MAX ? mask + 1 : height; }

    // Mirrors `reach` columns beyond the edges, and what is left of the last block.
    void mirror_columns(int64_t y, int64_t reach) {
        Value *to = row(y), *end = to + width;
        const int64_t right = std::max(reach, whole_blocks(width) - width);
        if (right <= width) {
            // One by one: what was written last is not yet in the cache, and a vector of several
            // such values waits until it is.
            const volatile Value* from = to;
            for (int64_t j = 0; j < reach; ++j) to[-1 - j] = from[j];
            for (int64_t j = 0; j < right; ++j) end[j] = from[width - 1 - j];
        } else {
            for (int64_t x = -reach; x < 0; ++x) to[x] = to[mirror(x, width)];
            for (int64_t x = width; x < width + right; ++x) to[x] = to[mirror(x, width)];
        }
    }

    int64_t height = 0, width = 0;

private:
    std::vector<Value> values;
    int64_t stride = 0, mask = 0;
};

// Spans of blocks, band by band of rows.
class Spans {
public:
    void clear() { spans.clear(), first.assign(1, 0); }

    // Adds the next band: the blocks for which `is_in(number)` holds. Where they begin and end
    // cannot be foreseen, so it is looked for among bits.
    template <class IsIn>
    void add_band(int64_t blocks, IsIn is_in) {
        constexpr int64_t word_bits = 64;
        bool is_open = false;
        for (int64_t b = 0; b < blocks; b += word_bits) {
            uint64_t in = 0;
            for (int64_t j = 0; j < std::min(word_bits, blocks - b); ++j)
                in |= static_cast<uint64_t>(static_cast<bool>(is_in(b + j))) << j;
            for (uint64_t changes = in ^ (in << 1 | is_open); changes; changes &= changes - 1) {
                const int64_t at = (b + __builtin_ctzll(changes)) * block_columns;
                if (!is_open) spans.push_back({at, blocks * block_columns});
                if (is_open) spans.back().end = at;
                is_open = !is_open;
            }
        }
        first.push_back(spans.size());
    }

    Band band(int64_t number) const {
        return {spans.data() + first[number], spans.data() + first[number + 1]};
    }

private:
    std::vector<Span> spans;
    std::vector<size_t> first;
};

// The image averaged over squares, and the highest of each block of it.
struct Grid {
    int64_t height = 0, width = 0;
    int64_t blocks = 0, stride = 0;  // in a band, and from one band to the next
    Map<float> means;
    std::vector<float> highest;

    void resize(int64_t h, int64_t w) {
        height = h, width = w, blocks = whole_blocks(w) / block_columns;
        means.resize(h, w, h);
        stride = whole_blocks(blocks);
        highest.resize(bands() * stride);
    }

    int64_t bands() const { return (height + band_rows - 1) / band_rows; }

    // Fills row `y` from the pixels of an image of h x w.
    template <class Pixel>
    void average(const RegionLoops& rows, const PixelRows<Pixel>& of_pixels, const Pixel* pixels,
                 int64_t h, int64_t w, int64_t step, int64_t y);

private:
    void note_highest(const RegionLoops& rows, int64_t band) {
        const float* of_band[band_rows];
        const int64_t y = band * band_rows, count = std::min(band_rows, height - y);
        means.rows(y, count, of_band);
        rows.highest(of_band, count, blocks * block_columns, line.data(),
                     highest.data() + band * stride);
    }

    std::vector<float> line;
};

// The last column may stand for fewer than `step` pixels.
inline void fold_rest(const float* from, int64_t w, int64_t step, float rows, float* to) {
    const int64_t whole = w / step;
    if (whole * step == w) return;
    float sum = 0;
    for (int64_t x = whole * step; x < w; ++x) sum += from[x];
    to[whole] = sum / (rows * static_cast<float>(w - whole * step));
}

inline void fold_any(const float* from, float* to, int64_t n, int64_t step, float scale) {
    for (int64_t x = 0; x < n; ++x) {
        float sum = 0;
        for (int64_t j = 0; j < step; ++j) sum += from[x * step + j];
        to[x] = sum * scale;
    }
}

template <class Pixel>
void Grid::average(const RegionLoops& rows, const PixelRows<Pixel>& of_pixels, const Pixel* pixels,
                   int64_t h, int64_t w, int64_t step, int64_t y) {
    float* to = means.row(y);
    line.resize(std::max(w, 2 * blocks * block_columns));
    float* sums = step == 1 ? to : line.data();
    const int64_t first = y * step, last = std::min(h, first + step);
    const Pixel* around[rows_together + 2];
    const auto rows_from = [&](int64_t yy, int64_t count) {  // beyond an edge is the inner one
        for (int64_t j = 0; j < count + 2; ++j) {
            const int64_t of = yy + j - 1, inside = of < 0 ? 1 : of < h ? of : h - 2;
            around[j] = pixels + (h > 1 ? inside : 0) * w;
        }
        return around;
    };
    for (int64_t yy = first; yy < last; yy += rows_together) {
        const int64_t together = std::min<int64_t>(last - yy, rows_together);
        const auto& clean = yy == first ? of_pixels.clean : of_pixels.add_clean;
        clean[together - 1](rows_from(yy, together), sums, w);
    }
    const float count = static_cast<float>(last - first),
                scale = 1 / (count * static_cast<float>(step));
    if (step > 4)
        fold_any(sums, to, w / step, step, scale);
    else if (step > 1)
        rows.fold[step - 1](sums, to, w / step, scale);
    fold_rest(sums, w, step, count, to);
    means.mirror_columns(y, most_reach);
    if (y + 1 == height || (y + 1) % band_rows == 0) note_highest(rows, y / band_rows);
}

}  // namespace nucensus
