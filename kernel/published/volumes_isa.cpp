// Volumes, compiled once for each instruction set: the build names the table NUCENSUS_TABLE.
#include "isa.h"
#include "volume_exact.h"

namespace nucensus {

extern const VolumeFunctions NUCENSUS_TABLE = {find_in_volume};

}  // namespace nucensus
