// The smooth surface under the background tiles: uneven light and a sloping background.
#include "background.h"

namespace nucensus {

// The smooth surface (a polynomial of y and x) under most tiles, left out those that stand above
// it.
bool Background::fit_surface() {
    if (measured_rows < 4 || tile_columns < 4) return false;
    used.assign(low.size(), 1);
    for (int round = 0; round < 6; ++round) {
        solve_surface();
        find_residuals();
        other = residuals;
        const float q2 = quantile(other, .2), q4 = quantile(other, .4),
                    most_above = q4 + 2 * (q4 - q2);
        int64_t kept = 0, changed = 0;
        for (size_t k = 0; k < low.size(); ++k) {
            const char keep = residuals[k] <= most_above;
            kept += keep, changed += keep != used[k], used[k] = keep;
        }
        if (kept < 12) return round > 0;
        if (changed * 200 < static_cast<int64_t>(low.size())) break;
    }
    return true;
}

// Least squares over the tiles that are used. The terms are y^p x^q, so that sums of powers of x
// over each row of tiles are all that is needed.
void Background::solve_surface() {
    constexpr int powers_y[cubic_terms] = {0, 1, 0, 2, 1, 0, 3, 2, 1, 0},
                  powers_x[cubic_terms] = {0, 0, 1, 0, 1, 2, 0, 1, 2, 3};
    double a[cubic_terms][cubic_terms + 1] = {{0}};
    for (int64_t r = 0; r < measured_rows; ++r) {
        double sums[7] = {0}, sums_of_low[4] = {0};
        for (int64_t c = 0; c < tile_columns; ++c) {
            if (!used[r * tile_columns + c]) continue;
            const double x = place(c, tile_columns), value = low[r * tile_columns + c];
            double power = 1;
            for (int q = 0; q < 7; ++q, power *= x) {
                sums[q] += power;
                if (q < 4) sums_of_low[q] += power * value;
            }
        }
        double powers[7] = {1};
        for (int p = 1; p < 7; ++p) powers[p] = powers[p - 1] * place(measured_row(r), tile_rows);
        for (int i = 0; i < terms; ++i) {
            for (int j = 0; j < terms; ++j)
                a[i][j] += powers[powers_y[i] + powers_y[j]] * sums[powers_x[i] + powers_x[j]];
            a[i][terms] += powers[powers_y[i]] * sums_of_low[powers_x[i]];
        }
    }
    for (int i = 0; i < terms; ++i) a[i][i] += 1e-6 * a[0][0];
    for (int i = 0; i < terms; ++i)
        for (int r = 0; r < terms; ++r) {
            if (r == i) continue;
            const double k = a[r][i] / a[i][i];
            for (int j = i; j <= terms; ++j) a[r][j] -= k * a[i][j];
        }
    for (int i = 0; i < cubic_terms; ++i) newest[i] = i < terms ? a[i][terms] / a[i][i] : 0;
}

void Background::find_residuals() {
    residuals.resize(low.size());
    for (int64_t r = 0; r < measured_rows; ++r) {
        const Polynomial of_row = in_row(newest, place(measured_row(r), tile_rows));
        for (int64_t c = 0; c < tile_columns; ++c)
            residuals[r * tile_columns + c] =
                static_cast<float>(low[r * tile_columns + c] - of_row.at(place(c, tile_columns)));
    }
}

Background::Polynomial Background::in_row(const double* s, double y) {
    return {s[0] + y * (s[1] + y * (s[3] + y * s[6])), s[2] + y * (s[4] + y * s[7]),
            s[5] + y * s[8], s[9]};
}

// Of a row of samples: `s` alone.
Ground Background::surface_in_row(const double* s, int64_t y) const {
    const Polynomial of_row = in_row(s, place(y, h));
    return {static_cast<float>(of_row.c0),
            static_cast<float>(of_row.c1),
            static_cast<float>(of_row.c2),
            static_cast<float>(of_row.c3),
            0,
            flat.data(),
            flat.data()};
}

void Background::subtract_from_samples(const RegionLoops& rows, const Ground& ground,
                                       const Columns& columns, float* to) {
    const Span all{0, sample_stride};
    rows.subtract({&all, &all + 1}, &ground, columns.places.data(), 1, &to);
}

}  // namespace nucensus
