// What some pixels of an image tell of it: how many are darkest, and how noisy one is.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "abi.h"
#include "background.h"

namespace nucensus {
namespace {

// ---- the darkest ------------------------------------------------------------------------------

constexpr int64_t rows_ahead = 4;  // that are prefetched

// The least of some pixels, and how many have it. Most lines have a greater least one, and are not
// counted.
template <class Pixel>
class Least {
public:
    void add(const Pixel* pixels, int64_t n) {
        Pixel of_these = pixels[0];
        for (int64_t i = 1; i < n; ++i) of_these = std::min(of_these, pixels[i]);
        if (count && level < of_these) return;
        if (of_these < level) count = 0;
        level = of_these, count += std::count(pixels, pixels + n, level);
    }

    int64_t count = 0;

private:
    Pixel level = std::numeric_limits<Pixel>::max();
};

// `image` has pixels.
template <class Pixel>
int64_t count_least(const Image& image, int64_t down, int64_t across) {
    const int64_t columns = (image.width + across - 1) / across,
                  apart = across * image.column_stride;
    const auto gather = [](const char* from, int64_t n, int64_t stride, Pixel* to) {
        for (int64_t i = 0; i < n; ++i, from += stride)
            to[i] = *reinterpret_cast<const Pixel*>(from);
    };
    std::vector<Pixel> line(image.width);
    Least<Pixel> least;
    const char* row = static_cast<const char*>(image.pixels);
    for (int64_t y = 0; y < image.height; ++y, row += image.row_stride) {
        const char* soon = row + std::min(rows_ahead, image.height - 1 - y) * image.row_stride;
        for (int64_t i = 0; i < columns; ++i) __builtin_prefetch(soon + i * apart);
        gather(row, columns, apart, line.data());
        least.add(line.data(), columns);
        if (y % down) continue;
        const bool is_contiguous = image.column_stride == sizeof(Pixel);
        if (!is_contiguous) gather(row, image.width, image.column_stride, line.data());
        least.add(is_contiguous ? reinterpret_cast<const Pixel*>(row) : line.data(), image.width);
    }
    return least.count;
}

// ---- the noise of a pixel ---------------------------------------------------------------------

// Chosen in the gaps between the kinds of benchmarks/others.py.
constexpr double structured = 1.25;  // ratio of the spread of nine tenths to that of a fifth, in
                                     // that of noise, from which there is more than noise. Larger:
                                     // small nuclei everywhere are taken for noise
constexpr double dithered = .3;  // grey levels of noise below which rounding shows. Larger: more
                                 // images are taken for rounded
constexpr double few_levels =
    10;  // grey levels that an image must span for that. Larger: fewer are
constexpr double of_fifth = .2533, of_nine_tenths = 1.6449;  // quantiles of a normal distribution

struct Levels {
    double step;  // the least between two; infinite if all are one
    double span;
};

struct Rank {
    double value;
    int64_t lower, equal;
};

template <class Pixel>
class Noise {
public:
    explicit Noise(const NoiseSamples& samples)
        : of(samples), pixels(static_cast<const Pixel*>(samples.pixels)) {}

    NoiseMeasure measure() {
        const Levels levels = find_levels();
        if (!std::isfinite(levels.step)) return {HUGE_VAL, 0};
        auto [noise, upper] = spreads(of.apart, levels.step);
        if (upper > structured * noise) noise = std::min(noise, spreads(1, levels.step).first);
        // Rounding is like noise of its own, unless there is too little other noise to blur the
        // levels (Widrow and Kollar, Quantization Noise, 2008). Where levels are few, they are the
        // picture.
        const double rounding = levels.step / std::sqrt(12.);
        const bool stays = noise < dithered * levels.step && levels.span > few_levels * levels.step;
        return {std::hypot(noise, rounding), stays ? rounding : 0};
    }

private:
    // Calls `see` with each sample that has `apart` rows and columns of the image beyond it.
    template <class See>
    void each(int64_t apart, See see) const {
        for (int64_t y = 0; y * of.down < of.height - apart; ++y)
            for (int64_t x = 0; x * of.across < of.width - apart; ++x)
                see(pixels + y * of.to_row + x * of.to_column);
    }

    Levels find_levels() {
        if constexpr (std::is_integral_v<Pixel>)
            mark_levels();
        else
            sort_levels();
        Levels levels{HUGE_VAL, static_cast<double>(values.back() - values.front())};
        for (size_t i = 1; i < values.size(); ++i) {
            const float gap = values[i] - values[i - 1];
            if (gap > 0) levels.step = std::min(levels.step, static_cast<double>(gap));
        }
        return levels;
    }

    void sort_levels() {
        values.clear();
        each(0, [&](const Pixel* at) { values.push_back(static_cast<float>(*at)); });
        std::sort(values.begin(), values.end());
    }

    // Faster than sorting, where a level is a small whole number.
    void mark_levels() {
        constexpr int64_t word_bits = 64, count = std::numeric_limits<Pixel>::max() + 1;
        static_assert(count % word_bits == 0, "every level has a bit");
        uint64_t marks[count / word_bits] = {};
        each(0, [&](const Pixel* at) { marks[*at / word_bits] |= 1ULL << *at % word_bits; });
        values.clear();
        int64_t first = 0;
        for (uint64_t word : marks) {
            for (; word; word &= word - 1)
                values.push_back(static_cast<float>(first + __builtin_ctzll(word)));
            first += word_bits;
        }
    }

    // The standard deviation of noise that has such a fifth of second differences of squares of
    // four pixels, and such nine tenths.
    std::pair<double, double> spreads(int64_t apart, double step) {
        find_differences(apart);
        const auto count = static_cast<int64_t>(values.size()), fifth = count / 5;
        const double upper = ranked(count * 9 / 10).value;
        // Those of one level are spread over all that would be rounded to it.
        const auto [value, lower, equal] = ranked(fifth);
        const double low = std::max(value - step / 2, 0.);
        const double unrounded = low + (value + step / 2 - low) *
                                           static_cast<double>(fifth - lower) /
                                           static_cast<double>(equal);
        return {unrounded / (2 * of_fifth), upper / (2 * of_nine_tenths)};
    }

    void find_differences(int64_t apart) {
        const int64_t below = apart * of.below, beside = apart * of.beside;
        values.clear(), counts.assign(std::is_integral_v<Pixel> ? few : 0, 0);
        each(apart, [&](const Pixel* at) {
            using Number = std::conditional_t<std::is_integral_v<Pixel>, int32_t, float>;
            const auto pixel = [&](int64_t further) { return static_cast<Number>(at[further]); };
            const Number found =
                std::abs(pixel(0) - pixel(beside) - pixel(below) + pixel(below + beside));
            values.push_back(static_cast<float>(found));
            if constexpr (std::is_integral_v<Pixel>) ++counts[std::min(found, few - 1)];
        });
    }

    // The value that would stand at a place if they were in order, how many are lower and how many
    // are equal. Most differences of whole numbers are small, and counted.
    Rank ranked(int64_t place) {
        int64_t lower = 0;
        for (size_t value = 0; value + 1 < counts.size(); lower += counts[value++])
            if (lower + counts[value] > place)
                return {static_cast<double>(value), lower, counts[value]};
        const double value = value_at(values.data(), static_cast<int64_t>(values.size()), place);
        Rank rank{value, 0, 0};
        for (const float each : values) rank.lower += each < value, rank.equal += each == value;
        return rank;
    }

    static constexpr int32_t few = 1024;

    const NoiseSamples& of;
    const Pixel* pixels;
    std::vector<float> values;
    std::vector<int32_t> counts;  // of each difference of whole numbers that is less than `few`
};

}  // namespace
}  // namespace nucensus

using namespace nucensus;

int32_t nucensus_count_least(const Image* image, int64_t down, int64_t across, int64_t* count) {
    const auto counted = [&](auto pixel) {
        return count_least<decltype(pixel)>(*image, down, across);
    };
    try {
        switch (image->pixel_type) {
            case pixel_uint16:
                *count = counted(uint16_t{0});
                break;
            case pixel_uint32:
                *count = counted(uint32_t{0});
                break;
            case pixel_uint64:
                *count = counted(uint64_t{0});
                break;
            case pixel_int8:
                *count = counted(int8_t{0});
                break;
            case pixel_int16:
                *count = counted(int16_t{0});
                break;
            case pixel_int32:
                *count = counted(int32_t{0});
                break;
            case pixel_int64:
                *count = counted(int64_t{0});
                break;
            case pixel_float32:
                *count = counted(0.F);
                break;
            case pixel_float64:
                *count = counted(0.);
                break;
            default:
                *count = counted(uint8_t{0});
        }
        return status_ok;
    } catch (const std::bad_alloc&) {
        return status_no_memory;
    }
}

int32_t nucensus_measure_noise(const NoiseSamples* samples, NoiseMeasure* noise) {
    const auto measure = [&](auto pixel) { *noise = Noise<decltype(pixel)>(*samples).measure(); };
    try {
        samples->pixel_type == pixel_uint8    ? measure(uint8_t{0})
        : samples->pixel_type == pixel_uint16 ? measure(uint16_t{0})
                                              : measure(0.F);
        return status_ok;
    } catch (const std::bad_alloc&) {
        return status_no_memory;
    }
}
