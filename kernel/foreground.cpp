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

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
// The loader picks the widest version the processor runs; all give the same bits.
#define WIDE __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define WIDE
#endif
#define RESTRICT __restrict__

namespace {

using Row = float* RESTRICT;
using ConstRow = const float* RESTRICT;

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

struct Scratch {
    std::vector<float> grid, smooth, height, local, ridge, row, row2, taps, samples, lo, sp, lo2, tile, residual;
    std::vector<uint32_t> sums;
    std::vector<int32_t> label, list, parent, way;
    std::vector<Region> regions;
    std::vector<Contact> contacts;
    std::vector<std::vector<std::pair<int32_t, float>>> near;
};

thread_local Scratch scratch;

// ---- the working grid: means of step x step pixels -------------------------------------------

template <class Pixel>
WIDE void add_row(const Pixel* RESTRICT from, Row to, int64_t n) {
    for (int64_t x = 0; x < n; ++x) to[x] += static_cast<float>(from[x]);
}

// Hot pixels: no pixel stays above the third greatest of its eight neighbours, so specks of up to
// three pixels go.
template <class Pixel>
inline __attribute__((always_inline)) Pixel least(Pixel a, Pixel b) { return b < a ? b : a; }
template <class Pixel>
inline __attribute__((always_inline)) Pixel most(Pixel a, Pixel b) { return a < b ? b : a; }

template <class Pixel>
inline __attribute__((always_inline)) Pixel cap(Pixel mid, Pixel v0, Pixel v1, Pixel v2, Pixel v3, Pixel v4,
                                                Pixel v5, Pixel v6, Pixel v7) {
    // Sort both fours, then the third of the eight.
    const Pixel a = most(v0, v1), b = least(v0, v1), c = most(v2, v3), d = least(v2, v3);
    const Pixel e = most(v4, v5), f = least(v4, v5), g = most(v6, v7), k = least(v6, v7);
    const Pixel p1 = most(a, c), q = least(a, c), p2 = most(q, most(b, d)), p3 = least(q, most(b, d));
    const Pixel r1 = most(e, g), u = least(e, g), r2 = most(u, most(f, k)), r3 = least(u, most(f, k));
    const Pixel third = most(most(least(p1, r2), least(p2, r1)), most(p3, r3));
    return least(mid, third);
}

template <class Pixel>
WIDE void cap_row(const Pixel* RESTRICT up, const Pixel* RESTRICT mid, const Pixel* RESTRICT down,
                  Pixel* RESTRICT to, int64_t n) {
    for (int64_t x = 1; x < n - 1; ++x)
        to[x] = cap(mid[x], up[x - 1], up[x], up[x + 1], mid[x - 1], mid[x + 1], down[x - 1], down[x], down[x + 1]);
}

template <int STEP>
WIDE void fold(ConstRow from, Row to, int64_t n, float scale) {
    for (int64_t x = 0; x < n; ++x) {
        float sum = 0;
        for (int j = 0; j < STEP; ++j) sum += from[x * STEP + j];
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
    for (int64_t y = 0; y < gh; ++y) {
        std::fill(row.begin(), row.end(), 0.f);
        const int64_t last = std::min<int64_t>(h, (y + 1) * step);
        for (int64_t yy = y * step; yy < last; ++yy) {
            const Pixel* mid = pixels + yy * w;
            const Pixel* up = yy > 0 ? mid - w : h > 1 ? mid + w : mid;
            const Pixel* down = yy + 1 < h ? mid + w : h > 1 ? mid - w : mid;
            cap_row(up, mid, down, clean.data(), w);
            const int64_t in = std::min<int64_t>(1, w - 1), end = w - 1;
            const int64_t before = std::max<int64_t>(end - 1, 0);
            clean[0] = cap(mid[0], up[in], up[0], up[in], mid[in], mid[in], down[in], down[0], down[in]);
            clean[end] = cap(mid[end], up[before], up[end], up[before], mid[before], mid[before], down[before],
                             down[end], down[before]);
            add_row(clean.data(), row.data(), w);
        }
        const float rows = static_cast<float>(last - y * step), scale = 1 / (rows * step);
        float* to = out + y * gw;
        switch (step) {
            case 1: fold<1>(row.data(), to, whole, scale); break;
            case 2: fold<2>(row.data(), to, whole, scale); break;
            case 3: fold<3>(row.data(), to, whole, scale); break;
            case 4: fold<4>(row.data(), to, whole, scale); break;
            default:
                for (int64_t x = 0; x < whole; ++x) {
                    float sum = 0;
                    for (int j = 0; j < step; ++j) sum += row[x * step + j];
                    to[x] = sum * scale;
                }
        }
        if (whole < gw) {
            float sum = 0;
            for (int64_t x = whole * step; x < w; ++x) sum += row[x];
            to[whole] = sum / (rows * static_cast<float>(w - whole * step));
        }
    }
}

// ---- smoothing -------------------------------------------------------------------------------

template <int R>
WIDE void convolve_row(ConstRow from, Row to, int64_t n, const float* taps) {
    float k[R + 1];
    for (int j = 0; j <= R; ++j) k[j] = taps[j];
    for (int64_t x = 0; x < n; ++x) {
        float sum = from[x + R] * k[0];
        for (int j = 1; j <= R; ++j) sum += (from[x + R - j] + from[x + R + j]) * k[j];
        to[x] = sum;
    }
}
// one pass over R rows above and below, all in registers
template <int R>
WIDE void convolve_column(const float* const* rows, Row to, int64_t n, const float* taps) {
    float k[R + 1];
    const float* RESTRICT p[2 * R + 1];
    for (int j = 0; j <= R; ++j) k[j] = taps[j];
    for (int j = 0; j <= 2 * R; ++j) p[j] = rows[j];
    for (int64_t x = 0; x < n; ++x) {
        float sum = p[R][x] * k[0];
        for (int j = 1; j <= R; ++j) sum += (p[R - j][x] + p[R + j][x]) * k[j];
        to[x] = sum;
    }
}

int64_t mirror(int64_t i, int64_t n) {
    if (n == 1) return 0;
    while (i < 0 || i >= n) i = i < 0 ? -i - 1 : 2 * n - 1 - i;
    return i;
}

template <int R>
void blur_by(const float* in, float* out, int64_t h, int64_t w, const float* taps) {
    auto& row = scratch.row;
    row.resize(w + 2 * R);
    const float* rows[2 * R + 1];
    for (int64_t y = 0; y < h; ++y) {
        for (int j = -R; j <= R; ++j) rows[j + R] = in + mirror(y + j, h) * w;
        convolve_column<R>(rows, row.data() + R, w, taps);
        for (int j = 1; j <= R; ++j) {
            row[R - j] = row[R + mirror(-j, w)];
            row[R + w - 1 + j] = row[R + mirror(w - 1 + j, w)];
        }
        convolve_row<R>(row.data(), out + y * w, w, taps);
    }
}

void blur(const float* in, float* out, int64_t h, int64_t w, double sigma) {
    const int radius = std::min(10, std::max(1, static_cast<int>(std::ceil(3 * sigma))));
    float taps[11];
    double weights[11], total = 0;
    for (int j = 0; j <= radius; ++j) {
        weights[j] = std::exp(-0.5 * j * j / (sigma * sigma));
        total += j ? 2 * weights[j] : weights[j];
    }
    for (int j = 0; j <= radius; ++j) taps[j] = static_cast<float>(weights[j] / total);
    switch (radius) {
        case 1: return blur_by<1>(in, out, h, w, taps);
        case 2: return blur_by<2>(in, out, h, w, taps);
        case 3: return blur_by<3>(in, out, h, w, taps);
        case 4: return blur_by<4>(in, out, h, w, taps);
        case 5: return blur_by<5>(in, out, h, w, taps);
        case 6: return blur_by<6>(in, out, h, w, taps);
        case 7: return blur_by<7>(in, out, h, w, taps);
        case 8: return blur_by<8>(in, out, h, w, taps);
        case 9: return blur_by<9>(in, out, h, w, taps);
        default: return blur_by<10>(in, out, h, w, taps);
    }
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

// A low percentile of every tile of the smoothed grid, and the spread of its lower values.
Tiles measure_tiles(const float* smooth, int64_t h, int64_t w, int64_t size) {
    Tiles tiles{std::max<int64_t>(1, (h + size / 2) / size), std::max<int64_t>(1, (w + size / 2) / size), size};
    auto &lo = scratch.lo, &sp = scratch.sp, &values = scratch.samples;
    lo.resize(tiles.rows * tiles.columns);
    sp.resize(lo.size());
    const int64_t skip = std::max<int64_t>(1, (size + 7) / 8);  // 64 of its pixels
    for (int64_t r = 0; r < tiles.rows; ++r)
        for (int64_t c = 0; c < tiles.columns; ++c) {
            const int64_t y0 = h * r / tiles.rows, y1 = h * (r + 1) / tiles.rows;
            const int64_t x0 = w * c / tiles.columns, x1 = w * (c + 1) / tiles.columns;
            values.clear();
            for (int64_t y = y0; y < y1; y += skip)
                for (int64_t x = x0; x < x1; x += skip) values.push_back(smooth[y * w + x]);
            const int64_t n = static_cast<int64_t>(values.size());
            const float mid = quantile(values.data(), n, .3);
            const float low = quantile(values.data(), n, .1);
            lo[r * tiles.columns + c] = low;
            sp[r * tiles.columns + c] = mid - low;
        }
    return tiles;
}

// The noise seen between pixels `apart`: from a low quantile of their differences, which edges of
// objects do not reach unless they are everywhere; `normal` is that of a normal distribution.
double fine_noise(const float* flat, int64_t h, int64_t w, int64_t apart, int64_t skip, double share, double normal) {
    auto& values = scratch.samples;
    values.clear();
    for (int64_t y = 0; y < h; y += skip)
        for (int64_t x = 0; x + apart < w; x += skip)
            values.push_back(std::fabs(flat[y * w + x + apart] - flat[y * w + x]));
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

WIDE void lerp_rows(ConstRow a, ConstRow b, Row to, int64_t n, float k) {
    for (int64_t x = 0; x < n; ++x) to[x] = a[x] + (b[x] - a[x]) * k;
}
// `to` may be `a`.
WIDE void subtract_rows(const float* a, ConstRow b, float* to, int64_t n) {
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) to[x] = a[x] - b[x];
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

// `to` may be `from`.
WIDE void subtract_parabola(const float* from, float* to, int64_t n, float c0, float c1, float c2, float scale) {
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) {
        const float at = (static_cast<float>(static_cast<int32_t>(x)) + .5f) * scale - 1;
        to[x] = from[x] - (c0 + at * (c1 + at * c2));
    }
}

void subtract_surface(const float* from, float* to, int64_t h, int64_t w, const double* s) {
    for (int64_t r = 0; r < h; ++r) {
        const double y = 2 * (static_cast<double>(r) + .5) / static_cast<double>(h) - 1;
        subtract_parabola(from + r * w, to + r * w, w, static_cast<float>(s[0] + s[1] * y + s[3] * y * y),
                          static_cast<float>(s[2] + s[4] * y), static_cast<float>(s[5]), 2 / static_cast<float>(w));
    }
}

// height = smooth - background, the background running straight from tile centre to tile centre.
void subtract_background(const float* smooth, float* height, int64_t h, int64_t w, const Tiles& t, float extra) {
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
        lerp_rows(wide.data() + r * w, wide.data() + std::min(r + 1, t.rows - 1) * w, row.data(), w,
                  at - static_cast<float>(r));
        subtract_rows(smooth + y * w, row.data(), height + y * w, w);
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

// `to` may be `a`, so none of the three is marked restrict.
WIDE void max_rows(const float* a, const float* b, float* to, int64_t n) {
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) to[x] = a[x] < b[x] ? b[x] : a[x];
}

// Greatest value in the square of half-width `reach`, by doubling the window.
void window_max(const float* in, float* out, int64_t h, int64_t w, int64_t reach) {
    const int64_t length = 2 * reach + 1;
    auto &row = scratch.row, &other = scratch.row2;
    row.resize(w + 2 * reach + 8);
    other.resize(row.size());
    auto& tall = scratch.tile;  // rows already widened, padded above and below by repeating the edge
    const int64_t th = h + 2 * reach;
    tall.resize(th * w);
    for (int64_t y = 0; y < h; ++y) {
        for (int64_t j = 0; j < reach; ++j) row[j] = in[y * w], row[reach + w + j] = in[y * w + w - 1];
        std::memcpy(row.data() + reach, in + y * w, w * sizeof(float));
        int64_t span = 1, n = w + 2 * reach;
        float *a = row.data(), *b = other.data();
        while (span * 2 <= length) {
            n -= span;
            max_rows(a, a + span, b, n);
            std::swap(a, b);
            span *= 2;
        }
        max_rows(a, a + (length - span), tall.data() + (y + reach) * w, w);
    }
    for (int64_t j = 0; j < reach; ++j) {
        std::memcpy(tall.data() + j * w, tall.data() + reach * w, w * sizeof(float));
        std::memcpy(tall.data() + (reach + h + j) * w, tall.data() + (reach + h - 1) * w, w * sizeof(float));
    }
    int64_t span = 1, n = th;
    while (span * 2 <= length) {
        n -= span;
        for (int64_t y = 0; y < n; ++y) max_rows(tall.data() + y * w, tall.data() + (y + span) * w, tall.data() + y * w, w);
        span *= 2;
    }
    for (int64_t y = 0; y < h; ++y)
        max_rows(tall.data() + y * w, tall.data() + (y + length - span) * w, out + y * w, w);
}

WIDE void relative_row(ConstRow height, ConstRow local, Row to, int64_t n, float least) {
    for (int64_t x = 0; x < n; ++x) {
        const float r = 2 * height[x] / std::max(local[x], least) - .5f;
        to[x] = std::min(std::max(r, 0.f), 1.f);
    }
}

// Pixels between a quarter and three quarters of the way up, for each crossing of the middle, along
// every fourth row: how wide an edge is.
double edge_width(const float* relative, int64_t h, int64_t w) {
    int64_t band = 0, crossings = 0;
    for (int64_t y = 0; y < h; y += 4) {
        const float* row = relative + y * w;
        bool before = row[0] > .5f;
        for (int64_t x = 0; x < w; ++x) {
            const bool inside = row[x] > .5f;
            crossings += inside != before;
            before = inside;
            band += row[x] > 0 && row[x] < 1;
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

// The direction to the steepest neighbour in the foreground, 0 to 8 in reading order, 4 to stay:
// of equal values the first in reading order, so that no way leads in a circle.
WIDE void steepest_row(ConstRow up, ConstRow mid, ConstRow down, int32_t* RESTRICT way, int64_t n) {
    for (int64_t x = 0; x < n; ++x) {
        float best = mid[x + 1];
        int32_t to = 4;
        to = mid[x] >= best ? 3 : to, best = most(best, mid[x]);
        to = up[x + 2] >= best ? 2 : to, best = most(best, up[x + 2]);
        to = up[x + 1] >= best ? 1 : to, best = most(best, up[x + 1]);
        to = up[x] >= best ? 0 : to, best = most(best, up[x]);
        to = mid[x + 2] > best ? 5 : to, best = most(best, mid[x + 2]);
        to = down[x] > best ? 6 : to, best = most(best, down[x]);
        to = down[x + 1] > best ? 7 : to, best = most(best, down[x + 1]);
        to = down[x + 2] > best ? 8 : to;
        way[x] = mid[x + 1] < 0 ? -1 : to;
    }
}

WIDE void mask_row(ConstRow relative, ConstRow ridge, Row to, int64_t n) {
    for (int64_t x = 0; x < n; ++x) to[x] = relative[x] > .5f ? ridge[x] : -1;
}

// Follow every foreground pixel uphill to its summit: those that share one are a piece. Fills
// `label` with the piece of each pixel (-1 outside) and returns how many pieces there are.
int32_t climb(int64_t h, int64_t w) {
    auto& s = scratch;
    s.label.resize(h * w), s.list.clear(), s.way.resize(w), s.regions.clear();
    s.row.assign(3 * (w + 2), -1.f);
    const int64_t step[9] = {-w - 1, -w, -w + 1, -1, 0, 1, w - 1, w, w + 1};
    auto line = [&](int64_t y) { return s.row.data() + ((y + 3) % 3) * (w + 2); };
    mask_row(s.grid.data(), s.ridge.data(), line(0) + 1, w);
    for (int64_t y = 0; y < h; ++y) {
        if (y + 1 < h) mask_row(s.grid.data() + (y + 1) * w, s.ridge.data() + (y + 1) * w, line(y + 1) + 1, w);
        else std::fill_n(line(y + 1), w + 2, -1.f);
        steepest_row(line(y - 1), line(y), line(y + 1), s.way.data(), w);
        int32_t* to = s.label.data() + y * w;
        for (int64_t x = 0; x < w; ++x) {
            const int32_t way = s.way[x];
            to[x] = -1;
            if (way < 0) continue;
            const int64_t i = y * w + x;
            to[x] = static_cast<int32_t>(i + step[way]);
            if (way == 4) s.list.push_back(static_cast<int32_t>(i));
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
    for (int64_t i = 0; i < h * w; ++i) {
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
    for (int64_t i = 0; i < h * w; ++i) label[i] = label[i] < -1 ? -2 - label[i] : -1;
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
        for (int64_t x = 0; x < w;) {
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
                peak = most(peak, height[x]);
                mass += height[x];
                if (!below || below[x] < 0 || below[x] == piece) continue;
                const float pass = least(height[x], under[x]);
                if (below[x] == touched) {
                    saddle = most(saddle, pass);
                    continue;
                }
                if (touched >= 0) s.contacts.push_back({std::min(piece, touched), std::max(piece, touched), saddle});
                touched = below[x], saddle = pass;
            }
            if (touched >= 0) s.contacts.push_back({std::min(piece, touched), std::max(piece, touched), saddle});
            if (x < w && label[x] >= 0)
                s.contacts.push_back({std::min(piece, label[x]), std::max(piece, label[x]), least(height[x - 1], height[x])});
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

template <class Pixel>
int64_t run(const Pixel* pixels, int64_t h, int64_t w, const nucensus_look& look,
            nucensus_measure* measure, nucensus_region* out, int64_t capacity) {
    auto& s = scratch;
    const int step = static_cast<int>(look.step);
    const int64_t gh = (h + step - 1) / step, gw = (w + step - 1) / step, size = gh * gw;
    s.grid.resize(size), s.smooth.resize(size), s.height.resize(size), s.local.resize(size), s.ridge.resize(size);
    decimate(pixels, h, w, step, s.grid.data());
    const double grain = fine_noise(s.grid.data(), gh, gw, 1, std::max<int64_t>(1, look.tile / 8), .5, .6745);
    blur(s.grid.data(), s.smooth.data(), gh, gw, look.smooth_sigma);

    Tiles tiles = measure_tiles(s.smooth.data(), gh, gw, std::max<int64_t>(4, look.tile));
    double surface[6] = {0};
    const float* flat = s.smooth.data();
    // Twice: a tile's low percentile is biased on a slope, and the first time takes most of it away.
    for (int round = 0; round < 2 && fit_surface(tiles, surface); ++round) {
        subtract_surface(flat, s.height.data(), gh, gw, surface);
        flat = s.height.data();
        tiles = measure_tiles(flat, gh, gw, std::max<int64_t>(4, look.tile));
    }
    auto& spread = s.sp;
    // In a crowd no tile is free of nuclei, and its spread is theirs; but haze is allowed for.
    const double spread_noise = quantile(spread.data(), static_cast<int64_t>(spread.size()), .25) / .7572;
    const int64_t apart = std::max<int64_t>(2, static_cast<int64_t>(std::ceil(3 * look.smooth_sigma)));
    const int64_t skip = std::max<int64_t>(1, look.tile / 8);
    const double most_noise = 3 * fine_noise(flat, gh, gw, apart, skip, .2, .2533);
    const double noise = std::min(spread_noise, most_noise);
    window3(s.lo, tiles, [](float a, float b) { return std::min(a, b); });
    window3(s.lo, tiles, [](float a, float b) { return std::max(a, b); });
    smooth3(s.lo, tiles);
    subtract_background(flat, s.height.data(), gh, gw, tiles, static_cast<float>(1.28 * noise));

    double top = 0;
    for (int64_t i = 0; i < size; i += 7) top = std::max<double>(top, s.height[i]);
    const double floor_ = std::max(3 * noise, 1e-3 * top);
    double upper = 0;
    double threshold = floor_ > 0 ? otsu_log(s.height.data(), gh, gw, floor_, std::max<int64_t>(1, look.tile / 10), &upper) : 0;
    measure->grain = std::isfinite(grain) ? grain : 0;
    measure->noise = noise, measure->otsu = threshold, measure->upper = upper;
    double under = 0;
    int64_t seen = 0;
    for (int64_t i = 0; i < size; i += 97, ++seen) under += s.smooth[i] - s.height[i];
    measure->background = under / static_cast<double>(seen);
    threshold = std::max(threshold, look.least_threshold);
    // Pure noise reaches 7; above 10 there are nuclei, and the noise may be overstated in a crowd.
    const double above = noise > 0 ? upper / noise : 10;
    threshold = std::max(threshold, look.noise_factor * noise * (1 - .5 * std::min(std::max((above - 7) / 3, 0.), 1.)));
    if (threshold <= 0) threshold = 1e-30;
    measure->threshold = threshold;
    const float cut = static_cast<float>(threshold);

    // Smoothed first: the brightest grain of a nucleus is not its height.
    blur(s.height.data(), s.ridge.data(), gh, gw, look.crest_sigma);
    window_max(s.ridge.data(), s.local.data(), gh, gw, std::max<int64_t>(1, look.reach));
    for (int64_t y = 0; y < gh; ++y)
        relative_row(s.height.data() + y * gw, s.local.data() + y * gw, s.grid.data() + y * gw, gw, 2 * cut);
    measure->edge_width = edge_width(s.grid.data(), gh, gw) * step;
    blur(s.grid.data(), s.ridge.data(), gh, gw, look.ridge_sigma);

    const int32_t count = climb(gh, gw);
    measure_pieces(gh, gw);
    std::sort(s.contacts.begin(), s.contacts.end(), [](const Contact& a, const Contact& b) {
        if (a.first != b.first) return a.first < b.first;
        if (a.second != b.second) return a.second < b.second;
        return a.saddle > b.saddle;
    });
    s.near.resize(std::max<size_t>(s.near.size(), count));
    for (int32_t r = 0; r < count; ++r) s.near[r].clear();
    const double typical = M_PI * look.radius * look.radius;
    auto cost = [&](int32_t a, int32_t b, float saddle) {
        Moments both = s.regions[a].moments;
        both += s.regions[b].moments;
        const Region &ra = s.regions[a], &rb = s.regions[b];
        const double ma = ra.mass / ra.moments.area, mb = rb.mass / rb.moments.area, q = look.crest_share;
        const double dip = std::max(0., 1 - saddle / std::min(ra.peak + (ma - ra.peak) * q, rb.peak + (mb - rb.peak) * q));
        return (std::log(stretch(both)) / look.most_stretch + dip / look.most_dip) *
                   std::max(both.area / typical, look.least_size) - 1;
    };
    std::priority_queue<Candidate> queue;
    auto offer = [&](int32_t a, int32_t b, float saddle) {
        if (a > b) std::swap(a, b);
        const double c = cost(a, b, saddle);
        if (c < 0) queue.push({c, a, b, s.regions[a].version, s.regions[b].version});
    };
    for (size_t k = 0; k < s.contacts.size(); ++k) {
        const Contact& c = s.contacts[k];
        if (k && s.contacts[k - 1].first == c.first && s.contacts[k - 1].second == c.second) continue;
        s.near[c.first].push_back({c.second, c.saddle});
        s.near[c.second].push_back({c.first, c.saddle});
        offer(c.first, c.second, c.saddle);
    }
    s.parent.resize(count);
    for (int32_t r = 0; r < count; ++r) s.parent[r] = r;
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        Region &a = s.regions[best.first], &b = s.regions[best.second];
        if (a.version != best.first_version || b.version != best.second_version) continue;
        a.moments += b.moments;
        a.peak = std::max(a.peak, b.peak);
        a.mass += b.mass;
        a.edge |= b.edge;
        if (b.crest > a.crest) a.crest = b.crest, a.seed = b.seed;
        ++a.version, b.version = -1;
        s.parent[best.second] = best.first;
        auto &mine = s.near[best.first], &theirs = s.near[best.second];
        for (const auto& [other, saddle] : theirs) {
            if (other == best.first) continue;
            auto at = std::find_if(mine.begin(), mine.end(), [&, o = other](const auto& p) { return p.first == o; });
            auto& back = s.near[other];
            back.erase(std::find_if(back.begin(), back.end(), [&](const auto& p) { return p.first == best.second; }));
            if (at == mine.end()) {
                mine.push_back({other, saddle});
                back.push_back({best.first, saddle});
            } else if (saddle > at->second) {
                at->second = saddle;
                std::find_if(back.begin(), back.end(), [&](const auto& p) { return p.first == best.first; })->second = saddle;
            }
        }
        mine.erase(std::find_if(mine.begin(), mine.end(), [&](const auto& p) { return p.first == best.second; }));
        theirs.clear();
        for (const auto& [other, saddle] : mine) offer(best.first, other, saddle);
    }
    int64_t found = 0;
    double foreground = 0;
    for (int32_t r = 0; r < count; ++r) {
        if (s.parent[r] != r) continue;
        const Region& region = s.regions[r];
        const Moments& m = region.moments;
        foreground += m.area;
        if (m.area < look.least_area * typical) continue;
        int64_t y = static_cast<int64_t>(m.y / m.area + .5), x = static_cast<int64_t>(m.x / m.area + .5);
        double cy = m.y / m.area, cx = m.x / m.area;
        const int32_t here = s.label[y * gw + x];
        if (here < 0 || find(s.parent, here) != r) cy = region.seed / gw, cx = region.seed % gw, y = region.seed / gw, x = region.seed % gw;
        if (found < capacity) {
            const double shift = (step - 1) / 2.;
            out[found] = {std::min(cy * step + shift, h - 1.), std::min(cx * step + shift, w - 1.), m.area * step * step,
                          region.peak, region.mass / m.area, s.smooth[y * gw + x], stretch(m), static_cast<double>(region.edge)};
        }
        ++found;
    }
    measure->foreground = foreground / static_cast<double>(size);
    return found;
}

}  // namespace

extern "C" int64_t nucensus_find_regions(const void* pixels, int32_t pixel_type, int64_t height, int64_t width,
                                         const nucensus_look* look, nucensus_measure* measure,
                                         nucensus_region* regions, int64_t capacity) {
    try {
        switch (pixel_type) {
            case 0: return run(static_cast<const uint8_t*>(pixels), height, width, *look, measure, regions, capacity);
            case 1: return run(static_cast<const uint16_t*>(pixels), height, width, *look, measure, regions, capacity);
            default: return run(static_cast<const float*>(pixels), height, width, *look, measure, regions, capacity);
        }
    } catch (const std::bad_alloc&) {
        return -1;
    }
}
