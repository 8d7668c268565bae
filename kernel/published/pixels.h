// Reading pixels of every type as doubles, exactly as NumPy converts them.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include <math.h>
#include <string.h>

#include "abi.h"

namespace nucensus {
namespace {

// scikit-image smooths float32 in float32 storage and turns float16 of this
// machine's byte order into float32; everything else becomes float64.
bool is_single_precision(const Image& image) {
    return image.pixel_type == pixel_float32 ||
           (image.pixel_type == pixel_float16 && !image.byte_swapped);
}

struct Bool {
    uint8_t byte;
};
struct Half {
    uint16_t bits;
};

template <typename T>
double as_double(T value) {
    return static_cast<double>(value);
}
double as_double(Bool value) { return value.byte != 0; }
double as_double(Half value) {
    const uint64_t sign = static_cast<uint64_t>(value.bits >> 15) << 63;
    const uint64_t exponent = (value.bits >> 10) & 31;
    const uint64_t fraction = value.bits & 1023;
    double magnitude;
    if (exponent == 0) {
        magnitude = static_cast<double>(fraction) * 0x1p-24;
    } else {
        const uint64_t wide = exponent == 31 ? 2047 : exponent - 15 + 1023;
        const uint64_t bits = wide << 52 | fraction << 42;
        memcpy(&magnitude, &bits, sizeof magnitude);
    }
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    bits |= sign;
    memcpy(&magnitude, &bits, sizeof bits);
    return magnitude;
}

template <typename T>
T load_swapped(const char* from) {
    char bytes[sizeof(T)];
    for (size_t i = 0; i < sizeof(T); ++i) bytes[i] = from[sizeof(T) - 1 - i];
    T value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

template <typename T>
void load_pixels(const char* from, int64_t stride, bool swapped, int64_t count, double* to) {
    if (swapped) {
        for (int64_t i = 0; i < count; ++i) to[i] = as_double(load_swapped<T>(from + i * stride));
    } else if (stride == static_cast<int64_t>(sizeof(T))) {
        for (int64_t i = 0; i < count; ++i) {
            T value;
            memcpy(&value, from + i * sizeof(T), sizeof value);
            to[i] = as_double(value);
        }
    } else {
        for (int64_t i = 0; i < count; ++i) {
            T value;
            memcpy(&value, from + i * stride, sizeof value);
            to[i] = as_double(value);
        }
    }
}

// `count` pixels of row `y` from column `x` on.
void load_row(const Image& image, int64_t y, int64_t x, int64_t count, double* to) {
    const int64_t stride = image.column_stride;
    const char* from = static_cast<const char*>(image.pixels) + y * image.row_stride + x * stride;
    const bool swapped = image.byte_swapped != 0;
    switch (image.pixel_type) {
        case pixel_bool:
            return load_pixels<Bool>(from, stride, false, count, to);
        case pixel_uint8:
            return load_pixels<uint8_t>(from, stride, false, count, to);
        case pixel_uint16:
            return load_pixels<uint16_t>(from, stride, swapped, count, to);
        case pixel_uint32:
            return load_pixels<uint32_t>(from, stride, swapped, count, to);
        case pixel_uint64:
            return load_pixels<uint64_t>(from, stride, swapped, count, to);
        case pixel_int8:
            return load_pixels<int8_t>(from, stride, false, count, to);
        case pixel_int16:
            return load_pixels<int16_t>(from, stride, swapped, count, to);
        case pixel_int32:
            return load_pixels<int32_t>(from, stride, swapped, count, to);
        case pixel_int64:
            return load_pixels<int64_t>(from, stride, swapped, count, to);
        case pixel_float16:
            return load_pixels<Half>(from, stride, swapped, count, to);
        case pixel_float32:
            return load_pixels<float>(from, stride, swapped, count, to);
        default:  // pixel_float64
            return load_pixels<double>(from, stride, swapped, count, to);
    }
}

// The least and the greatest pixel of some rows, and their sum.
class Survey {
public:
    double low = INFINITY, high = -INFINITY, sum = 0;

    // `line` has room for as many doubles, and 16 more.
    void include_row(const Image& image, int64_t y, double* line) {
        const bool is_plain = image.pixel_type == pixel_float32 && !image.byte_swapped &&
                              image.column_stride == sizeof(float);
        if (is_plain) {
            const char* const row = static_cast<const char*>(image.pixels) + y * image.row_stride;
            memcpy(line, row, image.width * sizeof(float));
            include(reinterpret_cast<float*>(line), image.width);
        } else {
            load_row(image, y, 0, image.width, line);
            include(line, image.width);
        }
    }

    // An infinity or a NaN, minus itself, is a NaN.
    bool is_finite() const { return odd == 0; }

private:
    // Sixteen running results at once, because the compiler may not reorder one.
    template <typename T>
    void include(T* values, int64_t size) {
        constexpr int together = 16;
        for (; size % together != 0; ++size) values[size] = values[0];
        T lows[together], highs[together], odds[together] = {}, sums[together] = {};
        for (int i = 0; i < together; ++i) lows[i] = highs[i] = values[0];
        for (int64_t x = 0; x < size; x += together)
            for (int i = 0; i < together; ++i) {
                const T value = values[x + i];
                lows[i] = value < lows[i] ? value : lows[i];
                highs[i] = value > highs[i] ? value : highs[i];
                odds[i] += value - value;
                sums[i] += value;
            }
        for (int i = 0; i < together; ++i) {
            low = lows[i] < low ? lows[i] : low;
            high = highs[i] > high ? highs[i] : high;
            odd = odds[i] != 0 ? 1 : odd;
            sum += sums[i];
        }
    }

    double odd = 0;
};

}  // namespace
}  // namespace nucensus
