// What lies under the nuclei: a smooth surface, what is left of it in each tile, and the noise.
#pragma once

#include <vector>

#include "abi.h"
#include "grid.h"

namespace nucensus {

// The value that would stand at a place if they were in order, which changes.
float value_at(float* values, int64_t count, int64_t place);

// The value below which a share `q` of the values is; their order changes.
inline float quantile(float* values, int64_t count, double q) {
    return value_at(values, count, static_cast<int64_t>(q * static_cast<double>(count - 1) + .5));
}

inline float quantile(std::vector<float>& values, double q) {
    return quantile(values.data(), static_cast<int64_t>(values.size()), q);
}

// The place of element `i` of `n`, from -1 at one edge to 1 at the other.
inline double place(int64_t i, int64_t n) {
    return 2 * (static_cast<double>(i) + .5) / static_cast<double>(n) - 1;
}

// Everything about it is learned from samples: 8 x 8 places of each tile, more where tiles are few.
// They are those of the whole image, and may be taken from one part of it after the other.
class Background {
public:
    // Of an image of `height` x `width` pixels of the grid.
    void resize(int64_t height, int64_t width, const RegionSettings& settings);
    // How large `ground` has to be for it.
    void measure_ground(RegionGround& ground) const;
    // Room of its own for samples, or that of `ground`.
    void make_room();
    void use_room(const RegionGround& ground);
    // The samples of a part are taken from here on: those that `filled` rows of its grid are enough
    // for.
    void begin_samples(const RegionWindow& part);
    void take_samples(const RegionLoops& rows, Grid& grid, int64_t filled);
    // To be called once all samples are taken. Measures `grain`, `noise` and `background`, and
    // chooses the least height of an object.
    void fit(const RegionLoops& rows, const RegionSettings& settings, RegionMeasure& measure);
    // Keeps what was fitted, or takes what was kept.
    void keep(RegionGround& ground) const;
    void recall(const RegionGround& ground);
    // The background of a part, for what follows: places are those of its own grid.
    void prepare(const Grid& grid, const RegionWindow& part, const RegionMeasure& measure);
    // Takes it away from `count` rows, from `y` on; or from values of blocks in the middle of which
    // `y` is.
    void subtract(const RegionLoops& rows, Band spans, int64_t y, int64_t count,
                  float* const* to) const;
    void subtract_from_blocks(const RegionLoops& rows, int64_t y, float* to) const;
    // The level at one place.
    float at(int64_t y, int64_t x) const;

private:
    // Where an element of `n` lies between the centres of `tiles`: after which, and how far.
    struct Between {
        int64_t tile, next;
        float share;
        Between(int64_t i, int64_t n, int64_t tiles);
    };
    // Columns of the grid: all of them, those of the samples, the middles of blocks.
    struct Columns {
        std::vector<int32_t> x;
        std::vector<float> places;  // from -1 to 1 across the image
        std::vector<float> wide;    // `low` there, of rows of tiles from `first` on
        int64_t first = 0;
        int64_t count() const { return static_cast<int64_t>(x.size()); }
        const float* tiles(int64_t row) const { return wide.data() + (row - first) * count(); }
    };
    template <class ColumnOf>
    void choose(Columns& columns, int64_t count, ColumnOf column_of) const;
    Ground ground(const Columns& columns, int64_t y) const;

    int64_t sample_count() const { return per_tile * tile_columns; }  // in a row
    int64_t sample_rows() const { return per_tile * tile_rows; }
    int64_t noise_rows() const { return (sample_rows() + noise_every - 1) / noise_every; }
    void take_neighbours(const float* means);
    int64_t sample_row(int64_t i) const { return (2 * i + 1) * h / (2 * per_tile * tile_rows); }
    float* sample(int64_t i) const { return samples + i * sample_stride; }
    double mean_of_samples() const;

    void measure_tiles(const RegionLoops& rows, int64_t every);
    int64_t measured_row(int64_t i) const { return (2 * i + 1) * tile_rows / (2 * measured_rows); }
    // How the surface runs along a row of the image.
    struct Polynomial {
        double c0, c1, c2, c3;
        double at(double x) const { return c0 + x * (c1 + x * (c2 + x * c3)); }
    };
    static Polynomial in_row(const double* surface, double y);
    bool fit_surface();
    void solve_surface();
    void find_residuals();
    Ground surface_in_row(const double* surface, int64_t y) const;
    void subtract_from_samples(const RegionLoops& rows, const Ground& ground,
                               const Columns& columns, float* to);
    void flatten(const RegionLoops& rows);
    void choose_threshold(const RegionSettings& settings, RegionMeasure& measure) const;
    double fine_noise(const RegionLoops& rows);
    template <class Pick>
    void window3(Pick pick);
    void smooth3();
    static float to_mean(const RegionMeasure& measure);
    void stretch_tiles(Columns& columns, int64_t first, int64_t last, float extra);

    int64_t h = 0, w = 0, tile_rows = 0, tile_columns = 0;
    int64_t top = 0, left = 0;  // of the part that is looked at
    Gaussian gaussian{1};

    // The samples of a row stand in this order: the first of each tile, the second, ...; so those
    // of neighbouring tiles lie side by side.
    int64_t per_tile = 0, sample_stride = 0, taken = 0, last = 0;
    int64_t noise_apart = 0, noise_every = 1;
    Columns of_samples, of_neighbours, of_grid, of_blocks;
    std::vector<Span> own;        // samples of a row that the part has
    std::vector<Ground> grounds;  // of each row of the grid
    float *samples = nullptr, *beside = nullptr, *grains = nullptr;
    std::vector<float> room, line, smooth, flat;

    int64_t measured_rows = 0;  // of tiles
    std::vector<float> low, spread, sorted, residuals, other;
    std::vector<char> used;
    std::vector<Between> between;
    static constexpr int quadratic_terms = 6,
                         cubic_terms = 10;  // of a surface of second and of third degree
    int terms = quadratic_terms;
    double surface[cubic_terms] = {},
           newest[cubic_terms] = {};  // the sum of those that were fitted, and the last
};

}  // namespace nucensus
