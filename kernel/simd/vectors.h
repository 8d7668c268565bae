// What vectors of doubles and floats are the same for all instruction sets: the compiler splits
// them into what there is, and each element is rounded on its own.
#pragma once

#include <stdint.h>
#include <string.h>

namespace nucensus {
namespace {

typedef double Doubles __attribute__((vector_size(lanes * sizeof(double))));
typedef int32_t Integers __attribute__((vector_size(lanes * sizeof(int32_t))));
typedef float Singles __attribute__((vector_size(lanes * sizeof(float))));
typedef float Floats __attribute__((vector_size(float_lanes * sizeof(float))));

Doubles load(const double* from) {
    Doubles value;
    memcpy(&value, from, sizeof value);
    return value;
}
void store(double* to, Doubles value) { memcpy(to, &value, sizeof value); }

// As many pixels of type T as there are lanes.
template <typename T>
Integers load_integers(const char* from) {
    typedef T Pixels __attribute__((vector_size(lanes * sizeof(T))));
    Pixels pixels;
    memcpy(&pixels, from, sizeof pixels);
    return __builtin_convertvector(pixels, Integers);
}
Singles load_singles(const char* from) {
    Singles values;
    memcpy(&values, from, sizeof values);
    return values;
}

Floats load_floats(const float* from) {
    Floats value;
    memcpy(&value, from, sizeof value);
    return value;
}
void store_floats(float* to, Floats value) { memcpy(to, &value, sizeof value); }
Floats all_floats(float value) { return value - Floats{}; }
Floats larger(Floats a, Floats b) { return a > b ? a : b; }

// A bit for each lane; and one for each of eight values.
unsigned bits_of_lanes(Floats a, Floats b) {
    unsigned bits = 0;
    for (int i = 0; i < float_lanes; ++i) bits |= static_cast<unsigned>(a[i] > b[i]) << i;
    return bits;
}
uint8_t bits_of_eight(const float* values, float least) {
    int bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<int>(values[i] > least) << i;
    return static_cast<uint8_t>(bits);
}

}  // namespace
}  // namespace nucensus
