// Rows of vectors into columns. Everything is in an unnamed namespace: see arena.h.
#pragma once

#include "simd.h"

namespace nucensus {
namespace {

// A square of vectors, in place. To interleave the vectors of the first half with those of the
// second turns rows into columns when it was done as often as halving gives one.
template <typename Vector, int count, typename Low, typename High>
inline __attribute__((always_inline)) void turn_square(Vector (&rows)[count], Low low, High high) {
    Vector mixed[count];
#pragma GCC unroll 4
    for (int half = count / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < count / 2; ++i) {
            mixed[2 * i] = low(rows[i], rows[i + count / 2]);
            mixed[2 * i + 1] = high(rows[i], rows[i + count / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < count; ++i) rows[i] = mixed[i];
    }
}

}  // namespace
}  // namespace nucensus
