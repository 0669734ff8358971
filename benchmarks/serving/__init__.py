"""What benchmarks/serving/run.py measures: `mineralid serve` under load."""
