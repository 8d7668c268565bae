// Volumes at the level baseline.
#include "volume.h"

namespace nucensus {

Outcome find_in_volume_baseline(const nucensus_volume& volume, const nucensus_volume_settings& settings,
                          Voxels& voxels) {
    return find_in_volume(volume, settings, voxels);
}

}  // namespace nucensus
