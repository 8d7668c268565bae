// Finds nuclei as regions of one image, on a grid of pixels averaged to suit their size:
// a foreground cut at half of each object's own height above the background, divided into pieces at
// its valleys, and pieces put together again where they are one convex body without a dip.
// docs/how-counts-are-made.md says why, with sources.
//
// Everything is single precision and in a fixed order, without fused operations, so the answer does
// not depend on the instruction set.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>
#include <queue>
#include <vector>

#include "foreground.h"
#include "foreground_rows.h"
#include "nucensus.h"

namespace nucensus {
namespace {

struct Moments {
    double area = 0, y = 0, x = 0, yy = 0, xy = 0, xx = 0;
    void operator+=(const Moments& other) {
        area += other.area, y += other.y, x += other.x;
        yy += other.yy, xy += other.xy, xx += other.xx;
    }
};

struct Region {
    Moments moments;
    double mass = 0;  // sum of heights
    float peak = 0;        // greatest height above the background
    float crest = -1;      // greatest value of the ridge map, and where
    int32_t seed = 0;
    int32_t edge = 0;
    int32_t version = 0;
};

struct Contact {
    int32_t first, second;
    float saddle;
};

struct Candidate {
    double cost;
    int32_t first, second, first_version, second_version;
    bool operator<(const Candidate& other) const {
        // priority_queue gives the greatest: the least cost, ties by index, so that order is fixed.
        if (cost != other.cost) return cost > other.cost;
        if (first != other.first) return first > other.first;
        return second > other.second;
    }
};

// Neighbouring columns from `start` to before `end`.
struct Span {
    int64_t start, end;
};

struct Scratch {
    const Rows* rows = nullptr;
    std::vector<float> grid, smooth, height, ridge, row, row2, samples, lo, sp, lo2, tile, residual, highest, crest;
    std::vector<Span> spans;         // where objects may be, band by band of rows
    std::vector<int64_t> first_span;  // of each band, and the end of the last
    std::vector<uint32_t> sums;
    std::vector<int32_t> label, list, parent;
    std::vector<Region> regions;
    std::vector<Contact> contacts;
    std::vector<std::vector<std::pair<int32_t, float>>> near;
};

thread_local Scratch scratch;

const PixelRows<uint8_t>& rows_of(const uint8_t*) { return scratch.rows->of_uint8; }
const PixelRows<uint16_t>& rows_of(const uint16_t*) { return scratch.rows->of_uint16; }
const PixelRows<float>& rows_of(const float*) { return scratch.rows->of_float; }

// ---- the working grid: means of step x step pixels -------------------------------------------

// The first or last pixel of a row: its missing neighbours are those of the other side.
template <class Pixel>
void cap_edge(const Pixel* up, const Pixel* mid, const Pixel* down, Pixel* to, int64_t w, int64_t x) {
    const int64_t in = x ? std::max<int64_t>(x - 1, 0) : std::min<int64_t>(1, w - 1);
    Pixel around[8] = {up[in], up[x], up[in], mid[in], mid[in], down[in], down[x], down[in]};
    std::partial_sort(around, around + 3, around + 8, [](Pixel a, Pixel b) { return a > b; });
    to[x] = std::min(mid[x], around[2]);
}

void fold_any(const float* from, float* to, int64_t n, int step, float scale) {
    for (int64_t x = 0; x < n; ++x) {
        float sum = 0;
        for (int j = 0; j < step; ++j) sum += from[x * step + j];
        to[x] = sum * scale;
    }
}

template <class Pixel>
void decimate(const Pixel* pixels, int64_t h, int64_t w, int step, float* out) {
    static thread_local std::vector<Pixel> clean;
    clean.resize(w);
    const int64_t gh = (h + step - 1) / step, gw = (w + step - 1) / step, whole = w / step;
    auto& row = scratch.row;
    row.resize(w);
    const auto& loops = rows_of(pixels);
    const Rows& level = *scratch.rows;
    for (int64_t y = 0; y < gh; ++y) {
        std::fill(row.begin(), row.end(), 0.f);
        const int64_t last = std::min<int64_t>(h, (y + 1) * step);
        for (int64_t yy = y * step; yy < last; ++yy) {
            const Pixel* mid = pixels + yy * w;
            const Pixel* up = yy > 0 ? mid - w : h > 1 ? mid + w : mid;
            const Pixel* down = yy + 1 < h ? mid + w : h > 1 ? mid - w : mid;
            loops.cap(up, mid, down, clean.data(), w);
            cap_edge(up, mid, down, clean.data(), w, 0);
            cap_edge(up, mid, down, clean.data(), w, w - 1);
            loops.add(clean.data(), row.data(), w);
        }
        const float rows = static_cast<float>(last - y * step), scale = 1 / (rows * step);
        float* to = out + y * gw;
        if (step <= 4) level.fold[step - 1](row.data(), to, whole, scale);
        else fold_any(row.data(), to, whole, step, scale);
        if (whole < gw) {
            float sum = 0;
            for (int64_t x = whole * step; x < w; ++x) sum += row[x];
            to[whole] = sum / (rows * static_cast<float>(w - whole * step));
        }
    }
}

// ---- smoothing -------------------------------------------------------------------------------

int64_t mirror(int64_t i, int64_t n) {
    if (n == 1) return 0;
    while (i < 0 || i >= n) i = i < 0 ? -i - 1 : 2 * n - 1 - i;
    return i;
}

struct Gaussian {
    int radius;
    float taps[11];

    explicit Gaussian(double sigma) : radius(std::min(10, std::max(1, static_cast<int>(std::ceil(3 * sigma))))) {
        double weights[11], total = 0;
        for (int j = 0; j <= radius; ++j) {
            weights[j] = std::exp(-0.5 * j * j / (sigma * sigma));
            total += j ? 2 * weights[j] : weights[j];
        }
        for (int j = 0; j <= radius; ++j) taps[j] = static_cast<float>(weights[j] / total);
    }
};

// Blurs one stretch of row `y` of `in` into `out`.
void blur_row(const Gaussian& gaussian, const float* in, int64_t h, int64_t w, int64_t y, Span span, float* out) {
    const int radius = gaussian.radius;
    const Rows& level = *scratch.rows;
    auto& row = scratch.row;
    row.resize(w + 2 * radius);
    float* line = row.data() + radius - span.start;  // of the whole row, valid from `left` to `right`
    const int64_t left = std::max<int64_t>(0, span.start - radius), right = std::min(w, span.end + radius);
    const float* rows[21];
    for (int j = -radius; j <= radius; ++j) rows[j + radius] = in + mirror(y + j, h) * w + left;
    level.convolve_column[radius - 1](rows, line + left, right - left, gaussian.taps);
    for (int64_t x = span.start - radius; x < 0; ++x) line[x] = line[mirror(x, w)];
    for (int64_t x = w; x < span.end + radius; ++x) line[x] = line[mirror(x, w)];
    level.convolve_row[radius - 1](row.data(), out, span.end - span.start, gaussian.taps);
}

void blur(const float* in, float* out, int64_t h, int64_t w, double sigma) {
    const Gaussian gaussian(sigma);
    for (int64_t y = 0; y < h; ++y) blur_row(gaussian, in, h, w, y, {0, w}, out + y * w);
}

// ---- where objects may be: most of an image is background, and is left out --------------------

constexpr int64_t BAND = 8, BLOCK = 16;  // rows and columns of a block

// The spans of the band that row `y` is in.
struct Spans {
    const Span *first, *last;
    explicit Spans(int64_t y)
        : first(scratch.spans.data() + scratch.first_span[y / BAND]),
          last(scratch.spans.data() + scratch.first_span[y / BAND + 1]) {}
    const Span* begin() const { return first; }
    const Span* end() const { return last; }
};

// Remembers the highest of each block of the band that ends with row `y`.
void note_highest(const float* height, int64_t h, int64_t w, int64_t y) {
    auto &columns = scratch.row2, &highest = scratch.highest;
    columns.resize(w);
    if (y == 0) highest.clear();
    if (y % BAND == 0) std::memcpy(columns.data(), height, w * sizeof(float));
    else scratch.rows->max(columns.data(), height, columns.data(), w);
    if (y % BAND != BAND - 1 && y != h - 1) return;
    for (int64_t x = 0; x < w; x += BLOCK)
        highest.push_back(*std::max_element(columns.begin() + x, columns.begin() + std::min(w, x + BLOCK)));
}

// Spans of neighbouring blocks that rise above `least`.
void find_spans(int64_t h, int64_t w, float least) {
    auto& s = scratch;
    const float* highest = s.highest.data();
    s.spans.clear(), s.first_span.clear();
    for (int64_t y = 0; y < h; y += BAND) {
        s.first_span.push_back(static_cast<int64_t>(s.spans.size()));
        bool before = false;
        for (int64_t x = 0; x < w; x += BLOCK) {
            const bool rises = *highest++ > least;
            if (rises && !before) s.spans.push_back({x, x});
            if (rises) s.spans.back().end = std::min(w, x + BLOCK);
            before = rises;
        }
    }
    s.first_span.push_back(static_cast<int64_t>(s.spans.size()));
}

// ---- background and noise --------------------------------------------------------------------

struct Tiles {
    int64_t rows, columns, size;
};

float quantile(float* values, int64_t n, double q) {
    float* at = values + static_cast<int64_t>(q * (n - 1) + 0.5);
    std::nth_element(values, at, values + n);
    return *at;
}

// Two quantiles of a few values; counting their ranks is faster than sorting.
void two_quantiles(const std::vector<float>& values, double low_share, double mid_share, float* low, float* mid) {
    auto& ranks = scratch.list;
    const int64_t n = static_cast<int64_t>(values.size());
    ranks.resize(n);
    scratch.rows->count_ranks(values.data(), ranks.data(), n);
    const int32_t low_rank = static_cast<int32_t>(low_share * static_cast<double>(n - 1) + .5);
    const int32_t mid_rank = static_cast<int32_t>(mid_share * static_cast<double>(n - 1) + .5);
    *low = *mid = HUGE_VALF;
    for (int64_t i = 0; i < n; ++i) {
        *low = std::min(*low, ranks[i] > low_rank ? values[i] : HUGE_VALF);
        *mid = std::min(*mid, ranks[i] > mid_rank ? values[i] : HUGE_VALF);
    }
}

// The smoothed grid less the surfaces that were found under it, row by row.
struct Flat {
    int64_t h, w;
    int surfaces = 0;
    double surface[2][6] = {};

    // Returns row `y`, for which there is room at `to`.
    const float* row(int64_t y, float* to) const {
        const float* from = scratch.smooth.data() + y * w;
        const double at = 2 * (static_cast<double>(y) + .5) / static_cast<double>(h) - 1;
        for (int i = 0; i < surfaces; ++i, from = to) {
            const double* s = surface[i];
            scratch.rows->subtract_parabola(from, to, w, static_cast<float>(s[0] + s[1] * at + s[3] * at * at),
                                            static_cast<float>(s[2] + s[4] * at), static_cast<float>(s[5]),
                                            2 / static_cast<float>(w));
        }
        return from;
    }
};

// A low percentile of every tile of the flattened grid, and the spread of its lower values.
Tiles measure_tiles(const Flat& flat, int64_t size) {
    const int64_t h = flat.h, w = flat.w;
    Tiles tiles{std::max<int64_t>(1, (h + size / 2) / size), std::max<int64_t>(1, (w + size / 2) / size), size};
    auto &lo = scratch.lo, &sp = scratch.sp, &values = scratch.samples;
    lo.resize(tiles.rows * tiles.columns);
    sp.resize(lo.size());
    const int64_t skip = std::max<int64_t>(1, (size + 7) / 8);  // 64 of its pixels
    std::vector<const float*> rows;
    for (int64_t r = 0; r < tiles.rows; ++r) {
        const int64_t y0 = h * r / tiles.rows, y1 = h * (r + 1) / tiles.rows;
        scratch.tile.resize(((y1 - y0) / skip + 1) * w);
        rows.clear();
        for (int64_t y = y0; y < y1; y += skip)
            rows.push_back(flat.row(y, scratch.tile.data() + static_cast<int64_t>(rows.size()) * w));
        for (int64_t c = 0; c < tiles.columns; ++c) {
            const int64_t x0 = w * c / tiles.columns, x1 = w * (c + 1) / tiles.columns;
            int64_t n = 0;
            values.resize(((y1 - y0) / skip + 1) * ((x1 - x0) / skip + 1));
            for (const float* row : rows)
                for (int64_t x = x0; x < x1; x += skip) values[n++] = row[x];
            values.resize(n);
            float low, mid;
            two_quantiles(values, .1, .3, &low, &mid);
            lo[r * tiles.columns + c] = low;
            sp[r * tiles.columns + c] = mid - low;
        }
    }
    return tiles;
}

// The noise seen between pixels `apart`: from a low quantile of their differences, which edges of
// objects do not reach unless they are everywhere; `normal` is that of a normal distribution.
template <class RowAt>
double fine_noise(RowAt row_at, int64_t h, int64_t w, int64_t apart, int64_t skip, double share, double normal) {
    auto& values = scratch.samples;
    values.clear();
    while ((h / skip) * (w / skip) > 8000) ++skip;
    for (int64_t y = 0; y < h; y += skip) {
        const float* row = row_at(y);
        for (int64_t x = 0; x + apart < w; x += skip) values.push_back(std::fabs(row[x + apart] - row[x]));
    }
    if (values.size() < 50) return HUGE_VAL;
    return quantile(values.data(), static_cast<int64_t>(values.size()), share) / (normal * std::sqrt(2.));
}

template <class Pick>
void window3(std::vector<float>& map, const Tiles& t, Pick pick) {
    auto& out = scratch.lo2;
    out.resize(map.size());
    for (int64_t r = 0; r < t.rows; ++r)
        for (int64_t c = 0; c < t.columns; ++c) {
            float value = map[r * t.columns + c];
            for (int64_t y = std::max<int64_t>(0, r - 1); y <= std::min(t.rows - 1, r + 1); ++y)
                for (int64_t x = std::max<int64_t>(0, c - 1); x <= std::min(t.columns - 1, c + 1); ++x)
                    value = pick(value, map[y * t.columns + x]);
            out[r * t.columns + c] = value;
        }
    map.swap(out);
}

void smooth3(std::vector<float>& map, const Tiles& t) {
    auto& out = scratch.lo2;
    out.resize(map.size());
    for (int64_t r = 0; r < t.rows; ++r)
        for (int64_t c = 0; c < t.columns; ++c) {
            float sum = 0, n = 0;
            for (int64_t y = std::max<int64_t>(0, r - 1); y <= std::min(t.rows - 1, r + 1); ++y)
                for (int64_t x = std::max<int64_t>(0, c - 1); x <= std::min(t.columns - 1, c + 1); ++x)
                    sum += map[y * t.columns + x], n += 1;
            out[r * t.columns + c] = sum / n;
        }
    map.swap(out);
}

// The smooth surface (quadratic in y and x) under most tiles, left out those that stand above it.
bool fit_surface(const Tiles& t, double* surface) {
    const auto& lo = scratch.lo;
    const int64_t n = static_cast<int64_t>(lo.size());
    if (t.rows < 4 || t.columns < 4) return false;
    std::vector<char> used(n, 1);
    auto& left = scratch.samples;
    for (int round = 0; round < 6; ++round) {
        double a[6][7] = {{0}};
        for (int64_t k = 0; k < n; ++k) {
            if (!used[k]) continue;
            const double y = 2 * (static_cast<double>(k / t.columns) + .5) / static_cast<double>(t.rows) - 1;
            const double x = 2 * (static_cast<double>(k % t.columns) + .5) / static_cast<double>(t.columns) - 1;
            const double f[7] = {1, y, x, y * y, x * y, x * x, lo[k]};
            for (int i = 0; i < 6; ++i)
                for (int j = 0; j < 7; ++j) a[i][j] += f[i] * f[j];
        }
        for (int i = 0; i < 6; ++i) a[i][i] += 1e-6 * a[0][0];
        for (int i = 0; i < 6; ++i)
            for (int r = 0; r < 6; ++r) {
                if (r == i) continue;
                const double k = a[r][i] / a[i][i];
                for (int j = i; j < 7; ++j) a[r][j] -= k * a[i][j];
            }
        for (int i = 0; i < 6; ++i) surface[i] = a[i][6] / a[i][i];
        left.resize(n);
        auto& residual = scratch.residual;
        residual.resize(n);
        for (int64_t k = 0; k < n; ++k) {
            const double y = 2 * (static_cast<double>(k / t.columns) + .5) / static_cast<double>(t.rows) - 1;
            const double x = 2 * (static_cast<double>(k % t.columns) + .5) / static_cast<double>(t.columns) - 1;
            residual[k] = static_cast<float>(lo[k] - (surface[0] + surface[1] * y + surface[2] * x +
                                                      surface[3] * y * y + surface[4] * x * y + surface[5] * x * x));
        }
        left.assign(residual.begin(), residual.end());
        const float q2 = quantile(left.data(), n, .2), q4 = quantile(left.data(), n, .4);
        const float most_above = q4 + 2 * (q4 - q2);
        int64_t kept = 0;
        for (int64_t k = 0; k < n; ++k) kept += used[k] = residual[k] <= most_above;
        if (kept < 12) return round > 0;
    }
    return true;
}

// height = flattened grid - background, the background running straight from tile centre to tile centre.
void subtract_background(const Flat& flat, float* height, const Tiles& t, float extra) {
    const int64_t h = flat.h, w = flat.w;
    const auto& lo = scratch.lo;
    auto& wide = scratch.tile;  // every tile row, stretched to the width of the grid
    wide.resize(t.rows * w);
    for (int64_t r = 0; r < t.rows; ++r)
        for (int64_t x = 0; x < w; ++x) {
            float at = (static_cast<float>(x) + .5f) * static_cast<float>(t.columns) / static_cast<float>(w) - .5f;
            at = std::min(std::max(at, 0.f), static_cast<float>(t.columns - 1));
            const int64_t c = std::min<int64_t>(static_cast<int64_t>(at), std::max<int64_t>(0, t.columns - 2));
            const float k = at - static_cast<float>(c);
            const float a = lo[r * t.columns + c], b = lo[r * t.columns + std::min(c + 1, t.columns - 1)];
            wide[r * w + x] = a + (b - a) * k + extra;
        }
    auto& row = scratch.row;
    row.resize(w);
    for (int64_t y = 0; y < h; ++y) {
        float at = (static_cast<float>(y) + .5f) * static_cast<float>(t.rows) / static_cast<float>(h) - .5f;
        at = std::min(std::max(at, 0.f), static_cast<float>(t.rows - 1));
        const int64_t r = std::min<int64_t>(static_cast<int64_t>(at), std::max<int64_t>(0, t.rows - 2));
        scratch.rows->lerp(wide.data() + r * w, wide.data() + std::min(r + 1, t.rows - 1) * w, row.data(), w,
                           at - static_cast<float>(r));
        float* to = height + y * w;
        scratch.rows->subtract(flat.row(y, to), row.data(), to, w);
        note_highest(to, h, w, y);
    }
}

// Otsu's threshold of log(height), from a sample of the grid.
double otsu_log(const float* height, int64_t h, int64_t w, double floor_, int64_t skip, double* upper) {
    constexpr int BINS = 512, SHIFT = 18;  // 32 bins an octave: float bits are a piecewise linear log2
    int64_t counts[BINS] = {0}, n = 0;
    uint32_t one;
    const float unit = 1.f, scale = static_cast<float>(1 / floor_);
    std::memcpy(&one, &unit, 4);
    for (int64_t y = 0; y < h; y += skip)
        for (int64_t x = 0; x < w; x += skip) {
            const float v = std::max(height[y * w + x] * scale, 1.f);
            uint32_t bits;
            std::memcpy(&bits, &v, 4);
            ++counts[std::min<uint32_t>((bits - one) >> SHIFT, BINS - 1)];
            ++n;
        }
    double total = 0;
    for (int j = 0; j < BINS; ++j) total += static_cast<double>(counts[j]) * j;
    double below = 0, sum = 0, best = -1;
    int first = 1, last = 1;
    for (int j = 0; j < BINS - 1; ++j) {
        below += static_cast<double>(counts[j]), sum += static_cast<double>(counts[j]) * j;
        const double above = static_cast<double>(n) - below;
        if (below == 0 || above == 0) continue;
        const double gap = sum / below - (total - sum) / above, between = below * above * gap * gap;
        if (between > best) best = between, first = last = j + 1;
        else if (between == best) last = j + 1;
    }
    const int cut = (first + last) / 2;
    auto level = [&](int bin) {
        const uint32_t bits = one + (static_cast<uint32_t>(bin) << SHIFT);
        float v;
        std::memcpy(&v, &bits, 4);
        return static_cast<double>(v) * floor_;
    };
    int64_t over = 0, seen = 0;
    for (int j = cut; j < BINS; ++j) over += counts[j];
    int j = cut;
    for (; j < BINS - 1 && (seen + counts[j]) * 2 < over; ++j) seen += counts[j];
    *upper = level(j);  // the median of what is above
    return level(cut);
}

// ---- the local foreground and its ridges -----------------------------------------------------

// Greatest value in the square of half-width `reach` around each of `rows` x `columns` pixels, by
// doubling the window. `in` has `reach` more on every side, and is overwritten.
void window_max(float* in, float* out, int64_t rows, int64_t columns, int64_t reach) {
    const int64_t length = 2 * reach + 1, wide = columns + 2 * reach, tall = rows + 2 * reach;
    const auto max_rows = scratch.rows->max;
    // The pixels lie one after the other, so that the next row is just another neighbour; what that
    // makes of the last columns of a row is not used.
    const auto along = [&](int64_t apart) {
        int64_t span = 1, n = tall * wide;
        for (; span * 2 <= length; span *= 2) n -= span * apart, max_rows(in, in + span * apart, in, n);
        n -= (length - span) * apart;
        if (length > span) max_rows(in, in + (length - span) * apart, in, n);
    };
    along(1);
    along(wide);
    for (int64_t y = 0; y < rows; ++y) std::memcpy(out + y * columns, in + y * wide, columns * sizeof(float));
}

// Pixels between a quarter and three quarters of the way up, for each crossing of the middle, along
// every fourth row: how wide an edge is.
double edge_width(const float* relative, int64_t h, int64_t w) {
    int64_t band = 0, crossings = 0;
    for (int64_t y = 0; y < h; y += 4) {
        const float* row = relative + y * w;
        for (const Span span : Spans(y)) {
            bool before = span.start == 0 && row[0] > .5f;
            for (int64_t x = span.start; x < span.end; ++x) {
                const bool inside = row[x] > .5f;
                crossings += inside != before;
                before = inside;
                band += row[x] > 0 && row[x] < 1;
            }
            crossings += before && span.end < w;
        }
    }
    return crossings ? static_cast<double>(band) / static_cast<double>(crossings) : 0;
}

double stretch(const Moments& m) {  // area of the ellipse with these moments / area: 1 for an ellipse
    const double y = m.y / m.area, x = m.x / m.area;
    const double vy = m.yy / m.area - y * y + 1. / 12, vx = m.xx / m.area - x * x + 1. / 12, c = m.xy / m.area - x * y;
    return 4 * M_PI * std::sqrt(std::max(vy * vx - c * c, 1e-12)) / m.area;
}

int32_t find(std::vector<int32_t>& parent, int32_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

// Follow every foreground pixel uphill to its summit: those that share one are a piece. Fills
// `label` with the piece of each pixel (-1 outside) and returns how many pieces there are.
int32_t climb(int64_t h, int64_t w) {
    auto& s = scratch;
    s.label.assign(h * w, -1), s.list.clear(), s.regions.clear();
    s.row.assign(3 * (w + 2), -1.f);
    auto line = [&](int64_t y) { return s.row.data() + ((y + 3) % 3) * (w + 2); };
    auto mask = [&](int64_t y) {
        std::fill_n(line(y), w + 2, -1.f);
        if (y == h) return;
        for (const Span span : Spans(y)) {
            const int64_t at = y * w + span.start;
            s.rows->mask(s.grid.data() + at, s.ridge.data() + at, line(y) + 1 + span.start, span.end - span.start);
        }
    };
    mask(0);
    for (int64_t y = 0; y < h; ++y) {
        mask(y + 1);
        for (const Span span : Spans(y)) {
            const int32_t first = static_cast<int32_t>(y * w + span.start);
            const int32_t length = static_cast<int32_t>(span.end - span.start);
            int32_t* way = s.label.data() + first;
            s.rows->steepest(line(y - 1) + span.start, line(y) + span.start, line(y + 1) + span.start, way, length,
                             first, static_cast<int32_t>(w));
            for (int32_t x = 0; x < length; ++x)
                if (way[x] == first + x) s.list.push_back(first + x);
        }
    }
    const int32_t count = static_cast<int32_t>(s.list.size());
    s.regions.resize(count);
    // Summits become ~piece (below -1), which also marks where a way ends.
    int32_t* label = s.label.data();
    for (int32_t r = 0; r < count; ++r) {
        s.regions[r].seed = s.list[r], s.regions[r].crest = s.ridge[s.list[r]];
        label[s.list[r]] = -2 - r;
    }
    for (int64_t y = 0; y < h; ++y)
        for (const Span span : Spans(y))
            for (int64_t i = y * w + span.start; i < y * w + span.end; ++i) {
                if (label[i] < 0) continue;
                int32_t end = label[i];
                while (label[end] >= 0) end = label[end];
                const int32_t mark = label[end];
                for (int32_t j = static_cast<int32_t>(i); label[j] >= 0;) {
                    const int32_t next = label[j];
                    label[j] = mark;
                    j = next;
                }
            }
    for (int64_t y = 0; y < h; ++y)
        for (const Span span : Spans(y))
            for (int64_t i = y * w + span.start; i < y * w + span.end; ++i)
                label[i] = label[i] < -1 ? -2 - label[i] : -1;
    return count;
}

// Moments, heights and contacts of the pieces, from their runs along the rows.
void measure_pieces(int64_t h, int64_t w) {
    auto& s = scratch;
    s.contacts.clear();
    for (int64_t y = 0; y < h; ++y) {
        const int32_t* label = s.label.data() + y * w;
        const int32_t* below = y + 1 < h ? label + w : nullptr;
        const float *height = s.height.data() + y * w, *under = height + w;
        for (const Span span : Spans(y)) {
            for (int64_t x = span.start; x < span.end;) {
                const int32_t piece = label[x];
                if (piece < 0) {
                    ++x;
                    continue;
                }
                const int64_t start = x;
                Region& region = s.regions[piece];
                float peak = region.peak, mass = 0;
                int32_t touched = -1;
                float saddle = 0;
                for (; x < w && label[x] == piece; ++x) {
                    peak = std::max(peak, height[x]);
                    mass += height[x];
                    if (!below || below[x] < 0 || below[x] == piece) continue;
                    const float pass = std::min(height[x], under[x]);
                    if (below[x] == touched) {
                        saddle = std::max(saddle, pass);
                        continue;
                    }
                    if (touched >= 0) s.contacts.push_back({std::min(piece, touched), std::max(piece, touched), saddle});
                    touched = below[x], saddle = pass;
                }
                if (touched >= 0) s.contacts.push_back({std::min(piece, touched), std::max(piece, touched), saddle});
                if (x < w && label[x] >= 0)
                    s.contacts.push_back({std::min(piece, label[x]), std::max(piece, label[x]), std::min(height[x - 1], height[x])});
                region.peak = peak, region.mass += mass;
                region.edge |= (y == 0) | (y == h - 1) | (start == 0) | (x == w);
                const double n = static_cast<double>(x - start), row = static_cast<double>(y);
                const double middle = static_cast<double>(start + x - 1) / 2, sum = n * middle;
                Moments& m = region.moments;
                m.area += n, m.y += n * row, m.x += sum, m.yy += n * row * row, m.xy += row * sum;
                m.xx += n * (middle * middle + (n * n - 1) / 12);
            }
        }
    }
}

// ---- the background, the noise, the threshold ------------------------------------------------

// Fills `height` with what stands above the background, and returns the noise of the smoothed grid.
double take_background(int64_t h, int64_t w, const nucensus_look& look) {
    auto& s = scratch;
    const int64_t side = std::max<int64_t>(4, look.tile);
    Flat flat{h, w};
    Tiles tiles = measure_tiles(flat, side);
    // Twice: a tile's low percentile is biased on a slope, and the first time takes most of it away.
    while (flat.surfaces < 2 && fit_surface(tiles, flat.surface[flat.surfaces])) {
        ++flat.surfaces;
        tiles = measure_tiles(flat, side);
    }
    // In a crowd no tile is free of nuclei, and its spread is theirs; but haze is allowed for.
    const double spread = quantile(s.sp.data(), static_cast<int64_t>(s.sp.size()), .25) / .7572;
    const int64_t apart = std::max<int64_t>(2, static_cast<int64_t>(std::ceil(3 * look.smooth_sigma)));
    const int64_t skip = std::max<int64_t>(1, look.tile / 8);
    s.row.resize(w);
    const auto row_at = [&](int64_t y) { return flat.row(y, s.row.data()); };
    const double noise = std::min(spread, 3 * fine_noise(row_at, h, w, apart, skip, .2, .2533));
    window3(s.lo, tiles, [](float a, float b) { return std::min(a, b); });
    window3(s.lo, tiles, [](float a, float b) { return std::max(a, b); });
    smooth3(s.lo, tiles);
    subtract_background(flat, s.height.data(), tiles, static_cast<float>(1.28 * noise));
    return noise;
}

// The least height of an object.
double choose_threshold(int64_t h, int64_t w, const nucensus_look& look, nucensus_measure& measure) {
    const auto& s = scratch;
    const double noise = measure.noise;
    double top = 0;
    for (int64_t i = 0; i < h * w; i += 7) top = std::max<double>(top, s.height[i]);
    const double floor = std::max(3 * noise, 1e-3 * top);
    const int64_t skip = std::max<int64_t>(1, look.tile / 10);
    measure.upper = 0;
    measure.otsu = floor > 0 ? otsu_log(s.height.data(), h, w, floor, skip, &measure.upper) : 0;
    // Pure noise reaches 7; above 10 there are nuclei, and the noise may be overstated in a crowd.
    const double above = noise > 0 ? measure.upper / noise : 10;
    const double factor = look.noise_factor * (1 - .5 * std::min(std::max((above - 7) / 3, 0.), 1.));
    const double threshold = std::max({measure.otsu, look.least_threshold, factor * noise});
    return threshold > 0 ? threshold : 1e-30;
}

// The mean level that was taken away.
double mean_background(int64_t size) {
    double sum = 0;
    int64_t seen = 0;
    for (int64_t i = 0; i < size; i += 97, ++seen) sum += scratch.smooth[i] - scratch.height[i];
    return sum / static_cast<double>(seen);
}

// Heights relative to those of their object, clipped between a quarter and three quarters: into `grid`.
void take_relative(int64_t h, int64_t w, const nucensus_look& look, double threshold) {
    auto& s = scratch;
    const Gaussian gaussian(look.crest_sigma);
    const int64_t reach = std::max<int64_t>(1, look.reach);
    const float floor = 2 * static_cast<float>(threshold);
    find_spans(h, w, .249f * floor);  // what is lower is 0
    std::fill(s.grid.begin(), s.grid.end(), 0.f);
    for (int64_t y = 0; y < h; y += BAND) {
        const int64_t rows = std::min(BAND, h - y);
        for (const Span span : Spans(y)) {
            // Smoothed first: the brightest grain of a nucleus is not its height.
            const int64_t columns = span.end - span.start, wide = columns + 2 * reach;
            const Span around{std::max<int64_t>(0, span.start - reach), std::min(w, span.end + reach)};
            s.tile.assign((rows + 2 * reach) * wide, -HUGE_VALF);
            s.crest.resize(rows * columns);
            for (int64_t j = -reach; j < rows + reach; ++j) {
                if (y + j < 0 || y + j >= h) continue;
                float* to = s.tile.data() + (j + reach) * wide + around.start - span.start + reach;
                blur_row(gaussian, s.height.data(), h, w, y + j, around, to);
            }
            window_max(s.tile.data(), s.crest.data(), rows, columns, reach);
            for (int64_t j = 0; j < rows; ++j) {
                const int64_t at = (y + j) * w + span.start;
                s.rows->relative(s.height.data() + at, s.crest.data() + j * columns, s.grid.data() + at, columns, floor);
            }
        }
    }
}

// ---- putting pieces together -----------------------------------------------------------------

// What speaks against two pieces being one nucleus; below 0 they are.
double cost(const Region& a, const Region& b, float saddle, const nucensus_look& look) {
    Moments both = a.moments;
    both += b.moments;
    const auto summit = [&](const Region& r) {
        return r.peak + (r.mass / r.moments.area - r.peak) * look.crest_share;
    };
    const double dip = std::max(0., 1 - saddle / std::min(summit(a), summit(b)));
    const double size = both.area / (M_PI * look.radius * look.radius);
    return (std::log(stretch(both)) / look.most_stretch + dip / look.most_dip) * std::max(size, look.least_size) - 1;
}

class Union {
public:
    Union(int32_t count, const nucensus_look& look) : look(look) {
        s.parent.resize(count);
        for (int32_t r = 0; r < count; ++r) s.parent[r] = r;
        collect_contacts(count);
    }

    // The best pair first, until none is left.
    void merge_all() {
        while (!queue.empty()) {
            const Candidate best = queue.top();
            queue.pop();
            const Region &a = s.regions[best.first], &b = s.regions[best.second];
            if (a.version == best.first_version && b.version == best.second_version) merge(best.first, best.second);
        }
    }

private:
    void offer(int32_t a, int32_t b, float saddle) {
        if (a > b) std::swap(a, b);
        const Region &ra = s.regions[a], &rb = s.regions[b];
        const double c = cost(ra, rb, saddle, look);
        if (c < 0) queue.push({c, a, b, ra.version, rb.version});
    }

    // Of the contacts of two pieces the highest counts.
    void collect_contacts(int32_t count) {
        auto& contacts = s.contacts;
        std::sort(contacts.begin(), contacts.end(), [](const Contact& a, const Contact& b) {
            if (a.first != b.first) return a.first < b.first;
            if (a.second != b.second) return a.second < b.second;
            return a.saddle > b.saddle;
        });
        auto& near = s.near;
        near.resize(std::max<size_t>(near.size(), count));
        for (int32_t r = 0; r < count; ++r) near[r].clear();
        const Contact* last = nullptr;
        for (const Contact& c : contacts) {
            if (!last || last->first != c.first || last->second != c.second) {
                near[c.first].push_back({c.second, c.saddle});
                near[c.second].push_back({c.first, c.saddle});
                offer(c.first, c.second, c.saddle);
            }
            last = &c;
        }
    }

    void merge(int32_t into, int32_t from) {
        Region &a = s.regions[into], &b = s.regions[from];
        a.moments += b.moments;
        a.peak = std::max(a.peak, b.peak);
        a.mass += b.mass;
        a.edge |= b.edge;
        if (b.crest > a.crest) a.crest = b.crest, a.seed = b.seed;
        ++a.version, b.version = -1;
        s.parent[from] = into;
        inherit_neighbours(into, from);
        for (const auto& [other, saddle] : s.near[into]) offer(into, other, saddle);
    }

    void inherit_neighbours(int32_t into, int32_t from) {
        auto &mine = s.near[into], &theirs = s.near[from];
        for (const auto& [other, saddle] : theirs) {
            if (other == into) continue;
            auto& back = s.near[other];
            back.erase(of(back, from));
            const auto at = of(mine, other);
            if (at == mine.end()) {
                mine.push_back({other, saddle});
                back.push_back({into, saddle});
            } else if (saddle > at->second) {
                at->second = of(back, into)->second = saddle;
            }
        }
        mine.erase(of(mine, from));
        theirs.clear();
    }

    using Neighbours = std::vector<std::pair<int32_t, float>>;
    static Neighbours::iterator of(Neighbours& list, int32_t region) {
        return std::find_if(list.begin(), list.end(), [&](const auto& each) { return each.first == region; });
    }

    const nucensus_look& look;
    Scratch& s = scratch;
    std::priority_queue<Candidate> queue;
};

// ---- all of it -------------------------------------------------------------------------------

// The centre of mass, unless it lies outside of the region: then its seed.
nucensus_region describe(int32_t number, int64_t w, double step) {
    auto& s = scratch;
    const Region& region = s.regions[number];
    const Moments& m = region.moments;
    double cy = m.y / m.area, cx = m.x / m.area;
    int64_t at = static_cast<int64_t>(cy + .5) * w + static_cast<int64_t>(cx + .5);
    if (s.label[at] < 0 || find(s.parent, s.label[at]) != number)
        at = region.seed, cy = static_cast<double>(at / w), cx = static_cast<double>(at % w);
    const double shift = (step - 1) / 2;
    return {cy * step + shift, cx * step + shift, m.area * step * step, region.peak, region.mass / m.area,
            s.smooth[at], stretch(m), static_cast<double>(region.edge)};
}

template <class Pixel>
int64_t find_regions(const Pixel* pixels, int64_t height, int64_t width, const nucensus_look& look,
                     nucensus_measure* measure, nucensus_region* out, int64_t capacity) {
    auto& s = scratch;
    const int64_t step = look.step, h = (height + step - 1) / step, w = (width + step - 1) / step, size = h * w;
    for (auto* map : {&s.grid, &s.smooth, &s.height, &s.ridge}) map->resize(size);
    decimate(pixels, height, width, static_cast<int>(step), s.grid.data());
    const double grain = fine_noise([&](int64_t y) { return s.grid.data() + y * w; }, h, w, 1, std::max<int64_t>(1, look.tile / 8), .5, .6745);
    measure->grain = std::isfinite(grain) ? grain : 0;
    blur(s.grid.data(), s.smooth.data(), h, w, look.smooth_sigma);
    measure->noise = take_background(h, w, look);
    measure->background = mean_background(size);
    measure->threshold = choose_threshold(h, w, look, *measure);

    take_relative(h, w, look, measure->threshold);
    measure->edge_width = edge_width(s.grid.data(), h, w) * static_cast<double>(step);
    const Gaussian gaussian(look.ridge_sigma);
    for (int64_t y = 0; y < h; ++y)
        for (const Span span : Spans(y))
            blur_row(gaussian, s.grid.data(), h, w, y, span, s.ridge.data() + y * w + span.start);
    const int32_t count = climb(h, w);
    measure_pieces(h, w);
    Union(count, look).merge_all();

    const double least_area = look.least_area * M_PI * look.radius * look.radius;
    int64_t found = 0;
    double foreground = 0;
    for (int32_t r = 0; r < count; ++r) {
        if (s.parent[r] != r) continue;
        const double area = s.regions[r].moments.area;
        foreground += area;
        if (area < least_area) continue;
        if (found < capacity) {
            out[found] = describe(r, w, static_cast<double>(step));
            out[found].y = std::min(out[found].y, static_cast<double>(height - 1));
            out[found].x = std::min(out[found].x, static_cast<double>(width - 1));
        }
        ++found;
    }
    measure->foreground = foreground / static_cast<double>(size);
    return found;
}

// In the order of `nucensus_level_name`.
const Rows* const levels[] = {
    &rows_baseline,
#if defined(__x86_64__)
    &rows_avx2,
    &rows_avx512,
#endif
};

}  // namespace
}  // namespace nucensus

extern "C" int64_t nucensus_find_regions(const void* pixels, int32_t pixel_type, int64_t height, int64_t width,
                                         int32_t level, const nucensus_look* look, nucensus_measure* measure,
                                         nucensus_region* regions, int64_t capacity) {
    using namespace nucensus;
    scratch.rows = levels[level];
    const auto find = [&](const auto* typed) {
        return find_regions(typed, height, width, *look, measure, regions, capacity);
    };
    try {
        switch (pixel_type) {
            case 0: return find(static_cast<const uint8_t*>(pixels));
            case 1: return find(static_cast<const uint16_t*>(pixels));
            default: return find(static_cast<const float*>(pixels));
        }
    } catch (const std::bad_alloc&) {
        return -1;
    }
}
