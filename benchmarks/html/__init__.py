"""The report with pictures: how fast it opens, what it costs a scan, and what it looks like."""
