// Volumes at the level avx2.
#include "volume.h"

namespace nucensus {

Outcome find_in_volume_avx2(const nucensus_volume& volume, const nucensus_volume_settings& settings,
                          Voxels& voxels) {
    return find_in_volume(volume, settings, voxels);
}

}  // namespace nucensus
