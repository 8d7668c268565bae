// The C ABI of the kernel: what Python calls, and nothing else.
//
// All functions are reentrant, start no threads, do no I/O and never throw. Scratch memory
// belongs to the calling thread and is reused by its next call. Python reads structures and
// numbers from the text of this header and of its part: a field is a line `type name;`, a number
// `name = value`.
#pragma once

#include <stdint.h>

#if defined(_WIN32)
#define NUCENSUS_API extern "C" __declspec(dllexport)
#else
#define NUCENSUS_API extern "C" __attribute__((visibility("default")))
#endif

namespace nucensus {

// What every function that can fail returns. The numbers are part of the ABI.
enum Status : int32_t {
    status_ok = 0,
    status_no_memory = 1,
    status_no_isa = 2,        // no such instruction set, or this machine lacks it
    status_not_a_number = 3,  // the smoothed values hold a NaN
    status_undecided = 4,     // within the kernel: another way has to decide
    status_decided = 5,       // within the kernel: the pixel is a maximum
};

// What one pixel is. The numbers are part of the ABI.
enum PixelType : int32_t {
    pixel_bool = 0,
    pixel_uint8 = 1,
    pixel_uint16 = 2,
    pixel_uint32 = 3,
    pixel_uint64 = 4,
    pixel_int8 = 5,
    pixel_int16 = 6,
    pixel_int32 = 7,
    pixel_int64 = 8,
    pixel_float16 = 9,
    pixel_float32 = 10,
    pixel_float64 = 11,
};

// Which way through the kernel: all of them give the same answer.
enum Path : int32_t {
    path_fastest = 0,
    path_exact = 1,   // exact arithmetic everywhere
    path_sieve = 2,   // the sieve wherever it is valid, however small the image
    path_single = 3,  // single precision wherever it is valid
};

// One image where it lies. Strides are in bytes and may be negative.
struct Image {
    const void* pixels;
    int64_t height;
    int64_t width;
    int64_t row_stride;
    int64_t column_stride;
    int32_t pixel_type;
    int32_t byte_swapped;  // not the byte order of this machine
};

// What to look for. A filter is half of a symmetric kernel: the weight of the
// centre, then that of distance 1, 2, ... radius.
struct MaximaSettings {
    const double* vertical;
    const double* horizontal;
    int64_t vertical_radius;
    int64_t horizontal_radius;
    int64_t min_distance;
    int64_t exclude_border;
    double threshold;
    int32_t has_threshold;  // 0: the least smoothed value is the threshold
    int32_t isa;            // the number of an instruction set, or -1 for the best one
    int32_t path;
    int32_t is_part;  // of a larger image: maxima are not spaced, and it may be constant
};

// The maxima of all images, one image after the other, brightest first in each.
// Owned by the caller, who gives it back to `nucensus_release`.
struct Maxima {
    int64_t* points;      // (row, column) of each, or (plane, row, column)
    double* intensities;  // the smoothed value of each
    int64_t* counts;      // how many each image has; -1: its smoothed values hold a NaN
    int64_t total;
};

// A stack of planes where it lies, as an image with one axis more in front.
struct Volume {
    const void* pixels;
    int64_t depth;
    int64_t height;
    int64_t width;
    int64_t plane_stride;
    int64_t row_stride;
    int64_t column_stride;
    int32_t pixel_type;
    int32_t byte_swapped;
};

// What to look for in a volume: filters across planes, rows and columns.
struct VolumeSettings {
    const double* weights[3];
    int64_t radius[3];
    int64_t min_distance;
    int64_t exclude_border;
    double threshold;
    int32_t has_threshold;
    int32_t isa;
    int32_t path;
};

// Samples of an image, each with the pixels beside it. Distances are in pixels, between places in
// memory.
struct NoiseSamples {
    const void* pixels;  // the first of them
    int64_t height;      // of the image
    int64_t width;
    int64_t down;  // from how many of its rows one has samples
    int64_t across;
    int64_t to_row;  // from a sample to that below it
    int64_t to_column;
    int64_t below;  // from a sample to the pixel below it
    int64_t beside;
    int64_t apart;  // so many pixels are between those that are compared
    int32_t pixel_type;
};

// The noise of a pixel, in grey levels.
struct NoiseMeasure {
    double noise;     // standard deviation; infinite if all pixels are of one level
    double rounding;  // that of rounding to whole levels, where averaging pixels does not lessen it
};

// No number takes more bytes as text.
constexpr int number_bytes = 26;

}  // namespace nucensus

// The local maxima of smoothed images; `maxima` holds nothing unless the status is ok.
NUCENSUS_API int32_t nucensus_find_maxima(const nucensus::Image* images, int64_t image_count,
                                          const nucensus::MaximaSettings* settings,
                                          nucensus::Maxima* maxima);

// As above, for one volume: three coordinates (plane, row, column) a point.
NUCENSUS_API int32_t nucensus_find_maxima_in_volume(const nucensus::Volume* volume,
                                                    const nucensus::VolumeSettings* settings,
                                                    nucensus::Maxima* maxima);

NUCENSUS_API int32_t nucensus_release(nucensus::Maxima* maxima);

// Spaces the maxima of an image of that width that were found in its parts: `points` holds row and
// column of each, row by row, left to right; `kept` tells which stay.
NUCENSUS_API int32_t nucensus_space_maxima(const int64_t* points, int64_t count, int64_t width,
                                           int64_t min_distance, uint8_t* kept);

// How many pixels on one row in `down` and on one column in `across` have the least level there. A
// pixel is of any type but float16.
NUCENSUS_API int32_t nucensus_count_least(const nucensus::Image* image, int64_t down,
                                          int64_t across, int64_t* count);

// The noise of a pixel, by samples of an image of more than `apart` rows and columns.
NUCENSUS_API int32_t nucensus_measure_noise(const nucensus::NoiseSamples* samples,
                                            nucensus::NoiseMeasure* noise);

// Fills the pixels that are not known with the mirror image of the nearest edge of those
// that are, along a row or a column, and again from what was filled. A pixel has `bytes`
// bytes; `scratch` has room for a number a pixel and one a column. `unknown` is how many
// stay unknown, because nothing mirrors them.
NUCENSUS_API int32_t nucensus_mirror(void* pixels, int64_t bytes, uint8_t* known, int64_t height,
                                     int64_t width, int32_t* scratch, int64_t* unknown);

// Writes each row as text: the name of its group, the first literal, a number, the next
// literal, ... the last literal. The first `group_rows[0]` rows are of the first group.
// `kinds` has one character for each number of a row: 'i' a whole number, 'f' the shortest
// text that reads back to the same float, 'd' to the same double (as Python's repr), 'F' and
// 'D' the same as JSON can hold it, 'o' and 'O' the same, or nothing for NaN. `text` has room
// for every name and literal, and `number_bytes` for every number; `bytes` is how many were
// written.
NUCENSUS_API int32_t nucensus_format_rows(const double* values, const char* kinds,
                                          const char* literals, const int64_t* literal_bytes,
                                          int64_t group_count, const int64_t* group_rows,
                                          const char* names, const int64_t* name_bytes, char* text,
                                          int64_t* bytes);

// Decodes strips or tiles that are compressed with LZW, one behind the other, each to as many bytes
// as `decoded_bytes` says. `done` is how many were decoded; the next is not as TIFF 6.0 has it.
NUCENSUS_API int32_t nucensus_decode_lzw(const uint8_t* encoded, const int64_t* encoded_bytes,
                                         int64_t count, uint8_t* decoded,
                                         const int64_t* decoded_bytes, int64_t* done);

// Instruction sets are numbered from 0, the plainest first; a name is NULL past the last one
// built.
NUCENSUS_API const char* nucensus_isa_name(int32_t isa);
NUCENSUS_API int32_t nucensus_isa_supported(int32_t isa);

// The text of this header with that of its part, and the size of one of its structures; -1 if there
// is none.
NUCENSUS_API const char* nucensus_header();
NUCENSUS_API int64_t nucensus_size_of(const char* structure);

#include "abi_regions.h"
