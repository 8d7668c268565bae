// AVX-512 in the instructions of a machine that has none, by SIMDe: for tests.
//
// The build includes it before everything else (CMake: NUCENSUS_EMULATE_AVX512).
// SIMDe has to see what the machine has, and the sources that it has AVX-512.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#define __AVX512F__ 1
#define __AVX512BW__ 1
#define __AVX512DQ__ 1
#define __AVX512VL__ 1
#define __AVX512VNNI__ 1

// What SIMDe lacks.
namespace {
simde__m512i emulated_mulhi_epu16(simde__m512i a, simde__m512i b) {
    typedef uint16_t Words __attribute__((vector_size(64)));
    typedef uint32_t Longs __attribute__((vector_size(128)));
    const Longs products = __builtin_convertvector(reinterpret_cast<Words>(a), Longs) *
                           __builtin_convertvector(reinterpret_cast<Words>(b), Longs);
    return reinterpret_cast<simde__m512i>(__builtin_convertvector(products >> 16, Words));
}
simde__m512i emulated_sra_epi32(simde__m512i values, __m128i count) {
    typedef int32_t Longs __attribute__((vector_size(64)));
    return reinterpret_cast<simde__m512i>(reinterpret_cast<Longs>(values) >>
                                          _mm_cvtsi128_si32(count));
}
__mmask32 emulated_cmpgt_epi16_mask(simde__m512i a, simde__m512i b) {
    typedef int16_t Words __attribute__((vector_size(64)));
    const Words above = reinterpret_cast<Words>(a) > reinterpret_cast<Words>(b);
    __mmask32 mask = 0;
    for (int i = 0; i < 32; ++i) mask |= static_cast<__mmask32>(above[i] & 1) << i;
    return mask;
}
simde__m512i emulated_cvtepu8_epi16(__m256i values) {
    typedef uint8_t Bytes __attribute__((vector_size(32)));
    typedef uint16_t Words __attribute__((vector_size(64)));
    return reinterpret_cast<simde__m512i>(
        __builtin_convertvector(reinterpret_cast<Bytes>(values), Words));
}
simde__m512d emulated_cvtepi32_pd(__m256i values) {
    typedef int32_t Integers __attribute__((vector_size(32)));
    typedef double Doubles __attribute__((vector_size(64)));
    return reinterpret_cast<simde__m512d>(
        __builtin_convertvector(reinterpret_cast<Integers>(values), Doubles));
}
simde__m512d emulated_cvtps_pd(__m256 values) {
    typedef float Singles __attribute__((vector_size(32)));
    typedef double Doubles __attribute__((vector_size(64)));
    return reinterpret_cast<simde__m512d>(
        __builtin_convertvector(reinterpret_cast<Singles>(values), Doubles));
}
}  // namespace
#define _mm512_mulhi_epu16(a, b) emulated_mulhi_epu16(a, b)
#define _mm512_sra_epi32(values, count) emulated_sra_epi32(values, count)
#define _mm512_cmpgt_epi16_mask(a, b) emulated_cmpgt_epi16_mask(a, b)
#define _mm512_cvtepu8_epi16(values) emulated_cvtepu8_epi16(values)
#define _mm512_cvtepi32_pd(values) emulated_cvtepi32_pd(values)
#define _mm512_cvtps_pd(values) emulated_cvtps_pd(values)
