// The loops over rows that take most of the time of the detector without parameters, compiled for
// each instruction set. Single precision in a fixed order, without fused operations: all give the
// same bits.
#include <type_traits>

#include "rows.h"
#include "simd/simd.h"

namespace nucensus {
namespace {

using Row = float* __restrict__;
using ConstRow = const float* __restrict__;

#define NUCENSUS_INLINE inline __attribute__((always_inline))

template <class Pixel>
NUCENSUS_INLINE Pixel least(Pixel a, Pixel b) {
    return b < a ? b : a;
}

template <class Pixel>
NUCENSUS_INLINE Pixel most(Pixel a, Pixel b) {
    return a < b ? b : a;
}

// Whole blocks, as the compiler is told here: it makes no loops then for what is left of a vector,
// and many spans are so short that these took a twentieth of all time.
NUCENSUS_INLINE int64_t columns_of(Span span) { return (span.end - span.start) & -block_columns; }

// The same for runs, which have room behind them.
NUCENSUS_INLINE int64_t whole_vectors(int64_t n) {
    return (n + block_columns - 1) & -block_columns;
}

// Three pixels side by side, in order, and the outer two of them.
template <class Pixel>
struct Ranked {
    Pixel first, second, third, higher, lower, mid;
    Ranked() = default;
    Ranked(Pixel left, Pixel mid, Pixel right)
        : higher(most(left, right)), lower(least(left, right)), mid(mid) {
        const Pixel inner = least(higher, mid);
        first = most(higher, mid), second = most(lower, inner), third = least(lower, inner);
    }
};

// Hot pixels: no pixel stays above the third greatest of its eight neighbours, so specks of up to
// three pixels go.
template <class Pixel>
NUCENSUS_INLINE Pixel cap(const Ranked<Pixel>& up, const Ranked<Pixel>& own,
                          const Ranked<Pixel>& down) {
    // The greatest three of the six above and below, then the third of the eight.
    const Pixel first = most(up.first, down.first),
                second = most(least(up.first, down.first), most(up.second, down.second)),
                third = most(most(least(up.first, down.second), least(up.second, down.first)),
                             most(up.third, down.third));
    return least(own.mid, most(third, most(least(second, own.higher), least(first, own.lower))));
}

// The columns left and right of `x` are given: at the edge of the image both are the inner one.
template <class Pixel, int row_count, bool is_added>
NUCENSUS_INLINE float capped(const Pixel* const* rows, int64_t left, int64_t x, int64_t right,
                             const float* before) {
    Ranked<Pixel> ranked[row_count + 2];
    for (int i = 0; i < row_count + 2; ++i)
        ranked[i] = Ranked<Pixel>(rows[i][left], rows[i][x], rows[i][right]);
    // Whole numbers are exact in any order.
    using Sum = std::conditional_t<std::is_integral_v<Pixel> && !is_added, int32_t, float>;
    Sum sum = static_cast<Sum>(cap(ranked[0], ranked[1], ranked[2]));
    if (is_added) sum = static_cast<Sum>(*before) + sum;
    for (int i = 1; i < row_count; ++i)
        sum += static_cast<Sum>(cap(ranked[i], ranked[i + 1], ranked[i + 2]));
    return static_cast<float>(sum);
}

template <class Pixel, int row_count, bool is_added = false>
void clean(const Pixel* const* rows, Row to, int64_t n) {
    const Pixel* p[row_count + 2];
    for (int i = 0; i < row_count + 2; ++i) p[i] = rows[i];
    const auto put = [&](int64_t left, int64_t x, int64_t right) {
        to[x] = capped<Pixel, row_count, is_added>(p, left, x, right, to + x);
    };
#pragma GCC ivdep
    for (int64_t x = 1; x < n - 1; ++x) put(x - 1, x, x + 1);
    const int64_t second = n > 1 ? 1 : 0, last_but_one = n > 1 ? n - 2 : 0;
    put(second, 0, second);
    if (n > 1) put(last_but_one, n - 1, last_but_one);
}

// Eight numbers, whatever the instruction set: sums in so many lanes are the same for all.
constexpr int64_t lane_count = 8;
typedef float Eight __attribute__((vector_size(lane_count * sizeof(float))));
typedef int32_t EightWhole __attribute__((vector_size(lane_count * sizeof(int32_t))));

NUCENSUS_INLINE void load_eight(const float* from, Eight& to) { memcpy(&to, from, sizeof to); }

template <class Pixel>
NUCENSUS_INLINE void load_eight(const Pixel* from, Eight& to) {
    typedef Pixel Pixels __attribute__((vector_size(lane_count * sizeof(Pixel))));
    Pixels pixels;
    memcpy(&pixels, from, sizeof pixels);
    to = __builtin_convertvector(__builtin_convertvector(pixels, EightWhole), Eight);
}

typedef uint32_t EightWords __attribute__((vector_size(lane_count * sizeof(uint32_t))));
typedef uint64_t FourLong __attribute__((vector_size(lane_count * sizeof(uint32_t))));

// The image is no longer in the cache.
template <class Pixel>
NUCENSUS_INLINE void prefetch(const Pixel* pixels, int64_t width, const Box& box) {
    for (int64_t y = box.top; y < box.bottom; ++y) {
        __builtin_prefetch(pixels + y * width + box.left);
        __builtin_prefetch(pixels + y * width + box.right - 1);
    }
}

constexpr int64_t prefetch_ahead = 8;  // boxes

// Adds whole numbers of 32 bits.
NUCENSUS_INLINE void add_words(const EightWords& words, FourLong& sum) {
    FourLong pairs;
    memcpy(&pairs, &words, sizeof pairs);
    sum += (pairs & UINT32_MAX) + (pairs >> 32);
}

// Of whole numbers, exact. The last eight pixels of a row are always loaded: those of them that
// were, or are before the row, count as 0.
template <class Pixel>
Sums sums(const Pixel* pixels, int64_t width, const Box* boxes, int64_t count, int64_t known) {
    typedef Pixel Pixels __attribute__((vector_size(lane_count * sizeof(Pixel))));
    FourLong sum = {}, squares = {};
    const auto add = [&](const Pixel* from, int64_t skipped) {
        constexpr EightWhole place = {0, 1, 2, 3, 4, 5, 6, 7};
        Pixels eight;
        memcpy(&eight, from, sizeof eight);
        EightWords words = __builtin_convertvector(eight, EightWords);
        words &= reinterpret_cast<EightWords>(place >= static_cast<int32_t>(skipped));
        add_words(words, sum), add_words(words * words, squares);
    };
    for (const Box* box = boxes; box < boxes + count; ++box) {
        prefetch(pixels, width, boxes[least(box - boxes + prefetch_ahead, known - 1)]);
        for (int64_t y = box->top; y < box->bottom; ++y) {
            const Pixel *from = pixels + y * width + box->left,
                        *end = pixels + y * width + box->right;
            for (; end - from > lane_count; from += lane_count) add(from, 0);
            if (end - pixels >= lane_count) {
                add(end - lane_count, lane_count - (end - from));
                continue;
            }
            Pixel few[lane_count] = {};  // there is nothing before the first of an image
            memcpy(few, from, static_cast<size_t>(end - from) * sizeof(Pixel));
            add(few, 0);
        }
    }
    return {static_cast<double>(sum[0] + sum[1] + sum[2] + sum[3]),
            static_cast<double>(squares[0] + squares[1] + squares[2] + squares[3])};
}

// Of others one after the other.
template <>
Sums sums(const float* pixels, int64_t width, const Box* boxes, int64_t count, int64_t known) {
    Sums all = {0, 0};
    for (const Box* box = boxes; box < boxes + count; ++box) {
        prefetch(pixels, width, boxes[least(box - boxes + prefetch_ahead, known - 1)]);
        Sums one = {0, 0};
        for (int64_t y = box->top; y < box->bottom; ++y)
            for (int64_t x = box->left; x < box->right; ++x) {
                const double value = pixels[y * width + x];
                one.values += value, one.squares += value * value;
            }
        all.values += one.values, all.squares += one.squares;
    }
    return all;
}

// Puts a Gaussian of eight columns: `beside(j, a, b)` loads those that are `j` away on both sides.
template <class Beside>
NUCENSUS_INLINE void smooth_eight(Beside beside, const float* taps, int64_t reach, float* to) {
    Eight sum, other;
    beside(0, sum, other);
    sum *= taps[0];
    for (int64_t j = 1; j <= reach; ++j) {
        Eight one;
        beside(j, one, other);
        sum += taps[j] * (one + other);
    }
    memcpy(to, &sum, sizeof sum);
}

// The last eight of `n` values overlap those before; where there are not so many, what is beyond
// them is room.
template <class Put>
NUCENSUS_INLINE void put_eights(int64_t n, float* to, Put put) {
    for (int64_t x = 0; x + lane_count < n; x += lane_count) put(x, to + x);
    if (n >= lane_count) {
        put(n - lane_count, to + n - lane_count);
        return;
    }
    float few[lane_count];
    put(0, few);
    memcpy(to, few, static_cast<size_t>(n) * sizeof(float));
}

template <class Pixel, int known>
NUCENSUS_INLINE void smooth_rows(const Pixel* const* rows, int64_t start, int64_t n,
                                 const float* taps, int64_t any, float* to) {
    const int64_t reach = known ? known : any;
    const Pixel* const* mid = rows + reach;
    for (int64_t x = 0; n < lane_count && x < n; ++x) {  // there is no room beyond an image
        float sum = taps[0] * static_cast<float>(mid[0][start + x]);
        for (int64_t j = 1; j <= reach; ++j)
            sum += taps[j] *
                   (static_cast<float>(mid[-j][start + x]) + static_cast<float>(mid[j][start + x]));
        to[x] = sum;
    }
    if (n < lane_count) return;
    put_eights(n, to, [&](int64_t x, float* eight) {
        const auto beside = [&](int64_t j, Eight& up, Eight& down) {
            load_eight(mid[-j] + start + x, up), load_eight(mid[j] + start + x, down);
        };
        smooth_eight(beside, taps, reach, eight);
    });
}

constexpr int usual_reach = 3;  // of the least smoothing, which is what images without noise have

template <class Pixel>
void smooth_down(const Pixel* const* rows, int64_t start, int64_t n, const float* taps,
                 int64_t reach, float* to) {
    reach == usual_reach ? smooth_rows<Pixel, usual_reach>(rows, start, n, taps, reach, to)
                         : smooth_rows<Pixel, 0>(rows, start, n, taps, reach, to);
}

template <int known>
NUCENSUS_INLINE void smooth_row(const float* from, int64_t n, const float* taps, int64_t any,
                                float* to) {
    const int64_t reach = known ? known : any;
    put_eights(n, to, [&](int64_t x, float* eight) {
        const auto beside = [&](int64_t j, Eight& left, Eight& right) {
            load_eight(from + x - j, left), load_eight(from + x + j, right);
        };
        smooth_eight(beside, taps, reach, eight);
    });
}

void smooth_across(const float* from, int64_t n, const float* taps, int64_t reach, float* to) {
    reach == usual_reach ? smooth_row<usual_reach>(from, n, taps, reach, to)
                         : smooth_row<0>(from, n, taps, reach, to);
}

template <class Pixel>
Weight weigh(const Pixel* row, const int32_t* labels, int64_t n, int32_t own, float cut) {
    Eight light = {}, moment = {}, place = {0, 1, 2, 3, 4, 5, 6, 7};
    const auto add = [&](const Pixel* pixels, const int32_t* of_pixels) {
        Eight value;
        EightWhole label;
        load_eight(pixels, value);
        memcpy(&label, of_pixels, sizeof label);
        value -= cut;
        const EightWhole counts = ((label == own) | (label == 0)) & (value > 0);
        EightWhole bits;
        memcpy(&bits, &value, sizeof bits);
        bits &= counts;
        memcpy(&value, &bits, sizeof bits);
        light += value, moment += value * place, place += static_cast<float>(lane_count);
    };
    int64_t x = 0;
    for (; x + lane_count <= n; x += lane_count) add(row + x, labels + x);
    if (x < n) {
        Pixel pixels[lane_count] = {};
        int32_t of_pixels[lane_count] = {-1, -1, -1, -1, -1, -1, -1, -1};
        memcpy(pixels, row + x, static_cast<size_t>(n - x) * sizeof(Pixel));
        memcpy(of_pixels, labels + x, static_cast<size_t>(n - x) * sizeof(int32_t));
        add(pixels, of_pixels);
    }
    Weight sum = {0, 0};
    for (int j = 0; j < lane_count; ++j)
        sum.light += static_cast<double>(light[j]), sum.moment += static_cast<double>(moment[j]);
    return sum;
}

template <int step>
void fold(ConstRow from, Row to, int64_t n, float scale) {
    for (int64_t x = 0; x < n; ++x) {
        float sum = 0;
        for (int j = 0; j < step; ++j) sum += from[x * step + j];
        to[x] = sum * scale;
    }
}

// The rows of a band, of which the last may have fewer: then some are the first one again.
struct BandRows {
    ConstRow a, b, c, d;
    BandRows(const float* const* rows, int64_t count)
        : a(rows[0]),
          b(rows[count > 1 ? 1 : 0]),
          c(rows[count > 2 ? 2 : 0]),
          d(rows[count > 3 ? 3 : 0]) {
        static_assert(band_rows == 4);
    }
};

void highest_of_rows(const float* const* rows, int64_t count, int64_t n, Row to) {
    const BandRows r(rows, count);
    for (int64_t x = 0; x < n; ++x) to[x] = most(most(r.a[x], r.b[x]), most(r.c[x], r.d[x]));
}

void highest_of_pairs(ConstRow from, Row to, int64_t n) {
    for (int64_t x = 0; x < n; ++x) to[x] = most(from[2 * x], from[2 * x + 1]);
}

void highest(const float* const* rows, int64_t count, int64_t n, float* line, float* to) {
    static_assert(block_columns == 8);
    highest_of_rows(rows, count, n, line);
    highest_of_pairs(line, line + n, n / 2);
    highest_of_pairs(line + n, line, n / 4);
    highest_of_pairs(line, to, n / 8);
}

NUCENSUS_INLINE void fill_row(Row to, float value, int64_t n) {
    for (int64_t x = 0; x < n; ++x) to[x] = value;
}

void fill(Band spans, float value, int64_t count, float* const* to) {
    for (const Span span : spans)
        for (int64_t i = 0; i < count; ++i) fill_row(to[i] + span.start, value, columns_of(span));
}

void rises(Band spans, const float* const* rows, int64_t count, float least, uint8_t* to) {
    const BandRows r(rows, count);
    for (const Span span : spans)
        for (int64_t x = span.start; x < span.end; x += block_columns) {
            float top[block_columns];
#pragma GCC unroll 1  // or it is no vector
            for (int j = 0; j < block_columns; ++j)
                top[j] = most(most(r.a[x + j], r.b[x + j]), most(r.c[x + j], r.d[x + j]));
            to[x / block_columns] = bits_above(top, least);
        }
}

// row_count rows, of which each goes to a line of `n` values: what they have in common is loaded
// once.
template <int reach, int row_count>
NUCENSUS_INLINE void blur_columns(const float* const* rows, Row to, int64_t start, int64_t n,
                                  const float* k) {
    const float* p[row_count + 2 * reach];
    for (int j = 0; j < row_count + 2 * reach; ++j) p[j] = rows[j] + start;
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) {
        float value[row_count + 2 * reach];
        for (int j = 0; j < row_count + 2 * reach; ++j) value[j] = p[j][x];
        for (int i = 0; i < row_count; ++i) {
            float sum = value[reach + i] * k[0];
            for (int j = 1; j <= reach; ++j)
                sum += (value[reach + i - j] + value[reach + i + j]) * k[j];
            to[i * n + x] = sum;
        }
    }
}

template <int reach>
NUCENSUS_INLINE void blur_row(ConstRow from, Row to, int64_t n, const float* k) {
    for (int64_t x = 0; x < n; ++x) {
        float sum = from[x] * k[0];
        for (int j = 1; j <= reach; ++j) sum += (from[x - j] + from[x + j]) * k[j];
        to[x] = sum;
    }
}

template <int reach>
constexpr int64_t beside =
    (reach + 3) / 4 * 4;  // columns, so that with both sides vectors of 8 are full

template <int reach>
constexpr int together = reach <= 2   ? band_rows
                         : reach == 3 ? 2
                                      : 1;  // rows: as many as 16 registers hold

template <int reach>
void blur(Band spans, const float* const* rows, int64_t count, const float* taps, float* line,
          float* const* to) {
    constexpr int64_t side = beside<reach>;
    float k[reach + 1];
    for (int j = 0; j <= reach; ++j) k[j] = taps[j];
    for (const Span span : spans) {
        const int64_t n = columns_of(span), wide = n + 2 * side;
        int64_t i = 0;
        for (; i + together<reach> <= count; i += together<reach>)
            blur_columns<reach, together<reach>>(rows + i, line + i * wide, span.start - side, wide,
                                                 k);
        for (; i < count; ++i)
            blur_columns<reach, 1>(rows + i, line + i * wide, span.start - side, wide, k);
        for (i = 0; i < count; ++i)
            blur_row<reach>(line + i * wide + side, to[i] + span.start, n, k);
    }
}

template <int reach>
NUCENSUS_INLINE void highest_of_columns(const float* const* rows, Row to, int64_t start,
                                        int64_t n) {
    const float* __restrict__ p[2 * reach + 1];
    for (int j = 0; j <= 2 * reach; ++j) p[j] = rows[j] + start;
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) {
        float value = p[0][x];
        for (int j = 1; j <= 2 * reach; ++j) value = most(value, p[j][x]);
        to[x] = value;
    }
}

template <int reach>
NUCENSUS_INLINE void relative_row(ConstRow highest, ConstRow height, Row to, int64_t n,
                                  float floor) {
    for (int64_t x = 0; x < n; ++x) {
        float local = floor;
        for (int j = -reach; j <= reach; ++j) local = most(local, highest[x + j]);
        const float r = 2 * height[x] / local - .5f;
        to[x] = least(most(r, 0.f), 1.f);
    }
}

template <int reach>
void relative(Band spans, const float* const* crests, const float* const* heights, int64_t count,
              float floor, float* line, float* const* to) {
    constexpr int64_t side = beside<reach>;
    for (const Span span : spans) {
        const int64_t n = columns_of(span), wide = n + 2 * side;
        for (int64_t i = 0; i < count; ++i)
            highest_of_columns<reach>(crests + i, line + i * wide, span.start - side, wide);
        for (int64_t i = 0; i < count; ++i)
            relative_row<reach>(line + i * wide + side, heights[i] + span.start, to[i] + span.start,
                                n, floor);
    }
}

NUCENSUS_INLINE void subtract_row(const Ground& ground, ConstRow places, Row to, Span span) {
    const float c0 = ground.c0, c1 = ground.c1, c2 = ground.c2, c3 = ground.c3,
                share = ground.share;
    ConstRow above = ground.above + span.start, below = ground.below + span.start;
    const int64_t n = columns_of(span);
    places += span.start, to += span.start;
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x)
        to[x] -= c0 + places[x] * (c1 + places[x] * (c2 + places[x] * c3)) +
                 (above[x] + (below[x] - above[x]) * share);
}

void subtract(Band spans, const Ground* grounds, const float* places, int64_t count,
              float* const* to) {
    for (const Span span : spans)
        for (int64_t i = 0; i < count; ++i) subtract_row(grounds[i], places, to[i], span);
}

NUCENSUS_INLINE void mask_row(ConstRow relative, Span span, Row to, uint8_t* __restrict__ inside) {
    const int64_t n = columns_of(span);
    relative += span.start, to += span.start, inside += span.start / block_columns;
    for (int64_t x = 0; x < n; ++x) to[x] = relative[x] > .5f ? to[x] : -1;
    for (int64_t b = 0; b < n / block_columns; ++b)
        inside[b] = bits_above(relative + b * block_columns, .5f);
}

void mask(Band spans, const float* const* relatives, int64_t count, float* const* to,
          uint8_t* const* inside) {
    for (const Span span : spans)
        for (int64_t i = 0; i < count; ++i) mask_row(relatives[i], span, to[i], inside[i]);
}

struct Steepest {
    float value;
    int32_t number;
    // Of equal values the first stays.
    void meet(const Steepest& next) {
        number = next.value > value ? next.number : number;
        value = most(value, next.value);
    }
};

// The greatest of three pixels of a row, then of three rows: of equal values the first in reading
// order, so that no way leads in a circle.
template <int row_count>
NUCENSUS_INLINE void steepest_rows(const float* const* masks, const int32_t* const* numbers,
                                   Span span, int32_t* const* ways) {
    const float* mask[row_count + 2];
    const int32_t* number[row_count + 2];
    int32_t* way[row_count];
    const int64_t start = span.start, n = columns_of(span);
    for (int i = 0; i < row_count + 2; ++i)
        mask[i] = masks[i] + start, number[i] = numbers[i] + start;
    for (int i = 0; i < row_count; ++i) way[i] = ways[i] + start;
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) {
        Steepest of_row[row_count + 2];
        for (int i = 0; i < row_count + 2; ++i) {
            of_row[i] = {mask[i][x - 1], number[i][x - 1]};
            of_row[i].meet({mask[i][x], number[i][x]});
            of_row[i].meet({mask[i][x + 1], number[i][x + 1]});
        }
        for (int i = 0; i < row_count; ++i) {
            of_row[i].meet(of_row[i + 1]);
            of_row[i].meet(of_row[i + 2]);
            way[i][x] = of_row[i].number;
        }
    }
}

void steepest(Band spans, const float* const* masks, const int32_t* const* numbers, int64_t count,
              int32_t* const* ways) {
    for (const Span span : spans)
        if (count == band_rows)
            steepest_rows<band_rows>(masks, numbers, span, ways);
        else
            for (int64_t i = 0; i < count; ++i)
                steepest_rows<1>(masks + i, numbers + i, span, ways + i);
}

// A pixel beyond the edge is mirrored, so it is as much foreground as the one that it stands for.
NUCENSUS_INLINE void falls_of_run(const PixelSpan& run, const float* const* relatives,
                                  const float* const* heights, Row to) {
    ConstRow in_up = relatives[0] + run.start, in = relatives[1] + run.start,
             in_down = relatives[2] + run.start;
    ConstRow up = heights[0] + run.start, mid = heights[1] + run.start,
             down = heights[2] + run.start;
    const int64_t n = whole_vectors(run.end - run.start);
#pragma GCC ivdep
    for (int64_t x = 0; x < n; ++x) {
        // Factors, not conditions: a difference that is not wanted might trap, and is no vector
        // then.
        const float out_up = in_up[x] > .5f ? 0.f : 1.f, out_down = in_down[x] > .5f ? 0.f : 1.f;
        const float out_left = in[x - 1] > .5f ? 0.f : 1.f, out_right = in[x + 1] > .5f ? 0.f : 1.f;
        to[x] = ((mid[x] - up[x]) * out_up + (mid[x] - down[x]) * out_down) +
                ((mid[x] - mid[x - 1]) * out_left + (mid[x] - mid[x + 1]) * out_right);
    }
}

void falls(const PixelSpan* first, const PixelSpan* last, const float* const* relatives,
           const float* const* heights, float* to) {
    for (const PixelSpan* run = first; run < last; ++run)
        falls_of_run(*run, relatives, heights, to + run->first);
}

void put_in_order(const RowPair* pairs, size_t count, float* values, int64_t n) {
    for (size_t i = 0; i < count; ++i) {
        float *a = values + pairs[i].low * n, *b = values + pairs[i].high * n;
#pragma GCC ivdep
        for (int64_t x = 0; x < n; ++x) {
            const float low = least(a[x], b[x]), high = most(a[x], b[x]);
            a[x] = low, b[x] = high;
        }
    }
}

template <class Pixel>
constexpr PixelRows<Pixel> pixel_rows = {
    {clean<Pixel, 1>, clean<Pixel, 2>, clean<Pixel, 3>, clean<Pixel, 4>},
    clean<Pixel, 1, true>,
    sums<Pixel>,
    smooth_down<Pixel>,
    weigh<Pixel>,
};

constexpr RegionLoops loops = {
    pixel_rows<uint8_t>,
    pixel_rows<uint16_t>,
    pixel_rows<float>,
    {fold<1>, fold<2>, fold<3>, fold<4>},
    highest,
    fill,
    rises,
    subtract,
    smooth_across,
    {blur<1>, blur<2>, blur<3>, blur<4>, blur<5>, blur<6>, blur<7>, blur<8>, blur<9>, blur<10>},
    {relative<1>, relative<2>, relative<3>, relative<4>, relative<5>, relative<6>, relative<7>,
     relative<8>, relative<9>, relative<10>},
    mask,
    steepest,
    falls,
    put_in_order,
};

}  // namespace
}  // namespace nucensus
