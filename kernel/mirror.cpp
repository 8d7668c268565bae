// Padding of stitched, turned and registered images, filled with the mirror image of what was seen.
#include <string.h>

#include <algorithm>

#include "abi.h"

namespace {

class Mirror {
public:
    Mirror(uint8_t* known, int64_t height, int64_t width, int64_t* scratch)
        : known(known),
          height(height),
          width(width),
          source(scratch),
          distance(source + height * width),
          above(distance + height * width) {}

    // Looks for the mirror image of each unknown pixel in the nearest edge of what is known.
    void find_sources() {
        std::fill_n(source, height * width, -1);
        std::fill_n(distance, height * width, none);
        sweep(1);
        sweep(-1);
    }

    // Copies the images that were found; returns how many.
    int64_t fill(char* pixels, int64_t bytes) {
        int64_t count = 0;
        for (int64_t at = 0; at < height * width; ++at) {
            if (source[at] < 0) continue;
            memcpy(pixels + at * bytes, pixels + source[at] * bytes, bytes);
            known[at] = 1;
            ++count;
        }
        return count;
    }

private:
    static constexpr int64_t none = INT64_MAX;

    // Downwards and to the right, or against that, counting from the last known pixel.
    void sweep(int64_t way) {
        std::fill_n(above, width, none);
        for (int64_t i = 0; i < height; ++i) {
            const int64_t y = way > 0 ? i : height - 1 - i;
            int64_t before = none;
            for (int64_t j = 0; j < width; ++j) {
                const int64_t x = way > 0 ? j : width - 1 - j, at = y * width + x;
                if (known[at]) {
                    before = above[x] = 0;
                    continue;
                }
                if (before != none) offer(at, ++before, x, width, way, 1);
                if (above[x] != none) offer(at, ++above[x], y, height, way, width);
            }
        }
    }

    void offer(int64_t at, int64_t away, int64_t place, int64_t places, int64_t way,
               int64_t stride) {
        const int64_t back = way * (2 * away - 1);
        if (away >= distance[at] || place - back < 0 || place - back >= places) return;
        if (!known[at - back * stride]) return;
        distance[at] = away;
        source[at] = at - back * stride;
    }

    uint8_t* known;
    int64_t height, width;
    int64_t *source, *distance, *above;
};

}  // namespace

int32_t nucensus_mirror(void* pixels, int64_t bytes, uint8_t* known, int64_t height, int64_t width,
                        int64_t* scratch, int64_t* unknown) {
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
