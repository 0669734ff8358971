"""The published system's own protocol: its codes, candidate pools, stages, checkpoint layout."""
