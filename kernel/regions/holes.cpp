#include "holes.h"

#include <algorithm>

namespace nucensus {

void Holes::find(const Foreground& foreground, int64_t height, int64_t width, int64_t top,
                 int64_t left, double most_area) {
    found.clear(), spans.clear();
    if (most_area < 1) return;
    h = height, w = width, first_y = top, first_x = left;
    collect_gaps(foreground);
    join_rows();
    keep(foreground, most_area);
}

// Gaps at the edge of the image are open.
void Holes::collect_gaps(const Foreground& foreground) {
    gaps.clear(), first_gap.clear();
    for (int64_t y = 0; y < h; ++y) {
        first_gap.push_back(static_cast<int32_t>(gaps.size()));
        int32_t start = 0;
        const auto add = [&](int32_t end, int32_t beside) {
            if (end == start) return;
            const bool is_open = y == 0 || y == h - 1 || start == 0 || end == w;
            const auto number = static_cast<int32_t>(gaps.size());
            gaps.push_back({static_cast<int32_t>(y), start, end, number, beside, is_open});
        };
        const PixelSpan *run = foreground.runs_from(y), *last = foreground.runs_from(y + 1);
        for (; run < last; start = run++->end)
            add(run->start, static_cast<int32_t>(run - foreground.runs.data()));
        add(static_cast<int32_t>(w), -1);
    }
    first_gap.push_back(static_cast<int32_t>(gaps.size()));
}

int32_t Holes::find_root(int32_t gap) {
    while (gaps[gap].parent != gap) gap = gaps[gap].parent = gaps[gaps[gap].parent].parent;
    return gap;
}

// Gaps that touch side by side are one. Of those that are open, which most are, that need not be
// known.
void Holes::join(int32_t one, int32_t other) {
    if (gaps[one].is_open && gaps[other].is_open) return;
    if (gaps[one].is_open || gaps[other].is_open) {
        const int32_t closed = gaps[one].is_open ? other : one;
        gaps[find_root(closed)].is_open = gaps[closed].is_open = true;
        return;
    }
    const int32_t a = find_root(one), b = find_root(other);
    gaps[std::max(a, b)].parent = std::min(a, b);
    gaps[std::min(a, b)].is_open |= gaps[std::max(a, b)].is_open;
}

void Holes::join_rows() {
    for (int64_t y = 1; y < h; ++y) {
        int32_t above = first_gap[y - 1];
        for (int32_t gap = first_gap[y]; gap < first_gap[y + 1]; ++gap) {
            while (above < first_gap[y] && gaps[above].end <= gaps[gap].start) ++above;
            for (int32_t i = above; i < first_gap[y] && gaps[i].start < gaps[gap].end; ++i)
                join(i, gap);
        }
    }
}

void Holes::keep(const Foreground& foreground, double most_area) {
    areas.assign(gaps.size(), 0), places.assign(gaps.size(), -1);
    const auto count = static_cast<int32_t>(gaps.size());
    for (int32_t i = 0; i < count; ++i)
        if (!gaps[i].is_open) areas[find_root(i)] += gaps[i].end - gaps[i].start;
    for (int32_t i = 0; i < count; ++i) {
        if (gaps[i].is_open) continue;
        const int32_t root = find_root(i);
        if (gaps[root].is_open || areas[root] > most_area) continue;
        if (places[root] < 0) {
            places[root] = static_cast<int32_t>(found.size());
            found.emplace_back();
        }
        spans.push_back({gaps[i].y, gaps[i].start, gaps[i].end, places[root]});
        Hole& hole = found[places[root]];
        hole.moments.add_run(first_y + gaps[i].y, first_x + gaps[i].start, first_x + gaps[i].end);
        look_around(foreground, gaps[i], hole);
    }
    for (Hole& hole : found) {
        std::sort(hole.around.begin(), hole.around.end());
        hole.around.erase(std::unique(hole.around.begin(), hole.around.end()), hole.around.end());
    }
}

// The pieces beside a gap, and those above and below it.
void Holes::look_around(const Foreground& foreground, const Gap& gap, Hole& hole) const {
    const auto add = [&](int32_t pixel) {
        const int32_t piece = ~foreground.way[pixel];
        if (hole.around.empty() || hole.around.back() != piece) hole.around.push_back(piece);
    };
    const int32_t after = foreground.runs[gap.beside].first;
    add(after - 1), add(after);
    for (const int64_t y : {gap.y - 1, gap.y + 1})
        for (const PixelSpan* run = foreground.runs_from(y); run < foreground.runs_from(y + 1);
             ++run) {
            const int32_t last = std::min(gap.end, run->end);
            for (int32_t x = std::max(gap.start, run->start); x < last; ++x)
                add(run->first + x - run->start);
        }
}

}  // namespace nucensus
