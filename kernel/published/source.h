// Pixels as 16-bit numbers, row by row, for the whole-number smoothing.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include <math.h>

#include "pixels.h"
#include "plan.h"
#include "simd/simd.h"
#include "smoothing.h"

namespace nucensus {
namespace {

// The row so far ahead is prefetched while one is read: the image coming from memory is a fifth of
// the sieve's time. That takes 3 to 5 % less, and with 16 rows no less (benchmarks/kernel.py,
// plate, AVX-512 on Zen 5).
constexpr int64_t rows_ahead = 8;

// Bytes and 16-bit pixels become numbers by a subtraction, float32 by a scale,
// and everything else by way of a row of doubles.
class Source {
public:
    Numbers numbers;

    // False when there is no good way: values without bounds, or far too small.
    // `again`: the range that was guessed turned out to be too narrow.
    bool begin(const Image& an_image, bool again) {
        image = an_image;
        kind = kind_of_pixels();
        seen_bits = 0;
        is_guess = false;
        is_constant = (kind == bytes || kind == shorts) && pixels_are_equal();
        if (is_constant) return true;
        if (kind == bytes) return use_bits(8);
        if (kind == shorts) {
            const int bit_count = bits_in_rows(again ? 1 : 16);
            if (bit_count < 16 || image.pixel_type == pixel_uint16) return use_bits(bit_count);
            kind = other;  // some are negative
        }
        const int64_t size = (image.width + 64) * sizeof(double);
        line = static_cast<double*>(scratch(slot_convert, size));
        if (line == nullptr) return false;
        is_guess = kind == singles && !again && guess_range();
        return is_guess || survey();
    }

    bool is_out_of_range() const {
        if (is_guess) return seen_bits >> 16 != 0;
        return kind == shorts && seen_bits >> bits != 0;
    }

    void read_row(int64_t y, int16_t* to) {
        switch (kind) {
            case bytes:
                return read_bytes(y, to);
            case shorts:
                return read_shorts(y, to);
            case singles:
                return read_singles(y, to);
            case other:
                return read_others(y, to);
        }
    }

    bool is_constant = false;

private:
    enum Kind { bytes, shorts, singles, other };

    // 16-bit pixels may be in the other byte order, and signed as long as none is negative.
    Kind kind_of_pixels() const {
        const int64_t step = image.column_stride;
        const int32_t type = image.pixel_type;
        if (type == pixel_uint8 && step == 1) return bytes;
        if ((type == pixel_uint16 || type == pixel_int16) && step == 2) return shorts;
        if (type == pixel_float32 && step == 4 && !image.byte_swapped) return singles;
        return other;
    }

    const char* row(int64_t y) const {
        return static_cast<const char*>(image.pixels) + y * image.row_stride;
    }

    bool use_bits(int bit_count) {
        bits = bit_count;
        const int64_t half = static_cast<int64_t>(1) << (bits - 1);
        double sum = 0;
        int64_t count = 0;
        for (int64_t y = image.height / 64; y < image.height; y += image.height / 32 + 1)
            for (int64_t x = 0; x < image.width; x += 16, ++count) sum += pixel(y, x);
        numbers = {static_cast<double>(half), 1, half, 0, sum / count - half, 2.0 * half};
        return true;
    }

    // Most images tell after a few pixels.
    bool pixels_are_equal() const {
        const size_t size = kind == bytes ? 1 : 2;
        const size_t row_size = image.width * size;
        const char* first = row(0);
        if (memcmp(first, first + size, row_size - size) != 0) return false;
        for (int64_t y = 1; y < image.height; ++y)
            if (memcmp(first, row(y), row_size) != 0) return false;
        return true;
    }

    int pixel(int64_t y, int64_t x) const {
        if (kind == bytes) return static_cast<uint8_t>(row(y)[x]);
        return short_at(row(y), x);
    }

    uint16_t short_at(const char* from, int64_t x) const {
        uint16_t value;
        memcpy(&value, from + 2 * x, sizeof value);
        return image.byte_swapped ? static_cast<uint16_t>(value << 8 | value >> 8) : value;
    }

    // Cameras fill 12 or 14 of 16 bits. A look at every 16th row tells how many.
    // That may be wrong: every row is checked when it is read, and if need be we
    // begin again and look at them all.
    int bits_in_rows(int64_t step) const {
        unsigned seen = 4095;
        for (int64_t y = 0; y < image.height; y += step) {
            const char* from = row(y);
            unsigned in_row = 0;
            for (int64_t x = 0; x < image.width; ++x) {
                uint16_t value;
                memcpy(&value, from + 2 * x, sizeof value);
                in_row |= value;
            }
            seen |= image.byte_swapped ? (in_row << 8 | in_row >> 8) & 65535 : in_row;
        }
        return 32 - __builtin_clz(seen);
    }

    void read_bytes(int64_t y, int16_t* to) const {
        const uint8_t* from = reinterpret_cast<const uint8_t*>(row(y));
        const Words half = all_words(128);
        int64_t x = 0;
        for (; x + words <= image.width; x += words)
            store_words(to + x, subtract(widen_bytes(from + x), half));
        for (; x < image.width; ++x) to[x] = static_cast<int16_t>(from[x] - 128);
    }

    void read_shorts(int64_t y, int16_t* to) {
        if (image.byte_swapped) return read_shorts<true>(y, to);
        return read_shorts<false>(y, to);
    }

    template <bool is_swapped>
    void read_shorts(int64_t y, int16_t* to) {
        const char* const from = row(y);
        const char* const later = row(at_most(y + rows_ahead, image.height - 1));
        const Words half = all_words(1 << (bits - 1));
        Words seen = all_words(0);
        int64_t x = 0;
        for (; x + words <= image.width; x += words) {
            Words value;
            memcpy(&value, from + 2 * x, sizeof value);
            __builtin_prefetch(later + 2 * x);
            if (is_swapped) value = swap_bytes(value);
            seen = either_bits(seen, value);
            store_words(to + x, subtract(value, half));
        }
        unsigned all = 0;
        for (; x < image.width; ++x) {
            const uint16_t value = short_at(from, x);
            all |= value;
            to[x] = static_cast<int16_t>(value - (1 << (bits - 1)));
        }
        uint16_t lanes_seen[words];
        memcpy(lanes_seen, &seen, sizeof lanes_seen);
        for (const uint16_t value : lanes_seen) all |= value;
        seen_bits |= all;
    }

    // Adding 1.5 * 2^23 leaves the nearest whole number in the low bits. Less the least one in
    // range no other bit is set; where a pixel is out of range, or no number, one is.
    void read_singles(int64_t y, int16_t* to) {
        const char* from = row(y);
        const float offset = static_cast<float>(numbers.offset);
        const float scale = static_cast<float>(numbers.scale);
        uint32_t seen = 0;
        for (int64_t x = 0; x < image.width; ++x) {
            float value;
            memcpy(&value, from + 4 * x, sizeof value);
            const float shifted = (value - offset) * scale + 0x1.8p23f;
            uint32_t whole;
            memcpy(&whole, &shifted, sizeof whole);
            to[x] = static_cast<int16_t>(whole);
            seen |= whole - 0x4B3F8000;
        }
        seen_bits |= seen;
    }

    void read_others(int64_t y, int16_t* to) const {
        load_row(image, y, 0, image.width, line);
        for (int64_t x = 0; x < image.width; ++x) {
            const double shifted = (line[x] - numbers.offset) * numbers.scale + 0x1.8p52;
            uint64_t whole;
            memcpy(&whole, &shifted, sizeof whole);
            to[x] = static_cast<int16_t>(whole);
        }
    }

    // The least and the greatest pixel, in one pass before the work.
    bool survey() {
        const Survey seen = survey_rows(1);
        const double largest_pixel = fmax(fabs(seen.low), fabs(seen.high));
        if (!seen.is_finite() || !(largest_pixel < 1e37)) return false;
        is_constant = seen.low == seen.high;
        if (is_constant) return true;
        if (!(largest_pixel >= 1e-30)) return false;
        const double pixels = static_cast<double>(image.height) * static_cast<double>(image.width);
        return fit_range(seen.low, seen.high, seen.sum / pixels, largest_pixel);
    }

    // The same from every 16th row, and a little more room. Every row is checked when it is read,
    // and if need be we begin again and look at them all.
    bool guess_range() {
        const Survey seen = survey_rows(16);
        const double more = (seen.high - seen.low) / 32;
        if (!seen.is_finite() || !(more > 0)) return false;
        const int64_t pixels = (image.height + 15) / 16 * image.width;
        const double mean = seen.sum / static_cast<double>(pixels);
        if (!fit_range(seen.low - more, seen.high + more, mean, 0)) return false;
        numbers.largest = 32768;
        numbers.largest_pixel = fabs(numbers.offset) + 32769 / numbers.scale;
        return numbers.largest_pixel >= 1e-30 && numbers.largest_pixel < 1e37;
    }

    Survey survey_rows(int64_t step) const {
        Survey seen;
        for (int64_t y = 0; y < image.height; y += step) seen.include_row(image, y, line);
        return seen;
    }

    bool fit_range(double low, double high, double mean, double largest_pixel) {
        const bool is_whole = image.pixel_type <= pixel_int64;
        double offset = is_whole ? low + floor((high - low + 1) / 2) : low + (high - low) / 2;
        if (kind == singles) offset = static_cast<float>(offset);
        const double half = fmax(high - offset, offset - low);
        double scale = 1;
        if (!is_whole || half > 32767) {
            int exponent;
            frexp(half, &exponent);  // half < 2^exponent
            scale = ldexp(1.0, 15 - exponent);
            if (half * scale > 32766) scale /= 2;
            if (!(scale < 1e30 && scale > 1e-30)) return false;
        }
        // The subtraction has one rounding of 2^-24 or 2^-53 of 32768 at most.
        const bool is_exact = is_whole && scale == 1;
        numbers = {offset,
                   scale,
                   is_exact ? static_cast<int64_t>(half) : 32767,
                   is_exact ? 0 : 0.5 + 0x1p-8,
                   (mean - offset) * scale,
                   largest_pixel};
        return true;
    }

    Image image;
    Kind kind;
    int bits = 16;
    unsigned seen_bits;
    bool is_guess;
    double* line = nullptr;
};

}  // namespace
}  // namespace nucensus
