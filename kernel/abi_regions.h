// The part of the ABI that is about nuclei as regions. `abi.h` includes it, and others include
// that.
#pragma once

namespace nucensus {

// How regions are found. Lengths are in pixels of the working grid, heights in grey levels.
struct RegionSettings {
    int64_t step;            // image pixels along one side of a pixel of the grid
    int64_t tile;            // side of a background tile
    int64_t reach;           // half-width of the window an object's own height is taken from
    double radius;           // of a typical nucleus
    double smooth_sigma;     // of the heights
    double crest_sigma;      // of the heights their own height is taken from
    double ridge_sigma;      // of the map whose summits are the pieces
    double least_threshold;  // no object is lower
    double noise_factor;     // no object is lower than this many times the noise
    double most_stretch;  // log(area of the ellipse with its moments / area) that parts two pieces
    double most_dip;      // depth of the valley between them, relative to the lower, that does
    double crest_share;   // 0: depth relative to the summit; 1: to the mean height
    double least_size;    // unions below this share of a typical nucleus count as this large
    double least_area;    // smaller regions are debris: share of a typical nucleus
    double least_fall;   // regions whose outline falls less over a radius are haze: share of height
    double most_whole;   // evidence against one body, for each typical nucleus it is as large as
    double most_hole;    // largest hole that may be part of a nucleus: share of a typical one
    double hole_dip;     // of the dip of a valley that leads to a hole, what counts
    int64_t is_learned;  // whether weights say which pieces are one nucleus, and not rules
    double union_weights[20];  // a constant, and one for each of the features of a pair
    double least_union;        // logarithm of the odds with which they are
    double least_noise;        // the noise is no less than this, in grey levels
    double most_noise;         // and no more than this
    int64_t looks_inside;      // whether the second greatest pixel and the plateau are asked for
};

// What was measured on the way, in grey levels unless said otherwise.
struct RegionMeasure {
    double background;  // mean
    double noise;       // standard deviation of the smoothed background
    double otsu;        // Otsu's threshold of the logarithm of the heights
    double upper;       // median of the heights above it
    double threshold;   // the one that was used
    double foreground;  // share of the image, 0 to 1
    double edge_width;  // image pixels
    double grain;       // standard deviation of neighbouring pixels of the grid
};

struct RegionRecord {
    double y;  // centre, image pixels
    double x;
    double area;          // image pixels
    double height;        // greatest height above the background
    double mean_height;   // mean height above the background
    double intensity;     // smoothed value at the centre
    double stretch;       // 1 for an ellipse
    double touches_edge;  // 1 if it touches the edge of the image
    double second;        // second greatest of 5 x 5 pixels within half a radius of the centre
    double plateau;       // the value that most of them have, minus infinity if there is none or
                          // they are not looked at: `second` is 0 then
    double fall;          // mean fall across its free outline over a radius, share of its height
    double free;          // free outline over that of a disc of its area; 0 if others enclose it
    double first_y;  // the first of its summits, pixels of the grid: regions are in their order
    double first_x;
};

// A part of an image whose regions are found by themselves, with what is around it. Places are
// those of the grid of the whole image, and multiples of the rows and columns of a block, or its
// edge.
struct RegionWindow {
    int64_t height;  // of the whole image, in its pixels
    int64_t width;
    int64_t top;  // where what is known of it begins
    int64_t left;
    int64_t own_top;  // summits from here to before `own_bottom` are its own
    int64_t own_bottom;
    int64_t own_left;
    int64_t own_right;
    int64_t foreground;  // pixels of its own that are foreground
    int64_t on_edges;    // and of the way up, between a quarter and three quarters of it
    int64_t crossings;   // of the middle of that way
    int64_t is_cut;      // whether one of its own may go on beyond what is known
};

// What lies under the nuclei of a whole image, learned from samples of its parts.
struct RegionGround {
    int64_t sample_rows;
    int64_t sample_stride;
    int64_t noise_rows;  // of samples, for which there is more
    int64_t noise_columns;
    int64_t noise_every;  // from how many rows of samples one is
    int64_t tile_rows;
    int64_t tile_columns;
    float* samples;  // sample_rows x sample_stride
    float* beside;   // noise_rows x sample_stride: what is further beside a sample
    float* grains;   // noise_rows x noise_columns: differences of neighbours
    float* low;      // tile_rows x tile_columns: what the surface leaves of each tile
    double surface[10];
};

// Neighbouring pixels of a row that belong to one nucleus.
struct OutlineRun {
    int32_t nucleus;  // the place of its region
    int32_t row;
    int32_t start;
    int32_t end;  // one beyond the last
};

// Where an outlined nucleus is, image pixels: the centre of mass of what is higher than half of
// what its outline is.
struct OutlineRecord {
    double y;
    double x;
    double background;  // the level under it
};

// What is within an outline, or in a region.
struct ShapeRecord {
    double area;         // pixels
    double convex_area;  // pixels whose middle is in the convex hull
    double sum;          // of the pixels
    double squares;      // of the pixels
    double yy;           // second moments about the centroid, over the area
    double xy;
    double xx;
    double edges;       // of the image that it touches: 1 top, 2 left, 4 bottom, 8 right, added up
    double background;  // the level under a region
};

// What the tables of nuclei have of it: lengths in pixels, levels above the background.
struct MeasuredRecord {
    int32_t area_px;
    float mean;
    float integrated;
    float std;
    float major_px;
    float minor_px;
    float orientation;
    float solidity;
    int32_t touches_edge;
};

// Where what is in regions goes, one record for each. `runs` may be null; else they are the pixels
// of the grid that each region holds.
struct RegionShapes {
    ShapeRecord* records;
    OutlineRun* runs;
    int64_t capacity;  // runs that there is room for
    int64_t count;     // and that there are
};

// What a thin ridge is. Lengths are in radii, heights in grey levels.
struct RidgeSettings {
    double radius;      // of a typical nucleus, image pixels
    double background;  // the level under the nuclei
    double across;      // a ridge is thin where so far beside it
    double thin;        // there is no more than this share of its height,
    double ridge;       // and goes on where the next place has this share of it
    double bridge;      // a ridge may run so far over nuclei, which is not part of its length
    double enough;      // what is longer is not followed
    int64_t height;     // of the whole image, of which the pixels are a part
    int64_t width;
    int64_t top;  // where that begins
    int64_t left;
};

// How nuclei are outlined, and where their outlines go, one record for each region.
struct OutlineSettings {
    double sigma;  // of the Gaussian that smooths the image, in its pixels
    double share;  // of its mean height above the background: a nucleus is higher
    OutlineRecord* records;
    OutlineRun* runs;
    int64_t capacity;  // runs that there is room for
    int64_t count;     // and that there are
};

// What is known of two regions that touch (`pairs.cpp`): the learned decision rests on it.
struct PairRecord {
    double features[19];
    double first_y;  // where the summit of each is, image pixels
    double first_x;
    double second_y;
    double second_x;
};
constexpr int pair_features = 19;

// Where what is known of each pair that is judged goes, to learn from it.
struct PairLog {
    PairRecord* records;
    int64_t capacity;
    int64_t count;
};

}  // namespace nucensus

// The nuclei of a contiguous image of uint8, uint16 or float32 as regions. `count` is how many
// there are, of which no more than `capacity` are written. `shapes` and `outlines` may be null:
// then none are made, as where there is no room for all regions. So may be `pairs`.
NUCENSUS_API int32_t nucensus_find_regions(const nucensus::Image* image,
                                           const nucensus::RegionSettings* settings, int32_t isa,
                                           nucensus::RegionMeasure* measure,
                                           nucensus::RegionRecord* regions, int64_t capacity,
                                           int64_t* count, nucensus::RegionShapes* shapes,
                                           nucensus::OutlineSettings* outlines,
                                           nucensus::PairLog* pairs);

// The same of an image part by part: how large `ground` is; then the samples of each part, of which
// several may be taken at once; then what `measure` says of all samples; then the regions of each
// part, for which only the threshold of `measure` is asked.
NUCENSUS_API int32_t nucensus_size_ground(const nucensus::RegionSettings* settings, int64_t height,
                                          int64_t width, nucensus::RegionGround* ground);
NUCENSUS_API int32_t nucensus_sample_ground(const nucensus::Image* part,
                                            const nucensus::RegionSettings* settings, int32_t isa,
                                            const nucensus::RegionWindow* window,
                                            const nucensus::RegionGround* ground);
NUCENSUS_API int32_t nucensus_fit_ground(const nucensus::RegionSettings* settings, int64_t height,
                                         int64_t width, int32_t isa, nucensus::RegionGround* ground,
                                         nucensus::RegionMeasure* measure);
NUCENSUS_API int32_t nucensus_find_regions_of_part(
    const nucensus::Image* part, const nucensus::RegionSettings* settings, int32_t isa,
    nucensus::RegionWindow* window, const nucensus::RegionGround* ground,
    nucensus::RegionMeasure* measure, nucensus::RegionRecord* regions, int64_t capacity,
    int64_t* count, nucensus::RegionShapes* shapes);

// Measures the pixels within outlines, of which the runs are ordered by nucleus, row and column.
NUCENSUS_API int32_t nucensus_measure_outlines(const nucensus::Image* image,
                                               const nucensus::OutlineRun* runs, int64_t run_count,
                                               nucensus::ShapeRecord* records);

// What the tables have of nuclei, in the order that `places` says; a difference of 1 of the pixels
// is `unit` grey levels.
NUCENSUS_API int32_t nucensus_describe_shapes(const nucensus::ShapeRecord* shapes,
                                              const int64_t* places, int64_t count,
                                              const double* unit,
                                              nucensus::MeasuredRecord* measured);

// Around each region of a label image, the pixels of no region that are at most `reach` pixels
// away, with the value of the nearest region (of several the first); all else is 0.
NUCENSUS_API int32_t nucensus_draw_rings(const int32_t* labels, int64_t height, int64_t width,
                                         int32_t reach, int32_t* rings);

// What the evidence rests on that regions are nuclei: 11 numbers of each, with contrasts 16. Areas
// and heights come as logarithms of those of a typical nucleus and of the contrast, the stretch as
// a logarithm.
NUCENSUS_API int32_t nucensus_describe_evidence(const double* area, const double* stretch,
                                                const double* contrast, const double* free,
                                                const double* fall, const double* mean_height,
                                                const double* height, const uint8_t* touches_edge,
                                                int64_t count, double* features);

// The greatest height of the places that are at most `reach`, which is above 0, from each: its own,
// if no other is higher.
NUCENSUS_API int32_t nucensus_find_highest_near(const double* y, const double* x,
                                                const double* heights, int64_t count, double reach,
                                                double* highest);

// How many others each place touches: those less than `share` of the sum of both radii away, and at
// most `reach`, which is above 0.
NUCENSUS_API int32_t nucensus_count_touching(const double* y, const double* x, const double* radii,
                                             int64_t count, double reach, double share,
                                             int64_t* touching);

// How long the longest thin ridge is that goes through each of the places, which are y, x and
// height there; image pixels and levels above the background. The image is contiguous.
NUCENSUS_API int32_t nucensus_measure_ridges(const nucensus::Image* image,
                                             const nucensus::RidgeSettings* settings,
                                             const double* places, int64_t count, double* lengths);
