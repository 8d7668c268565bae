// The loops over the pixels of an image, of each of their types, and what all loops share; compiled
// as loops.h is.
#pragma once

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
    const auto put_inner = [&](int64_t first, int64_t end) {
#pragma GCC ivdep
        for (int64_t x = first; x < end; ++x) put(x - 1, x, x + 1);
    };
    // The last vectors overlap those before, unless something is added: what is left over of a row
    // of 1280 pixels took a fifth of its time.
    constexpr int64_t whole = 64;
    const bool may_overlap = !is_added && n - 2 >= whole;
    int64_t x = 1;
    if (may_overlap) {
        for (; x + whole < n - 1; x += whole) put_inner(x, x + whole);
        x = n - 1 - whole, put_inner(x, x + whole);
    } else {
        put_inner(x, n - 1);
    }
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

// Whole numbers are exact however many are added at once.
constexpr int64_t sum_lanes = 16;
typedef int32_t ManyWhole __attribute__((vector_size(sum_lanes * sizeof(int32_t))));
typedef uint32_t ManyWords __attribute__((vector_size(sum_lanes * sizeof(uint32_t))));
typedef uint64_t ManyLong __attribute__((vector_size(sum_lanes * sizeof(uint32_t))));

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
NUCENSUS_INLINE void add_words(const ManyWords& words, ManyLong& sum) {
    ManyLong pairs;
    memcpy(&pairs, &words, sizeof pairs);
    sum += (pairs & UINT32_MAX) + (pairs >> 32);
}

// Of whole numbers, exact. The last pixels of a row, as many as are added at once, are always
// loaded: those of them that were, or are before the row, count as 0.
template <class Pixel>
Sums sums(const Pixel* pixels, int64_t width, const Box* boxes, int64_t count, int64_t known) {
    typedef Pixel Pixels __attribute__((vector_size(sum_lanes * sizeof(Pixel))));
    ManyLong sum = {}, squares = {};
    const auto add = [&](const Pixel* from, int64_t skipped) {
        constexpr ManyWhole place = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
        Pixels some;
        memcpy(&some, from, sizeof some);
        ManyWords words = __builtin_convertvector(some, ManyWords);
        words &= reinterpret_cast<ManyWords>(place >= static_cast<int32_t>(skipped));
        add_words(words, sum), add_words(words * words, squares);
    };
    for (const Box* box = boxes; box < boxes + count; ++box) {
        prefetch(pixels, width, boxes[least(box - boxes + prefetch_ahead, known - 1)]);
        for (int64_t y = box->top; y < box->bottom; ++y) {
            const Pixel *from = pixels + y * width + box->left,
                        *end = pixels + y * width + box->right;
            for (; end - from > sum_lanes; from += sum_lanes) add(from, 0);
            if (end - pixels >= sum_lanes) {
                add(end - sum_lanes, sum_lanes - (end - from));
                continue;
            }
            Pixel few[sum_lanes] = {};  // there is nothing before the first of an image
            memcpy(few, from, static_cast<size_t>(end - from) * sizeof(Pixel));
            add(few, 0);
        }
    }
    uint64_t all = 0, all_squares = 0;
    for (int j = 0; j < sum_lanes / 2; ++j) all += sum[j], all_squares += squares[j];
    return {static_cast<double>(all), static_cast<double>(all_squares)};
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

}  // namespace
}  // namespace nucensus
