// The loops over rows of pixels that `foreground.cpp` is made of, one set for each level.
//
// As `level.h`, this header is included by files that are compiled for different instruction sets,
// and defines no function.
#pragma once

#include <stdint.h>

namespace nucensus {

template <class Pixel>
struct PixelRows {
    void (*add)(const Pixel* from, float* to, int64_t n);
    void (*cap)(const Pixel* up, const Pixel* mid, const Pixel* down, Pixel* to, int64_t n);
};

struct Rows {
    PixelRows<uint8_t> of_uint8;
    PixelRows<uint16_t> of_uint16;
    PixelRows<float> of_float;
    // Those of steps 1 to 4 and of radii 1 to 10.
    void (*fold[4])(const float* from, float* to, int64_t n, float scale);
    void (*convolve_row[10])(const float* from, float* to, int64_t n, const float* taps);
    void (*convolve_column[10])(const float* const* rows, float* to, int64_t n, const float* taps);
    void (*lerp)(const float* a, const float* b, float* to, int64_t n, float k);
    void (*subtract)(const float* a, const float* b, float* to, int64_t n);
    void (*subtract_parabola)(const float* from, float* to, int64_t n, float c0, float c1, float c2, float scale);
    void (*max)(const float* a, const float* b, float* to, int64_t n);
    void (*relative)(const float* height, const float* local, float* to, int64_t n, float floor);
    void (*mask)(const float* relative, const float* ridge, float* to, int64_t n);
    void (*steepest)(const float* up, const float* mid, const float* down, int32_t* way, int64_t n,
                     int32_t first, int32_t width);
    void (*count_ranks)(const float* values, int32_t* ranks, int64_t n);
};

extern const Rows rows_baseline;
#if defined(__x86_64__)
extern const Rows rows_avx2;
extern const Rows rows_avx512;
#endif

}  // namespace nucensus
