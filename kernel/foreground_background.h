// What lies under the nuclei: a smooth surface, what is left of it in each tile, and the noise.
#pragma once

#include <vector>

#include "foreground.h"
#include "foreground_grid.h"

namespace nucensus {

// Everything about it is learned from samples: 8 x 8 places of each tile, more where tiles are few.
class Background {
public:
    void resize(const Grid& grid, const nucensus_look& look);
    // Takes the samples that `filled` rows of the grid are enough for.
    void take_samples(const Rows& rows, Grid& grid, int64_t filled);
    // To be called once all samples are taken. Measures `grain`, `noise` and `background`.
    void fit(const Rows& rows, nucensus_measure& measure);
    // Chooses the least height of an object.
    void choose_threshold(const nucensus_look& look, nucensus_measure& measure) const;
    // Of one row: a parabola, and a share of the way from one row of `wide` to the next.
    struct Terms {
        float c0, c1, c2, share;
        int64_t above, below;
    };
    Terms terms(int64_t y) const;
    // Takes the background of a row away from the columns of `span`.
    void subtract(const Rows& rows, const Terms& terms, Span span, float* row) const;
    // The level at one place, and in the middle of each block of row `y`.
    float at(int64_t y, int64_t x) const { return level(terms(y), x); }
    void at_blocks(int64_t y, int64_t blocks, float* to) const;

private:
    float level(const Terms& t, int64_t x) const {
        const float v = grid_places[x], a = wide[t.above + x], b = wide[t.below + x];
        return t.c0 + v * (t.c1 + v * t.c2) + (a + (b - a) * t.share);
    }

    void place_samples();
    void take_neighbours(const float* means);
    int64_t sample_row(int64_t i) const { return (2 * i + 1) * h / (2 * per_tile * tile_rows); }
    float* sample(int64_t i) { return samples.data() + i * sample_stride; }
    const float* sample(int64_t i) const { return samples.data() + i * sample_stride; }
    double mean_of_samples() const;

    void measure_tiles(const Rows& rows);
    bool fit_surface();
    void solve_surface();
    void find_residuals();
    void subtract_surface(const Rows& rows, const double* surface, int64_t y, const float* at, float* to) const;
    void flatten(const Rows& rows);
    double fine_noise(const Rows& rows);
    template <class Pick>
    void window3(Pick pick);
    void smooth3();
    void stretch_tiles(float extra);

    int64_t h = 0, w = 0, tile_rows = 0, tile_columns = 0;
    Gaussian gaussian{1};

    // The samples of a row stand in this order: the first of each tile, the second, ...; so those of
    // neighbouring tiles lie side by side.
    int64_t per_tile = 0, sample_stride = 0, taken = 0;
    int64_t noise_apart = 0, noise_every = 1;
    std::vector<int32_t> columns, columns_next, columns_beside;
    std::vector<float> places, places_beside, grid_places;  // from -1 to 1 across the image
    std::vector<float> samples, beside, grains, line, smooth;

    std::vector<float> low, spread, sorted, residuals, other;  // of the tiles
    std::vector<float> wide, wide_samples;             // `low` at the columns of the grid and of the samples
    std::vector<char> used;
    double surface[6] = {}, newest[6] = {};  // the sum of those that were fitted, and the last
};

}  // namespace nucensus
