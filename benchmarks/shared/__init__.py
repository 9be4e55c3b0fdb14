"""What several benchmarks need: options, ways to run and to time, and what results look like."""
