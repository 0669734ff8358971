"""Scores held out of training, simulated readings, metrics, calibration."""
