// The instruction sets: one table, in `dispatch.cpp`, of what is compiled for each of them.
//
// As `arena.h`, this header defines no function.
#pragma once

#include "abi.h"

namespace nucensus {

class Peaks;
class Voxels;
struct RegionLoops;

// What each domain compiles for an instruction set.
struct PlaneFunctions {
    Status (*find_exactly)(const Image&, const MaximaSettings&, Peaks&);
    Status (*find_by_sieve)(const Image&, const MaximaSettings&, Peaks&);
    Status (*find_in_single_precision)(const Image&, const MaximaSettings&, Peaks&);
};
struct VolumeFunctions {
    Status (*find)(const Volume&, const VolumeSettings&, Voxels&);
};

struct Isa {
    const char* name;
    bool (*is_supported)();
    const PlaneFunctions* planes;
    const VolumeFunctions* volumes;
    const RegionLoops* regions;
};

// The instruction set of that number, of -1 the best one that this machine has; null if it was
// not built, or the machine lacks it.
const Isa* find_isa(int32_t number);

}  // namespace nucensus
