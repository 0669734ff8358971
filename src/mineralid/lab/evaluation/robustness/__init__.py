"""How every way of naming a stone bears tests that are missing or wrong, on one harness."""
