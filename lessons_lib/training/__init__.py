"""Runs: training and evaluation from a terminal, with checkpoints that survive a kill at any moment.

A run is a folder: `checkpoint.safetensors`, whole at any time; `metrics.jsonl`, a line per step; `losses.png`, the loss
curve; `scores.json`, what the trained model scores on images that it has not seen.
"""
