// The foreground: pixels higher than half of their own object, and the way up from each of them.
#pragma once

#include <vector>

#include "foreground.h"
#include "foreground_background.h"
#include "foreground_grid.h"

namespace nucensus {

// Neighbouring foreground pixels of a row; their numbers run from `first` on.
struct Run {
    int32_t start, end, first;
};

struct Summit {
    int32_t number, y, x;
    float ridge;
};

// The foreground as runs, and what is known of each of its pixels, by number in reading order.
struct Foreground {
    std::vector<Run> runs;
    std::vector<int32_t> first_run;  // of each row, and the end of the last
    int32_t count = 0;
    std::vector<float> height;  // above the background
    std::vector<float> fall;    // to those beside it that are background: the sum, and how many there are
    std::vector<float> sides;
    std::vector<int32_t> way;  // the number of the steepest neighbour; a summit has its own
    std::vector<Summit> summits;
    int64_t on_edges = 0, crossings = 0;  // between a quarter and three quarters of the way up; of the middle

    void clear();
    void start_row(int64_t w);
    void add_run(int64_t start, int64_t end, const float* heights, int32_t* numbers);
    double edge_width() const {
        return crossings ? static_cast<double>(on_edges) / static_cast<double>(crossings) : 0;
    }
    // The number of a pixel, -1 if it is background.
    int32_t number(int64_t y, int64_t x) const;
};

// Goes down the grid in bands of rows that stay in the cache, each step as far behind the one before
// as it reaches. Only blocks where something rises are looked at; the rest is background.
class Strips {
public:
    void find(const Rows& rows, Grid& grid, const Background& background, const nucensus_look& look,
              double threshold, Foreground& foreground);

private:
    void resize(int64_t bands_kept);
    void choose_candidates();
    void empty(Map<float>& map, int64_t band, const Spans& written, float value);
    void raise(int64_t band);
    void take_crests(int64_t band);
    void take_relative(int64_t band);
    void count_edges(int64_t y, Span span);
    void take_ridges(int64_t band);
    void number_row(int64_t y);
    void climb(int64_t band);
    void keep_ways(int64_t y);

    bool exists(int64_t band) const { return band >= 0 && band < grid->bands(); }
    int64_t row_count(int64_t band) const { return std::min(BAND, h - band * BAND); }

    const Rows* rows = nullptr;
    Grid* grid = nullptr;
    const Background* background = nullptr;
    Foreground* out = nullptr;
    Gaussian smoothing{1}, crest{1}, ridge{1};
    int64_t h = 0, w = 0, reach = 1;
    float least = 0, floor = 0;

    Spans candidates, spans, cores;  // where objects may be, where something rises, where foreground is
    std::vector<char> rises;
    Map<float> heights, crests, relatives, ridges, masks, falls, sides;
    Map<int32_t> numbers, ways;
    Map<uint8_t> marks;          // 1 or 0: what each step is asked for
    std::vector<uint64_t> bits;  // of one row: what is foreground
    std::vector<float> line, outside;
};

}  // namespace nucensus
