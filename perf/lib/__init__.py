"""What the benchmarks of this folder share: traffic, the data plane under test, its peer, sampling."""
