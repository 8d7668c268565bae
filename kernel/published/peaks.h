// The maxima of one image, with scikit-image's rules for borders and spacing.
//
// As `arena.h`, without inline functions.
#pragma once

#include "abi.h"

namespace nucensus {

struct Peak {
    int64_t y, x;
    double value;
};

// `add` takes the peaks row by row, left to right, and applies the border and the spacing; false
// when there is no memory.
class Peaks {
public:
    bool begin(const Image& image, const MaximaSettings& settings);
    bool begin_spacing(int64_t width, int64_t min_distance);
    bool is_spaced(int64_t y, int64_t x);
    bool add(int64_t y, int64_t x, double value);
    void keep_above(double threshold);
    void clear();
    void sort();

    Peak* items = nullptr;
    int64_t count = 0;

private:
    int64_t capacity = 0;
    int64_t height = 0, width = 0, border = 0;
    int64_t spacing = 0, strip_count = 0;
    struct Accepted {
        int64_t y, x;
    };
    Accepted* strips = nullptr;
};

}  // namespace nucensus
