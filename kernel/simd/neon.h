// Vectors in NEON, which every 64-bit ARM processor has: see simd.h.
#pragma once

#include <arm_neon.h>

namespace nucensus {
namespace {

constexpr int lanes = 2;
constexpr int float_lanes = 4;

}  // namespace
}  // namespace nucensus

#include "vectors.h"

namespace nucensus {
namespace {

typedef int16x8_t Words;
typedef int32x4_t Longs;
constexpr int words = 8;
constexpr int blocks_together = 1;
constexpr int single_blocks_together = 2;

Words load_words(const int16_t* from) { return vld1q_s16(from); }
void store_words(int16_t* to, Words value) { vst1q_s16(to, value); }
Words all_words(int value) { return vdupq_n_s16(static_cast<int16_t>(value)); }
Longs all_longs(int32_t value) { return vdupq_n_s32(value); }
Words as_words(Longs value) { return vreinterpretq_s16_s32(value); }
Words repeat_pair(int32_t pair) { return as_words(vdupq_n_s32(pair)); }
uint16x8_t as_unsigned(Words value) { return vreinterpretq_u16_s16(value); }
Words subtract(Words a, Words b) { return vsubq_s16(a, b); }
Words subtract_to_zero(Words a, Words b) {
    return vreinterpretq_s16_u16(vqsubq_u16(as_unsigned(a), as_unsigned(b)));
}
Words half_rounded_up(Words a) {
    return vreinterpretq_s16_u16(vrhaddq_u16(as_unsigned(a), vdupq_n_u16(0)));
}
Words add_saturated(Words a, Words b) { return vqaddq_s16(a, b); }
Words add_to_most(Words a, Words b) {
    return vreinterpretq_s16_u16(vqaddq_u16(as_unsigned(a), as_unsigned(b)));
}
Words upper_product(Words a, Words b) {
    const uint32x4_t low = vmull_u16(vget_low_u16(as_unsigned(a)), vget_low_u16(as_unsigned(b)));
    const uint32x4_t high = vmull_high_u16(as_unsigned(a), as_unsigned(b));
    return vuzp2q_s16(vreinterpretq_s16_u32(low), vreinterpretq_s16_u32(high));
}
Words larger(Words a, Words b) { return vmaxq_s16(a, b); }
Words smaller(Words a, Words b) { return vminq_s16(a, b); }
Words larger_of_pairs(Words a, Words b) { return vpmaxq_s16(a, b); }
Words either_bits(Words a, Words b) { return vorrq_s16(a, b); }
Words flip_bits(Words a, Words b) { return veorq_s16(a, b); }
Words swap_bytes(Words a) { return vreinterpretq_s16_u8(vrev16q_u8(vreinterpretq_u8_s16(a))); }
Words interleave_low(Words a, Words b) { return vzip1q_s16(a, b); }
Words interleave_high(Words a, Words b) { return vzip2q_s16(a, b); }
Longs add_products(Longs sum, Words a, Words b) {
    const Longs low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
    return vaddq_s32(sum, vpaddq_s32(low, vmull_high_s16(a, b)));
}
Words narrow(Longs low, Longs high, int shift) {
    const Longs count = vdupq_n_s32(-shift);
    return vcombine_s16(vqmovn_s32(vshlq_s32(low, count)), vqmovn_s32(vshlq_s32(high, count)));
}
Longs add_shifted(Longs sum, Longs value, int shift) {
    return vaddq_s32(sum, vshlq_s32(value, vdupq_n_s32(-shift)));
}
Words upper_halves(Longs even, Longs odd) { return vtrn2q_s16(as_words(even), as_words(odd)); }
typedef uint32_t Lanes;
constexpr int bits_per_lane = 2;
Lanes is_above(Words a, Words b) {
    // Each lane of the comparison is narrowed to two bits of the mask.
    const uint16_t bits[8] = {3, 3 << 2, 3 << 4, 3 << 6, 3 << 8, 3 << 10, 3 << 12, 3 << 14};
    return vaddvq_u16(vandq_u16(vcgtq_s16(a, b), vld1q_u16(bits)));
}
Words widen_bytes(const uint8_t* from) { return vreinterpretq_s16_u16(vmovl_u8(vld1_u8(from))); }

Doubles widen(Integers values) { return __builtin_convertvector(values, Doubles); }
Doubles widen(Singles values) { return __builtin_convertvector(values, Doubles); }

Floats zip_low(Floats a, Floats b) { return Floats{a[0], b[0], a[1], b[1]}; }
Floats zip_high(Floats a, Floats b) { return Floats{a[2], b[2], a[3], b[3]}; }
Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }
unsigned is_above(Floats a, Floats b) { return bits_of_lanes(a, b); }
uint8_t bits_above(const float* values, float least) { return bits_of_eight(values, least); }

}  // namespace
}  // namespace nucensus
