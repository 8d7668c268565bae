// Chooses the instruction set, once, by what the processor and the system say of themselves.
#include "isa.h"

#if defined(__x86_64__) || defined(_M_X64)
#define NUCENSUS_X86 1
#include <cpuid.h>
#endif

namespace nucensus {

#define NUCENSUS_DECLARE(isa)                   \
    extern const PlaneFunctions planes_##isa;   \
    extern const VolumeFunctions volumes_##isa; \
    extern const RegionLoops regions_##isa;
NUCENSUS_DECLARE(baseline)
#if defined(NUCENSUS_X86)
NUCENSUS_DECLARE(avx2)
NUCENSUS_DECLARE(avx512)
#endif
#undef NUCENSUS_DECLARE

namespace {

bool is_always_supported() { return true; }

#if defined(NUCENSUS_X86)

// Not __builtin_cpu_supports: what fills in its answers is missing in libraries that are linked
// without GCC's run-time library, and then no machine seems to have AVX2.
struct Processor {
    uint32_t leaf1_ecx = 0, leaf7_ebx = 0, leaf7_ecx = 0;
    uint64_t saved_registers = 0;  // what the operating system keeps when it switches threads

    Processor() {
        uint32_t a, b, c, d;
        if (__get_cpuid(1, &a, &b, &c, &d)) leaf1_ecx = c;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) leaf7_ebx = b, leaf7_ecx = c;
        if (!(leaf1_ecx >> 27 & 1)) return;  // OSXSAVE: no xgetbv without it
        uint32_t low, high;
        __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        saved_registers = static_cast<uint64_t>(high) << 32 | low;
    }

    bool has_avx2() const {
        constexpr uint32_t fma = 1u << 12, avx2 = 1u << 5;
        return (saved_registers & 0x6) == 0x6 && (leaf1_ecx & fma) && (leaf7_ebx & avx2);
    }
    // Foundation, DQ, BW, VL and VNNI: Ice Lake 2019, Zen 4 2022, and later.
    bool has_avx512() const {
        constexpr uint32_t needed = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, vnni = 1u << 11;
        return has_avx2() && (saved_registers & 0xe6) == 0xe6 && (leaf7_ebx & needed) == needed &&
               (leaf7_ecx & vnni);
    }
};

const Processor& processor() {
    static const Processor it;
    return it;
}

bool is_avx2_supported() { return processor().has_avx2(); }
#if defined(NUCENSUS_EMULATED_AVX512)
bool is_avx512_supported() { return is_avx2_supported(); }
#else
bool is_avx512_supported() { return processor().has_avx512(); }
#endif

#endif

#if defined(__aarch64__)
constexpr const char* baseline_name = "neon";
#else
constexpr const char* baseline_name = "baseline";
#endif

#define NUCENSUS_COMPILED(isa) &planes_##isa, &volumes_##isa, &regions_##isa

// The plainest first: what each processor of this architecture has.
const Isa isas[] = {
    {baseline_name, is_always_supported, NUCENSUS_COMPILED(baseline)},
#if defined(NUCENSUS_X86)
    {"avx2", is_avx2_supported, NUCENSUS_COMPILED(avx2)},
    {"avx512", is_avx512_supported, NUCENSUS_COMPILED(avx512)},
#endif
};
constexpr int32_t isa_count = sizeof isas / sizeof isas[0];

#undef NUCENSUS_COMPILED

const Isa* best_isa() {
    static const Isa* const best = [] {
        int32_t number = isa_count - 1;
        while (!isas[number].is_supported()) --number;
        return &isas[number];
    }();
    return best;
}

}  // namespace

const Isa* find_isa(int32_t number) {
    if (number < 0) return best_isa();
    return number < isa_count && isas[number].is_supported() ? &isas[number] : nullptr;
}

}  // namespace nucensus

const char* nucensus_isa_name(int32_t isa) {
    return isa >= 0 && isa < nucensus::isa_count ? nucensus::isas[isa].name : nullptr;
}

int32_t nucensus_isa_supported(int32_t isa) {
    return isa >= 0 && nucensus::find_isa(isa) != nullptr;
}
