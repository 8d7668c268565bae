// Images with contiguous rows: any other layout is copied into one.
#include "layout.h"

#include <string.h>

#include <algorithm>

#include "arena.h"
#include "simd/simd.h"
#include "simd/turn.h"

namespace nucensus {
namespace {

int64_t bytes_of(int32_t pixel_type) {
    switch (pixel_type) {
        case pixel_bool:
        case pixel_uint8:
        case pixel_int8:
            return 1;
        case pixel_uint16:
        case pixel_int16:
        case pixel_float16:
            return 2;
        case pixel_uint32:
        case pixel_int32:
        case pixel_float32:
            return 4;
        default:
            return 8;
    }
}

template <typename T>
void copy_row(const char* from, int64_t stride, int64_t count, T* to) {
    for (int64_t i = 0; i < count; ++i) memcpy(to + i, from + i * stride, sizeof(T));
}

template <typename T>
void transpose(const T* from, int64_t from_pitch, int64_t count, int64_t length, T* to,
               int64_t to_pitch) {
    for (int64_t y = 0; y < length; ++y)
        for (int64_t x = 0; x < count; ++x) to[y * to_pitch + x] = from[x * from_pitch + y];
}

void transpose_words(const uint16_t* from, int64_t from_pitch, uint16_t* to, int64_t to_pitch) {
    Words rows[words];
#pragma GCC unroll 8
    for (int i = 0; i < words; ++i)
        rows[i] = load_words(reinterpret_cast<const int16_t*>(from + i * from_pitch));
    turn_square(
        rows, [](Words a, Words b) { return interleave_low(a, b); },
        [](Words a, Words b) { return interleave_high(a, b); });
#pragma GCC unroll 8
    for (int i = 0; i < words; ++i)
        store_words(reinterpret_cast<int16_t*>(to + i * to_pitch), rows[i]);
}

// Columns may lie a power of two apart, where the cache holds few of them: so a cache line of
// each at a time, and the next ones are asked for.
template <typename T>
void copy_columns(const Image& image, T* to) {
    constexpr int64_t side = 64 / sizeof(T);
    T columns[side][side];
    const int64_t stride = image.column_stride;
    for (int64_t y = 0; y < image.height; y += side)
        for (int64_t x = 0; x < image.width; x += side) {
            const int64_t height = std::min(side, image.height - y);
            const int64_t width = std::min(side, image.width - x);
            const char* from =
                static_cast<const char*>(image.pixels) + y * image.row_stride + x * stride;
            for (int64_t i = 0; i < width; ++i) {
                __builtin_prefetch(from + (i + side) * stride);
                if (height == side && image.row_stride == sizeof(T))
                    memcpy(columns[i], from + i * stride, sizeof columns[i]);
                else
                    copy_row(from + i * stride, image.row_stride, height, columns[i]);
            }
            T* const out = to + y * image.width + x;
            if constexpr (sizeof(T) == sizeof(uint16_t)) {
                if (height == side && width == side) {
                    for (int64_t i = 0; i < side; i += words)
                        for (int64_t j = 0; j < side; j += words)
                            transpose_words(columns[i] + j, side, out + j * image.width + i,
                                            image.width);
                    continue;
                }
            }
            transpose(columns[0], side, width, height, out, image.width);
        }
}

template <typename T>
bool copy_pixels(const Image& image, Image& copy) {
    const int64_t size = image.height * image.width * sizeof(T);
    T* const to = static_cast<T*>(large_scratch(large_copied, size));
    if (to == nullptr) return false;
    if (std::abs(image.row_stride) < std::abs(image.column_stride))
        copy_columns(image, to);
    else
        for (int64_t y = 0; y < image.height; ++y)
            copy_row(static_cast<const char*>(image.pixels) + y * image.row_stride,
                     image.column_stride, image.width, to + y * image.width);
    copy.pixels = to;
    copy.row_stride = image.width * sizeof(T);
    return true;
}

}  // namespace

bool make_contiguous(const Image& image, Image& contiguous) {
    const int64_t bytes = bytes_of(image.pixel_type);
    contiguous = image;
    contiguous.column_stride = bytes;
    if (image.column_stride == bytes || image.width <= 1) return true;
    switch (bytes) {
        case 1:
            return copy_pixels<uint8_t>(image, contiguous);
        case 2:
            return copy_pixels<uint16_t>(image, contiguous);
        case 4:
            return copy_pixels<uint32_t>(image, contiguous);
        default:
            return copy_pixels<uint64_t>(image, contiguous);
    }
}

}  // namespace nucensus
