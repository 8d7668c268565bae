#include "strips.h"

namespace nucensus {
namespace {

// How many bands a step is behind the one before if it reaches so many rows.
int64_t bands_behind(int64_t reach) { return (reach + band_rows - 1) / band_rows; }

constexpr int64_t word_bits = 64;  // bits that are looked at at once
constexpr int64_t followed_together =
    2 * band_rows;  // so many rows later a way that still leads on waits for the end

// A Gaussian of up to this reach carries an eighth of a step to the next pixel: a quarter is
// foreground.
constexpr int little_reach = 2;

// Copies a few values, and what is behind them up to a whole number of CHUNKs: faster than the
// right number.
constexpr int32_t chunk = 16;
template <class Value>
void copy_chunks(const Value* from, Value* to, int32_t length) {
    for (int32_t j = 0; j < length; j += chunk)
        std::memcpy(to + j, from + j, chunk * sizeof(Value));
}

}  // namespace

void Foreground::clear() {
    runs.clear(), first_run.clear(), summits.clear();
    count = lost_count = 0, on_edges = crossings = 0;
}

// Makes room for a row of `w` columns.
void Foreground::start_row(int64_t w) {
    if (static_cast<int64_t>(height.size()) < count + w + chunk) {
        height.resize(2 * count + w + chunk);
        way.resize(height.size()), fall.resize(height.size()), lost.resize(height.size());
    }
    peaks.resize(band_rows * w + 1);
    first_run.push_back(static_cast<int32_t>(runs.size()));
}

void Foreground::add_run(int64_t start, int64_t end, const float* heights, int32_t* numbers) {
    const int32_t first = count, length = static_cast<int32_t>(end - start);
    runs.push_back({static_cast<int32_t>(start), static_cast<int32_t>(end), first});
    count += length;
    copy_chunks(heights + start, height.data() + first, length);
    for (int32_t j = 0; j < length; j += chunk)
        for (int32_t i = j; i < j + chunk; ++i) numbers[start + i] = first + i;
}

// From pixel `first` to before `last`: replaces ways to pixels that were met before by theirs, and
// notes what is a summit and what still does not end at one. All without branches, as none can be
// foreseen.
void Foreground::follow_ways(int32_t first, int32_t last) {
    int32_t *to = way.data(), *peak = peaks.data(), *astray = lost.data() + lost_count;
    int32_t summit = static_cast<int32_t>(summits.size());
    for (int32_t i = first; i < last; ++i) {
        const int32_t next = to[i], is_summit = next == i;
        const int32_t end =
            to[std::min(next, i)] - ((i + 1 + summit) & -is_summit);  // ~summit if it is one
        to[i] = end;
        *peak = i, peak += is_summit, summit += is_summit;
        *astray = i, astray += end >= 0;
    }
    peak_count = static_cast<int32_t>(peak - peaks.data());
    lost_count = static_cast<int32_t>(astray - lost.data());
}

// The same backwards for those that are left, from pixel `first` on; ways are known to before
// `known`. Hardly any stays that does not lead there.
void Foreground::follow_back(int32_t first, int32_t known) {
    int32_t *to = way.data(), *end = lost.data() + lost_count, *kept = end;
    int32_t* start = std::lower_bound(lost.data(), end, first);
    for (const int32_t* behind = end; behind > start; --behind) {
        const int32_t i = behind[-1], next = to[i], last = to[next < known ? next : i];
        to[i] = last;
        kept[-1] = i, kept -= last >= 0;
    }
    lost_count = static_cast<int32_t>(std::copy(kept, end, start) - lost.data());
}

int32_t Foreground::number(int64_t y, int64_t x) const {
    const auto first = runs.begin() + first_run[y], last = runs.begin() + first_run[y + 1];
    const auto run =
        std::partition_point(first, last, [&](const PixelSpan& each) { return each.end <= x; });
    return run == last || x < run->start ? -1 : run->first + static_cast<int32_t>(x) - run->start;
}

void Strips::find(const RegionLoops& functions, Grid& means, const Background& under,
                  const RegionSettings& settings, const RegionWindow& of_image, double threshold,
                  Foreground& foreground) {
    rows = &functions, grid = &means, background = &under, out = &foreground, part = of_image;
    h = means.height, w = means.width;
    smoothing = Gaussian(settings.smooth_sigma), crest = Gaussian(settings.crest_sigma),
    ridge = Gaussian(settings.ridge_sigma);
    reach = std::min<int64_t>(most_reach, std::max<int64_t>(1, settings.reach));
    floor = 2 * static_cast<float>(threshold), least = .249f * floor;  // what is lower is 0
    Behind behind;
    behind.crests = bands_behind(crest.reach),
    behind.relative = behind.crests + bands_behind(reach);
    behind.ridges = behind.relative + bands_behind(ridge.reach);
    resize(behind);
    // Two blocks beside what is not known may be taken for candidates, or not, and smoothing
    // reaches less; then each step reaches on, and a way or a fall to the next pixel.
    static_assert(most_reach + 1 < 2 * block_columns);
    out->reach = 2 * block_columns + crest.reach + reach + ridge.reach + 2;
    choose_candidates();
    for (int64_t band = 0; band <= grid->bands() + behind.ridges; ++band) {
        if (exists(band)) raise(band);
        if (exists(band - behind.crests)) take_crests(band - behind.crests);
        if (exists(band - behind.relative)) take_relative(band - behind.relative);
        if (exists(band - behind.ridges)) take_ridges(band - behind.ridges);
        if (exists(band - behind.ridges - 1)) climb(band - behind.ridges - 1);
    }
    while (out->lost_count) out->follow_back(0, out->count);
    out->first_run.push_back(static_cast<int32_t>(out->runs.size()));
}

// As few rows as serve, so that all of them stay in the cache: the last that needs a row is so far
// behind.
void Strips::resize(const Behind& behind) {
    const int64_t around = behind.relative - behind.crests,
                  beside = behind.ridges - behind.relative;
    heights.resize(h, w, (behind.ridges + 3) * band_rows);  // `climb` looks at a row above the band
    crests.resize(h, w, (2 * around + 1) * band_rows);
    relatives.resize(h, w, (std::max(2 * beside, beside + 2) + 1) * band_rows);
    ridges.resize(h, w, 3 * band_rows);
    for (auto* map : {&heights, &crests, &relatives}) map->fill(0);
    ridges.fill(-1);
    numbers.resize(h, w, 3 * band_rows), ways.resize(h, w, band_rows);
    bits.resize(h, words() * word_bits / block_columns, band_rows);
    outside.assign(whole_blocks(w) + 2 * margin_columns, -1.f);
    line.resize(band_rows * (whole_blocks(w) + 2 * margin_columns));
    spans.clear(), cores.clear();
    out->clear();
}

// Blocks with a pixel, not yet smoothed, above `least`, and those around them if smoothing may
// carry it there.
void Strips::choose_candidates() {
    const int64_t bands = grid->bands(), blocks = grid->blocks, wide = blocks + 2;
    rises.assign((bands + 2) * wide, 0);
    for (int64_t band = 0; band < bands; ++band) {
        float* top = grid->highest.data() + band * grid->stride;
        background->subtract_from_blocks(*rows, band * band_rows + row_count(band) / 2, top);
        char* to = rises.data() + (band + 1) * wide + 1;
        for (int64_t b = 0; b < blocks; ++b) to[b] = top[b] > least;
    }
    candidates.clear();
    const bool around = smoothing.reach > little_reach;
    for (int64_t band = 0; band < bands; ++band) {
        const char *above = rises.data() + band * wide, *mid = above + wide, *below = mid + wide;
        const auto in = [&](int64_t column) { return above[column] | mid[column] | below[column]; };
        candidates.add_band(
            blocks, [&](int64_t b) { return around ? in(b) | in(b + 1) | in(b + 2) : mid[b + 1]; });
    }
}

// Takes away what a band has left whose place another takes.
void Strips::empty(Map<float>& map, int64_t band, const Spans& written, float value) {
    const int64_t before = band - map.kept() / band_rows;
    if (before < 0 || map.kept() == h) return;
    float* to[band_rows];
    map.rows(band * band_rows, row_count(band), to);
    rows->fill(written.band(before), value, row_count(band), to);
}

// The smoothed heights of candidates, and which of them rise above `least`.
void Strips::raise(int64_t band) {
    const int64_t y = band * band_rows, count = row_count(band);
    const float* from[band_rows + 2 * most_reach];
    float* to[band_rows];
    grid->means.rows(y - smoothing.reach, count + 2 * smoothing.reach, from);
    heights.rows(y, count, to);
    empty(heights, band, candidates, 0);
    rows->blur[smoothing.reach - 1](candidates.band(band), from, count, smoothing.taps, line.data(),
                                    to);
    background->subtract(*rows, candidates.band(band), y, count, to);
    for (int64_t j = 0; j < count; ++j) heights.mirror_columns(y + j, crest.reach);
    uint8_t* risen = empty_bits(y);
    rows->rises(candidates.band(band), to, count, least, risen);
    spans.add_band(grid->blocks, [&](int64_t b) { return risen[b] != 0; });
}

// Heights smoothed once more: the brightest grain of a nucleus is not its height.
void Strips::take_crests(int64_t band) {
    const int64_t y = band * band_rows, count = row_count(band);
    const float* from[band_rows + 2 * most_reach];
    float* to[band_rows];
    heights.rows(y - crest.reach, count + 2 * crest.reach, from);
    crests.rows(y, count, to);
    empty(crests, band, spans, 0);
    rows->blur[crest.reach - 1](spans.band(band), from, count, crest.taps, line.data(), to);
    for (int64_t j = 0; j < count; ++j) crests.mirror_columns(y + j, reach);
}

// Heights relative to the greatest crest around, clipped between a quarter and three quarters.
void Strips::take_relative(int64_t band) {
    const int64_t y = band * band_rows, count = row_count(band);
    const float *from[band_rows + 2 * most_reach], *height[band_rows];
    float* to[band_rows];
    crests.rows(y - reach, count + 2 * reach, from);
    heights.rows(y, count, height);
    relatives.rows(y, count, to);
    empty(relatives, band, spans, 0);
    rows->relative[reach - 1](spans.band(band), from, height, count, floor, line.data(), to);
    for (int64_t j = 0; j < count; ++j) relatives.mirror_columns(y + j, ridge.reach);
    uint8_t* inside = empty_bits(y);
    rows->rises(spans.band(band), to, count, .5f, inside);
    cores.add_band(grid->blocks, [&](int64_t b) { return inside[b] != 0; });
    for (const Span span : spans.band(band)) count_edges(y, span);
}

// Along the first row of each band, of what is the part's own.
void Strips::count_edges(int64_t y, Span span) {
    if (part.top + y < part.own_top || part.top + y >= part.own_bottom) return;
    const float* row = relatives.row(y);
    const int64_t start = std::max(span.start, part.own_left - part.left),
                  end = std::min({span.end, w, part.own_right - part.left});
    if (start >= end) return;
    int32_t between = 0, changes = 0;
    for (int64_t x = start; x < end; ++x) {
        between += (row[x] > 0) & (row[x] < 1);
        changes += (row[x] > .5f) != (row[x - 1] > .5f);
    }
    out->on_edges += between;
    out->crossings += changes + (end == span.end && end < w && row[end - 1] > .5f);
}

// The ridge map smoothes what is left of the heights, and is kept where the foreground is.
void Strips::take_ridges(int64_t band) {
    const int64_t y = band * band_rows, count = row_count(band);
    const float *from[band_rows + 2 * most_reach], *relative[band_rows];
    float* to[band_rows];
    uint8_t* inside[band_rows];
    relatives.rows(y - ridge.reach, count + 2 * ridge.reach, from);
    relatives.rows(y, count, relative);
    ridges.rows(y, count, to);
    for (int64_t j = 0; j < count; ++j) inside[j] = empty_bits(y + j);
    empty(ridges, band, cores, -1);
    rows->blur[ridge.reach - 1](cores.band(band), from, count, ridge.taps, line.data(), to);
    rows->mask(cores.band(band), relative, count, to, inside);
    for (int64_t j = 0; j < count; ++j) number_row(y + j);
}

// One row of a map of bits, in which nothing is marked.
uint8_t* Strips::empty_bits(int64_t y) {
    std::fill_n(bits.row(y), words() * word_bits / block_columns, 0);
    return bits.row(y);
}

// Finds the runs of a row and numbers their pixels.
void Strips::number_row(int64_t y) {
    out->start_row(w);
    std::fill(ridges.row(y) + w, ridges.row(y) + whole_blocks(w), -1.f);
    uint8_t* inside = bits.row(y);
    if (w % block_columns)
        inside[w / block_columns] &= static_cast<uint8_t>((1 << w % block_columns) - 1);
    const float* height = heights.row(y);
    int32_t* number = numbers.row(y);
    int64_t start = -1;
    for (int64_t word = 0; word < words(); ++word) {
        uint64_t of_word;
        std::memcpy(&of_word, inside + word * sizeof of_word, sizeof of_word);
        uint64_t changes = of_word ^ (of_word << 1 | (start >= 0));
        for (; changes; changes &= changes - 1) {
            const int64_t at = word * word_bits + __builtin_ctzll(changes);
            if (start >= 0) out->add_run(start, at, height, number);
            start = start >= 0 ? -1 : at;
        }
    }
}

// The way of each pixel of a band; the band below is numbered, too.
void Strips::climb(int64_t band) {
    const int64_t y = band * band_rows, count = row_count(band);
    const float* around[band_rows + 2];
    const int32_t* numbered[band_rows + 2];
    int32_t* to[band_rows];
    ridges.rows(y - 1, count + 2, around);
    numbers.rows(y - 1, count + 2, numbered);
    if (y == 0) around[0] = outside.data() + margin_columns;
    if (y + count == h) around[count + 1] = outside.data() + margin_columns;
    ways.rows(y, count, to);
    rows->steepest(cores.band(band), around, numbered, count, to);
    const float *relative[band_rows + 2], *height[band_rows + 2];
    relatives.rows(y - 1, count + 2, relative);
    heights.rows(y - 1, count + 2, height);
    for (int64_t j = 0; j < count; ++j) {
        keep_ways(y + j);
        rows->falls(out->runs_from(y + j), out->runs_from(y + j + 1), relative + j, height + j,
                    out->fall.data());
    }
    const int32_t known = out->first_pixel(y + count);
    out->follow_ways(out->first_pixel(y), known);
    out->follow_back(out->first_pixel(std::max<int64_t>(0, y - followed_together)), known);
    keep_summits(y, count);
}

void Strips::keep_ways(int64_t y) {
    const int32_t* way = ways.row(y);
    for (const PixelSpan* run = out->runs_from(y); run < out->runs_from(y + 1); ++run)
        copy_chunks(way + run->start, out->way.data() + run->first, run->end - run->start);
}

// Where the summits of some rows are, of which the numbers are known.
void Strips::keep_summits(int64_t y, int64_t count) {
    const int32_t *peak = out->peaks.data(), *last = peak + out->peak_count;
    for (const int64_t end = y + count; y < end; ++y)
        for (const PixelSpan* run = out->runs_from(y); run < out->runs_from(y + 1); ++run)
            for (; peak < last && *peak < run->first + run->end - run->start; ++peak) {
                const int32_t x = run->start + *peak - run->first;
                out->summits.push_back({static_cast<int32_t>(y), x, ridges.row(y)[x]});
            }
}

}  // namespace nucensus
