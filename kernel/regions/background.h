// What lies under the nuclei: a smooth surface, what is left of it in each tile, and the noise.
#pragma once

#include <vector>

#include "abi.h"
#include "grid.h"

namespace nucensus {

// The value below which a share `q` of the values is; their order changes.
inline float quantile(std::vector<float>& values, double q) {
    const auto at =
        values.begin() + static_cast<int64_t>(q * static_cast<double>(values.size() - 1) + .5);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

// The place of element `i` of `n`, from -1 at one edge to 1 at the other.
inline double place(int64_t i, int64_t n) {
    return 2 * (static_cast<double>(i) + .5) / static_cast<double>(n) - 1;
}

// Everything about it is learned from samples: 8 x 8 places of each tile, more where tiles are few.
class Background {
public:
    void resize(const Grid& grid, const RegionSettings& settings);
    // Takes the samples that `filled` rows of the grid are enough for.
    void take_samples(const RegionLoops& rows, Grid& grid, int64_t filled);
    // To be called once all samples are taken. Measures `grain`, `noise` and `background`.
    void fit(const RegionLoops& rows, const RegionSettings& settings, RegionMeasure& measure);
    // Chooses the least height of an object.
    void choose_threshold(const RegionSettings& settings, RegionMeasure& measure) const;
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
        std::vector<float> wide;    // `low` there, of each row of tiles
        int64_t count() const { return static_cast<int64_t>(x.size()); }
        const float* tiles(int64_t row) const { return wide.data() + row * count(); }
    };
    template <class ColumnOf>
    void choose(Columns& columns, int64_t count, ColumnOf column_of) const;
    Ground ground(const Columns& columns, int64_t y) const;

    void take_neighbours(const float* means);
    int64_t sample_row(int64_t i) const { return (2 * i + 1) * h / (2 * per_tile * tile_rows); }
    float* sample(int64_t i) { return samples.data() + i * sample_stride; }
    const float* sample(int64_t i) const { return samples.data() + i * sample_stride; }
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
    double fine_noise(const RegionLoops& rows);
    template <class Pick>
    void window3(Pick pick);
    void smooth3();
    void stretch_tiles(Columns& columns, float extra);

    int64_t h = 0, w = 0, tile_rows = 0, tile_columns = 0;
    Gaussian gaussian{1};

    // The samples of a row stand in this order: the first of each tile, the second, ...; so those
    // of neighbouring tiles lie side by side.
    int64_t per_tile = 0, sample_stride = 0, taken = 0;
    int64_t noise_apart = 0, noise_every = 1;
    Columns of_samples, of_neighbours, of_grid, of_blocks;
    std::vector<Ground> grounds;  // of each row of the grid
    std::vector<float> samples, beside, grains, line, smooth, flat;

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
