// Which pieces of a part of an image may go on beyond it, or be one body with such a piece.
#pragma once

#include <cstdint>
#include <vector>

#include "abi.h"
#include "holes.h"
#include "pieces.h"
#include "strips.h"

namespace nucensus {

class Cut {
public:
    // `most_hole` is the area of the largest hole; the part has `height` x `width` pixels of the
    // grid of the image, which has `image_height` x `image_width`.
    void find(const Foreground& foreground, const Pieces& pieces, const Holes& holes,
              const RegionWindow& part, int64_t height, int64_t width, int64_t image_height,
              int64_t image_width, double most_hole);

    bool holds(int32_t piece) { return is_cut[root(piece)]; }

private:
    int32_t root(int32_t piece) {
        while (parent[piece] != piece) piece = parent[piece] = parent[parent[piece]];
        return piece;
    }
    void join(int32_t a, int32_t b) { parent[root(a)] = root(b); }

    std::vector<int32_t> parent;
    std::vector<char> is_cut;
};

}  // namespace nucensus
