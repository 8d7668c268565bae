// The C ABI of the detector that needs no parameters: what `foreground.py` calls, and nothing else.
//
// Reentrant, starts no threads, does no I/O and never throws. Scratch memory belongs to the calling
// thread and is reused by its next call: about 6 bytes for each pixel of the working grid, 16 to 32
// more for each that is foreground, and some rows.
#pragma once

#include <stdint.h>

#if defined(_WIN32)
#define NUCENSUS_API __declspec(dllexport)
#else
#define NUCENSUS_API __attribute__((visibility("default")))
#endif

extern "C" {

// How to look. Lengths are in pixels of the working grid, heights in grey levels.
typedef struct nucensus_look {
    int64_t step;             // image pixels along one side of a pixel of the grid
    int64_t tile;             // side of a background tile
    int64_t reach;            // half-width of the window an object's own height is taken from
    double radius;            // of a typical nucleus
    double smooth_sigma;      // of the heights
    double crest_sigma;       // of the heights their own height is taken from
    double ridge_sigma;       // of the map whose summits are the pieces
    double least_threshold;   // no object is lower
    double noise_factor;      // no object is lower than this many times the noise
    double most_stretch;      // log(area of the ellipse with its moments / area) that parts two pieces
    double most_dip;          // depth of the valley between them, relative to the lower, that does
    double crest_share;       // 0: depth relative to the summit; 1: to the mean height
    double least_size;        // unions below this share of a typical nucleus count as this large
    double least_area;        // smaller regions are debris: share of a typical nucleus
    double least_fall;        // regions whose outline falls less over a radius are haze: share of their height
    double most_whole;        // evidence against one body, for each typical nucleus that it is as large as
    double least_noise;       // the noise is no less than this, in grey levels
    double most_noise;        // and no more than this
} nucensus_look;

// What was measured on the way, in grey levels unless said otherwise.
typedef struct nucensus_measure {
    double background;        // mean
    double noise;             // standard deviation of the smoothed background
    double otsu;              // Otsu's threshold of the logarithm of the heights
    double upper;             // median of the heights above it
    double threshold;         // the one that was used
    double foreground;        // share of the image, 0 to 1
    double edge_width;        // image pixels
    double grain;             // standard deviation of neighbouring pixels of the grid
} nucensus_measure;

typedef struct nucensus_region {
    double y, x;              // centre, image pixels
    double area;              // image pixels
    double height;            // greatest height above the background
    double mean_height;       // mean height above the background
    double intensity;         // smoothed value at the centre
    double stretch;           // 1 for an ellipse
    double touches_edge;      // 1 if it touches the edge of the image
    double second;            // second greatest of 5 x 5 pixels within half a radius of the centre
    double plateau;           // the value that most of them have, minus infinity if there is none
} nucensus_region;

// Find the nuclei of a contiguous image of uint8 (0), uint16 (1) or float (2), at an instruction set
// level that this machine has. Returns how many there are, of which no more than `capacity` are
// written; -1 if there was not enough memory.
NUCENSUS_API int64_t nucensus_find_regions(const void* pixels, int32_t pixel_type, int64_t height, int64_t width,
                                           int32_t level, const nucensus_look* look, nucensus_measure* measure,
                                           nucensus_region* regions, int64_t capacity);
}
