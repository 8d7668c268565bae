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

void Cells::find(const std::vector<Stretch>& stretches, const Holes& holes,
                 const std::vector<int32_t>& nucleus_of, size_t nuclei) {
    found.clear();
    for (const Stretch& each : stretches) {
        const int32_t nucleus = nucleus_of[each.piece];
        if (nucleus < 0) continue;
        OutlineRun* last = found.empty() ? nullptr : &found.back();
        if (last && last->nucleus == nucleus && last->row == each.y && last->end == each.start)
            last->end = each.end;
        else
            found.push_back({nucleus, each.y, each.start, each.end});
    }
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

}  // namespace nucensus
