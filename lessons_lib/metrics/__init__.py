"""Metrics: pixel accuracy to mIoU, boundary F, AP from scratch and through pycocotools, panoptic quality.

All of them work alike: `update(prediction, target)` once per image, `merge(other)` to add what another process counted,
`compute() -> dict`. What is counted lies on the CPU and can be pickled, so that any way of sending it will do. The
modules are imported one by one: `from lessons_lib.metrics.semantic import SemanticScores`.
"""
