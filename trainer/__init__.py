"""Training: images in, a calibrated checkpoint out. Start at `trainer.finetune`."""
