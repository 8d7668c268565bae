#include "foreground_strips.h"

namespace nucensus {
namespace {

// How many bands a step is behind the one before if it reaches so many rows.
int64_t bands_behind(int64_t reach) { return (reach + BAND - 1) / BAND; }

uint64_t bytes_of_block(const uint8_t* bytes) {
    static_assert(BLOCK == 8);
    uint64_t all;
    std::memcpy(&all, bytes, sizeof all);
    return all;
}

// One bit for each of 8 bytes that are 0 or 1.
uint8_t bits_of_block(const uint8_t* bytes) {
    return static_cast<uint8_t>(bytes_of_block(bytes) * 0x0102040810204080 >> 56);
}

// A Gaussian of up to this reach carries an eighth of a step to the next pixel: a quarter is foreground.
constexpr int LITTLE_REACH = 2;

// Copies a few values, and what is behind them up to a whole number of CHUNKs: faster than the right number.
constexpr int32_t CHUNK = 16;
template <class Value>
void copy_chunks(const Value* from, Value* to, int32_t length) {
    for (int32_t j = 0; j < length; j += CHUNK) std::memcpy(to + j, from + j, CHUNK * sizeof(Value));
}

}  // namespace

void Foreground::clear() {
    runs.clear(), first_run.clear(), summits.clear();
    count = 0, on_edges = crossings = 0;
}

// Makes room for a row of `w` columns.
void Foreground::start_row(int64_t w) {
    if (static_cast<int64_t>(height.size()) < count + w + CHUNK) {
        height.resize(2 * count + w + CHUNK);
        way.resize(height.size()), fall.resize(height.size()), sides.resize(height.size());
    }
    first_run.push_back(static_cast<int32_t>(runs.size()));
}

void Foreground::add_run(int64_t start, int64_t end, const float* heights, int32_t* numbers) {
    const int32_t first = count, length = static_cast<int32_t>(end - start);
    runs.push_back({static_cast<int32_t>(start), static_cast<int32_t>(end), first});
    count += length;
    copy_chunks(heights + start, height.data() + first, length);
    for (int32_t j = 0; j < length; j += CHUNK)
        for (int32_t i = j; i < j + CHUNK; ++i) numbers[start + i] = first + i;
}

int32_t Foreground::number(int64_t y, int64_t x) const {
    const auto first = runs.begin() + first_run[y], last = runs.begin() + first_run[y + 1];
    const auto run = std::partition_point(first, last, [&](const Run& each) { return each.end <= x; });
    return run == last || x < run->start ? -1 : run->first + static_cast<int32_t>(x) - run->start;
}

void Strips::find(const Rows& of_level, Grid& means, const Background& under, const nucensus_look& look,
                  double threshold, Foreground& foreground) {
    rows = &of_level, grid = &means, background = &under, out = &foreground;
    h = means.height, w = means.width;
    smoothing = Gaussian(look.smooth_sigma), crest = Gaussian(look.crest_sigma),
    ridge = Gaussian(look.ridge_sigma);
    reach = std::min<int64_t>(MOST_REACH, std::max<int64_t>(1, look.reach));
    floor = 2 * static_cast<float>(threshold), least = .249f * floor;  // what is lower is 0
    const int64_t crests_behind = bands_behind(crest.reach),
                  relative_behind = crests_behind + bands_behind(reach);
    const int64_t ridges_behind = relative_behind + bands_behind(ridge.reach);
    resize(2 * ridges_behind + 2);
    choose_candidates();
    for (int64_t band = 0; band <= grid->bands() + ridges_behind; ++band) {
        if (exists(band)) raise(band);
        if (exists(band - crests_behind)) take_crests(band - crests_behind);
        if (exists(band - relative_behind)) take_relative(band - relative_behind);
        if (exists(band - ridges_behind)) take_ridges(band - ridges_behind);
        if (exists(band - ridges_behind - 1)) climb(band - ridges_behind - 1);
    }
    out->first_run.push_back(static_cast<int32_t>(out->runs.size()));
}

void Strips::resize(int64_t bands_kept) {
    for (auto* map : {&heights, &crests, &relatives}) map->resize(h, w, bands_kept * BAND);
    for (auto* map : {&ridges, &masks}) map->resize(h, w, 3 * BAND);
    for (auto* map : {&falls, &sides}) map->resize(h, w, BAND);
    for (auto* map : {&heights, &crests, &relatives}) map->fill(0);
    masks.fill(-1);
    numbers.resize(h, w, 3 * BAND), ways.resize(h, w, BAND), marks.resize(h, w, BAND);
    outside.assign(whole_blocks(w) + 2 * MARGIN, -1.f);
    line.resize(BAND * (whole_blocks(w) + 2 * MARGIN));
    bits.assign(grid->blocks / 8 + 1, 0);  // one more, where a run at the edge ends
    spans.clear(), cores.clear();
    out->clear();
}

// Blocks with a pixel, not yet smoothed, above `least`, and those around them if smoothing may carry it
// there.
void Strips::choose_candidates() {
    const int64_t bands = grid->bands(), blocks = grid->blocks, wide = blocks + 2;
    rises.assign((bands + 2) * wide, 0);
    for (int64_t band = 0; band < bands; ++band) {
        float* top = grid->highest.data() + band * grid->stride;
        background->subtract_from_blocks(*rows, band * BAND + row_count(band) / 2, top);
        char* to = rises.data() + (band + 1) * wide + 1;
        for (int64_t b = 0; b < blocks; ++b) to[b] = top[b] > least;
    }
    candidates.clear();
    const bool around = smoothing.reach > LITTLE_REACH;
    for (int64_t band = 0; band < bands; ++band) {
        const char *above = rises.data() + band * wide, *mid = above + wide, *below = mid + wide;
        const auto in = [&](int64_t column) { return above[column] | mid[column] | below[column]; };
        candidates.add_band(blocks,
                            [&](int64_t b) { return around ? in(b) | in(b + 1) | in(b + 2) : mid[b + 1]; });
    }
}

// Takes away what a band has left whose place another takes.
void Strips::empty(Map<float>& map, int64_t band, const Spans& written, float value) {
    const int64_t before = band - map.kept() / BAND;
    if (before < 0 || map.kept() == h) return;
    float* to[BAND];
    map.rows(band * BAND, row_count(band), to);
    rows->fill(written.band(before), value, row_count(band), to);
}

// The smoothed heights of candidates, and which of them rise above `least`.
void Strips::raise(int64_t band) {
    const int64_t y = band * BAND, count = row_count(band);
    const float* from[BAND + 2 * MOST_REACH];
    float* to[BAND];
    grid->means.rows(y - smoothing.reach, count + 2 * smoothing.reach, from);
    heights.rows(y, count, to);
    empty(heights, band, candidates, 0);
    rows->blur[smoothing.reach - 1](candidates.band(band), from, count, smoothing.taps, line.data(), to);
    background->subtract(*rows, candidates.band(band), y, count, to);
    for (int64_t j = 0; j < count; ++j) heights.mirror_columns(y + j, crest.reach);
    std::fill_n(marks.row(y), whole_blocks(w), 0);
    rows->rises(candidates.band(band), to, count, least, marks.row(y));
    spans.add_band(grid->blocks, [&](int64_t b) { return bytes_of_block(marks.row(y) + b * BLOCK) != 0; });
}

// Heights smoothed once more: the brightest grain of a nucleus is not its height.
void Strips::take_crests(int64_t band) {
    const int64_t y = band * BAND, count = row_count(band);
    const float* from[BAND + 2 * MOST_REACH];
    float* to[BAND];
    heights.rows(y - crest.reach, count + 2 * crest.reach, from);
    crests.rows(y, count, to);
    empty(crests, band, spans, 0);
    rows->blur[crest.reach - 1](spans.band(band), from, count, crest.taps, line.data(), to);
    for (int64_t j = 0; j < count; ++j) crests.mirror_columns(y + j, reach);
}

// Heights relative to the greatest crest around, clipped between a quarter and three quarters.
void Strips::take_relative(int64_t band) {
    const int64_t y = band * BAND, count = row_count(band);
    const float *from[BAND + 2 * MOST_REACH], *height[BAND];
    float* to[BAND];
    crests.rows(y - reach, count + 2 * reach, from);
    heights.rows(y, count, height);
    relatives.rows(y, count, to);
    empty(relatives, band, spans, 0);
    rows->relative[reach - 1](spans.band(band), from, height, count, floor, line.data(), to);
    for (int64_t j = 0; j < count; ++j) relatives.mirror_columns(y + j, ridge.reach);
    std::fill_n(marks.row(y), whole_blocks(w), 0);
    rows->rises(spans.band(band), to, count, .5f, marks.row(y));
    cores.add_band(grid->blocks, [&](int64_t b) { return bytes_of_block(marks.row(y) + b * BLOCK) != 0; });
    for (const Span span : spans.band(band)) count_edges(y, span);
}

// Along the first row of each band.
void Strips::count_edges(int64_t y, Span span) {
    const float* row = relatives.row(y);
    const int64_t end = std::min(span.end, w);
    int32_t between = 0, changes = 0;
    for (int64_t x = span.start; x < end; ++x) {
        between += (row[x] > 0) & (row[x] < 1);
        changes += (row[x] > .5f) != (row[x - 1] > .5f);
    }
    out->on_edges += between;
    out->crossings += changes + (end < w && row[end - 1] > .5f);
}

// The ridge map smoothes what is left of the heights, and is kept where the foreground is.
void Strips::take_ridges(int64_t band) {
    const int64_t y = band * BAND, count = row_count(band);
    const float *from[BAND + 2 * MOST_REACH], *relative[BAND];
    float *of_ridge[BAND], *to[BAND];
    uint8_t* inside[BAND];
    relatives.rows(y - ridge.reach, count + 2 * ridge.reach, from);
    relatives.rows(y, count, relative);
    ridges.rows(y, count, of_ridge);
    masks.rows(y, count, to);
    marks.rows(y, count, inside);
    empty(masks, band, cores, -1);
    rows->blur[ridge.reach - 1](cores.band(band), from, count, ridge.taps, line.data(), of_ridge);
    rows->mask(cores.band(band), relative, of_ridge, count, to, inside);
    for (int64_t j = 0; j < count; ++j) number_row(y + j);
}

// Finds the runs of a row and numbers their pixels.
void Strips::number_row(int64_t y) {
    out->start_row(w);
    std::fill(masks.row(y) + w, masks.row(y) + whole_blocks(w), -1.f);
    std::fill(marks.row(y) + w, marks.row(y) + whole_blocks(w), 0);
    std::fill(bits.begin(), bits.end(), 0);
    auto* bytes = reinterpret_cast<uint8_t*>(bits.data());
    const uint8_t* inside = marks.row(y);
    for (const Span span : cores.band(y / BAND))
        for (int64_t x = span.start; x < span.end; x += BLOCK) bytes[x / BLOCK] = bits_of_block(inside + x);
    const float* height = heights.row(y);
    int32_t* number = numbers.row(y);
    int64_t start = -1;
    for (size_t word = 0; word < bits.size(); ++word) {
        uint64_t changes = bits[word] ^ (bits[word] << 1 | (start >= 0));
        for (; changes; changes &= changes - 1) {
            const int64_t at = static_cast<int64_t>(word) * 64 + __builtin_ctzll(changes);
            if (start >= 0) out->add_run(start, at, height, number);
            start = start >= 0 ? -1 : at;
        }
    }
}

// The way of each pixel of a band; the band below is numbered, too.
void Strips::climb(int64_t band) {
    const int64_t y = band * BAND, count = row_count(band);
    const float* around[BAND + 2];
    const int32_t* numbered[BAND + 2];
    int32_t* to[BAND];
    uint8_t* is_summit[BAND];
    masks.rows(y - 1, count + 2, around);
    numbers.rows(y - 1, count + 2, numbered);
    if (y == 0) around[0] = outside.data() + MARGIN;
    if (y + count == h) around[count + 1] = outside.data() + MARGIN;
    ways.rows(y, count, to);
    marks.rows(y, count, is_summit);
    rows->steepest(cores.band(band), around, numbered, count, to, is_summit);
    const float *relative[BAND + 2], *height[BAND + 2];
    float *of_falls[BAND], *of_sides[BAND];
    relatives.rows(y - 1, count + 2, relative);
    heights.rows(y - 1, count + 2, height);
    falls.rows(y, count, of_falls);
    sides.rows(y, count, of_sides);
    rows->falls(cores.band(band), relative, height, count, of_falls, of_sides);
    for (int64_t j = 0; j < count; ++j) keep_ways(y + j);
}

void Strips::keep_ways(int64_t y) {
    const int32_t* way = ways.row(y);
    const float* of_ridge = ridges.row(y);
    const uint8_t* is_summit = marks.row(y);
    for (const Span span : cores.band(y / BAND))
        for (int64_t x = span.start; x < span.end; x += BLOCK)
            for (uint32_t bits = bits_of_block(is_summit + x); bits; bits &= bits - 1) {
                const int32_t at = static_cast<int32_t>(x) + __builtin_ctz(bits);
                out->summits.push_back({way[at], static_cast<int32_t>(y), at, of_ridge[at]});
            }
    const Run* run = out->runs.data() + out->first_run[y];
    const Run* end =
        y + 1 < h ? out->runs.data() + out->first_run[y + 1] : out->runs.data() + out->runs.size();
    for (; run < end; ++run) {
        const int32_t length = run->end - run->start;
        copy_chunks(way + run->start, out->way.data() + run->first, length);
        copy_chunks(falls.row(y) + run->start, out->fall.data() + run->first, length);
        copy_chunks(sides.row(y) + run->start, out->sides.data() + run->first, length);
    }
}

}  // namespace nucensus
