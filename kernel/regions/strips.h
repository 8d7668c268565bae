// The foreground: pixels higher than half of their own object, and the way up from each of them.
#pragma once

#include <vector>

#include "abi.h"
#include "background.h"
#include "grid.h"

namespace nucensus {

struct Summit {
    int32_t y, x;
    float ridge;
};

// The foreground as runs, and what is known of each of its pixels, by number in reading order.
struct Foreground {
    std::vector<PixelSpan> runs;
    std::vector<int32_t> first_run;  // of each row, and the end of the last
    int32_t count = 0;
    std::vector<float> height;  // above the background
    std::vector<float> fall;    // the sum of the falls to those beside it that are background
    // Upwards: the number of another pixel, or ~ the place in `summits` of the summit that it ends
    // at.
    std::vector<int32_t> way;
    std::vector<Summit> summits;
    std::vector<int32_t> lost;   // pixels of which the summit is not known yet, in order
    std::vector<int32_t> peaks;  // those of a band that are summits
    int32_t lost_count = 0, peak_count = 0;
    int64_t on_edges = 0,
            crossings = 0;  // between a quarter and three quarters of the way up; of the middle
    int64_t reach = 0;      // pixels so far from what is not known around a part depend on it

    void clear();
    void start_row(int64_t w);
    void add_run(int64_t start, int64_t end, const float* heights, int32_t* numbers);
    void follow_ways(int32_t first, int32_t last);
    void follow_back(int32_t first, int32_t known);
    // The first run of row `y`, and its first pixel; or, if there is none yet, where it will be.
    const PixelSpan* runs_from(int64_t y) const {
        const bool known = y < static_cast<int64_t>(first_run.size());
        return runs.data() + (known ? static_cast<size_t>(first_run[y]) : runs.size());
    }
    int32_t first_pixel(int64_t y) const {
        const PixelSpan* run = runs_from(y);
        return run < runs.data() + runs.size() ? run->first : count;
    }
    // The number of a pixel, -1 if it is background.
    int32_t number(int64_t y, int64_t x) const;
};

// Goes down the grid in bands of rows that stay in the cache, each step as far behind the one
// before as it reaches. Only blocks where something rises are looked at; the rest is background.
class Strips {
public:
    void find(const RegionLoops& functions, Grid& means, const Background& under,
              const RegionSettings& settings, const RegionWindow& of_image, double threshold,
              Foreground& foreground);

private:
    // How many bands each step is behind the heights.
    struct Behind {
        int64_t crests, relative, ridges;
    };

    void resize(const Behind& behind);
    void choose_candidates();
    uint8_t* empty_bits(int64_t y);
    void empty(Map<float>& map, int64_t band, const Spans& written, float value);
    void raise(int64_t band);
    void take_crests(int64_t band);
    void take_relative(int64_t band);
    void count_edges(int64_t y, Span span);
    void take_ridges(int64_t band);
    void number_row(int64_t y);
    void climb(int64_t band);
    void keep_ways(int64_t y);
    void keep_summits(int64_t y, int64_t count);

    bool exists(int64_t band) const { return band >= 0 && band < grid->bands(); }
    int64_t row_count(int64_t band) const { return std::min(band_rows, h - band * band_rows); }
    // Of the bits of a row: one more than it needs, where a run at the edge ends.
    int64_t words() const { return grid->blocks / block_columns + 1; }

    const RegionLoops* rows = nullptr;
    Grid* grid = nullptr;
    const Background* background = nullptr;
    Foreground* out = nullptr;
    Gaussian smoothing{1}, crest{1}, ridge{1};
    int64_t h = 0, w = 0, reach = 1;
    RegionWindow part{};
    float least = 0, floor = 0;

    Spans candidates, spans,
        cores;  // where objects may be, where something rises, where foreground is
    std::vector<char> rises;
    Map<float> heights, crests, relatives, ridges;  // the last is -1 where no foreground is
    Map<int32_t> numbers, ways;
    Map<uint8_t> bits;  // of each block, one for each column
    std::vector<float> line, outside;
};

}  // namespace nucensus
