"""What benchmarks/training/run.py measures: training steps beside a straightforward loop."""
