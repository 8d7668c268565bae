#include "cut.h"

#include <algorithm>
#include <numeric>

namespace nucensus {

// Pieces that touch, or lie beside the same hole, are decided on together. So a body is known whole
// if none of its pixels is near what is not known; nor can a hole beside it reach that far then.
void Cut::find(const Foreground& foreground, const Pieces& pieces, const Holes& holes,
               const RegionWindow& part, int64_t height, int64_t width, int64_t image_height,
               int64_t image_width, double most_hole) {
    parent.resize(pieces.regions.size());
    std::iota(parent.begin(), parent.end(), 0);
    for (const Contact& contact : pieces.contacts) join(contact.first, contact.second);
    for (const Hole& hole : holes.found)
        for (const int32_t piece : hole.around) join(hole.around[0], piece);
    is_cut.assign(parent.size(), 0);
    const int64_t margin = foreground.reach + static_cast<int64_t>(most_hole) + 3;
    const int64_t top = part.top > 0 ? margin : 0, left = part.left > 0 ? margin : 0;
    const int64_t bottom = part.top + height < image_height ? height - margin : height,
                  right = part.left + width < image_width ? width - margin : width;
    for (int64_t y = 0; y < height; ++y)
        for (const PixelSpan* run = foreground.runs_from(y); run < foreground.runs_from(y + 1);
             ++run) {
            const auto mark = [&](int64_t start, int64_t end) {
                for (int64_t x = start; x < end; ++x)
                    is_cut[root(~foreground.way[run->first + x - run->start])] = 1;
            };
            if (y < top || y >= bottom) {
                mark(run->start, run->end);
                continue;
            }
            mark(run->start, std::min<int64_t>(left, run->end));
            mark(std::max<int64_t>(right, run->start), run->end);
        }
}

}  // namespace nucensus
