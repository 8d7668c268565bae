// The C ABI of the kernel: what `kernel.py` calls, and nothing else.
//
// All functions are reentrant, start no threads, do no I/O and never throw.
// Scratch memory belongs to the calling thread and is reused by its next call.
#pragma once

#include <stdint.h>

#if defined(_WIN32)
#define NUCENSUS_API __declspec(dllexport)
#else
#define NUCENSUS_API __attribute__((visibility("default")))
#endif

extern "C" {

// What one pixel is. The numbers are part of the ABI.
enum nucensus_pixel_type {
    NUCENSUS_BOOL = 0,
    NUCENSUS_UINT8 = 1,
    NUCENSUS_UINT16 = 2,
    NUCENSUS_UINT32 = 3,
    NUCENSUS_UINT64 = 4,
    NUCENSUS_INT8 = 5,
    NUCENSUS_INT16 = 6,
    NUCENSUS_INT32 = 7,
    NUCENSUS_INT64 = 8,
    NUCENSUS_FLOAT16 = 9,
    NUCENSUS_FLOAT32 = 10,
    NUCENSUS_FLOAT64 = 11,
};

enum nucensus_path {
    NUCENSUS_FASTEST = 0,
    NUCENSUS_EXACT = 1,  // exact arithmetic everywhere
    NUCENSUS_SIEVE = 2,  // the sieve wherever it is valid, however small the image
};

// One image where it lies. Strides are in bytes and may be negative.
typedef struct nucensus_image {
    const void* pixels;
    int64_t height;
    int64_t width;
    int64_t row_stride;
    int64_t column_stride;
    int32_t pixel_type;
    int32_t byte_swapped;  // not the byte order of this machine
} nucensus_image;

// What to look for. A filter is half of a symmetric kernel: the weight of the
// centre, then that of distance 1, 2, ... radius.
typedef struct nucensus_settings {
    const double* vertical;
    const double* horizontal;
    int64_t vertical_radius;
    int64_t horizontal_radius;
    int64_t min_distance;
    int64_t exclude_border;
    double threshold;
    int32_t has_threshold;  // 0: the least smoothed value is the threshold
    int32_t level;          // an instruction set level, or -1 for the one chosen at start-up
    int32_t path;           // NUCENSUS_FASTEST or, for tests, another
} nucensus_settings;

// The maxima of all images, one image after the other, brightest first in each.
// Owned by the caller, who gives it back to `nucensus_release`.
typedef struct nucensus_maxima {
    int64_t* points;      // (row, column) of each
    double* intensities;  // the smoothed value of each
    int64_t* counts;      // how many each image has; -1: its smoothed values hold a NaN
    int64_t total;
} nucensus_maxima;

enum nucensus_status {
    NUCENSUS_OK = 0,
    NUCENSUS_NO_MEMORY = 1,
    NUCENSUS_NO_LEVEL = 2,
};

NUCENSUS_API int32_t nucensus_find_maxima(const nucensus_image* images, int64_t image_count,
                                          const nucensus_settings* settings,
                                          nucensus_maxima* maxima);

// A stack of planes where it lies, as an image with one axis more in front.
typedef struct nucensus_volume {
    const void* pixels;
    int64_t depth;
    int64_t height;
    int64_t width;
    int64_t plane_stride;
    int64_t row_stride;
    int64_t column_stride;
    int32_t pixel_type;
    int32_t byte_swapped;
} nucensus_volume;

// What to look for in a volume: filters across planes, rows and columns.
typedef struct nucensus_volume_settings {
    const double* weights[3];
    int64_t radius[3];
    int64_t min_distance;
    int64_t exclude_border;
    double threshold;
    int32_t has_threshold;
    int32_t level;
    int32_t path;  // as in nucensus_settings
} nucensus_volume_settings;

// As above, for one volume: three coordinates (plane, row, column) a point.
NUCENSUS_API int32_t nucensus_find_maxima_in_volume(const nucensus_volume* volume,
                                                    const nucensus_volume_settings* settings,
                                                    nucensus_maxima* maxima);
NUCENSUS_API void nucensus_release(nucensus_maxima* maxima);

// Levels are numbered from 0; a name is NULL past the last one built.
NUCENSUS_API const char* nucensus_level_name(int32_t level);
NUCENSUS_API int32_t nucensus_level_supported(int32_t level);

// No number takes more bytes as text.
enum { NUCENSUS_NUMBER_BYTES = 26 };

// Writes each row as text: the first literal, a number, the next literal, ... the
// last literal. `kinds` has one character for each number of a row: 'i' a whole
// number, 'f' the shortest text that reads back to the same double (as Python's
// repr), 'j' the same as JSON can hold it. `text` has room for every literal and
// NUCENSUS_NUMBER_BYTES for every number; returns how many bytes were written.
NUCENSUS_API int64_t nucensus_format_rows(const double* values, int64_t row_count,
                                          const char* kinds, const char* literals,
                                          const int64_t* literal_bytes, char* text);

// Fills the pixels that are not known with the mirror image of the nearest edge of those
// that are, along a row or a column, and again from what was filled. A pixel has `bytes`
// bytes; `scratch` has room for two numbers a pixel and one a column. Returns how many
// stay unknown, because nothing mirrors them.
NUCENSUS_API int64_t nucensus_mirror(void* pixels, int64_t bytes, uint8_t* known, int64_t height,
                                     int64_t width, int64_t* scratch);
}
