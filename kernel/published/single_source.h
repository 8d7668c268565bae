// Pixels above the least one, in single precision, row by row.
//
// Everything is in an unnamed namespace: see arena.h.
#pragma once

#include <math.h>

#include "exact.h"
#include "pixels.h"

namespace nucensus {
namespace {

// Bytes, shorts and singles are converted where they lie, all else by way of a row of doubles.
class SingleSource {
public:
    double offset;         // the least pixel
    double largest_pixel;  // |pixel| is at most this

    // False where a pixel is no finite number, where all are the same, and where they are so
    // small or so large that products could leave the range of single precision.
    bool begin(const Image& an_image) {
        image = an_image;
        line = static_cast<double*>(scratch(slot_convert, (image.width + 64) * sizeof(double)));
        if (line == nullptr) return false;
        double low = INFINITY, high = -INFINITY;
        if (!survey(low, high)) return false;
        offset = low;
        largest_pixel = fmax(fabs(low), fabs(high));
        return largest_pixel < 1e30 && high - low > 1e-25;
    }

    void read_row(int64_t y, float* to) const {
        switch (image.byte_swapped ? -1 : image.pixel_type) {
            case pixel_uint8:
                return convert<uint8_t>(y, to);
            case pixel_uint16:
                return convert<uint16_t>(y, to);
            case pixel_int16:
                return convert<int16_t>(y, to);
            case pixel_float32:
                return convert<float>(y, to);
            default:
                load_row(image, y, 0, image.width, line);
                for (int64_t x = 0; x < image.width; ++x)
                    to[x] = static_cast<float>(line[x] - offset);
        }
    }

private:
    const char* row(int64_t y) const {
        return static_cast<const char*>(image.pixels) + y * image.row_stride;
    }

    // The difference of whole numbers is exact, that of singles is rounded once.
    template <typename T>
    void convert(int64_t y, float* to) const {
        const char* const from = row(y);
        const float least = static_cast<float>(offset);
        for (int64_t x = 0; x < image.width; ++x) {
            T value;
            memcpy(&value, from + x * sizeof(T), sizeof value);
            to[x] = static_cast<float>(value) - least;
        }
    }

    bool survey(double& low, double& high) const {
        switch (image.byte_swapped ? -1 : image.pixel_type) {
            case pixel_uint8:
                return survey_whole<uint8_t>(low, high);
            case pixel_uint16:
                return survey_whole<uint16_t>(low, high);
            case pixel_int16:
                return survey_whole<int16_t>(low, high);
            default:
                return survey_values(low, high);
        }
    }

    template <typename T>
    bool survey_whole(double& low, double& high) const {
        T least, most;
        memcpy(&least, row(0), sizeof least);
        most = least;
        for (int64_t y = 0; y < image.height; ++y) {
            const char* const from = row(y);
            for (int64_t x = 0; x < image.width; ++x) {
                T value;
                memcpy(&value, from + x * sizeof(T), sizeof value);
                least = value < least ? value : least;
                most = value > most ? value : most;
            }
        }
        low = least;
        high = most;
        return true;
    }

    bool survey_values(double& low, double& high) const {
        Survey seen;
        for (int64_t y = 0; y < image.height; ++y) seen.include_row(image, y, line);
        low = seen.low;
        high = seen.high;
        return seen.is_finite();
    }

    Image image;
    double* line;
};

}  // namespace
}  // namespace nucensus
