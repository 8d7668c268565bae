// Vectors of the instruction set that this file is compiled for.
//
// Words is a vector of `words` 16-bit integers, Longs one of half as many 32-bit integers of the
// same width; Doubles one of `lanes`, Floats one of `float_lanes` numbers. Each instruction set has
// a file with the same few operations, and nothing else knows which one it is. Everything is in an
// unnamed namespace: see arena.h.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX512BW__) && defined(__AVX512VNNI__)
#include "avx512.h"
#elif defined(__AVX2__)
#include "avx2.h"
#elif defined(__x86_64__) || defined(_M_X64)
#include "sse2.h"
#elif defined(__aarch64__) || defined(_M_ARM64)
#include "neon.h"
#else
#include "plain.h"
#endif
