// Padding of stitched, turned and registered images, filled with the mirror image of what was seen.
#include <string.h>

#include <algorithm>
#include <cstdlib>

#include "abi.h"

namespace {

class Mirror {
public:
    Mirror(uint8_t* known, int64_t height, int64_t width, int32_t* scratch)
        : known(known),
          height(height),
          width(width),
          nearest(scratch),
          above(nearest + height * width) {}

    // Looks for the mirror image of each unknown pixel in the nearest edge of what is known.
    void find_sources() {
        std::fill_n(nearest, height * width, 0);
        sweep(1);
        sweep(-1);
    }

    // Copies the images that were found; returns how many.
    int64_t fill(char* pixels, int64_t bytes) {
        int64_t count = 0;
        for (int64_t at = 0; at < height * width; ++at) {
            if (nearest[at] == 0) continue;
            const int64_t back = nearest[at] >> 1, stride = nearest[at] & 1 ? width : 1;
            memcpy(pixels + at * bytes, pixels + (at - back * stride) * bytes, bytes);
            known[at] = 1;
            ++count;
        }
        return count;
    }

private:
    // Pixels from an edge at which nothing mirrors; four times as much is held in 32 bits.
    static constexpr int32_t none = 1 << 28;

    // Downwards and to the right, or against that, counting from the last known pixel.
    void sweep(int64_t way) {
        std::fill_n(above, width, none);
        for (int64_t i = 0; i < height; ++i) {
            const int64_t y = way > 0 ? i : height - 1 - i;
            int32_t before = none;
            for (int64_t j = 0; j < width; ++j) {
                const int64_t x = way > 0 ? j : width - 1 - j, at = y * width + x;
                if (known[at]) {
                    before = above[x] = 0;
                    continue;
                }
                if (before != none) offer(at, ++before, x, width, way, false);
                if (above[x] != none) offer(at, ++above[x], y, height, way, true);
            }
        }
    }

    void offer(int64_t at, int64_t away, int64_t place, int64_t places, int64_t way, bool is_down) {
        const int64_t back = way * (2 * away - 1), stride = is_down ? width : 1;
        if (away >= distance(at) || place - back < 0 || place - back >= places) return;
        if (!known[at - back * stride]) return;
        nearest[at] = static_cast<int32_t>(2 * back + (is_down ? 1 : 0));
    }

    int64_t distance(int64_t at) const {
        return nearest[at] == 0 ? none : (std::abs(nearest[at] >> 1) + 1) / 2;
    }

    uint8_t* known;
    int64_t height, width;
    // How far back the image of a pixel lies, twice, and 1 more along a column; 0 without one.
    int32_t* nearest;
    int32_t* above;
};

}  // namespace

int32_t nucensus_mirror(void* pixels, int64_t bytes, uint8_t* known, int64_t height, int64_t width,
                        int32_t* scratch, int64_t* unknown) {
    *unknown = std::count(known, known + height * width, 0);
    Mirror mirror(known, height, width, scratch);
    while (*unknown > 0) {
        mirror.find_sources();
        const int64_t filled = mirror.fill(static_cast<char*>(pixels), bytes);
        if (filled == 0) break;
        *unknown -= filled;
    }
    return nucensus::status_ok;
}
