#include "background.h"

#include <numeric>

namespace nucensus {
namespace {

constexpr int64_t samples_per_tile = 8;  // samples along one side of a tile
constexpr int64_t few_samples = 4096;    // with fewer of them, more are taken of each tile
constexpr int64_t noise_samples = 4000;  // enough to measure differences of neighbours
constexpr int64_t cubic_tiles = 6;       // along an axis, for a surface of third degree
constexpr int64_t surface_rows = 8;      // of tiles, for the surface under all of them
constexpr int low_place = 6,
              middle_place = 19;  // places among 64 sorted samples: a tenth, three tenths

int64_t padded(int64_t samples) { return whole_blocks(samples) + block_columns; }

// Batcher's network of merging odd and even places, which sorts whatever the values are, less what
// the two places that are asked for do not depend on.
std::vector<RowPair> make_network() {
    std::vector<RowPair> pairs;
    for (int size = 1; size < tile_samples; size *= 2)
        for (int apart = size; apart; apart /= 2)
            for (int first = apart % size; first + apart < tile_samples; first += 2 * apart)
                for (int i = first; i < std::min(first + apart, tile_samples - apart); ++i)
                    if (i / (2 * size) == (i + apart) / (2 * size)) pairs.push_back({i, i + apart});
    bool wanted[tile_samples] = {};
    wanted[low_place] = wanted[middle_place] = true;
    std::vector<RowPair> kept;
    for (auto pair = pairs.rbegin(); pair != pairs.rend(); ++pair) {
        if (!wanted[pair->low] && !wanted[pair->high]) continue;
        wanted[pair->low] = wanted[pair->high] = true;
        kept.push_back(*pair);
    }
    return {kept.rbegin(), kept.rend()};
}

// The sign, the exponent and the first three bits behind the point, in the order of the values.
constexpr int key_bits = 12;
constexpr int64_t many_values = 1000;  // about as many as comparing them takes as long for

uint32_t key_of(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return (bits ^ (bits >> 31 ? UINT32_MAX : 1U << 31)) >> (32 - key_bits);
}

}  // namespace

// Of many values among those of one key only, which takes a third of the time.
float value_at(float* values, int64_t count, int64_t place) {
    if (count < many_values) {
        std::nth_element(values, values + place, values + count);
        return values[place];
    }
    int32_t counts[1 << key_bits] = {};
    for (int64_t i = 0; i < count; ++i) ++counts[key_of(values[i])];
    uint32_t key = 0;
    for (; place >= counts[key]; ++key) place -= counts[key];
    thread_local std::vector<float> alike;
    alike.resize(counts[key] + 1);
    float *const first = alike.data(), *end = first;
    for (int64_t i = 0; i < count; ++i) {  // without branches, as none can be foreseen
        *end = values[i];
        end += key_of(values[i]) == key;
    }
    std::nth_element(first, first + place, end);
    return first[place];
}

Background::Between::Between(int64_t i, int64_t n, int64_t tiles) {
    float at =
        (static_cast<float>(i) + .5f) * static_cast<float>(tiles) / static_cast<float>(n) - .5f;
    at = std::min(std::max(at, 0.f), static_cast<float>(tiles - 1));
    tile = std::min<int64_t>(static_cast<int64_t>(at), std::max<int64_t>(0, tiles - 2));
    next = std::min(tile + 1, tiles - 1);
    share = at - static_cast<float>(tile);
}

// ---- samples ---------------------------------------------------------------------------------

void Background::resize(int64_t height, int64_t width, const RegionSettings& settings) {
    const int64_t size = std::max<int64_t>(4, settings.tile);
    h = height, w = width;
    tile_rows = std::max<int64_t>(1, (h + size / 2) / size);
    tile_columns = std::max<int64_t>(1, (w + size / 2) / size);
    per_tile = samples_per_tile;
    while (per_tile + samples_per_tile <= size &&
           tile_rows * tile_columns * per_tile * per_tile < few_samples)
        per_tile += samples_per_tile;
    gaussian = Gaussian(settings.smooth_sigma);
    noise_apart = std::max<int64_t>(2, static_cast<int64_t>(std::ceil(3 * settings.smooth_sigma)));
    std::fill_n(surface, cubic_terms, 0.);
    sample_stride = padded(sample_count());
    noise_every = std::max<int64_t>(1, sample_count() * sample_rows() / noise_samples);
    flat.assign(sample_stride, 0.f);
    choose(of_samples, sample_stride, [&](int64_t k) {
        const int64_t count = sample_count();
        const int64_t number = k < count ? k % tile_columns * per_tile + k / tile_columns : 0;
        return (2 * number + 1) * w / (2 * count);
    });
    choose(of_neighbours, sample_stride, [&](int64_t k) {
        const int64_t x = of_samples.x[k];
        return x + noise_apart < w ? x + noise_apart : std::max<int64_t>(0, x - noise_apart);
    });
}

void Background::measure_ground(RegionGround& ground) const {
    ground.sample_rows = sample_rows(), ground.sample_stride = sample_stride;
    ground.noise_rows = noise_rows(), ground.noise_columns = sample_count();
    ground.noise_every = noise_every;
    ground.tile_rows = tile_rows, ground.tile_columns = tile_columns;
}

void Background::make_room() {
    room.resize((sample_rows() + noise_rows()) * sample_stride + noise_rows() * sample_count());
    samples = room.data(), beside = samples + sample_rows() * sample_stride;
    grains = beside + noise_rows() * sample_stride;
}

void Background::use_room(const RegionGround& ground) {
    samples = ground.samples, beside = ground.beside, grains = ground.grains;
}

void Background::keep(RegionGround& ground) const {
    std::copy(low.begin(), low.end(), ground.low);
    std::copy_n(surface, cubic_terms, ground.surface);
}

void Background::recall(const RegionGround& ground) {
    low.assign(ground.low, ground.low + tile_rows * tile_columns);
    std::copy_n(ground.surface, cubic_terms, surface);
}

template <class ColumnOf>
void Background::choose(Columns& columns, int64_t count, ColumnOf column_of) const {
    columns.x.resize(count), columns.places.resize(count);
    for (int64_t k = 0; k < count; ++k) {
        columns.x[k] = static_cast<int32_t>(column_of(k));
        columns.places[k] = static_cast<float>(place(columns.x[k], w));
    }
}

void Background::begin_samples(const RegionWindow& part) {
    top = part.top, left = part.left;
    for (taken = 0; taken < sample_rows() && sample_row(taken) < part.own_top;) ++taken;
    for (last = taken; last < sample_rows() && sample_row(last) < part.own_bottom;) ++last;
    own.clear();
    bool before = false;
    for (int64_t k = 0; k < sample_stride; ++k) {
        const int64_t x = of_samples.x[k];
        const bool is_own = x >= part.own_left && x < part.own_right;
        if (is_own && !before) own.push_back({k, k});
        if (is_own) own.back().end = k + 1;
        before = is_own;
    }
}

void Background::take_samples(const RegionLoops& rows, Grid& grid, int64_t filled) {
    const int64_t width = whole_blocks(grid.width);
    line.resize(width + 2 * margin_columns), smooth.resize(width);
    for (; taken < last; ++taken) {
        const int64_t y = sample_row(taken) - top;
        if (filled < grid.height && y + gaussian.reach >= filled) return;
        const float* around[2 * most_reach + 1];
        float* to = smooth.data();
        const Span all{0, width};
        grid.means.rows(y - gaussian.reach, 2 * gaussian.reach + 1, around);
        rows.blur[gaussian.reach - 1]({&all, &all + 1}, around, 1, gaussian.taps, line.data(), &to);
        float* mine = sample(taken);
        for (const Span span : own)
            for (int64_t k = span.start; k < span.end; ++k)
                mine[k] = smooth[of_samples.x[k] - left];
        if (taken % noise_every == 0) take_neighbours(grid.means.row(y));
    }
}

// Of some rows, for the noise: the differences of neighbours, and what is further beside each
// sample.
void Background::take_neighbours(const float* means) {
    float *grain = grains + taken / noise_every * sample_count(),
          *further = beside + taken / noise_every * sample_stride;
    for (const Span span : own)
        for (int64_t k = span.start; k < span.end; ++k) {
            const int64_t x = of_samples.x[k],
                          next = x + 1 < w ? x + 1 : std::max<int64_t>(0, x - 1);
            if (k < sample_count()) grain[k] = std::fabs(means[next - left] - means[x - left]);
            further[k] = smooth[of_neighbours.x[k] - left];
        }
}

// ---- background and noise --------------------------------------------------------------------

// A low percentile of each tile, and the spread of its lower values, as the mean of sets of 64
// samples; of one row of tiles in `every`. All sets of a row are put in order at once, side by
// side: those of one are too few for a long vector.
void Background::measure_tiles(const RegionLoops& rows, int64_t every) {
    static const std::vector<RowPair> network = make_network();
    const int64_t sets = per_tile / samples_per_tile, width = sets * tile_columns,
                  n = whole_blocks(sets * width);  // sets of samples, along an axis
    const float share = 1 / static_cast<float>(sets * sets);
    measured_rows = (tile_rows + every - 1) / every;
    low.assign(measured_rows * tile_columns, 0), spread.assign(low.size(), 0),
        sorted.resize(tile_samples * n + alignment);
    float* const values = aligned(sorted);
    for (int64_t r = 0; r < measured_rows; ++r) {
        for (int64_t i = 0; i < tile_samples; ++i)
            for (int64_t down = 0; down < sets; ++down) {
                const float* row =
                    sample(measured_row(r) * per_tile + i / samples_per_tile * sets + down);
                std::copy_n(row + i % samples_per_tile * width, width,
                            values + i * n + down * width);
            }
        rows.put_in_order(network.data(), network.size(), values, n);
        const float *of_low = values + low_place * n, *of_middle = values + middle_place * n;
        for (int64_t k = 0; k < sets * width; ++k) {
            const int64_t tile = r * tile_columns + k % tile_columns;
            low[tile] += of_low[k] * share;
            spread[tile] += (of_middle[k] - of_low[k]) * share;
        }
    }
}

void Background::flatten(const RegionLoops& rows) {
    for (int64_t i = 0; i < per_tile * tile_rows; ++i) {
        subtract_from_samples(rows, surface_in_row(newest, sample_row(i)), of_samples, sample(i));
    }
    for (int i = 0; i < cubic_terms; ++i) surface[i] += newest[i];
}

// The noise seen between values `noise_apart` from each other: from a low quantile of their
// differences, which edges of objects do not reach unless they are everywhere.
double Background::fine_noise(const RegionLoops& rows) {
    if (w <= noise_apart || noise_rows() * sample_count() < 50) return HUGE_VAL;
    other.resize(noise_rows() * sample_count());
    for (int64_t i = 0; i < noise_rows(); ++i) {
        float *theirs = beside + i * sample_stride, *to = other.data() + i * sample_count();
        const float* mine = sample(i * noise_every);
        subtract_from_samples(rows, surface_in_row(surface, sample_row(i * noise_every)),
                              of_neighbours, theirs);
        for (int64_t k = 0; k < sample_count(); ++k) to[k] = std::fabs(theirs[k] - mine[k]);
    }
    return quantile(other, .2) / (.2533 * std::sqrt(2.));
}

template <class Pick>
void Background::window3(Pick pick) {
    other.resize(low.size());
    for (int64_t r = 0; r < tile_rows; ++r)
        for (int64_t c = 0; c < tile_columns; ++c) {
            float value = low[r * tile_columns + c];
            for (int64_t y = std::max<int64_t>(0, r - 1); y <= std::min(tile_rows - 1, r + 1); ++y)
                for (int64_t x = std::max<int64_t>(0, c - 1);
                     x <= std::min(tile_columns - 1, c + 1); ++x)
                    value = pick(value, low[y * tile_columns + x]);
            other[r * tile_columns + c] = value;
        }
    low.swap(other);
}

void Background::smooth3() {
    other.resize(low.size());
    for (int64_t r = 0; r < tile_rows; ++r)
        for (int64_t c = 0; c < tile_columns; ++c) {
            float sum = 0, n = 0;
            for (int64_t y = std::max<int64_t>(0, r - 1); y <= std::min(tile_rows - 1, r + 1); ++y)
                for (int64_t x = std::max<int64_t>(0, c - 1);
                     x <= std::min(tile_columns - 1, c + 1); ++x)
                    sum += low[y * tile_columns + x], n += 1;
            other[r * tile_columns + c] = sum / n;
        }
    low.swap(other);
}

// From the tenth percentile.
float Background::to_mean(const RegionMeasure& measure) {
    return static_cast<float>(1.28 * measure.noise);
}

// The rows of tiles from `first` to before `last`.
void Background::stretch_tiles(Columns& columns, int64_t first, int64_t last, float extra) {
    const int64_t count = columns.count();
    between.clear();
    for (const int32_t x : columns.x) between.push_back(Between(x, w, tile_columns));
    columns.first = first, columns.wide.resize((last - first) * count);
    for (int64_t r = first; r < last; ++r) {
        const float* of_row = low.data() + r * tile_columns;
        float* to = columns.wide.data() + (r - first) * count;
        for (int64_t k = 0; k < count; ++k) {
            const float a = of_row[between[k].tile], b = of_row[between[k].next];
            to[k] = a + (b - a) * between[k].share + extra;
        }
    }
}

double Background::mean_of_samples() const {
    double sum = 0;
    int64_t seen = 0;
    for (int64_t i = 0; i < per_tile * tile_rows;
         i += samples_per_tile, seen += per_tile * tile_columns)
        sum += std::accumulate(sample(i), sample(i) + per_tile * tile_columns, 0.);
    return sum / static_cast<double>(seen);
}

void Background::fit(const RegionLoops& rows, const RegionSettings& settings,
                     RegionMeasure& measure) {
    const int64_t grain_count = noise_rows() * sample_count();
    measure.grain =
        grain_count < 50 || w < 2 ? 0 : quantile(grains, grain_count, .5) / (.6745 * std::sqrt(2.));
    const double mean = mean_of_samples();
    // Twice: a tile's low percentile is biased on a slope, and the first time takes most of it
    // away. A surface needs no more than some rows of tiles.
    for (int i = 0; i < 2; ++i) {
        measure_tiles(rows, std::max<int64_t>(1, tile_rows / surface_rows));
        terms = i > 0 && std::min(measured_rows, tile_columns) >= cubic_tiles ? cubic_terms
                                                                              : quadratic_terms;
        if (!fit_surface()) break;
        flatten(rows);
    }
    measure_tiles(rows, 1);
    // In a crowd no tile is free of nuclei, and its spread is theirs; but haze is allowed for.
    const double seen = std::min(quantile(spread, .25) / .7572, 3 * fine_noise(rows));
    // Nothing else depends on the bound: a search takes what was found with another one for the
    // same, where the noise is below both.
    measure.noise = std::max(std::min(seen, settings.most_noise), settings.least_noise);
    window3([](float a, float b) { return std::min(a, b); });
    window3([](float a, float b) { return std::max(a, b); });
    smooth3();
    stretch_tiles(of_samples, 0, tile_rows, to_mean(measure));
    for (int64_t i = 0; i < sample_rows(); ++i) {
        const Between at(sample_row(i), h, tile_rows);
        const Ground tiles{
            0, 0, 0, 0, at.share, of_samples.tiles(at.tile), of_samples.tiles(at.next)};
        subtract_from_samples(rows, tiles, of_samples, sample(i));
    }
    measure.background = mean - mean_of_samples();
    choose_threshold(settings, measure);
}

// ---- what stands above it --------------------------------------------------------------------

void Background::prepare(const Grid& grid, const RegionWindow& part, const RegionMeasure& measure) {
    top = part.top, left = part.left;
    choose(of_grid, whole_blocks(grid.width), [&](int64_t x) { return std::min(left + x, w - 1); });
    choose(of_blocks, grid.stride, [&](int64_t b) {
        return std::min(left + b * block_columns + block_columns / 2, w - 1);
    });
    const int64_t first = Between(top, h, tile_rows).tile,
                  beyond = Between(top + grid.height - 1, h, tile_rows).next + 1;
    for (auto* columns : {&of_grid, &of_blocks})
        stretch_tiles(*columns, first, beyond, to_mean(measure));
    grounds.clear();
    for (int64_t y = 0; y < grid.height; ++y) grounds.push_back(ground(of_grid, top + y));
}

Ground Background::ground(const Columns& columns, int64_t y) const {
    Ground all = surface_in_row(surface, y);
    const Between at(y, h, tile_rows);
    all.share = at.share, all.above = columns.tiles(at.tile), all.below = columns.tiles(at.next);
    return all;
}

void Background::subtract(const RegionLoops& rows, Band spans, int64_t y, int64_t count,
                          float* const* to) const {
    rows.subtract(spans, grounds.data() + y, of_grid.places.data(), count, to);
}

void Background::subtract_from_blocks(const RegionLoops& rows, int64_t y, float* to) const {
    const Ground under = ground(of_blocks, top + y);
    const Span all{0, of_blocks.count()};
    rows.subtract({&all, &all + 1}, &under, of_blocks.places.data(), 1, &to);
}

float Background::at(int64_t y, int64_t x) const {
    const Ground& g = grounds[y];
    const float v = of_grid.places[x];
    return g.c0 + v * (g.c1 + v * (g.c2 + v * g.c3)) +
           (g.above[x] + (g.below[x] - g.above[x]) * g.share);
}

}  // namespace nucensus
