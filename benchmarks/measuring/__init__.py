"""What benchmarks/run.py measures, one module for each kind of figure."""
