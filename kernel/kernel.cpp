extern "C" __attribute__((visibility("default"))) int nucensus_abi_version() { return 1; }
