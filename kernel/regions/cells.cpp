#include "cells.h"

#include <algorithm>

namespace nucensus {

void order_by_nucleus(const std::vector<OutlineRun>& found, size_t nuclei,
                      std::vector<OutlineRun>& runs, std::vector<size_t>& first) {
    first.assign(nuclei + 2, 0);
    for (const OutlineRun& run : found) ++first[run.nucleus + 2];
    for (size_t i = 2; i < first.size(); ++i) first[i] += first[i - 1];
    runs.resize(found.size());
    for (const OutlineRun& run : found) runs[first[run.nucleus + 1]++] = run;
    first.pop_back();
}

void Cells::find(const Foreground& foreground, int64_t height, const Holes& holes,
                 const std::vector<int32_t>& nucleus_of, size_t nuclei) {
    found.clear();
    for (int64_t y = 0; y < height; ++y) add_row(foreground, y, nucleus_of);
    const size_t solid = found.size();
    for (const HoleSpan& span : holes.spans) {
        const int32_t owner = holes.found[span.hole].owner;
        if (owner >= 0 && nucleus_of[owner] >= 0)
            found.push_back({nucleus_of[owner], span.y, span.start, span.end});
    }
    order_by_nucleus(found, nuclei, runs, first);
    if (solid == found.size()) return;
    for (size_t i = 0; i < nuclei; ++i)
        std::sort(runs.data() + first[i], runs.data() + first[i + 1],
                  [](const OutlineRun& a, const OutlineRun& b) {
                      return a.row != b.row ? a.row < b.row : a.start < b.start;
                  });
}

void Cells::add_row(const Foreground& foreground, int64_t y,
                    const std::vector<int32_t>& nucleus_of) {
    for (const PixelSpan* run = foreground.runs_from(y); run < foreground.runs_from(y + 1); ++run) {
        const int32_t* way = foreground.way.data() + run->first - run->start;
        for (int32_t x = run->start; x < run->end;) {
            const int32_t start = x, nucleus = nucleus_of[~way[x]];
            while (x < run->end && nucleus_of[~way[x]] == nucleus) ++x;
            if (nucleus >= 0) found.push_back({nucleus, static_cast<int32_t>(y), start, x});
        }
    }
}

}  // namespace nucensus
