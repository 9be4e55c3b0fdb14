"""The model that judges photographs: a frozen tower, a linear head, thresholds on strangers."""
