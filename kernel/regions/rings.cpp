// Rings around the regions of a label image: the pixels near a region that belong to none.
#include <algorithm>
#include <new>
#include <vector>

#include "abi.h"

namespace {

// The nearest region above or below a pixel of a column: how far away, and which.
struct Near {
    int32_t distance, label;
};

class Rings {
public:
    Rings(const int32_t* labels, int64_t height, int64_t width, int32_t reach)
        : labels(labels),
          height(height),
          width(width),
          reach(reach),
          none{reach + 1, 0},
          columns(static_cast<size_t>(height * width), none) {}

    void draw(int32_t* rings) {
        for (int64_t y = 0; y < height; ++y) look_back(y, y - 1);
        for (int64_t y = height - 1; y >= 0; --y) look_back(y, y + 1);
        for (int64_t y = 0; y < height; ++y)
            for (int64_t x = 0; x < width; ++x)
                rings[y * width + x] = labels[y * width + x] ? 0 : nearest(y, x);
    }

private:
    void look_back(int64_t y, int64_t before) {
        for (int64_t x = 0; x < width; ++x) {
            Near& here = columns[y * width + x];
            if (labels[y * width + x]) here = {0, labels[y * width + x]};
            if (before < 0 || before >= height) continue;
            Near other = columns[before * width + x];
            if (++other.distance > reach) continue;
            if (other.distance < here.distance ||
                (other.distance == here.distance && other.label < here.label))
                here = other;
        }
    }

    // Of regions that are equally near, the first.
    int32_t nearest(int64_t y, int64_t x) const {
        const Near* row = columns.data() + y * width;
        int64_t best = int64_t(reach) * reach + 1, label = 0;
        for (int64_t at = std::max<int64_t>(0, x - reach); at <= std::min(width - 1, x + reach);
             ++at) {
            const int64_t away = (at - x) * (at - x) + int64_t(row[at].distance) * row[at].distance;
            if (row[at].label && (away < best || (away == best && row[at].label < label)))
                best = away, label = row[at].label;
        }
        return static_cast<int32_t>(label);
    }

    const int32_t* labels;
    int64_t height, width;
    int32_t reach;
    Near none;
    std::vector<Near> columns;
};

}  // namespace

int32_t nucensus_draw_rings(const int32_t* labels, int64_t height, int64_t width, int32_t reach,
                            int32_t* rings) {
    try {
        Rings(labels, height, width, reach).draw(rings);
        return nucensus::status_ok;
    } catch (const std::bad_alloc&) {
        return nucensus::status_no_memory;
    }
}
