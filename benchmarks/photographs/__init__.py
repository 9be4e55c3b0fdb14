"""How the model for photographs fares on images that it has not seen."""
